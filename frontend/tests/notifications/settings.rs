//! Channels and rules: secrets go in and not out, and to nobody else; what is wrong is said when it is saved.

use dsiem_frontend::notifications::{ChannelRequest, Notifications, Refusal, State};
use serde_json::{Value, json};

use crate::support::{Place, T0, on_both_stores, update};
use crate::surroundings::{Installation, Receiver, Reply, rule, run};

on_both_stores!(
    secrets_are_kept_and_never_shown,
    what_is_wrong_is_said_when_it_is_saved,
    a_channel_is_not_deleted_while_it_is_used,
    a_template_makes_the_document,
    a_test_says_what_the_other_side_says,
);

fn put(notifications: &Notifications, id: Option<i64>, request: &Value) -> Result<Value, Refusal> {
    let request: ChannelRequest = serde_json::from_value(request.clone()).unwrap();
    let put = notifications.put_channel(id, request).unwrap();
    put.map(|document| serde_json::to_value(document).unwrap())
}

fn secrets_are_kept_and_never_shown(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        let notifications = &installation.notifications;
        let full = json!({"name": "x", "webhook": {"url": receiver.url("/s3cret/path?t=s3cret"), "format": "json",
            "headers": [{"name": "X-Api-Key", "value": "s3cret"}], "signing_key": "s3cret"}});
        let shown = put(notifications, None, &full).unwrap();
        assert!(!shown.to_string().contains("s3cret"), "{shown}");
        assert_eq!(shown["webhook"]["server"], receiver.base);
        assert_eq!(shown["webhook"]["headers"], json!(["x-api-key"]));
        assert_eq!(shown["webhook"]["signing_key_is_set"], true);
        let id = shown["id"].as_i64();
        // Another name, and all secrets as they are.
        let renamed = json!({"name": "y", "webhook": {"format": "json", "headers": [{"name": "X-Api-Key"}]}});
        assert_eq!(put(notifications, id, &renamed).unwrap()["name"], "y");
        let channel = id.unwrap();
        installation.rule("r", &[channel], &json!({}));
        installation.put([update("a", 1, 9)]);
        let got = receiver.until_got("/s3cret/path", 1).await;
        assert_eq!(got[0].header("x-api-key"), "s3cret");
        assert!(got[0].header("webhook-signature").starts_with("v1,"));
        // Somebody who does not know them cannot have them sent to himself.
        let moved = json!({"name": "y", "webhook": {"url": "https://elsewhere.example/", "format": "json"}});
        assert!(
            matches!(put(notifications, id, &moved), Err(Refusal::Wrong(why)) if why.contains("signing_key"))
        );
        let moved = json!({"name": "y", "webhook": {"url": "https://elsewhere.example/", "format": "json",
            "signing_key": "", "headers": [{"name": "X-Api-Key"}]}});
        assert!(
            matches!(put(notifications, id, &moved), Err(Refusal::Wrong(why)) if why.contains("x-api-key"))
        );
        let mail = |host: &str, password: Option<&str>| {
            json!({"name": "m", "mail": {"host": host, "tls": "starttls", "user": "u", "password": password,
                "from": "a@example.com", "to": ["b@example.com"]}})
        };
        let shown = put(notifications, None, &mail("mail.example", Some("s3cret"))).unwrap();
        assert!(!shown.to_string().contains("s3cret") && shown["mail"]["password_is_set"] == true, "{shown}");
        assert_eq!(shown["mail"]["port"], 587);
        let id = shown["id"].as_i64();
        put(notifications, id, &mail("mail.example", None)).unwrap();
        assert!(matches!(put(notifications, id, &mail("evil.example", None)), Err(Refusal::Wrong(_))));
        assert!(!format!("{:?}", notifications.channels().unwrap()).contains("s3cret"));
        installation.stop().await;
    });
}

