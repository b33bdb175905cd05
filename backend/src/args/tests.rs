//! The spellings that existing installations rely on, and what wrong ones are answered with.

use super::*;

/// Long flag, short flag, twin, variable, default.
type Row = (&'static str, Option<char>, Option<&'static str>, &'static str, &'static str);

/// Every flag of dsiem-rs's backend, as it is spelled there, with our twins of the underscored ones.
const EXISTING: &[Row] = &[
    ("node", Some('n'), None, "DSIEM_NODE", ""),
    ("msq", None, None, "DSIEM_MSQ", "nats://dsiem-nats:4222"),
    ("frontend", Some('f'), None, "DSIEM_FRONTEND", "http://frontend:8080"),
    ("max_queue", Some('q'), Some("max-queue"), "DSIEM_MAXQUEUE", "32768"),
    ("max_eps", Some('e'), Some("max-eps"), "DSIEM_MAXEPS", "1000"),
    ("max_delay", Some('d'), Some("max-delay"), "DSIEM_MAXDELAY", "180"),
    ("hold_duration", None, Some("hold-duration"), "DSIEM_HOLDDURATION", "10"),
    ("min-alarm-lifetime", Some('l'), None, "DSIEM_MINALARMLIFETIME", "0"),
    ("status", Some('s'), None, "DSIEM_STATUS", "Open,In-Progress,Closed"),
    (
        "tags",
        Some('t'),
        None,
        "DSIEM_TAGS",
        "Identified Threat,False Positive,Valid Threat,Security Incident",
    ),
    ("med_risk_min", None, Some("med-risk-min"), "DSIEM_MEDRISKMIN", "3"),
    ("med_risk_max", None, Some("med-risk-max"), "DSIEM_MEDRISKMAX", "6"),
    ("cache", Some('c'), None, "DSIEM_CACHEDURATION", "10"),
    ("intel_private_ip", None, Some("intel-private-ip"), "DSIEM_INTELPRIVATEIP", "false"),
    ("reload-backlogs", None, None, "DSIEM_RELOAD_BACKLOGS", "true"),
    ("filter-threads", None, None, "DSIEM_FILTER_THREADS", "0"),
    ("correlation-threads", None, None, "DSIEM_CORRELATION_THREADS", "0"),
    ("preload-all-directives", None, None, "DSIEM_PRELOAD_DIRECTIVES", "false"),
    ("idle-directives-timeout", None, None, "DSIEM_DIRECTIVES_IDLE_TIMEOUT_MINUTES", "10"),
    ("otel-tracing-enabled", None, None, "DSIEM_OTEL_TRACING_ENABLED", "false"),
    ("otel-metrics-enabled", None, None, "DSIEM_OTEL_METRICS_ENABLED", "false"),
    ("otel-endpoint", None, None, "DSIEM_OTEL_ENDPOINT", "http://localhost:4317"),
];

/// Those that are new here.
const OURS: &[Row] = &[
    ("duplicate-window", None, None, "DSIEM_DUPLICATE_WINDOW", "600"),
    ("time-order-tolerance", None, None, "DSIEM_TIME_ORDER_TOLERANCE", "5"),
    ("max-clock-skew", None, None, "DSIEM_MAX_CLOCK_SKEW", "300"),
    ("lenient-directives", None, None, "DSIEM_LENIENT_DIRECTIVES", "false"),
    ("ignore-protocol", None, None, "DSIEM_IGNORE_PROTOCOL", "false"),
    ("durability", None, None, "DSIEM_DURABILITY", "auto"),
    ("checkpoint-interval", None, None, "DSIEM_CHECKPOINT_INTERVAL", "2"),
    ("stream-replicas", None, None, "DSIEM_STREAM_REPLICAS", "1"),
    ("stream-max-age", None, None, "DSIEM_STREAM_MAX_AGE", "0"),
    ("stream-max-mib", None, None, "DSIEM_STREAM_MAX_MIB", "0"),
    ("stream-duplicate-window", None, None, "DSIEM_STREAM_DUPLICATE_WINDOW", "120"),
    ("node-expiry", None, None, "DSIEM_NODE_EXPIRY", "24"),
    ("max-backlogs", None, None, "DSIEM_MAX_BACKLOGS", "1000000"),
    ("stop-grace", None, None, "DSIEM_STOP_GRACE", "9"),
    ("metrics-address", None, None, "DSIEM_METRICS_ADDRESS", ""),
    ("io-threads", None, None, "DSIEM_IO_THREADS", "0"),
    ("home", None, None, "DSIEM_HOME", ""),
    ("config-token", None, None, "DSIEM_CONFIG_TOKEN", ""),
    ("config-token-file", None, None, "DSIEM_CONFIG_TOKEN_FILE", ""),
    ("frontend-ca", None, None, "DSIEM_FRONTEND_CA", ""),
    ("nats-user", None, None, "DSIEM_NATS_USER", ""),
    ("nats-password", None, None, "DSIEM_NATS_PASSWORD", ""),
    ("nats-password-file", None, None, "DSIEM_NATS_PASSWORD_FILE", ""),
    ("nats-token", None, None, "DSIEM_NATS_TOKEN", ""),
    ("nats-token-file", None, None, "DSIEM_NATS_TOKEN_FILE", ""),
    ("nats-nkey-file", None, None, "DSIEM_NATS_NKEY_FILE", ""),
    ("nats-creds-file", None, None, "DSIEM_NATS_CREDS_FILE", ""),
    ("nats-ca", None, None, "DSIEM_NATS_CA", ""),
    ("nats-cert", None, None, "DSIEM_NATS_CERT", ""),
    ("nats-key", None, None, "DSIEM_NATS_KEY", ""),
];

