//! The narrow door of these tests: one directive, its open backlogs, events one after the other.
//!
//! ```text
//! scenario(["sid=1", "sid=2 occurrence=3 from=:1"])
//!     .at(10).event("1.1.1.1 -> 2.2.2.2 sid=1", "opens")
//!     .at(11).event("1.1.1.1 -> 2.2.2.2 sid=2", "counts in 2")
//! ```
//!
//! A rule is a list of `field=value`; what is not said is "any", an occurrence of 1, a reliability of 5 and a timeout of
//! 1000 s. An event is `source[:port] -> destination[:port]` and a list of `field=value`; what is not said is plugin 1,
//! sid 1, a new id (e1, e2, …) and the time of the last [`at`](Scenario::at) for both timestamp and receipt.
//!
//! What becomes of an event is told in words, one for each backlog that consumed it; `opens` when none did and it
//! matches the first rule; `nothing` otherwise.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::alarm::AlarmDocument;
use crate::assets::{AssetEntry, Assets};
use crate::backlog::{Backlog, Context, Discarded, Outcome, Settings, Update, Verdict};
use crate::directive::{Directive, file};
use crate::event::{Event, EventKey};
use crate::hash::Seed;
use crate::matcher::NoFirstEvents;
use crate::time::ReceiptTime;

/// A directive, its backlogs, and the time.
pub(crate) struct Scenario {
    definition: Value,
    pub(crate) directive: Arc<Directive>,
    assets: Vec<AssetEntry>,
    pub(crate) settings: Settings,
    now: i64,
    sent: usize,
    /// Oldest first; ended ones stay.
    pub(crate) backlogs: Vec<Backlog>,
    /// What the last step asked to be done, of the last backlog that it concerned.
    pub(crate) last: Option<Outcome>,
    /// `<stage> <event id>` for each alarm-event line that had to be written.
    lines: Vec<String>,
}

/// The directive 7 with these rules, of priority 5.
pub(crate) fn scenario<const N: usize>(rules: [&str; N]) -> Scenario {
    let rules: Vec<_> = rules.iter().enumerate().map(|(n, text)| rule(n + 1, text)).collect();
    let definition = json!({
        "id": 7, "name": "Attack", "priority": 5, "kingdom": "Kingdom", "category": "Category", "rules": rules,
    });
    Scenario {
        directive: compile(&definition),
        definition,
        assets: Vec::new(),
        settings: settings(),
        now: 0,
        sent: 0,
        backlogs: Vec::new(),
        last: None,
        lines: Vec::new(),
    }
}

/// The defaults, with a fixed seed.
pub(crate) fn settings() -> Settings {
    Settings::new(Seed(1))
}

fn rule(stage: usize, text: &str) -> Value {
    let mut rule = json!({
        "stage": stage, "name": "", "type": "PluginRule", "plugin_id": 1, "plugin_sid": [1], "occurrence": 1,
        "from": "ANY", "to": "ANY", "port_from": "ANY", "port_to": "ANY", "protocol": "ANY", "reliability": 5,
        "timeout": 1000,
    });
    let numbers =
        |value: &str| value.split(',').map(|n| json!(n.parse::<u64>().unwrap())).collect::<Vec<_>>();
    let texts = |value: &str| json!(value.split(',').collect::<Vec<_>>());
    for (field, value) in pairs(text) {
        let (field, value) = match field {
            "sid" => ("plugin_sid", json!(numbers(value))),
            "sticky" => ("sticky_different", json!(value)),
            "stage" | "occurrence" | "reliability" | "timeout" | "plugin_id" => {
                (field, json!(numbers(value)[0]))
            }
            "product" => {
                let fields: &mut Map<String, Value> = rule.as_object_mut().unwrap();
                fields.retain(|field, _| !field.starts_with("plugin"));
                fields.insert("type".to_owned(), json!("TaxonomyRule"));
                (field, texts(value))
            }
            "subcategory" => (field, texts(value)),
            _ => (field, json!(value)),
        };
        rule[field] = value;
    }
    rule
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split_whitespace()
        .map(|word| word.split_once('=').unwrap_or_else(|| panic!("not field=value: {word}")))
}

