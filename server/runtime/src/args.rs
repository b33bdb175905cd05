//! Arguments that all our programs share, and how values are read.
//!
//! Booleans and lists come from environments that were written for other programs, so that many spellings count; an
//! empty variable counts as unset, as container setups that pass everything through expect.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::Resettable;
use clap::{ArgAction, Args, Command};

use crate::files::Home;

mod nats;
mod stream;
mod threads;
mod tokens;

pub use nats::NatsArgs;
pub use stream::StreamArgs;
pub use threads::IoArgs;
pub use tokens::{ConfigTokenArgs, EventsTokenArgs};

/// Reads true/false/1/0/yes/no/on/off in any case.
///
/// # Errors
///
/// What was given and what is expected.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("\"{text}\" is not one of true, false, 1, 0, yes, no, on, off")),
    }
}

/// A list of texts written with commas between them, without the blanks around each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommaList(pub Vec<String>);

impl FromStr for CommaList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
        if items.iter().any(String::is_empty) {
            return Err(format!("\"{text}\" has an empty item; write the items with one comma between them"));
        }
        Ok(Self(items))
    }
}

/// Makes every argument of the command and its sub-commands take an empty variable for an unset one.
#[must_use]
pub fn without_empty_environment(command: Command) -> Command {
    command
        .mut_args(|arg| {
            let variable = arg.get_env().map(ToOwned::to_owned);
            // clap reads a variable when the argument is declared, so that forgetting it here is early enough.
            match variable.and_then(std::env::var_os) {
                Some(value) if value.is_empty() => arg.env(Resettable::Reset),
                _ => arg,
            }
        })
        .mut_subcommands(without_empty_environment)
}

/// What people may set an alarm to; the first of each is for new alarms. Frontends and backends have to agree on them.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ChoiceArgs {
    /// States that an alarm can be set to, the first for new ones
    #[arg(
        short = 's',
        long,
        env = "DSIEM_STATUS",
        value_name = "LIST",
        default_value = "Open,In-Progress,Closed"
    )]
    pub status: CommaList,

    /// Tags that an alarm can be given, the first for new ones
    #[arg(
        short = 't',
        long,
        env = "DSIEM_TAGS",
        value_name = "LIST",
        default_value = "Identified Threat,False Positive,Valid Threat,Security Incident"
    )]
    pub tags: CommaList,
}

/// How much is logged, and how.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct LogArgs {
    /// Log more: once for debug, twice for trace
    #[arg(short = 'v', long, global = true, action = ArgAction::Count)]
    pub verbosity: u8,

    /// Log at debug level; wins over trace
    #[arg(long, global = true, env = "DSIEM_DEBUG", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub debug: bool,

    /// Log at trace level
    #[arg(long, global = true, env = "DSIEM_TRACE", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub trace: bool,

    /// Log one JSON object a line
    #[arg(short = 'j', long, global = true, env = "DSIEM_JSON", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub json: bool,
}

/// Where traces and metrics go by OpenTelemetry.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct OtelArgs {
    /// Send traces to the OpenTelemetry endpoint
    #[arg(long, global = true, env = "DSIEM_OTEL_TRACING_ENABLED", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub otel_tracing_enabled: bool,

    /// Send metrics to the OpenTelemetry endpoint
    #[arg(long, global = true, env = "DSIEM_OTEL_METRICS_ENABLED", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub otel_metrics_enabled: bool,

    /// The OpenTelemetry endpoint (OTLP over gRPC)
    #[arg(long, global = true, env = "DSIEM_OTEL_ENDPOINT", default_value = "http://localhost:4317")]
    pub otel_endpoint: String,
}

/// Where the folders of the installation are.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct HomeArgs {
    /// The folder with configs, logs and web [default: the folder of the executable]
    #[arg(long, global = true, env = "DSIEM_HOME")]
    pub home: Option<PathBuf>,
}

