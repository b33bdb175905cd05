//! How the stream is to be in which NATS keeps events.

use std::time::Duration;

use clap::{Args, value_parser};

use crate::bus::nats::StreamOptions;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// No stream of more servers works.
const MAX_REPLICAS: i64 = 5;

/// A day, in seconds.
const DAY_SECS: i64 = 24 * 60 * 60;

/// Of a stream that is not there yet, and of how long nodes hold it.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamArgs {
    /// NATS servers that keep each event, of a cluster of so many at least; for a stream that is not there yet
    #[arg(long, env = "DSIEM_STREAM_REPLICAS", default_value = "1", value_name = "SERVERS",
          value_parser = value_parser!(u8).range(1..=MAX_REPLICAS))]
    pub stream_replicas: u8,

    /// Hours after which events go from the stream, whoever still needs them; 0 for never; for a stream that is not there
    /// yet
    #[arg(long, env = "DSIEM_STREAM_MAX_AGE", default_value = "0", value_name = "HOURS")]
    pub stream_max_age: u32,

    /// Mebibytes of events in the stream, beyond which requests get 503; 0 for the limit of the server; for a stream that
    /// is not there yet
    #[arg(long, env = "DSIEM_STREAM_MAX_MIB", default_value = "0", value_name = "MIB")]
    pub stream_max_mib: u32,

    /// Seconds within which the stream stores an event that comes again only once; for a stream that is not there yet
    #[arg(long, env = "DSIEM_STREAM_DUPLICATE_WINDOW", default_value = "120", value_name = "SECONDS",
          value_parser = value_parser!(u32).range(1..=DAY_SECS))]
    pub stream_duplicate_window: u32,

    /// Hours of silence after which the stream holds no more events for a backend
    #[arg(long, env = "DSIEM_NODE_EXPIRY", default_value = "24", value_name = "HOURS",
          value_parser = value_parser!(u32).range(1..))]
    pub node_expiry: u32,
}

impl From<StreamArgs> for StreamOptions {
    fn from(args: StreamArgs) -> Self {
        Self {
            replicas: args.stream_replicas.into(),
            max_age: HOUR * args.stream_max_age,
            max_bytes: (args.stream_max_mib > 0).then(|| u64::from(args.stream_max_mib) << 20),
            duplicate_window: Duration::from_secs(args.stream_duplicate_window.into()),
            node_expiry: HOUR * args.node_expiry,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{FromArgMatches as _, Parser};

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        stream: StreamArgs,
    }

    #[test]
    fn the_defaults_are_those_of_the_bus_and_zero_is_no_limit() {
        let read = |words: &[&str]| {
            let command = <Program as clap::CommandFactory>::command();
            let matches = command.try_get_matches_from(std::iter::once(&"program").chain(words)).unwrap();
            StreamOptions::from(Program::from_arg_matches(&matches).unwrap().stream)
        };
        assert_eq!(read(&[]), StreamOptions::default());
        let options = read(&["--stream-max-mib", "3", "--stream-max-age", "2", "--node-expiry", "1"]);
        assert_eq!((options.max_bytes, options.max_age), (Some(3 << 20), 2 * HOUR));
        assert_eq!(options.node_expiry, HOUR);
    }
}