fn compile(definition: &Value) -> Arc<Directive> {
    Arc::new(file::from_value(definition).unwrap_or_else(|problems| panic!("{definition}: {problems:?}")))
}

impl Scenario {
    /// With `all_rules_always_active`.
    pub(crate) fn always_active(self) -> Self {
        self.with("all_rules_always_active", json!(true))
    }

    /// With another field of the directive.
    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.definition[field] = value;
        self.directive = compile(&self.definition);
        self
    }

    /// With an asset that is home.
    pub(crate) fn asset(self, network: &str, value: u8) -> Self {
        self.named_asset(network, network, value, false)
    }

    /// With an asset whose events are dropped and that is not home.
    pub(crate) fn whitelisted(self, network: &str, value: u8) -> Self {
        self.named_asset(network, network, value, true)
    }

    /// With an asset.
    pub(crate) fn named_asset(mut self, name: &str, network: &str, value: u8, whitelisted: bool) -> Self {
        self.assets.push(AssetEntry {
            name: name.to_owned(),
            network: network.parse().unwrap(),
            value,
            whitelisted,
        });
        self
    }

    /// With other settings.
    pub(crate) fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// It is now `secs`.
    pub(crate) fn at(mut self, secs: i64) -> Self {
        self.now = secs;
        self
    }

    /// An event comes, and this becomes of it.
    #[track_caller]
    pub(crate) fn event(mut self, text: &str, expected: &str) -> Self {
        self.sent += 1;
        let event = event(text, self.sent, self.now);
        assert_eq!(self.take(&event), expected, "{text}");
        self
    }

    /// The last step asks for this: `nothing`, `a document soon`, `a document now` or `a document now and look-ups`.
    #[track_caller]
    pub(crate) fn asks_for(self, expected: &str) -> Self {
        let asked = match self.last.expect("something happened").update {
            Update::None => "nothing",
            Update::Soon => "a document soon",
            Update::Now { look_ups: false } => "a document now",
            Update::Now { look_ups: true } => "a document now and look-ups",
        };
        assert_eq!(asked, expected);
        self
    }

    /// Whether the last step moved the deadline.
    #[track_caller]
    pub(crate) fn then_deadline_changed(self, expected: bool) -> Self {
        let changed = self.last.is_some_and(|outcome| outcome.deadline_changed);
        assert_eq!(changed, expected);
        self
    }

    /// Time passes: whether each backlog is over now.
    #[track_caller]
    pub(crate) fn passes(mut self, expected: &[bool]) -> Self {
        let assets = Assets::new(self.assets.clone());
        let context = Context { settings: &self.settings, assets: &assets };
        for backlog in &mut self.backlogs {
            self.last = Some(backlog.on_deadline(ReceiptTime::from_secs(self.now), context));
        }
        let over: Vec<_> = self.backlogs.iter().map(|backlog| backlog.ending().is_some()).collect();
        assert_eq!(over, expected, "at {}", self.now);
        self
    }

    /// The only backlog looks like this.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "plain values read better in tests")]
    pub(crate) fn then<T: PartialEq + std::fmt::Debug>(
        self,
        see: impl Fn(&Backlog) -> T,
        expected: T,
    ) -> Self {
        assert_eq!(see(self.only()), expected);
        self
    }

    /// These alarm-event lines had to be written so far, each `<stage> <event id>`.
    #[track_caller]
    pub(crate) fn lines(self, expected: &[&str]) -> Self {
        assert_eq!(self.lines, expected);
        self
    }

    /// A field of the alarm document of the only backlog; a rule's field is `rules/0/from`.
    #[track_caller]
    pub(crate) fn shows(self, field: &str, expected: impl Into<Value>) -> Self {
        let document: Value = serde_json::from_str(&self.document()).unwrap();
        assert_eq!(
            document.pointer(&format!("/{field}")).unwrap_or(&Value::Null),
            &expected.into(),
            "{field}"
        );
        self
    }

    /// The alarm document of the only backlog.
    pub(crate) fn document(&self) -> String {
        String::from_utf8(AlarmDocument::of(self.only(), &self.settings).to_json()).unwrap()
    }

    #[track_caller]
    fn only(&self) -> &Backlog {
        assert_eq!(self.backlogs.len(), 1, "one backlog");
        &self.backlogs[0]
    }

    fn take(&mut self, event: &Event) -> String {
        let assets = Assets::new(self.assets.clone());
        let context = Context { settings: &self.settings, assets: &assets };
        let mut words = Vec::new();
        for backlog in &mut self.backlogs {
            let outcome = backlog.on_event(event, context);
            if outcome.consumed() {
                words.push(told(&outcome));
                self.last = Some(outcome);
                self.lines.extend(outcome.joined_stage.map(|stage| format!("{stage} {}", event.id)));
            }
        }
        if !words.is_empty() {
            return words.join(", ");
        }
        if !self.directive.rules[0].matches(event, &assets, &NoFirstEvents) {
            return "nothing".to_owned();
        }
        let (backlog, outcome) = Backlog::open(self.directive.clone(), event, context);
        assert_eq!(outcome.verdict, Verdict::Counted);
        self.backlogs.push(backlog);
        self.last = Some(outcome);
        self.lines.extend(outcome.joined_stage.map(|stage| format!("{stage} {}", event.id)));
        "opens".to_owned()
    }
}

