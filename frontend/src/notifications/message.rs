//! What a delivery says, whatever the channel: an alarm, a summary of several, or that this is a test.
//!
//! Titles and names come from attackers. They are cut and lose their control and direction characters here, once, so
//! that no channel has to think of line breaks; what else is special there, each channel escapes itself.

use dsiem_core::risk::RiskClass;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::occasion::{Class, Facts, Kind, Occasion};
use super::rule::Why;

/// Characters of any text of an alarm.
const MAX_TEXT: usize = 300;
/// Addresses and networks of an alarm that are told.
const MAX_LISTED: usize = 20;
/// Alarms that a summary names.
const MAX_NAMED: usize = 20;

/// What a delivery says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message {
    /// The name of the rule that tells it.
    pub(super) rule: String,
    pub(super) what: What,
}

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    Alarm(Box<Occasion>),
    Summary(Digest),
    /// Somebody tries a channel, at this time.
    Test(i64),
}

/// What was held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Digest {
    pub(super) why: Why,
    /// When the first of it happened.
    pub(super) since: i64,
    /// How many occasions.
    pub(super) count: u64,
    /// The highest class among them.
    pub(super) risk_class: Class,
    /// The first alarms, each as it was last.
    pub(super) alarms: Vec<Named>,
}

/// An alarm in a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) alarm_id: String,
    pub(super) title: String,
    pub(super) risk: u8,
    pub(super) risk_class: Class,
}

impl Digest {
    /// With nothing in it yet.
    pub(super) fn new(why: Why, now: i64) -> Self {
        Self { why, since: now, count: 0, risk_class: Class(RiskClass::Low), alarms: Vec::new() }
    }

    /// Adds an occasion.
    pub(super) fn add(&mut self, facts: &Facts) {
        self.count += 1;
        self.risk_class.0 = self.risk_class.0.max(facts.risk_class.0);
        let named = Named {
            alarm_id: facts.alarm_id.clone(),
            title: cleaned(&facts.title),
            risk: facts.risk,
            risk_class: facts.risk_class,
        };
        let place = self.alarms.iter().position(|known| known.alarm_id == named.alarm_id);
        match place {
            Some(place) => self.alarms[place] = named,
            None if self.alarms.len() < MAX_NAMED => self.alarms.push(named),
            None => {}
        }
    }
}

impl Message {
    /// About one alarm.
    pub(super) fn of_alarm(rule: &str, occasion: &Occasion) -> Self {
        let mut told = occasion.clone();
        let Facts { title, status, tag, kingdom, category, src_ips, dst_ips, networks, .. } = &mut told.facts;
        for text in [title, status, tag, kingdom, category] {
            *text = cleaned(text);
        }
        src_ips.truncate(MAX_LISTED);
        dst_ips.truncate(MAX_LISTED);
        networks.truncate(MAX_LISTED);
        networks.iter_mut().for_each(|network| *network = cleaned(network));
        Self { rule: rule.to_owned(), what: What::Alarm(Box::new(told)) }
    }

    /// In one line, without what is special in any channel.
    pub(super) fn headline(&self) -> String {
        match &self.what {
            What::Alarm(occasion) => {
                let facts = &occasion.facts;
                format!("[{}] {}: {}", facts.risk_class.0.as_str(), facts.title, occasion.in_words())
            }
            What::Summary(digest) => {
                let what = if digest.count == 1 { "notification" } else { "notifications" };
                let why = match digest.why {
                    Why::QuietHours => "in quiet hours",
                    Why::TooMany => "beyond the limit of an hour",
                };
                format!(
                    "[{}] {}: {} {what} held back {why}",
                    digest.risk_class.0.as_str(),
                    self.rule,
                    digest.count
                )
            }
            What::Test(_) => "[Low] Test of a notification channel: this is no alarm".to_owned(),
        }
    }

