//! Alarms such as an installation with 2,000 directives gets in three months: few directives raise most of them, the old
//! ones are closed, a few addresses are in most of them.

use std::net::{IpAddr, Ipv4Addr};

use dsiem_core::risk::RiskLimits;
use dsiem_frontend::alarm_store::{AlarmDocument, AlarmUpdate, Stage, StageEvent};

/// The first alarm's time, 2026-01-01, and how long it goes on.
pub(crate) const BEGIN: i64 = 1_767_225_600;
pub(crate) const SPAN: i64 = 90 * 86_400;

/// Numbers that look random and are the same every time.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Small numbers more often than large ones: the first tenth of them half of the time and more.
    pub(crate) fn skewed(&mut self, limit: u64) -> u64 {
        let (one, other, third) = (self.below(limit), self.below(limit), self.below(limit));
        one * other / limit * third / limit
    }
}

/// Ids that are in no order, as those of the engine.
pub(crate) fn id(n: u64) -> String {
    format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

pub(crate) fn directive(n: u64) -> u64 {
    Chance(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).skewed(2_000)
}

pub(crate) fn source(chance: &mut Chance) -> IpAddr {
    let n = chance.skewed(200_000);
    IpAddr::V4(Ipv4Addr::from_bits(0x2d00_0000 + u32::try_from(n * 37).unwrap_or(0)))
}

pub(crate) fn destination(chance: &mut Chance) -> IpAddr {
    let n = chance.skewed(5_000);
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n).unwrap_or(0)))
}

pub(crate) const KINGDOMS: [&str; 6] =
    ["Reconnaissance & Probing", "Exploitation", "Malware", "Policy", "Denial of Service", "Access"];
pub(crate) const WHAT: [&str; 8] = [
    "Port scan",
    "Brute force login",
    "SQL injection",
    "Ping flood",
    "Malware beacon",
    "Data exfiltration",
    "Privilege escalation",
    "Suspicious DNS",
];

pub(crate) fn alarm(n: u64, all: u64) -> AlarmUpdate {
    let mut chance = Chance(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let directive = chance.skewed(2_000);
    let created = BEGIN + SPAN * n.cast_signed() / all.cast_signed() + chance.below(60).cast_signed();
    let risk = u8::try_from(1 + (directive % 7 + chance.below(2)).min(9)).unwrap_or(1);
    let (from, to) = (source(&mut chance), destination(&mut chance));
    // What is older than a week is closed, all but a twentieth.
    let is_open = if n + all / 13 > all { chance.below(4) > 0 } else { chance.below(20) == 0 };
    let what = WHAT[usize::try_from(directive % 8).unwrap_or(0)];
    let rules = (1..=3)
        .map(|stage| Stage {
            stage,
            name: format!("{what}, {} tries on host {}", 10_u32.pow(stage.into()), chance.below(5_000)),
            kind: "PluginRule".into(),
            occurrence: 10_u64.pow(stage.into()),
            reliability: stage,
            timeout: 3_600,
            from: from.to_string(),
            to: "HOME_NET".into(),
            port_from: "ANY".into(),
            port_to: "ANY".into(),
            protocol: "TCP".into(),
            plugin_id: directive,
            plugin_sid: vec![1, 2, 3],
            start_time: Some(created),
            ..Stage::default()
        })
        .collect();
    let document = AlarmDocument {
        alarm_id: id(n),
        title: format!("{what} of kind {directive} from {from}"),
        status: if is_open { "Open" } else { "Closed" }.into(),
        tag: ["Identified Threat", "False Positive", "Valid Threat"]
            [usize::try_from(chance.skewed(3)).unwrap_or(0)]
        .into(),
        kingdom: KINGDOMS[usize::try_from(directive % 6).unwrap_or(0)].into(),
        category: format!("Category {}", directive % 30),
        created_time: created,
        update_time: created + chance.skewed(7_200).cast_signed(),
        risk,
        risk_class: RiskLimits::default().class_of(risk),
        src_ips: vec![from],
        dst_ips: vec![to],
        networks: vec!["10.0.0.0/8".into()],
        rules,
        intel_hits: Vec::new(),
        vulnerabilities: Vec::new(),
        custom_data: Vec::new(),
        truncated: 0,
        progress: None,
    };
    AlarmUpdate { document, revision: Some(1), directive_id: Some(directive + 1) }
}

pub(crate) fn event(alarm: u64, number: u64) -> StageEvent {
    let event_id = format!("{alarm:08x}-{number:04x}-4000-8000-0123456789ab");
    let body = format!(
        r#"{{"timestamp":"2026-01-01T00:00:00Z","event_id":"{event_id}","title":"something was seen","sensor":"sensor-1","plugin_id":1001,"plugin_sid":2002,"product":"Firewall","category":"Packet Dropped","src_ip":"45.0.0.1","src_port":31337,"dst_ip":"10.0.0.1","dst_port":443,"protocol":"TCP","custom_data1":"","custom_label1":""}}"#
    );
    let body = serde_json::value::RawValue::from_string(body).ok();
    StageEvent {
        alarm_id: id(alarm),
        stage: u8::try_from(number % 3 + 1).unwrap_or(1),
        event_id,
        event: body,
    }
}

/// What becomes of an alarm when more is known: newer, maybe of a higher risk, and now and then with something new to find.
pub(crate) fn later(n: u64, all: u64, revision: u64, chance: &mut Chance) -> AlarmUpdate {
    let mut update = alarm(n, all);
    let document = &mut update.document;
    document.update_time = BEGIN + SPAN + chance.below(3_600).cast_signed();
    if chance.below(3) == 0 {
        document.risk = (document.risk + 1).min(10);
        document.risk_class = RiskLimits::default().class_of(document.risk);
    }
    for stage in &mut document.rules {
        stage.end_time = Some(document.update_time);
        stage.status = "finished".into();
    }
    if chance.below(10) == 0 {
        document.rules[0].name += " again";
    }
    update.revision = Some(revision);
    update
}
