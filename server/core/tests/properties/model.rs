//! The engine once more, naively: every backlog is asked, texts are read anew for each event, lists are scanned.
//!
//! Written from the words of the specification, with nothing of the engine but the type of an event. It is slow and
//! obvious, and `model_agrees` holds the engine against it.

use std::net::IpAddr;

use dsiem_core::event::{Event, Text};
use ipnet::IpNet;
use serde_json::Value;

use crate::cases::{ASSETS, WINDOW_SECS};
use crate::model::Status::{Active, Finished, Timeout};

const TOLERANCE_SECS: i64 = 5;
const LIFETIME_SECS: i64 = 3;
const SKEW_SECS: i64 = 300;

/// A directive with all its backlogs.
pub(crate) struct Model {
    directive: Value,
    /// In the order of their stages.
    rules: Vec<Value>,
    /// Ended ones stay.
    pub(crate) backlogs: Vec<Attempt>,
    /// What was consumed or opened something, and when.
    seen: Vec<(Text, i64)>,
}

/// A backlog.
pub(crate) struct Attempt {
    pub(crate) opened_by: Event,
    pub(crate) stages: Vec<Notes>,
    pub(crate) over: bool,
    pub(crate) risk: u64,
    pub(crate) created: Option<i64>,
    pub(crate) updated: i64,
    pub(crate) src_ips: Vec<IpAddr>,
    pub(crate) dst_ips: Vec<IpAddr>,
    pub(crate) ports: Vec<(IpAddr, u16)>,
    /// Label and content.
    pub(crate) custom_data: Vec<(Text, Text)>,
    pub(crate) networks: Vec<IpNet>,
}