fn told(outcome: &Outcome) -> String {
    let stage = outcome.joined_stage.map_or_else(|| "none".to_owned(), |stage| stage.to_string());
    match outcome.verdict {
        Verdict::NotConsumed => "not consumed".to_owned(),
        Verdict::Absorbed => format!("joins {stage}"),
        Verdict::Counted => format!("counts in {stage}"),
        Verdict::Discarded(why) => {
            assert_eq!((outcome.joined_stage, outcome.update), (None, Update::None));
            match why {
                Discarded::SameEvent => "known".to_owned(),
                Discarded::NothingNew => "nothing new".to_owned(),
                Discarded::OutOfOrder => "out of order".to_owned(),
            }
        }
    }
}

/// Reads an event as these tests write it.
pub(crate) fn event(text: &str, number: usize, now: i64) -> Event {
    let (source, rest) = text.split_once(" -> ").expect("source -> destination");
    let (destination, fields) = rest.split_once(' ').unwrap_or((rest, ""));
    let (src_ip, src_port) = endpoint(source);
    let (dst_ip, dst_port) = endpoint(destination);
    let id = format!("e{number}");
    let mut event = Event {
        key: EventKey::of(&id),
        id: id.into(),
        timestamp: Timestamp::from_second(now).unwrap(),
        received: ReceiptTime::from_secs(now),
        conn_id: 0,
        title: "".into(),
        sensor: "sensor".into(),
        plugin_id: 1,
        plugin_sid: 1,
        product: "".into(),
        category: "".into(),
        subcategory: "".into(),
        src_ip,
        dst_ip,
        src_port,
        dst_port,
        protocol: "".into(),
        custom_data: Default::default(),
        custom_labels: Default::default(),
    };
    for (field, value) in pairs(fields) {
        set(&mut event, field, value);
    }
    event
}

fn set(event: &mut Event, field: &str, value: &str) {
    match field {
        "id" => (event.id, event.key) = (value.into(), EventKey::of(value)),
        "timestamp" => event.timestamp = Timestamp::from_second(value.parse().unwrap()).unwrap(),
        "plugin_id" => event.plugin_id = value.parse().unwrap(),
        "sid" => event.plugin_sid = value.parse().unwrap(),
        "product" => event.product = value.into(),
        "category" => event.category = value.into(),
        "subcategory" => event.subcategory = value.into(),
        "protocol" => event.protocol = value.into(),
        "custom_data1" => event.custom_data[0] = value.into(),
        "custom_data2" => event.custom_data[1] = value.into(),
        "custom_data3" => event.custom_data[2] = value.into(),
        "custom_label1" => event.custom_labels[0] = value.into(),
        "custom_label2" => event.custom_labels[1] = value.into(),
        "custom_label3" => event.custom_labels[2] = value.into(),
        other => panic!("no such field: {other}"),
    }
}

/// An address with or without a port; `[::1]:80` for IPv6.
fn endpoint(text: &str) -> (IpAddr, u16) {
    match text.parse::<SocketAddr>() {
        Ok(both) => (both.ip(), both.port()),
        Err(_) => (text.parse().unwrap_or_else(|_| panic!("no address: {text}")), 0),
    }
}