fn what_is_wrong_is_said_when_it_is_saved(place: &Place) {
    let notifications = Notifications::new(place.open().database());
    let webhook = |webhook: Value| json!({"name": "x", "webhook": webhook});
    let mail = |host: &str, tls: &str, to: &str| {
        json!({"name": "x", "mail": {"host": host, "tls": tls, "user": "u", "password": "p", "from": "a@b.example",
            "to": [to]}})
    };
    for (request, part) in [
        (json!({"name": "x"}), "either"),
        (json!({"name": "x\ny", "webhook": {"url": "http://x", "format": "json"}}), "name"),
        (webhook(json!({"format": "json"})), "url is missing"),
        (webhook(json!({"url": "ftp://x", "format": "json"})), "https://"),
        (webhook(json!({"url": "http://169.254.169.254/latest", "format": "json"})), "link-local"),
        (webhook(json!({"url": "http://[fe80::1]/", "format": "json"})), "link-local"),
        (
            webhook(json!({"url": "http://x", "format": "json", "template": {"a": "{{nonsense}}"}})),
            "nonsense",
        ),
        (webhook(json!({"url": "http://x", "format": "slack", "template": {}})), "template"),
        (webhook(json!({"format": "pagerduty"})), "routing_key"),
        (
            webhook(
                json!({"url": "http://x", "format": "json", "headers": [{"name": "Host", "value": "y"}]}),
            ),
            "host",
        ),
        (
            webhook(json!({"url": "http://x", "format": "json", "headers": [{"name": "A", "value": "\n"}]})),
            "header a",
        ),
        (webhook(json!({"url": "http://x", "format": "json", "ca": "nonsense"})), "PEM"),
        (mail("mail host", "tls", "b@c.example"), "mail host"),
        (mail("169.254.1.1", "tls", "b@c.example"), "link-local"),
        (mail("mail.example", "none", "b@c.example"), "in the clear"),
        (mail("mail.example", "tls", "b@c.example\r\nBcc: d@e.example"), "not an address"),
    ] {
        match put(&notifications, None, &request) {
            Err(Refusal::Wrong(why)) => assert!(why.contains(part), "{request}: {why}"),
            other => panic!("{request}: {other:?}"),
        }
    }
    let channel = put(&notifications, None, &webhook(json!({"url": "http://x", "format": "slack"}))).unwrap();
    let channel = channel["id"].as_i64().unwrap();
    for (otherwise, part) in [
        (json!({"name": " "}), "name"),
        (json!({"channels": []}), "channels"),
        (json!({"channels": [channel + 1]}), "no channel"),
        (json!({"max_per_hour": 0}), "max_per_hour"),
        (json!({"condition": {"network": ["10.0.0.0/33"]}}), "10.0.0.0/33"),
        (json!({"condition": {"tag": [""]}}), "tag"),
    ] {
        match notifications.put_rule(None, rule("r", &[channel], &otherwise)).unwrap() {
            Err(Refusal::Wrong(why)) => assert!(why.contains(part), "{otherwise}: {why}"),
            other => panic!("{otherwise}: {other:?}"),
        }
    }
    notifications.put_rule(None, rule("r", &[channel], &json!({}))).unwrap().unwrap();
    let twice = notifications.put_rule(None, rule("r", &[channel], &json!({}))).unwrap();
    assert!(matches!(twice, Err(Refusal::Conflict(_))));
}

fn a_channel_is_not_deleted_while_it_is_used(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        receiver.reply("/x", [Reply::Status(500)]);
        let notifications = &installation.notifications;
        let channel = installation.webhook("x", &receiver.url("/x"));
        let used = installation.rule("r", &[channel], &json!({}));
        installation.put([update("a", 1, 9)]);
        installation.until_are(State::Waiting, 1).await;
        receiver.until_got("/x", 1).await;
        assert!(matches!(notifications.delete_channel(channel, T0).unwrap(), Err(Refusal::Conflict(_))));
        notifications.delete_rule(used).unwrap().unwrap();
        assert!(matches!(notifications.delete_rule(used).unwrap(), Err(Refusal::Missing(_))));
        notifications.delete_channel(channel, T0).unwrap().unwrap();
        assert!(matches!(notifications.delete_channel(channel, T0).unwrap(), Err(Refusal::Missing(_))));
        let dead = installation.until_are(State::Dead, 1).await;
        assert_eq!((dead[0].channel, dead[0].channel_name.as_str()), (None, "x"));
        assert!(matches!(notifications.retry(dead[0].id, T0).unwrap(), Err(Refusal::Conflict(_))));
        // A new one may have its id, and has nothing to do with it.
        installation.webhook("new", &receiver.url("/new"));
        assert_eq!(installation.deliveries()[0].channel, None);
        installation.stop().await;
    });
}

fn a_template_makes_the_document(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        let template =
            json!({"summary": "{{risk_class}}: {{title}}", "risk": "{{risk}}", "from": "{{src_ips}}"});
        let channel = installation
            .channel(json!({"name": "x", "webhook": {"url": receiver.url("/x"), "format": "json",
            "template": template}}));
        installation.rule("r", &[channel], &json!({}));
        let mut hostile = update("a", 1, 9);
        hostile.document.title = "\"}, {\"risk\": 0, \u{0} {{alarm_id}}".into();
        installation.put([hostile]);
        let got = receiver.until_got("/x", 1).await;
        assert_eq!(got[0].header("content-type"), "application/json");
        assert_eq!(
            got[0].json(),
            json!({"summary": "High: \"}, {\"risk\": 0,   {{alarm_id}}", "risk": 9, "from": ["10.0.0.1"]})
        );
        installation.stop().await;
    });
}

fn a_test_says_what_the_other_side_says(place: &Place) {
    run(async {
        let (receiver, installation) = (Receiver::start().await, Installation::start(place, T0));
        let channel = installation.webhook("x", &receiver.url("/x"));
        receiver.reply("/x", [Reply::Status(200), Reply::Status(401)]);
        let test = async || installation.tester.test(channel, "k".into(), T0).await.unwrap().unwrap();
        let fine = test().await;
        assert!(fine.ok && fine.detail.contains("it is 200"), "{fine:?}");
        assert_eq!(receiver.got("/x")[0].json()["kind"], "test");
        let refused = test().await;
        assert!(!refused.ok && refused.detail.contains("401"), "{refused:?}");
        let missing = installation.tester.test(channel + 1, "k".into(), T0).await.unwrap();
        assert!(matches!(missing, Err(Refusal::Missing(_))));
        assert!(installation.deliveries().is_empty(), "tests do not go through the outbox");
        installation.stop().await;
    });
}
