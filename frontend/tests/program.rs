//! The program as it is started: exit codes, and one line that says what to do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

use std::process::{Command, Output};

fn run(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsiem-frontend"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DSIEM_")) {
        command.env_remove(name);
    }
    command.args(words).output().unwrap()
}

fn check_failure(words: &[&str], code: i32, part: &str) {
    let output = run(words);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    assert!(said.contains(part), "{words:?}: {said}");
    if code == 1 {
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn what_cannot_work_is_said_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = tempfile::tempdir().unwrap();
    let home = home.path().to_str().unwrap();
    let serve = ["serve", "-n", "fe", "-a", "127.0.0.1", "--home", home];
    check_failure(
        &[&serve[..], &["-p", &port]].concat(),
        1,
        "choose another with --ip-address (DSIEM_ADDRESS)",
    );
    check_failure(
        &[&serve[..], &["--max_eps", "1", "--min_eps", "2"]].concat(),
        1,
        "see --min-eps (DSIEM_MINEPS)",
    );
    check_failure(&["serve"], 2, "--node");
    check_failure(&["serve", "-n", "fe", "-p", "0"], 2, "'0'");
    check_failure(&[], 2, "Usage");
}

#[test]
fn help_has_examples_and_no_passwords() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsiem-frontend"));
    let output = command.args(["serve", "--help"]).env("DSIEM_MSQ", "nats://a:hunter2@b").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("Examples:"), "{said}");
    assert!(said.contains("DSIEM_MSQ") && !said.contains("hunter2"), "{said}");
}