    /// What there is to say below the headline: names and values.
    pub(super) fn details(&self) -> Vec<(&'static str, String)> {
        match &self.what {
            What::Alarm(occasion) => {
                let facts = &occasion.facts;
                let details = [
                    ("Risk", format!("{} ({})", facts.risk, facts.risk_class.0.as_str())),
                    ("Stages", format!("{} of {} complete", facts.finished_stages, facts.stages)),
                    ("Sources", listed(&facts.src_ips)),
                    ("Destinations", listed(&facts.dst_ips)),
                    ("Networks", facts.networks.join(", ")),
                    ("Kingdom", facts.kingdom.clone()),
                    ("Category", facts.category.clone()),
                    ("Status", facts.status.clone()),
                    ("Tag", facts.tag.clone()),
                    (
                        "Findings",
                        if facts.findings == 0 { String::new() } else { facts.findings.to_string() },
                    ),
                    ("Rule", self.rule.clone()),
                ];
                details.into_iter().filter(|(_, value)| !value.is_empty()).collect()
            }
            What::Summary(_) | What::Test(_) => vec![("Rule", self.rule.clone())],
        }
    }

    /// The alarms of a summary, a line for each.
    pub(super) fn lines(&self) -> Vec<String> {
        let What::Summary(digest) = &self.what else { return Vec::new() };
        let line = |named: &Named| format!("[{}] {}", named.risk_class.0.as_str(), named.title);
        digest.alarms.iter().map(line).collect()
    }

    /// The address where somebody looks at it.
    pub(super) fn link(&self, public_url: Option<&str>) -> Option<String> {
        let base = public_url?.trim_end_matches('/');
        Some(match &self.what {
            What::Alarm(occasion) => {
                let id = utf8_percent_encode(&occasion.facts.alarm_id, NON_ALPHANUMERIC);
                format!("{base}/ui/#/data/alarm-detail/{id}")
            }
            What::Summary(_) | What::Test(_) => format!("{base}/ui/"),
        })
    }

    /// The alarm that it is about, if it is one.
    pub(super) fn alarm_id(&self) -> Option<&str> {
        match &self.what {
            What::Alarm(occasion) => Some(&occasion.facts.alarm_id),
            What::Summary(_) | What::Test(_) => None,
        }
    }

    /// The highest class that it tells of.
    pub(super) fn risk_class(&self) -> RiskClass {
        match &self.what {
            What::Alarm(occasion) => occasion.facts.risk_class.0,
            What::Summary(digest) => digest.risk_class.0,
            What::Test(_) => RiskClass::Low,
        }
    }

    /// When it happened, in seconds since 1970.
    pub(super) fn at(&self) -> i64 {
        match &self.what {
            What::Alarm(occasion) => occasion.at,
            What::Summary(digest) => digest.since,
            What::Test(at) => *at,
        }
    }

    /// The fields of templates, which are also the document without one; those that say nothing are null.
    pub(super) fn fields(&self, id: &str, public_url: Option<&str>) -> Map<String, Value> {
        let (kind, facts) = match &self.what {
            What::Alarm(occasion) => ("alarm", json!(occasion)),
            What::Summary(digest) => ("summary", json!({"count": digest.count, "alarms": digest.alarms})),
            What::Test(_) => ("test", json!({})),
        };
        let own = json!({
            "id": id, "kind": kind, "rule": self.rule, "at": self.at(), "text": self.headline(),
            "url": self.link(public_url), "risk_class": self.risk_class().as_str(), "count": 1, "alarms": [],
        });
        let occasion = match &self.what {
            What::Alarm(occasion) => json!({"occasion": occasion.kind}),
            What::Summary(_) | What::Test(_) => json!({}),
        };
        let value = |name: &str| {
            let found = [&facts, &occasion, &own].into_iter().find_map(|part| part.get(name));
            found.cloned().unwrap_or(Value::Null)
        };
        // The kind of an occasion is a field of the occasion; that of the document is what counts.
        let mut fields: Map<String, Value> =
            super::template::FIELDS.iter().map(|name| ((*name).to_owned(), value(name))).collect();
        fields.insert("kind".to_owned(), kind.into());
        fields
    }
}

