//! Where logs go, set up once by `main`.
//!
//! Plain lines for people, or JSON lines with `timestamp`, `level`, `fields` and `target` for machines, to standard
//! output. Ours from the chosen level on; warnings of libraries. Tools have results for standard output: their logs go to
//! standard error, and they are quiet unless asked.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::args::LogArgs;

/// Every target of ours begins with this.
const OURS: &str = "dsiem";

/// The NATS client logs every attempt to connect; [`crate::bus::nats`] logs the changes of state in its stead.
const NATS_CLIENT: &str = "async_nats";

/// What is logged, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// From which level on our own records are shown.
    pub level: LevelFilter,
    /// One JSON object a line instead of plain text.
    pub json: bool,
}

impl From<&LogArgs> for LogSettings {
    /// `--debug` wins over `--trace`, as in the programs that we take the place of.
    fn from(args: &LogArgs) -> Self {
        let level = match (args.debug, args.trace, args.verbosity) {
            (true, _, _) => LevelFilter::DEBUG,
            (_, true, _) | (_, _, 2..) => LevelFilter::TRACE,
            (_, _, 1) => LevelFilter::DEBUG,
            (false, false, 0) => LevelFilter::INFO,
        };
        Self { level, json: args.json }
    }
}

impl LogSettings {
    /// As arguments say, and where they do not, warnings only.
    fn of_tool(args: &LogArgs) -> Self {
        let settings = Self::from(args);
        let is_asked = settings.level > LevelFilter::INFO;
        Self { level: if is_asked { settings.level } else { LevelFilter::WARN }, ..settings }
    }
}

/// Sends logs of a tool to standard error. Call it once, from `main`; a second call is ignored.
pub fn init_tool(args: &LogArgs) {
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let layer = layer(LogSettings::of_tool(args), colours, std::io::stderr);
    tracing_subscriber::registry().with(layer).try_init().ok();
}

/// Sends logs to standard output. Call it once, from `main`; a second call is ignored.
pub fn init(settings: LogSettings) {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let layer = layer(settings, colours, std::io::stdout);
    // The error says that somebody else has set up logging, and then that is what counts.
    tracing_subscriber::registry().with(layer).try_init().ok();
}

fn layer<W>(settings: LogSettings, colours: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let shown = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(NATS_CLIENT, LevelFilter::OFF)
        .with_target(OURS, settings.level);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    if settings.json {
        lines.json().with_current_span(false).with_span_list(false).with_filter(shown).boxed()
    } else {
        lines.with_ansi(colours).with_filter(shown).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(settings: LogSettings, work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = layer(settings, false, move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_have_timestamp_level_fields_and_target() {
        let text = logged(LogSettings { level: LevelFilter::INFO, json: true }, || {
            tracing::info!(target: "dsiem::watchdog", eps = 12.5, queue_length = 3, "watchdog report");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<_> = line.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 4, "{keys:?}");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["target"], "dsiem::watchdog");
        let fields = serde_json::json!({ "message": "watchdog report", "eps": 12.5, "queue_length": 3 });
        assert_eq!(line["fields"], fields);
    }

    #[test]
    fn ours_from_the_level_on_and_warnings_of_libraries() {
        let text = logged(LogSettings { level: LevelFilter::DEBUG, json: false }, || {
            tracing::debug!(target: "dsiem_backend::manager", "ours, debug");
            tracing::trace!(target: "dsiem_backend::manager", "ours, trace");
            tracing::info!(target: "hyper", "theirs, info");
            tracing::warn!(target: "hyper", "theirs, warning");
            tracing::error!(target: "async_nats::connector", "the bus says this better");
        });
        assert!(text.contains("ours, debug") && text.contains("theirs, warning"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.contains('\u{1b}'), "no colours unless on a terminal");
    }

    #[test]
    fn debug_wins_over_trace() {
        let level = |debug, trace, verbosity| {
            LogSettings::from(&LogArgs { verbosity, debug, trace, json: false }).level
        };
        assert_eq!(level(false, false, 0), LevelFilter::INFO);
        assert_eq!(level(false, false, 1), LevelFilter::DEBUG);
        assert_eq!(level(false, false, 2), LevelFilter::TRACE);
        assert_eq!(level(false, false, 9), LevelFilter::TRACE);
        assert_eq!(level(false, true, 0), LevelFilter::TRACE);
        assert_eq!(level(true, true, 2), LevelFilter::DEBUG);
    }
}
