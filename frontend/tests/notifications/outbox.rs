//! The outbox: what fails is tried again, nothing is told twice without being known again, nobody holds up others.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dsiem_frontend::notifications::{Refusal, State};
use serde_json::json;

use crate::support::{Place, T0, line, on_both_stores, put, update};
use crate::surroundings::{Installation, Receiver, Reply, pass, run};

on_both_stores!(
    an_alarm_and_its_escalations_are_told_and_nothing_twice,
    what_fails_is_tried_again_and_known_again,
    what_nobody_takes_is_given_up_and_can_be_tried_again,
    what_cannot_be_taken_is_given_up_at_once,
    a_slow_channel_holds_up_nobody,
    what_happened_while_nobody_was_there_is_told_later,
);

const HOUR: Duration = Duration::from_secs(3_600);

fn an_alarm_and_its_escalations_are_told_and_nothing_twice(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        let (once, each) = (receiver.url("/once"), receiver.url("/each"));
        let (once, each) = (installation.webhook("once", &once), installation.webhook("each", &each));
        installation.rule("once", &[once], &json!({"when": "first"}));
        installation.rule("each", &[each], &json!({}));
        installation.rule("off", &[each], &json!({"enabled": false}));
        installation.put([update("a", 1, 1), update("a", 1, 1)]);
        receiver.until_got("/each", 1).await;
        installation.put([update("a", 1, 1), update("a", 2, 2), update("a", 3, 9), update("a", 2, 2)]);
        let got = receiver.until_got("/each", 2).await;
        installation.until_are(State::Sent, 3).await;
        let occasions: Vec<_> = got.iter().map(|request| request.json()["occasion"].clone()).collect();
        assert_eq!(occasions, [json!("appeared"), json!("class_rose")]);
        let last = got[1].json();
        assert_eq!(
            (&last["previous_risk_class"], &last["risk_class"], &last["rule"]),
            (&json!("Low"), &json!("High"), &json!("each"))
        );
        assert_eq!(last["url"], "https://siem.example/ui/#/data/alarm-detail/a");
        assert_eq!(receiver.got("/once").len(), 1);
        // Whoever imports old alarms is not told of each.
        installation.put([line("imported", 5, 9)]);
        installation.put([update("b", 1, 9)]);
        receiver.until_got("/once", 2).await;
        installation.until_are(State::Sent, 5).await;
        installation.stop().await;
    });
}

fn what_fails_is_tried_again_and_known_again(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        receiver.reply("/x", [Reply::Status(503), Reply::With(429, "retry-after", "300".into())]);
        let channel = installation
            .channel(json!({"name": "x", "webhook": {"url": receiver.url("/x"), "format": "json",
            "headers": [{"name": "Authorization", "value": "Bearer t0ken"}], "signing_key": "k3y"}}));
        installation.rule("r", &[channel], &json!({}));
        installation.put([update("a", 1, 9)]);
        receiver.until_got("/x", 1).await;
        let waiting = installation.until_are(State::Waiting, 1).await;
        assert!(waiting[0].error.contains("503"), "{waiting:?}");
        let wait = waiting[0].next_try.unwrap() - T0;
        assert!((10..=20).contains(&wait), "{wait}");
        pass(Duration::from_secs(20)).await;
        receiver.until_got("/x", 2).await;
        let waiting = installation.until_are(State::Waiting, 1).await;
        let wait = waiting[0].next_try.unwrap() - T0;
        assert!(wait >= 300, "the other side asked for it: {wait}");
        pass(Duration::from_secs(330)).await;
        let got = receiver.until_got("/x", 3).await;
        let sent = installation.until_are(State::Sent, 1).await;
        assert_eq!((sent[0].tries, sent[0].error.as_str(), sent[0].alarm_id.as_deref()), (3, "", Some("a")));
        let keys: BTreeSet<_> = got.iter().map(|request| request.header("idempotency-key")).collect();
        assert_eq!(keys.len(), 1, "it is the same each time");
        assert_eq!(got[0].header("webhook-id"), got[0].header("idempotency-key"));
        assert!(got.iter().all(|request| request.header("authorization") == "Bearer t0ken"));
        assert!(got.iter().all(|request| request.header("webhook-signature").starts_with("v1,")));
        let text = installation.metrics.text();
        assert!(text.contains("dsiem_notifications_sent_total 1\n"), "{text}");
        assert!(text.contains("dsiem_notifications_failed_tries_total 2\n"), "{text}");
        installation.stop().await;
    });
}