impl Occasion {
    /// What happened, in words that follow the title.
    fn in_words(&self) -> String {
        match (self.kind, self.previous_risk_class) {
            (Kind::ClassRose, Some(before)) => {
                format!("{} from {}", self.kind.in_words(), before.0.as_str())
            }
            _ => self.kind.in_words().to_owned(),
        }
    }
}

fn listed(addresses: &[std::net::IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A text on one line, of a bounded length, that reads as it is written.
pub(super) fn cleaned(text: &str) -> String {
    shortened(&text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect::<String>(), MAX_TEXT)
}

/// A text with so many characters at most.
pub(super) fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Characters that break lines, change the direction of others, or are not seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_attackers_write_stays_on_one_line_and_short() {
        assert_eq!(cleaned("a\r\nBcc: x\u{202e}y\u{0}"), "a  Bcc: x y ");
        assert_eq!(cleaned(&"é".repeat(1_000)).chars().count(), MAX_TEXT);
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("abcd", 3), "ab…");
    }

    #[test]
    fn a_summary_names_each_alarm_once_and_counts_all() {
        let mut digest = Digest::new(Why::TooMany, 5);
        for n in 0..100 {
            digest.add(&facts(&format!("a{}", n % 50), RiskClass::Medium));
        }
        digest.add(&facts("a0", RiskClass::High));
        assert_eq!(
            (digest.count, digest.alarms.len(), digest.risk_class.0),
            (101, MAX_NAMED, RiskClass::High)
        );
        assert_eq!(digest.alarms[0].risk_class.0, RiskClass::High, "as it was last");
    }

    #[test]
    fn every_field_is_there_whatever_it_is_about() {
        let occasion = Occasion {
            kind: Kind::ClassRose,
            at: 7,
            previous_risk_class: Some(Class(RiskClass::Low)),
            facts: facts("a/1", RiskClass::High),
        };
        let alarm = Message::of_alarm("r", &occasion);
        let fields = alarm.fields("x", Some("https://siem.example/"));
        assert_eq!(fields["kind"], "alarm");
        assert_eq!(fields["occasion"], "class_rose");
        assert_eq!(fields["url"], "https://siem.example/ui/#/data/alarm-detail/a%2F1");
        assert_eq!(fields["text"], "[High] Scan: its risk class rose from Low");
        assert_eq!(fields["previous_risk_class"], "Low");
        let always = ["count", "alarms"];
        let none: Vec<&String> =
            fields.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name).collect();
        assert!(none.is_empty() && always.iter().all(|name| fields.contains_key(*name)), "{none:?}");
        for what in [What::Test(5), What::Summary(Digest::new(Why::QuietHours, 5))] {
            let fields = Message { rule: "r".into(), what }.fields("x", None);
            assert_eq!(fields.len(), super::super::template::FIELDS.len());
            assert_eq!(
                (&fields["at"], &fields["url"], &fields["title"]),
                (&json!(5), &Value::Null, &Value::Null)
            );
        }
    }

    fn facts(alarm_id: &str, class: RiskClass) -> Facts {
        Facts {
            alarm_id: alarm_id.into(),
            title: "Scan".into(),
            status: "Open".into(),
            tag: "Threat".into(),
            kingdom: "Recon".into(),
            category: "Scan".into(),
            directive_id: Some(7),
            risk: 5,
            risk_class: Class(class),
            src_ips: vec![[10, 0, 0, 1].into()],
            dst_ips: Vec::new(),
            networks: Vec::new(),
            created_time: 1,
            update_time: 2,
            stages: 3,
            finished_stages: 1,
            findings: 0,
        }
    }
}
