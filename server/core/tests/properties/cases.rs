//! Random directives and events from small domains.

use std::fmt;

use dsiem_core::assets::{AssetEntry, Assets};
use dsiem_core::backlog::Settings;
use dsiem_core::event::{Event, EventKey, json};
use dsiem_core::hash::Seed;
use dsiem_core::time::ReceiptTime;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const ADDRESSES: [&str; 6] = ["10.0.0.1", "10.0.0.2", "192.168.0.1", "8.8.8.8", "0.0.0.0", "fd00::1"];
const PORTS: [u16; 3] = [0, 80, 443];
const PROTOCOLS: [&str; 3] = ["", "TCP", "tcp"];
const TEXTS: [&str; 4] = ["", "a", "A", "b"];
const STICKY: [&str; 9] = [
    "none",
    "PLUGIN_SID",
    "SRC_IP",
    "DST_IP",
    "SRC_PORT",
    "DST_PORT",
    "CUSTOM_DATA1",
    "CUSTOM_DATA2",
    "CUSTOM_DATA3",
];

/// Network, value, whether it is whitelisted.
pub(crate) const ASSETS: [(&str, u8, bool); 4] = [
    ("10.0.0.0/8", 3, false),
    ("10.0.0.1/32", 5, false),
    ("192.168.0.0/16", 2, true),
    ("fd00::/8", 1, false),
];

/// How long an event id is remembered, in seconds.
pub(crate) const WINDOW_SECS: u32 = 6;

/// Events one after the other, with the receipt time of none before that of the one before it.
#[derive(Clone)]
pub(crate) struct Events(pub(crate) Vec<Event>);

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.0 {
            let mut line = Vec::new();
            json::encode(event, &mut line);
            write!(f, "\n{}", String::from_utf8_lossy(&line))?;
        }
        Ok(())
    }
}

/// A directive in the form of files, shown as JSON.
#[derive(Clone)]
pub(crate) struct Definition(pub(crate) Value);

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.0)
    }
}

pub(crate) fn assets() -> Assets {
    Assets::new(ASSETS.iter().map(|(network, value, whitelisted)| AssetEntry {
        name: format!("asset {network}"),
        network: network.parse().unwrap(),
        value: *value,
        whitelisted: *whitelisted,
    }))
}

pub(crate) fn settings() -> Settings {
    Settings { min_alarm_lifetime_secs: 3, ..Settings::new(Seed(7)) }
}

/// A directive of id 1 to 3 whose stages have gaps and stand in any order.
pub(crate) fn definition() -> impl Strategy<Value = Definition> {
    let rules = prop::collection::vec(1_u8..4, 1..4).prop_flat_map(|gaps| {
        let mut stages = vec![1];
        stages.extend(gaps.iter().scan(1, |stage, gap| {
            *stage += gap;
            Some(*stage)
        }));
        (0..stages.len()).map(|n| rule(&stages, n)).collect::<Vec<_>>().prop_shuffle()
    });
    let name = select(vec!["Attack", "Attack of SRC_IP on DST_IP"]);
    (rules, 1_u64..4, 1_u8..6, any::<bool>(), name).prop_map(|(rules, id, priority, always_active, name)| {
        Definition(json!({
            "id": id, "name": name, "priority": priority, "kingdom": "k", "category": "c",
            "all_rules_always_active": always_active, "rules": rules,
        }))
    })
}

/// A rule that refers to any stage before it.
fn rule(stages: &[u8], position: usize) -> BoxedStrategy<Value> {
    let stage = stages[position];
    let lower = &stages[..position];
    let occurrence = if position == 0 { 1..2 } else { 1_u32..4 };
    let from =
        asked(lower, &["HOME_NET", "!HOME_NET", "10.0.0.1", "!10.0.0.1,10.0.0.0/8", "fd00::/8,8.8.8.8"]);
    let to = asked(lower, &["HOME_NET", "!HOME_NET", "!10.0.0.2", "10.0.0.0/8,!10.0.0.1 fd00::1"]);
    let ports = || asked(lower, &["", "80", "!80", "80,443", "!80,443"]);
    let protocol = asked(lower, &["", "TCP"]);
    let custom = || asked(lower, &["", "a", "!a", "a,b", "!a,!b"]);
    let fields = (from, to, ports(), ports(), protocol, custom(), custom(), custom());
    let numbers = (occurrence, 0_u8..11, prop_oneof![1 => 0_u32..10, 2 => 20_u32..90]);
    let sticky = prop_oneof![2 => Just("none"), 1 => select(STICKY.to_vec())];
    (kind(), fields, numbers, sticky)
        .prop_map(move |(mut rule, fields, (occurrence, reliability, timeout), sticky)| {
            let (from, to, port_from, port_to, protocol, custom1, custom2, custom3) = fields;
            rule["stage"] = stage.into();
            rule["name"] = "n".into();
            rule["occurrence"] = occurrence.into();
            rule["reliability"] = reliability.into();
            rule["timeout"] = timeout.into();
            rule["sticky_different"] = sticky.into();
            let texts = [
                ("from", from),
                ("to", to),
                ("port_from", port_from),
                ("port_to", port_to),
                ("protocol", protocol),
                ("custom_data1", custom1),
                ("custom_data2", custom2),
                ("custom_data3", custom3),
            ];
            for (field, text) in texts {
                rule[field] = text.into();
            }
            rule
        })
        .boxed()
}

