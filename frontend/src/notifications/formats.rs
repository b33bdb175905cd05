//! The bodies of webhooks: what each of those who take them understands.
//!
//! Texts of alarms are only ever put where the other side reads them as they are: plain text of Slack, text runs of
//! Teams, members of PagerDuty's event. The one place that is not so, Slack's fallback text, is escaped.

use dsiem_core::risk::RiskClass;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::message::{Message, What, shortened};
use super::template;
use super::webhook_settings::{Format, Webhook};

/// Characters that Slack takes in a heading, in a field, and in a text.
const SLACK_HEADING: usize = 150;
const SLACK_FIELD: usize = 1_900;
const SLACK_TEXT: usize = 2_900;
/// Fields that Slack takes in one section.
const SLACK_FIELDS: usize = 10;
/// Characters that PagerDuty takes in a summary.
const PAGERDUTY_SUMMARY: usize = 1_024;

/// The body of a request. `id` is the same for each try.
pub(super) fn body(webhook: &Webhook, message: &Message, id: &str, public_url: Option<&str>) -> Value {
    let link = message.link(public_url);
    match webhook.format {
        Format::Json => {
            let fields = message.fields(id, public_url);
            match &webhook.template {
                Some(template) => template::fill(template, &fields),
                None => Value::Object(fields),
            }
        }
        Format::Slack => slack(message, link.as_deref()),
        Format::Teams => teams(message, link.as_deref()),
        Format::PagerDuty => {
            let key = webhook.routing_key.as_ref().map_or("", |key| &key.0);
            pagerduty(message, link.as_deref(), key, public_url)
        }
    }
}

fn slack(message: &Message, link: Option<&str>) -> Value {
    let plain =
        |text: &str, chars| json!({"type": "plain_text", "text": shortened(text, chars), "emoji": false});
    let headline = message.headline();
    let fields: Vec<Value> = message
        .details()
        .iter()
        .take(SLACK_FIELDS)
        .map(|(name, value)| plain(&format!("{name}: {value}"), SLACK_FIELD))
        .collect();
    let mut blocks = vec![
        json!({"type": "header", "text": plain(&headline, SLACK_HEADING)}),
        json!({"type": "section", "fields": fields}),
    ];
    let lines = message.lines();
    if !lines.is_empty() {
        blocks.push(json!({"type": "section", "text": plain(&lines.join("\n"), SLACK_TEXT)}));
    }
    if let Some(link) = link {
        let text = format!("<{link}|Open in dsiem>");
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": text}}));
    }
    json!({"text": escaped_for_slack(&shortened(&headline, SLACK_TEXT)), "blocks": blocks})
}

/// The three characters with which Slack's markup begins: mentions, links, channels.
fn escaped_for_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An adaptive card. A `TextBlock` would read markup in what attackers write; a `TextRun` does not.
fn teams(message: &Message, link: Option<&str>) -> Value {
    let run = |text: &str, strong: bool| {
        let weight = if strong { "Bolder" } else { "Default" };
        json!({"type": "TextRun", "text": text, "weight": weight})
    };
    let block = |runs: Vec<Value>| json!({"type": "RichTextBlock", "inlines": runs});
    let mut parts = vec![block(vec![run(&message.headline(), true)])];
    let details = message.details();
    parts.extend(
        details.iter().map(|(name, value)| block(vec![run(&format!("{name}: "), true), run(value, false)])),
    );
    parts.extend(message.lines().iter().map(|line| block(vec![run(line, false)])));
    let actions: Vec<Value> = link
        .map(|link| json!({"type": "Action.OpenUrl", "title": "Open in dsiem", "url": link}))
        .into_iter()
        .collect();
    json!({"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard", "version": "1.4", "body": parts, "actions": actions,
        },
    }]})
}