/// What is noted about a stage.
pub(crate) struct Notes {
    pub(crate) stage: u64,
    pub(crate) events: Vec<Event>,
    pub(crate) start: i64,
    pub(crate) end: Option<i64>,
    pub(crate) status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Status {
    Active,
    Finished,
    Timeout,
}

/// What became of an event; backlogs are told by the id of the event that opened them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Duplicate,
    Consumed(Vec<(Text, &'static str)>),
    Opened,
    Nothing,
}

impl Model {
    pub(crate) fn new(directive: &Value) -> Self {
        let mut rules = directive["rules"].as_array().unwrap().clone();
        rules.sort_by_key(|rule| rule["stage"].as_u64());
        Self { directive: directive.clone(), rules, backlogs: Vec::new(), seen: Vec::new() }
    }

    pub(crate) fn apply(&mut self, event: &Event) -> Answer {
        let window = i64::from(WINDOW_SECS) * 1_000_000_000;
        let now = event.received.nanos();
        if self.seen.iter().any(|(id, at)| *id == event.id && now - at <= window) {
            return Answer::Duplicate;
        }
        self.expire(event.received.secs());
        let mut consumed = Vec::new();
        for backlog in self.backlogs.iter_mut().filter(|backlog| !backlog.over) {
            if let Some(word) = backlog.take(event, &self.directive, &self.rules) {
                consumed.push((backlog.opened_by.id.clone(), word));
            }
        }
        let answer = if !consumed.is_empty() {
            Answer::Consumed(consumed)
        } else if matches(&self.rules[0], event, &[], &self.rules, false)
            && !self.backlogs.iter().any(|backlog| !backlog.over && backlog.opened_by.id == event.id)
        {
            self.backlogs.push(Attempt::open(event, &self.directive, &self.rules));
            Answer::Opened
        } else {
            return Answer::Nothing;
        };
        self.seen.push((event.id.clone(), now));
        answer
    }

    pub(crate) fn expire(&mut self, now: i64) {
        for backlog in self.backlogs.iter_mut().filter(|backlog| !backlog.over) {
            let current = backlog.stages.len() - 1;
            let timeout = self.rules[current]["timeout"].as_i64().unwrap_or(0);
            if backlog.stages[current].start + timeout < now - LIFETIME_SECS {
                backlog.over = true;
                backlog.stages[current].status = Timeout;
                backlog.update_alarm();
            }
        }
    }
}

impl Attempt {
    fn open(event: &Event, directive: &Value, rules: &[Value]) -> Self {
        let mut attempt = Self {
            opened_by: event.clone(),
            stages: vec![Notes::begin(&rules[0], time(event))],
            over: false,
            risk: 0,
            created: None,
            updated: 0,
            src_ips: Vec::new(),
            dst_ips: Vec::new(),
            ports: Vec::new(),
            custom_data: Vec::new(),
            networks: Vec::new(),
        };
        attempt.count(event, directive, rules);
        attempt
    }

    /// How the event was consumed, if it was.
    fn take(&mut self, event: &Event, directive: &Value, rules: &[Value]) -> Option<&'static str> {
        let current = self.stages.len() - 1;
        let rule = &rules[current];
        if !matches(rule, event, &self.stages, rules, false) {
            if directive["all_rules_always_active"] != Value::Bool(true) {
                return None;
            }
            let earlier = (0..current).find(|n| matches(&rules[*n], event, &self.stages, rules, *n == 0))?;
            if self.stages[earlier].has(event) {
                return Some("known");
            }
            self.stages[earlier].events.push(event.clone());
            self.gather(event);
            self.update_alarm();
            return Some("absorbed");
        }
        if self.stages[current].has(event) {
            return Some("known");
        }
        let value = |event| sticky_value(rule, event);
        if value(event).is_some()
            && self.stages[current].events.iter().any(|known| value(known) == value(event))
        {
            return Some("nothing new");
        }
        let end = self.stages.iter().filter_map(|stage| stage.end).max();
        if end.is_some_and(|end| time(event) < end && end - time(event) >= TOLERANCE_SECS) {
            return Some("out of order");
        }
        self.count(event, directive, rules);
        Some("counted")
    }

    fn count(&mut self, event: &Event, directive: &Value, rules: &[Value]) {
        let current = self.stages.len() - 1;
        let stage = &mut self.stages[current];
        if stage.events.is_empty() {
            stage.start = time(event);
        }
        stage.events.push(event.clone());
        let complete = stage.events.len() as u64 == rules[current]["occurrence"].as_u64().unwrap();
        self.gather(event);
        if !complete {
            return;
        }
        self.stages[current].status = Finished;
        self.stages[current].end = Some(time(event));
        let value =
            self.src_ips.iter().chain(&self.dst_ips).map(|address| asset_value(*address)).max().unwrap_or(0);
        let number = |value: &Value| value.as_u64().unwrap();
        self.risk = number(&directive["priority"]) * number(&rules[current]["reliability"]) * value / 25;
        match rules.get(current + 1) {
            Some(next) => self.stages.push(Notes::begin(next, time(event))),
            None => self.over = true,
        }
        self.update_alarm();
    }

    fn gather(&mut self, event: &Event) {
        self.updated = event.received.secs();
        add(&mut self.src_ips, event.src_ip);
        add(&mut self.dst_ips, event.dst_ip);
        for addresses in [&mut self.src_ips, &mut self.dst_ips] {
            if addresses.len() > 1 {
                addresses.retain(|address| address.to_string() != "0.0.0.0");
            }
        }
        for pair in [(event.src_ip, event.src_port), (event.dst_ip, event.dst_port)] {
            if pair.1 > 0 {
                add(&mut self.ports, pair);
            }
        }
        for n in 0..3 {
            if !event.custom_data[n].is_empty() {
                add(&mut self.custom_data, (event.custom_labels[n].clone(), event.custom_data[n].clone()));
            }
        }
    }

    fn update_alarm(&mut self) {
        if self.risk == 0 {
            return;
        }
        self.created = self.created.or(Some(self.updated));
        for (network, _, whitelisted) in ASSETS {
            let network: IpNet = network.parse().unwrap();
            let has_one = self.src_ips.iter().chain(&self.dst_ips).any(|address| network.contains(address));
            if has_one && !whitelisted && network.prefix_len() < network.max_prefix_len() {
                add(&mut self.networks, network);
            }
        }
    }
}

impl Notes {
    fn begin(rule: &Value, start: i64) -> Self {
        Self { stage: rule["stage"].as_u64().unwrap(), events: Vec::new(), start, end: None, status: Active }
    }