fn kind() -> impl Strategy<Value = Value> {
    let plugin_id = prop_oneof![8 => Just(1_u64), 1 => Just(2)];
    let plugin = (plugin_id, prop::sample::subsequence(vec![1_u64, 2, 3], 1..=3))
        .prop_map(|(id, sids)| json!({"type": "PluginRule", "plugin_id": id, "plugin_sid": sids}));
    let taxonomy = (
        prop::sample::subsequence(vec!["Firewall", "IDS"], 1..=2),
        prop_oneof![4 => Just("Access"), 1 => Just("Scan")],
        prop::sample::subsequence(vec!["ANY", "Denied", "x"], 0..=2),
    )
        .prop_map(|(product, category, subcategory)| {
            json!({"type": "TaxonomyRule", "product": product, "category": category, "subcategory": subcategory})
        });
    prop_oneof![4 => plugin, 1 => taxonomy]
}

/// Anything, a reference to a lower stage, one of `texts`, or rarely a reference that points nowhere.
fn asked(lower: &[u8], texts: &[&str]) -> BoxedStrategy<String> {
    let texts = select(texts.iter().map(ToString::to_string).collect::<Vec<_>>());
    if lower.is_empty() {
        return prop_oneof![8 => Just("ANY".to_owned()), 1 => texts].boxed();
    }
    let references = select(lower.iter().map(|stage| format!(":{stage}")).collect::<Vec<_>>());
    prop_oneof![150 => Just("ANY".to_owned()), 40 => references, 15 => texts, 1 => Just(":77".to_owned())]
        .boxed()
}

/// Up to `most` events. Most ids are new, some come again.
pub(crate) fn events(most: usize) -> impl Strategy<Value = Events> {
    prop::collection::vec(event(), 1..most).prop_map(|mut events| {
        let mut now = 1_000_000_000_000_000;
        for (n, (event, again, gap_millis, late_secs)) in events.iter_mut().enumerate() {
            let id = again.map_or_else(|| format!("e{n}"), |again| format!("again{again}"));
            event.key = EventKey::of(&id);
            event.id = id.into();
            now += *gap_millis * 1_000_000;
            event.received = ReceiptTime::from_nanos(now);
            event.timestamp = Timestamp::from_second(event.received.secs() - *late_secs).unwrap();
        }
        Events(events.into_iter().map(|(event, ..)| event).collect())
    })
}

/// An event without id and times, and with which of a few ids it comes again, how many milliseconds after the event
/// before it, and how many seconds after it happened.
fn event() -> impl Strategy<Value = (Event, Option<u8>, i64, i64)> {
    let plugin_id = prop_oneof![1 => Just(0_u64), 8 => Just(1), 1 => Just(2)];
    let category = prop_oneof![4 => Just("Access"), 1 => Just("Scan")];
    let keys = (plugin_id, 1_u64..4, select(vec!["", "Firewall", "IDS"]), category);
    let subcategory = select(vec!["", "Denied", "x"]);
    let address = || prop_oneof![2 => Just(ADDRESSES[0]), 1 => select(ADDRESSES.to_vec())];
    let port = || prop_oneof![2 => Just(80), 1 => select(PORTS.to_vec())];
    let text = || prop_oneof![3 => Just("a"), 1 => select(TEXTS.to_vec())];
    let protocol = prop_oneof![2 => Just("TCP"), 1 => select(PROTOCOLS.to_vec())];
    let ends = (address(), address(), port(), port(), protocol);
    let again = prop_oneof![5 => Just(None), 1 => (0_u8..6).prop_map(Some)];
    let gap = prop_oneof![30 => 0_i64..2_500, 1 => 3_000_i64..40_000];
    let late = prop_oneof![16 => Just(0_i64), 12 => -2_i64..12, 1 => Just(100_i64), 1 => Just(-301_i64)];
    (keys, subcategory, ends, [text(), text(), text()], again, gap, late).prop_map(
        |((plugin_id, sid, product, category), subcategory, ends, custom, again, gap, late)| {
            let (src_ip, dst_ip, src_port, dst_port, protocol) = ends;
            // Without a plugin key it has a taxonomy key.
            let product = if plugin_id == 0 && product.is_empty() { "IDS" } else { product };
            let event = Event {
                id: "".into(),
                key: EventKey([0; 16]),
                timestamp: Timestamp::UNIX_EPOCH,
                received: ReceiptTime::default(),
                conn_id: 0,
                title: "".into(),
                sensor: "s".into(),
                plugin_id,
                plugin_sid: sid,
                product: product.into(),
                category: category.into(),
                subcategory: subcategory.into(),
                src_ip: src_ip.parse().unwrap(),
                dst_ip: dst_ip.parse().unwrap(),
                src_port,
                dst_port,
                protocol: protocol.into(),
                custom_data: custom.map(Into::into),
                custom_labels: ["l", "", "l"].map(Into::into),
            };
            (event, again, gap, late)
        },
    )
}
