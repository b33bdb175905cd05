//! What cannot work ends with an exit code and a message that says, in the user's own words, what to change.

use dsiem_tests::process::{Binary, Program};

/// The exit code of what was typed wrongly.
const USAGE: i32 = 2;

/// The exit code of what cannot work.
const FAILURE: i32 = 1;

async fn check((binary, words, variable): (Binary, &str, &str), code: i32, parts: &[&str]) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = ("DSIEM_HOME".to_owned(), home.path().display().to_string());
    let variable = variable.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let name = format!("{variable:?} {} {words}", binary.name());
    let mut program =
        Program::start(binary, &name, words.split_whitespace(), variable.into_iter().chain([home]));
    assert_eq!(program.wait_exit().await, code, "{name}");
    for part in parts {
        program.wait_for_log(part).await;
    }
}

#[tokio::test]
async fn what_cannot_work_says_what_to_change() {
    use Binary::{Backend, Dsiem, Frontend};
    let right = "2 <= med_risk_min < med_risk_max <= 9";
    for (binary, words, variable, code, parts) in [
        (
            Backend,
            "serve -n b --med_risk_min 6 --med_risk_max 3",
            "",
            FAILURE,
            &["--med_risk_min", "6", right][..],
        ),
        (Backend, "serve -n b", "DSIEM_MEDRISKMAX=10", FAILURE, &["DSIEM_MEDRISKMAX", "10", right]),
        (Dsiem, "serve --medRiskMin 1", "", FAILURE, &[right]),
        (
            Frontend,
            "serve -n f -e 10 -i 20",
            "",
            FAILURE,
            &["min_eps 20 is above max_eps 10", "DSIEM_MINEPS"],
        ),
        (Dsiem, "serve -e 10 -i 20", "", FAILURE, &["min_eps 20 is above max_eps 10", "--minEPS"]),
        (Frontend, "serve", "", USAGE, &["--node"]),
        (Frontend, "serve", "DSIEM_NODE=", USAGE, &["--node"]),
        (Backend, "serve", "", USAGE, &["--node"]),
        (Backend, "serve -n ../etc", "", USAGE, &["../etc", "file name"]),
        (Dsiem, "serve -m cluster-frontend", "", FAILURE, &["--node (DSIEM_NODE)"]),
        (Dsiem, "serve --node b", "DSIEM_MODE=cluster-backend", FAILURE, &["--frontend (DSIEM_FRONTEND)"]),
        (Dsiem, "serve", "DSIEM_MODE=cluster", USAGE, &["cluster", "standalone"]),
        // In the one binary `-n` is Go's hold duration, in the servers it is the node.
        (Dsiem, "serve -n be-1", "", USAGE, &["be-1", "--holdDuration"]),
        (Frontend, "serve -n 10 -p 0", "", USAGE, &["'0'", "--tcp-port"]),
        (Backend, "serve -n b -f nats://h:4222", "", USAGE, &["nats://h:4222", "http://host:port"]),
        (Backend, "serve -n b --msq http://h", "", USAGE, &["http://h"]),
        (Backend, "serve -n b --idle-directives-timeout 4", "", USAGE, &["4"]),
        (
            Backend,
            "serve -n b",
            "DSIEM_RELOAD_BACKLOGS=maybe",
            USAGE,
            &["maybe", "true, false, 1, 0, yes, no, on, off"],
        ),
        (Frontend, "serve -n f --writable-config=2", "", USAGE, &["\"2\" is not one of"]),
        (Frontend, "--test-env serve -n f", "", USAGE, &["--test-env"]),
        (Backend, "--test-env serve -n b", "", USAGE, &["--test-env"]),
        (Dsiem, "--test-env serve", "", USAGE, &["--test-env"]),
        (Dsiem, "serve", "", FAILURE, &["configs", "DSIEM_HOME"]),
        (Dsiem, "", "", USAGE, &["Usage"]),
    ] {
        check((binary, words, variable), code, parts).await;
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_the_flags_that_change_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("some port is free");
    let port = taken.local_addr().expect("it listens").port();
    let frontend = format!("serve -n f -a 127.0.0.1 -p {port}");
    let address = format!("127.0.0.1:{port}");
    check((Binary::Frontend, &frontend, ""), FAILURE, &[&address, "DSIEM_PORT"]).await;
    let backend = format!("serve -n b --metrics-address {address}");
    check((Binary::Backend, &backend, ""), FAILURE, &[&address, "DSIEM_METRICS_ADDRESS"]).await;
}

#[tokio::test]
async fn the_version_is_said() {
    for words in ["version", "--version"] {
        check((Binary::Dsiem, words, ""), 0, &["dsiem "]).await;
    }
    check((Binary::Frontend, "--version", ""), 0, &["dsiem-frontend "]).await;
    check((Binary::Backend, "--version", ""), 0, &["dsiem-backend "]).await;
}