    fn has(&self, event: &Event) -> bool {
        self.events.iter().any(|known| known.id == event.id)
    }
}

/// Section 3. `again`: stage 1 matched again, where the addresses are those of the backlog's first event.
fn matches(rule: &Value, event: &Event, stages: &[Notes], rules: &[Value], again: bool) -> bool {
    let first = |text: &str| {
        let stage: u64 = text.strip_prefix(':')?.parse().ok()?;
        let position = rules.iter().position(|rule| rule["stage"] == stage)?;
        stages.get(position)?.events.first()
    };
    let address = |field: &str, of: fn(&Event) -> IpAddr| match text(rule, field) {
        _ if again => of(event) == of(&stages[0].events[0]),
        "ANY" => true,
        "HOME_NET" => is_home(of(event)),
        "!HOME_NET" => !is_home(of(event)),
        reference if reference.starts_with(':') => {
            first(reference).is_some_and(|first| of(first) == of(event))
        }
        list => accepts(list, |item| match item.parse::<IpNet>() {
            Ok(network) => network.contains(&of(event)),
            Err(_) => item.parse::<IpAddr>().unwrap() == of(event),
        }),
    };
    let port = |field: &str, of: fn(&Event) -> u16| match text(rule, field) {
        "" | "ANY" => true,
        reference if reference.starts_with(':') => {
            first(reference).is_some_and(|first| of(first) == of(event))
        }
        list => accepts(list, |item| item.parse::<u16>().unwrap() == of(event)),
    };
    let protocol = || match text(rule, "protocol") {
        "" | "ANY" => true,
        reference if reference.starts_with(':') => {
            first(reference).is_some_and(|first| first.protocol == event.protocol)
        }
        other => *other == *event.protocol,
    };
    let custom = |n: usize| match text(rule, ["custom_data1", "custom_data2", "custom_data3"][n]) {
        "" | "ANY" => true,
        reference if reference.starts_with(':') => {
            first(reference).is_some_and(|first| first.custom_data[n] == event.custom_data[n])
        }
        list if list.contains(',') => accepts(list, |item| *item == *event.custom_data[n]),
        one => {
            let equal = one.trim_start_matches('!').to_lowercase() == event.custom_data[n].to_lowercase();
            equal != one.starts_with('!')
        }
    };
    is_of_kind(rule, event)
        && protocol()
        && address("from", |event| event.src_ip)
        && address("to", |event| event.dst_ip)
        && port("port_from", |event| event.src_port)
        && port("port_to", |event| event.dst_port)
        && (0..3).all(custom)
}

fn is_of_kind(rule: &Value, event: &Event) -> bool {
    let subcategories = || rule["subcategory"].as_array().unwrap();
    let has = |item: &str| subcategories().iter().any(|one| one == item);
    has_keys_of(rule, event)
        && (rule["type"] == "PluginRule"
            || subcategories().is_empty()
            || has(&event.subcategory)
            || has("ANY"))
}

/// Whether its key fields are those of the rule.
pub(crate) fn has_keys_of(rule: &Value, event: &Event) -> bool {
    let has = |list: &str, item: Value| rule[list].as_array().unwrap().contains(&item);
    if rule["type"] == "PluginRule" {
        return rule["plugin_id"] == event.plugin_id && has("plugin_sid", event.plugin_sid.into());
    }
    rule["category"] == *event.category && has("product", (*event.product).into())
}

/// From left to right, the first item that decides wins.
fn accepts(list: &str, is_equal: impl Fn(&str) -> bool) -> bool {
    let mut accepted = false;
    for item in list.split([',', ' ']) {
        match (item.strip_prefix('!'), is_equal(item.trim_start_matches('!'))) {
            (None, true) => return true,
            (Some(_), true) => return false,
            (Some(_), false) => accepted = true,
            (None, false) => {}
        }
    }
    accepted
}

fn sticky_value(rule: &Value, event: &Event) -> Option<String> {
    Some(match text(rule, "sticky_different") {
        "PLUGIN_SID" => event.plugin_sid.to_string(),
        "SRC_IP" => event.src_ip.to_string(),
        "DST_IP" => event.dst_ip.to_string(),
        "SRC_PORT" => event.src_port.to_string(),
        "DST_PORT" => event.dst_port.to_string(),
        "CUSTOM_DATA1" => event.custom_data[0].to_string(),
        "CUSTOM_DATA2" => event.custom_data[1].to_string(),
        "CUSTOM_DATA3" => event.custom_data[2].to_string(),
        _ => return None,
    })
}

fn time(event: &Event) -> i64 {
    let (said, received) = (event.timestamp.as_second(), event.received.secs());
    if said > received + SKEW_SECS { received } else { said }
}

fn text<'a>(rule: &'a Value, field: &str) -> &'a str {
    rule[field].as_str().unwrap_or("")
}

fn asset_value(address: IpAddr) -> u64 {
    let has = |network: &str| network.parse::<IpNet>().unwrap().contains(&address);
    ASSETS
        .iter()
        .filter(|(network, ..)| has(network))
        .map(|(_, value, _)| u64::from(*value))
        .max()
        .unwrap_or(0)
}

fn is_home(address: IpAddr) -> bool {
    ASSETS
        .iter()
        .any(|(network, _, whitelisted)| !whitelisted && network.parse::<IpNet>().unwrap().contains(&address))
}

fn add<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if !list.contains(&value) {
        list.push(value);
    }
}