impl HomeArgs {
    /// The folders below `--home`, or beside the executable.
    ///
    /// # Errors
    ///
    /// If it was not given and the system does not tell where the executable is.
    pub fn home(&self) -> io::Result<Home> {
        if let Some(given) = &self.home {
            return Ok(Home::at(given));
        }
        let executable = std::env::current_exe().map_err(|error| {
            let text = format!(
                "cannot tell where the executable is ({error}); say where its folders are with --home"
            );
            io::Error::new(error.kind(), text)
        })?;
        Ok(Home::at(executable.parent().unwrap_or(&executable)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::{FromArgMatches, Parser, Subcommand};

    use super::*;

    #[derive(Parser, Debug)]
    struct Program {
        #[command(flatten)]
        log: LogArgs,
        #[command(flatten)]
        otel: OtelArgs,
        #[command(flatten)]
        home: HomeArgs,
        #[command(subcommand)]
        command: Option<Sub>,
    }

    #[derive(Subcommand, Debug)]
    enum Sub {
        Serve {
            #[arg(long, env = "DSIEM_RUNTIME_TEST_PORT", default_value_t = 8080)]
            port: u16,
            #[arg(long, env = "DSIEM_RUNTIME_TEST_TAGS")]
            tags: Option<CommaList>,
        },
    }

    fn parse(words: &[&str]) -> Result<Program, clap::Error> {
        let command = without_empty_environment(<Program as clap::CommandFactory>::command());
        let all = std::iter::once("program").chain(words.iter().copied());
        Program::from_arg_matches(&command.try_get_matches_from(all)?)
    }

    #[test]
    fn booleans_have_many_spellings() {
        for text in ["true", "1", "yes", "on", "TRUE", "Yes", " on "] {
            assert_eq!(parse_bool(text), Ok(true), "{text}");
        }
        for text in ["false", "0", "no", "off", "FALSE", "No", "oFF"] {
            assert_eq!(parse_bool(text), Ok(false), "{text}");
        }
        for text in ["", "2", "ja", "truee", "t"] {
            let error = parse_bool(text).unwrap_err();
            assert!(error.contains(&format!("\"{text}\"")), "{error}");
        }
    }

    #[test]
    fn boolean_flags_may_have_a_value() {
        let debug = |words: &[&str]| parse(words).map(|program| program.log.debug);
        assert!(!debug(&[]).unwrap());
        assert!(debug(&["--debug"]).unwrap());
        assert!(debug(&["--debug=yes"]).unwrap());
        assert!(!debug(&["--debug=off"]).unwrap());
        assert!(debug(&["--debug=maybe"]).is_err());
        // Without `=` the next word is not its value: `--debug serve` means the sub-command.
        assert!(matches!(parse(&["--debug", "serve"]).unwrap().command, Some(Sub::Serve { .. })));
    }

    #[test]
    fn global_arguments_stand_before_or_after_the_sub_command() {
        for words in [
            ["-v", "-v", "-j", "serve"],
            ["serve", "-v", "-v", "-j"],
            ["-vv", "--json", "serve", "--trace=0"],
        ] {
            let log = parse(&words).unwrap().log;
            assert_eq!((log.verbosity, log.json, log.trace), (2, true, false), "{words:?}");
        }
        assert_eq!(parse(&["serve", "--verbosity"]).unwrap().log.verbosity, 1);
    }

    #[test]
    fn open_telemetry_is_off_by_default() {
        let otel = parse(&[]).unwrap().otel;
        let expected = OtelArgs {
            otel_tracing_enabled: false,
            otel_metrics_enabled: false,
            otel_endpoint: "http://localhost:4317".to_owned(),
        };
        assert_eq!(otel, expected);
        let otel = parse(&["serve", "--otel-tracing-enabled", "--otel-endpoint", "http://a:1"]).unwrap().otel;
        assert!(otel.otel_tracing_enabled && !otel.otel_metrics_enabled);
        assert_eq!(otel.otel_endpoint, "http://a:1");
    }

    #[test]
    fn lists_are_trimmed_and_have_no_empty_items() {
        let list = |text: &str| text.parse::<CommaList>().map(|list| list.0);
        assert_eq!(list("Open, In-Progress ,Closed").unwrap(), ["Open", "In-Progress", "Closed"]);
        assert_eq!(list("one").unwrap(), ["one"]);
        for text in ["", " ", "a,,b", "a,", ",a"] {
            assert!(list(text).unwrap_err().contains(text), "{text}");
        }
    }

    #[test]
    fn home_is_beside_the_executable_unless_given() {
        let given = parse(&["--home", "/srv/dsiem"]).unwrap().home.home().unwrap();
        assert_eq!(given, Home::at(Path::new("/srv/dsiem")));
        let executable = std::env::current_exe().unwrap();
        assert_eq!(HomeArgs::default().home().unwrap(), Home::at(executable.parent().unwrap()));
    }

    /// Variables of this process cannot be set safely while tests run beside each other, so these are looked at in
    /// a process of their own, in which only the test named `child` runs.
    fn in_environment(child: &str, variables: &[(&str, &str)]) {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("args::tests::{child}"), "--ignored"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let empty = [
            "DSIEM_DEBUG",
            "DSIEM_OTEL_ENDPOINT",
            "DSIEM_HOME",
            "DSIEM_RUNTIME_TEST_PORT",
            "DSIEM_RUNTIME_TEST_TAGS",
        ];
        in_environment("child_with_empty_variables", &empty.map(|name| (name, "")));
    }

    #[test]
    #[ignore = "run by an_empty_variable_counts_as_unset with an environment of its own"]
    fn child_with_empty_variables() {
        let program = parse(&["serve"]).unwrap();
        assert!(!program.log.debug);
        assert_eq!(program.otel.otel_endpoint, "http://localhost:4317");
        assert_eq!(program.home.home, None);
        let Some(Sub::Serve { port, tags }) = program.command else { panic!("no sub-command") };
        assert_eq!((port, tags), (8080, None));
    }

    #[test]
    fn variables_count_and_arguments_win_over_them() {
        let variables = [("DSIEM_DEBUG", "Yes"), ("DSIEM_JSON", "1"), ("DSIEM_RUNTIME_TEST_TAGS", "a, b")];
        in_environment("child_with_variables", &variables);
    }

    #[test]
    #[ignore = "run by variables_count_and_arguments_win_over_them with an environment of its own"]
    fn child_with_variables() {
        let program = parse(&["serve", "--json=false"]).unwrap();
        assert!(program.log.debug && !program.log.json);
        let Some(Sub::Serve { tags, .. }) = program.command else { panic!("no sub-command") };
        assert_eq!(tags.unwrap().0, ["a", "b"]);
    }
}