fn what_nobody_takes_is_given_up_and_can_be_tried_again(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        receiver.reply("/x", std::iter::repeat_n(Reply::Status(500), 100));
        let channel = installation.webhook("x", &receiver.url("/x"));
        installation.rule("r", &[channel], &json!({}));
        installation.put([update("a", 1, 9)]);
        for tries in 1..=3 {
            receiver.until_got("/x", tries).await;
            installation.until_are(State::Waiting, 1).await;
            pass(HOUR).await;
        }
        receiver.until_got("/x", 4).await;
        installation.until_are(State::Waiting, 1).await;
        pass(10 * HOUR).await;
        let dead = installation.until_are(State::Dead, 1).await;
        assert!(dead[0].error.contains("it is 500") && dead[0].finished.is_some(), "{dead:?}");
        assert!(matches!(
            installation.notifications.retry(dead[0].id + 1, T0).unwrap(),
            Err(Refusal::Missing(_))
        ));
        receiver.reply("/good", []);
        let good = json!({"name": "x", "webhook": {"url": receiver.url("/good"), "format": "json"}});
        let good = serde_json::from_value(good).unwrap();
        installation.notifications.put_channel(Some(channel), good).unwrap().unwrap();
        let later = T0 + 14 * 3_600;
        let retried = installation.notifications.retry(dead[0].id, later).unwrap().unwrap();
        assert_eq!((retried.state, retried.finished), (State::Waiting, None));
        receiver.until_got("/good", 1).await;
        installation.until_are(State::Sent, 1).await;
        installation.stop().await;
    });
}

fn what_cannot_be_taken_is_given_up_at_once(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        receiver.reply("/bad", [Reply::Status(400)]);
        receiver.reply("/moved", [Reply::With(307, "location", receiver.url("/elsewhere"))]);
        let bad = installation.webhook("bad", &receiver.url("/bad"));
        let moved = installation.webhook("moved", &receiver.url("/moved"));
        installation.rule("r", &[bad, moved], &json!({}));
        installation.put([update("a", 1, 9)]);
        let dead = installation.until_are(State::Dead, 2).await;
        assert!(
            dead.iter().any(|delivery| delivery.error.contains("redirects are not followed")),
            "{dead:?}"
        );
        assert!(receiver.got("/elsewhere").is_empty());
        installation.stop().await;
    });
}

fn a_slow_channel_holds_up_nobody(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        receiver.reply("/slow", std::iter::repeat_n(Reply::Silence, 10));
        let slow = installation.webhook("slow", &receiver.url("/slow"));
        let quick = installation.webhook("quick", &receiver.url("/quick"));
        installation.rule("r", &[slow, quick], &json!({}));
        installation.put((0..6).map(|n| update(&format!("a{n}"), 1, 9)));
        receiver.until_got("/quick", 6).await;
        installation.until_are(State::Sent, 6).await;
        assert_eq!(receiver.got("/slow").len(), 2, "no more at once");
        // What is being sent when the process stops goes back.
        installation.until_are(State::Sending, 2).await;
        let notifications = installation.notifications.clone();
        let hurry = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            pass(Duration::from_secs(5)).await;
        };
        tokio::join!(installation.stop(), hurry);
        let back = notifications.deliveries(Some(State::Waiting), None, 500).unwrap();
        assert_eq!(back.len(), 6);
    });
}

fn what_happened_while_nobody_was_there_is_told_later(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        let channel = installation.webhook("x", &receiver.url("/x"));
        installation.rule("r", &[channel], &json!({}));
        installation.stop().await;
        put(&place.open(), [update("a", 1, 9)]);
        let installation = Installation::start(place, T0);
        receiver.until_got("/x", 1).await;
        installation.until_are(State::Sent, 1).await;
        installation.stop().await;
    });
}

#[test]
fn several_frontends_share_the_work() {
    let Some(place) = Place::server() else { return };
    run(async {
        let receiver = Receiver::start().await;
        let all: Vec<Installation> = (0..3).map(|_| Installation::over(Arc::new(place.open()), T0)).collect();
        let channel = all[0].webhook("x", &receiver.url("/x"));
        all[0].rule("r", &[channel], &json!({}));
        for n in 0..30 {
            all[n % 3].put([update(&format!("a{n}"), 1, 9)]);
        }
        all[0].until_are(State::Sent, 30).await;
        let got = receiver.got("/x");
        let alarms: BTreeSet<_> = got.iter().map(|request| request.json()["alarm_id"].to_string()).collect();
        assert_eq!((got.len(), alarms.len()), (30, 30), "each was sent once");
        for installation in all {
            installation.stop().await;
        }
    });
}