fn pagerduty(message: &Message, link: Option<&str>, routing_key: &str, client: Option<&str>) -> Value {
    let severity = match (&message.what, message.risk_class()) {
        (What::Test(_), _) => "info",
        (_, RiskClass::Low) => "warning",
        (_, RiskClass::Medium) => "error",
        (_, RiskClass::High) => "critical",
    };
    // What is told of one alarm is one incident; a summary is one for its rule.
    let key = match (message.alarm_id(), &message.what) {
        (Some(alarm_id), _) => alarm_id.to_owned(),
        (None, What::Test(_)) => "dsiem test".to_owned(),
        (None, _) => format!("dsiem summary {}", message.rule),
    };
    let mut details: serde_json::Map<String, Value> =
        message.details().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let lines = message.lines();
    if !lines.is_empty() {
        details.insert("Alarms".to_owned(), lines.into());
    }
    let links: Vec<Value> =
        link.map(|link| json!({"href": link, "text": "Open in dsiem"})).into_iter().collect();
    let at = Timestamp::from_second(message.at()).map(|at| at.to_string()).ok();
    json!({
        "routing_key": routing_key, "event_action": "trigger", "dedup_key": shortened(&key, 255),
        "client": "dsiem", "client_url": client, "links": links,
        "payload": {
            "summary": shortened(&message.headline(), PAGERDUTY_SUMMARY), "source": "dsiem",
            "severity": severity, "timestamp": at, "component": "dsiem", "custom_details": details,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::channel::Hidden;
    use super::super::message::Digest;
    use super::super::occasion::{Class, Facts, Kind, Occasion};
    use super::super::rule::Why;
    use super::*;

    fn hostile() -> Message {
        let title = "<!channel> *bold* [link](http://evil) & \"quoted\"\r\nsecond line";
        let facts = Facts {
            alarm_id: "a1".into(),
            title: title.into(),
            status: "Open".into(),
            tag: String::new(),
            kingdom: "<@U1>".into(),
            category: "x".into(),
            directive_id: None,
            risk: 9,
            risk_class: Class(RiskClass::High),
            src_ips: vec![[10, 0, 0, 1].into()],
            dst_ips: Vec::new(),
            networks: Vec::new(),
            created_time: 0,
            update_time: 0,
            stages: 2,
            finished_stages: 1,
            findings: 0,
        };
        let occasion = Occasion { kind: Kind::Appeared, at: 1_767_225_600, previous_risk_class: None, facts };
        Message::of_alarm("night", &occasion)
    }

    fn webhook(format: Format) -> Webhook {
        Webhook {
            url: Hidden("https://x".into()),
            format,
            template: None,
            headers: Vec::new(),
            signing_key: None,
            routing_key: Some(Hidden("key".into())),
            ca: None,
        }
    }

    #[test]
    fn slack_reads_no_markup_in_what_attackers_write() {
        let body = body(&webhook(Format::Slack), &hostile(), "id", Some("https://siem.example"));
        let text = body["text"].as_str().unwrap();
        assert!(text.contains("&lt;!channel&gt;") && !text.contains('<') && !text.contains('\n'), "{text}");
        let markup: Vec<&Value> = body["blocks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|block| block["text"]["type"] == "mrkdwn")
            .collect();
        assert_eq!(markup.len(), 1, "only our own link");
        assert_eq!(
            markup[0]["text"]["text"],
            "<https://siem.example/ui/#/data/alarm-detail/a1|Open in dsiem>"
        );
        assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
        assert!(
            body["blocks"][1]["fields"].as_array().unwrap().iter().all(|field| field["type"] == "plain_text")
        );
    }

    #[test]
    fn teams_gets_runs_of_text_and_no_blocks_that_read_markup() {
        let body = body(&webhook(Format::Teams), &hostile(), "id", None);
        assert!(!body.to_string().contains("\"TextBlock\""));
        let card = &body["attachments"][0]["content"];
        assert!(card["body"].as_array().unwrap().iter().all(|part| part["type"] == "RichTextBlock"));
        assert_eq!(card["actions"].as_array().unwrap().len(), 0);
    }

    #[test]
    fn pagerduty_has_one_incident_for_an_alarm() {
        let body = body(&webhook(Format::PagerDuty), &hostile(), "id", Some("https://siem.example"));
        assert_eq!((&body["dedup_key"], &body["routing_key"]), (&json!("a1"), &json!("key")));
        assert_eq!(body["payload"]["severity"], "critical");
        assert_eq!(body["payload"]["timestamp"], "2026-01-01T00:00:00Z");
        assert_eq!(body["links"][0]["href"], "https://siem.example/ui/#/data/alarm-detail/a1");
    }

    #[test]
    fn a_summary_has_a_form_everywhere() {
        let What::Alarm(occasion) = hostile().what else { unreachable!() };
        let mut digest = Digest::new(Why::QuietHours, 5);
        digest.add(&occasion.facts);
        let message = Message { rule: "night".into(), what: What::Summary(digest) };
        for format in [Format::Json, Format::Slack, Format::Teams, Format::PagerDuty] {
            let text = body(&webhook(format), &message, "id", None).to_string();
            assert!(
                text.contains("night: 1 notification held back in quiet hours") && text.contains("*bold*"),
                "{text}"
            );
        }
    }
}
