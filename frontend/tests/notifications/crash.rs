//! A process that is killed while it sends: what it had is sent by the next one, and known again by its key.

use std::process::{Command, Stdio};

use dsiem_frontend::alarm_store::{AlarmStore, Words};
use dsiem_frontend::notifications::State;
use serde_json::json;

use crate::support::{Place, T0, update};
use crate::surroundings::{Installation, Receiver, Reply, run, until};

/// Where the process that is killed has its store, and where it sends.
const FILE: &str = "DSIEM_TEST_STORE";
const URL: &str = "DSIEM_TEST_URL";

#[test]
fn what_a_killed_process_was_sending_is_sent_by_the_next() {
    run(async {
        let (place, receiver) = (Place::file(), Receiver::start().await);
        receiver.reply("/x", [Reply::Silence]);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::the_process_that_is_killed", "--ignored"])
            .env(FILE, place.path().unwrap())
            .env(URL, receiver.url("/x"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let first = receiver.until_got("/x", 1).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let installation = Installation::start(&place, T0);
        assert_eq!(installation.deliveries().len(), 1);
        let got = receiver.until_got("/x", 2).await;
        let sent = installation.until_are(State::Sent, 1).await;
        assert_eq!((got.len(), sent[0].tries), (2, 2));
        assert_eq!(got[1].header("idempotency-key"), first[0].header("idempotency-key"));
        assert_eq!(got[1].json(), first[0].json());
        installation.stop().await;
    });
}

/// Started by the test above, and never ends.
#[test]
#[ignore = "it is a part of another test"]
fn the_process_that_is_killed() {
    let (file, url) = (std::env::var_os(FILE).unwrap(), std::env::var(URL).unwrap());
    run(async {
        let store = AlarmStore::open_file(file.as_ref(), Words::default()).unwrap();
        let installation = Installation::over(store.into(), T0);
        let channel = installation.webhook("x", &url);
        installation.rule("r", &[channel], &json!({}));
        installation.put([update("a", 1, 9)]);
        until("it is killed", || None::<()>).await;
    });
}