fn serve(words: &[&str]) -> Result<ServeArgs, clap::Error> {
    let all = ["dsiem-backend", "serve", "-n", "be-1"].iter().chain(words).copied();
    Args::read(all).map(|args| match args.command {
        Command::Serve(serve) => *serve,
    })
}

fn problem(words: &[&str]) -> String {
    serve(words).unwrap_err().to_string()
}

#[test]
fn flags_and_variables_are_spelled_as_existing_installations_spell_them() {
    let command = Args::command();
    let serve = command.find_subcommand("serve").unwrap();
    let mut left: Vec<&str> = serve.get_arguments().filter_map(clap::Arg::get_long).collect();
    for (long, short, twin, variable, default) in EXISTING.iter().chain(OURS) {
        let arg = serve.get_arguments().find(|arg| arg.get_long() == Some(long)).expect(long);
        assert_eq!(arg.get_short(), *short, "{long}");
        assert_eq!(arg.get_visible_aliases().unwrap_or_default(), twin.as_slice(), "{long}");
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(*variable), "{long}");
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(defaults.join(","), *default, "{long}");
        left.retain(|other| other != long);
    }
    assert_eq!(left, Vec::<&str>::new(), "every flag stands in one of the tables");
}

#[test]
fn the_command_line_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn flags_take_their_values() {
    let args = serve(&[
        "-q",
        "5",
        "--max_eps=7",
        "-d",
        "9",
        "--hold-duration",
        "11",
        "-l",
        "13",
        "-c",
        "15",
        "--intel_private_ip",
        "--reload-backlogs=no",
        "--filter-threads",
        "3",
        "--preload-all-directives",
        "--metrics-address",
        "[::1]:9100",
        "-s",
        "New, Done",
        "-f",
        "https://me:pw@fe/dsiem",
    ])
    .unwrap();
    let engine = &args.engine;
    assert_eq!((engine.max_queue, engine.max_eps, engine.max_delay, engine.hold_duration), (5, 7, 9, 11));
    assert_eq!((engine.min_alarm_lifetime, engine.cache, engine.tuning.filter_threads), (13, 15, 3));
    assert!(
        engine.intel_private_ip && engine.tuning.preload_all_directives && !engine.tuning.reload_backlogs
    );
    assert_eq!(engine.choices.status.0, ["New", "Done"]);
    assert_eq!(args.metrics_address.unwrap().port(), 9100);
    assert_eq!(args.frontend.path(), "/dsiem");
    assert!(
        serve(&["--reload-backlogs"]).unwrap().engine.tuning.reload_backlogs,
        "as a flag without a value, too"
    );
}

#[test]
fn an_error_names_flag_value_and_what_is_right() {
    for (words, parts) in [
        (&["--idle-directives-timeout", "4"][..], &["--idle-directives-timeout", "4 is not in 5.."][..]),
        (&["--io-threads", "257"], &["--io-threads", "257 is not in 0..=256"]),
        (&["--filter-threads", "9999"], &["--filter-threads", "9999 is not in 0..=256"]),
        (&["--max_queue", "-1"], &["-1"]),
        (&["--max_delay", "abc"], &["--max_delay", "abc"]),
        (&["--max-backlogs", "0"], &["--max-backlogs", "0 is not in 1.."]),
        (&["--duplicate-window", "100000000"], &["--duplicate-window", "86400"]),
        (&["--med_risk_min", "300"], &["--med_risk_min", "300"]),
        (&["--status", "a,,b"], &["--status", "a,,b", "empty item"]),
        (&["--intel_private_ip=maybe"], &["--intel_private_ip", "maybe", "yes"]),
        (&["--metrics-address", "9100"], &["--metrics-address", "9100"]),
        (&["--frontend", "frontend:8080"], &["--frontend", "frontend:8080", "http://host:port"]),
        (&["--frontend", "frontend"], &["--frontend", "http://host:port"]),
        (&["--frontend", "ftp://a"], &["--frontend", "http://host:port"]),
        (&["--test-env"], &["--test-env"]),
    ] {
        let problem = problem(words);
        for part in parts {
            assert!(problem.contains(part), "{part:?} is missing in {problem}");
        }
    }
}

#[test]
fn a_node_needs_a_name_that_can_be_part_of_a_file_name() {
    for name in ["be-1", " be 1 ", "be.example.com", "kölner-knoten"] {
        assert_eq!(parse_node(name).unwrap(), name.trim());
    }
    let long = "x".repeat(MAX_NODE_BYTES + 1);
    for name in ["", "  ", "../x", "a/b", "a\\b", ".", "..", "a\nb", &long] {
        assert!(parse_node(name).is_err(), "{name:?}");
    }
    let error = Args::read(["dsiem-backend", "serve"]).unwrap_err().to_string();
    assert!(error.contains("--node"), "{error}");
}
