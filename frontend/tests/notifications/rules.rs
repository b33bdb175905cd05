//! What is told and what not: conditions, quiet hours, and the limit of an hour.

use std::time::Duration;

use dsiem_frontend::notifications::State;
use serde_json::{Value, json};

use crate::support::{ALICE, Place, T0, close, on_both_stores, update, whichever};
use crate::surroundings::{Installation, Receiver, pass, run, until};

on_both_stores!(
    a_rule_tells_of_what_fits_it,
    a_rule_that_tells_once_tells_when_an_alarm_first_fits,
    quiet_hours_end_with_one_summary,
    quiet_hours_may_drop,
    beyond_the_limit_of_an_hour_comes_one_summary,
);

fn a_rule_tells_of_what_fits_it(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        for (name, condition) in [
            ("class", json!({"class": ["High", "Medium"]})),
            ("directive", json!({"directive": [8, 9]})),
            ("network", json!({"network": ["192.168.0.0/16", "10.9.9.9"]})),
            ("title", json!({"title": ["BRUTE force", "nothing"]})),
            ("kingdom", json!({"kingdom": ["Access"], "category": ["Login"]})),
            ("tag", json!({"tag": ["Identified Threat"], "status": ["Open"]})),
        ] {
            let channel = installation.webhook(name, &receiver.url(&format!("/{name}")));
            installation.rule(name, &[channel], &json!({"condition": condition}));
        }
        let mut all = ["plain", "high", "eight", "near", "brute", "login"].map(|name| update(name, 1, 1));
        all[1] = update("high", 1, 9);
        all[2].directive_id = Some(8);
        all[3].document.dst_ips = vec![[192, 168, 3, 4].into()];
        all[4].document.title = "Brute Force of ssh".into();
        (all[5].document.kingdom, all[5].document.category) = ("Access".into(), "Login".into());
        installation.put(all);
        installation.until_are(State::Sent, 11).await;
        let told = |path: &str| -> Vec<String> {
            let ids = receiver.got(path).into_iter().map(|request| request.json()["alarm_id"].clone());
            ids.map(|id| id.as_str().unwrap().to_owned()).collect()
        };
        for (path, id) in
            [("/class", "high"), ("/directive", "eight"), ("/network", "near"), ("/title", "brute")]
        {
            assert_eq!(told(path), [id], "{path}");
        }
        assert_eq!(told("/kingdom"), ["login"]);
        assert_eq!(told("/tag").len(), 6);
        installation.stop().await;
    });
}

fn a_rule_that_tells_once_tells_when_an_alarm_first_fits(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        let channel = installation.webhook("x", &receiver.url("/x"));
        installation.rule("r", &[channel], &json!({"when": "first", "condition": {"class": ["High"]}}));
        let completed = |id: &str, revision: u64, risk: u8| {
            let mut update = update(id, revision, risk);
            update.document.rules[0].status = "finished".into();
            update
        };
        installation.put([update("a", 1, 1), update("a", 2, 9), completed("a", 3, 9), update("b", 1, 9)]);
        receiver.until_got("/x", 2).await;
        // What users do is no occasion; that a false positive is open again is one.
        close(&installation.store, "b", "False Positive");
        installation.put([update("c", 1, 2)]);
        close(&installation.store, "c", "False Positive");
        installation.put([update("c", 2, 9)]);
        receiver.until_got("/x", 3).await;
        // Who is deleted and comes back is new.
        installation.put([update("d", 1, 2)]);
        installation.store.delete(&whichever("d"), ALICE.now).unwrap();
        installation.put([update("d", 2, 9)]);
        let got = receiver.until_got("/x", 4).await;
        installation.until_are(State::Sent, 4).await;
        let mut told: Vec<(Value, Value)> = got
            .iter()
            .map(|request| (request.json()["alarm_id"].clone(), request.json()["occasion"].clone()))
            .collect();
        told.sort_by_key(|(id, _)| id.to_string());
        let expected = [("a", "class_rose"), ("b", "appeared"), ("c", "reopened"), ("d", "reopened")];
        assert_eq!(told, expected.map(|(id, occasion)| (json!(id), json!(occasion))));
        installation.stop().await;
    });
}

/// A rule that is quiet from 23:00 until 01:00; the tests begin at midnight.
fn quiet(meanwhile: &str) -> Value {
    json!({"quiet_hours": {"times": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "from": "23:00", "until": "01:00"}], "time_zone": "UTC", "meanwhile": meanwhile,
        "high_breaks_through": true}})
}

fn quiet_hours_end_with_one_summary(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        let channel = installation.webhook("x", &receiver.url("/x"));
        installation.rule("night", &[channel], &quiet("summary"));
        installation.put([update("a", 1, 1), update("b", 1, 4), update("loud", 1, 9), update("a", 2, 3)]);
        let got = receiver.until_got("/x", 1).await;
        assert_eq!(got[0].json()["alarm_id"], "loud");
        // It survives that the process ends meanwhile.
        installation.stop().await;
        let installation = Installation::start(place, T0 + 3_500);
        pass(Duration::from_secs(101)).await;
        let got = receiver.until_got("/x", 2).await;
        let summary = got[1].json();
        assert_eq!((&summary["kind"], &summary["count"]), (&json!("summary"), &json!(3)));
        assert_eq!(summary["text"], "[Medium] night: 3 notifications held back in quiet hours");
        let named: Vec<_> =
            summary["alarms"].as_array().unwrap().iter().map(|alarm| &alarm["alarm_id"]).collect();
        assert_eq!(named, ["a", "b"]);
        installation.put([update("c", 1, 1)]);
        receiver.until_got("/x", 3).await;
        installation.until_are(State::Sent, 3).await;
        installation.stop().await;
    });
}

fn quiet_hours_may_drop(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        let channel = installation.webhook("x", &receiver.url("/x"));
        let mut quiet = quiet("drop");
        quiet["when"] = "first".into();
        installation.rule("night", &[channel], &quiet);
        installation.put([update("a", 1, 1), update("loud", 1, 9)]);
        receiver.until_got("/x", 1).await;
        pass(Duration::from_secs(3_700)).await;
        // What was not told is told when it happens again.
        installation.put([update("a", 2, 9)]);
        let got = receiver.until_got("/x", 2).await;
        installation.until_are(State::Sent, 2).await;
        assert_eq!(got[1].json()["alarm_id"], "a");
        assert!(installation.metrics.text().contains("dsiem_notifications_dropped_in_quiet_hours_total 1\n"));
        installation.stop().await;
    });
}

fn beyond_the_limit_of_an_hour_comes_one_summary(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        let channel = installation.webhook("x", &receiver.url("/x"));
        installation.rule("r", &[channel], &json!({"max_per_hour": 3}));
        installation.put((0..500).map(|n| update(&format!("a{n}"), 1, 1)));
        installation.until_are(State::Sent, 3).await;
        until("all are judged", || {
            installation.metrics.text().contains("dsiem_notifications_held_back_total 497\n").then_some(())
        })
        .await;
        pass(Duration::from_secs(3_601)).await;
        let got = receiver.until_got("/x", 4).await;
        let summary = got[3].json();
        assert_eq!((&summary["kind"], &summary["count"]), (&json!("summary"), &json!(497)));
        assert_eq!(summary["text"], "[Low] r: 497 notifications held back beyond the limit of an hour");
        installation.put([update("b", 1, 1)]);
        receiver.until_got("/x", 5).await;
        installation.until_are(State::Sent, 5).await;
        installation.stop().await;
    });
}
