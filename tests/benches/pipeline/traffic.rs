//! The directives and events of a workload, made from a few numbers so that two processes make the same.
//!
//! Directive `d` opens a backlog with an event of sid `10 d + 1` from a source of its own, and counts events of sid
//! `10 d + 2` at its second stage for ever; that is either between the hosts of the first event, or from anywhere.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use dsiem_tests::samples;
use serde_json::{Value, json};

/// More than any run sends, so that no backlog leaves its second stage.
const FOR_EVER: u32 = 100_000_000;

/// A sid that no directive has.
const UNCONCERNED_SID: u64 = 4_000_000_000;

/// What the concerned events do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Phase {
    /// Each opens a backlog.
    Open,
    /// Each counts in open ones.
    Count,
}

/// Which events are sent.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Traffic {
    /// Directives that are loaded
    #[arg(long)]
    pub(crate) directives: u32,
    /// Sources, each with a backlog of its own in each directive
    #[arg(long)]
    pub(crate) sources: u32,
    /// One event in so many concerns a directive; 0 for none
    #[arg(long)]
    pub(crate) one_in: u32,
    /// What those do
    #[arg(long, value_enum)]
    pub(crate) phase: Phase,
}

impl Traffic {
    /// How many backlogs these directives have open in the end.
    pub(crate) fn backlogs(&self) -> u64 {
        u64::from(self.directives) * u64::from(self.sources)
    }

    /// How many of the first `events` events concern a directive.
    pub(crate) fn concerned(&self, events: u64) -> u64 {
        if self.one_in == 0 { 0 } else { events.div_ceil(u64::from(self.one_in)) }
    }

    /// The events that open every backlog once.
    pub(crate) fn opening(&self) -> Self {
        Self { one_in: 1, phase: Phase::Open, ..*self }
    }

    /// Sid and source of event number `n`: in turn while opening, as if by chance afterwards.
    fn target(&self, n: u64) -> (u64, u64) {
        let one_in = u64::from(self.one_in);
        if one_in == 0 || !n.is_multiple_of(one_in) {
            return (UNCONCERNED_SID, mixed(n) % 250);
        }
        let nth = n / one_in;
        let (place, stage) = match self.phase {
            Phase::Open => (nth, 1),
            Phase::Count => (mixed(nth), 2),
        };
        let place = place % self.backlogs();
        let (directive, source) = (place % u64::from(self.directives), place / u64::from(self.directives));
        (10 * directive + stage, source)
    }

    /// Appends event number `n`, about 480 bytes with all common fields, as an existing frontend puts it on the bus.
    pub(crate) fn write_event(&self, n: u64, now: &Now, out: &mut Vec<u8>) {
        use std::io::Write as _;
        let (sid, source) = self.target(n);
        let tag = if self.phase == Phase::Open { "aaaa" } else { "bbbb" };
        let (b, c, d) = (source >> 16 & 0xff, source >> 8 & 0xff, source & 0xff);
        write!(
            out,
            concat!(
                r#"{{"event_id":"5b0c1c1e-{}-{:012}","timestamp":"{}","#,
                r#""title":"ET SCAN Fast Terminal Server","sensor":"sensor-1","#,
                r#""product":"Intrusion Det.","category":"Misc activity","subcategory":"","#,
                r#""plugin_id":1001,"plugin_sid":{},"src_ip":"10.{}.{}.{}","src_port":51234,"#,
                r#""dst_ip":"10.255.0.9","dst_port":3389,"protocol":"TCP","#,
                r#""custom_label1":"payload","custom_data1":"GET /","#,
                r#""custom_label2":"","custom_data2":"","custom_label3":"","custom_data3":"","#,
                r#""rcvd_time":{}}}"#
            ),
            tag, n, now.text, sid, b, c, d, now.nanos
        )
        .expect("a vector takes what is written");
    }
}

/// The number of an event, from its id.
pub(crate) fn number_of(event_id: &str) -> Option<u64> {
    event_id.rsplit('-').next()?.parse().ok()
}

/// The time as events carry it.
#[derive(Debug)]
pub(crate) struct Now {
    text: String,
    nanos: u128,
}

impl Now {
    /// What the clock says.
    pub(crate) fn read() -> Self {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Self { text: samples::now(), nanos }
    }
}

/// A directive file. `later` is the address of the later stages: `:1`, or `ANY` for backlogs that all want every event.
pub(crate) fn directive_file(count: u32, later: &str) -> Value {
    let rule = |directive: u32, stage: u32, occurrence: u32, address: &str| {
        json!({"name": format!("stage {stage}"), "stage": stage, "type": "PluginRule", "plugin_id": 1001,
               "plugin_sid": [10 * u64::from(directive) + u64::from(stage)], "occurrence": occurrence, "from": address,
               "to": address, "port_from": "ANY", "port_to": "ANY", "protocol": "ANY", "reliability": stage,
               "timeout": 3600})
    };
    let directive = |d: u32| {
        json!({"id": d + 1, "name": "Scan from SRC_IP", "priority": 3, "kingdom": "k", "category": "c",
               "rules": [rule(d, 1, 1, "ANY"), rule(d, 2, FOR_EVER, later), rule(d, 3, 10, later)]})
    };
    samples::directive_file(&(0..count).map(directive).collect::<Vec<_>>())
}

/// The same numbers in every run.
fn mixed(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
