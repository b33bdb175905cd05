//! Fills an alarm store and measures what is asked of it: pages, counts, searches, facets, charts.
//!
//! ```text
//! cargo run --release -p dsiem-frontend --example alarm_store_load -- --file /tmp/alarms.sqlite
//! cargo run --release -p dsiem-frontend --example alarm_store_load -- --server postgresql://dsiem@localhost/test --alarms 100000
//! ```
//!
//! The store is filled up to the number that is asked for; a second run on the same one measures only. The alarms are
//! such as an installation with 2,000 directives gets in three months: few directives raise most of them, the old ones
//! are closed, a few addresses are in most of them.

use std::io::{Write as _, stdout};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use dsiem_core::risk::{RiskClass, RiskLimits};
use dsiem_frontend::alarm_store::{
    AlarmDocument, AlarmStore, AlarmUpdate, Count, Facets, Filter, Order, Role, SortBy, Stage, StageEvent,
    WithoutAlarm, Words,
};
use ipnet::IpNet;

/// The first alarm's time, 2026-01-01, and how long it goes on.
const BEGIN: i64 = 1_767_225_600;
const SPAN: i64 = 90 * 86_400;
/// How many alarms are put in at once.
const BATCH: u64 = 500;

/// What is measured, and on what.
#[derive(Debug, Parser)]
struct Args {
    /// The SQLite file; made if it is not there
    #[arg(long, conflicts_with = "server", required_unless_present = "server")]
    file: Option<PathBuf>,
    /// The PostgreSQL database
    #[arg(long)]
    server: Option<String>,
    /// How many alarms there are to be
    #[arg(long, default_value_t = 1_000_000)]
    alarms: u64,
    /// How many events each alarm has
    #[arg(long, default_value_t = 10)]
    events: u64,
    /// How often each question is asked, each time with other values
    #[arg(long, default_value_t = 200)]
    questions: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let store = match (&args.file, &args.server) {
        (Some(path), _) => AlarmStore::open_file(path, Words::default())?,
        (None, Some(url)) => AlarmStore::open_server(url, Words::default())?,
        (None, None) => anyhow::bail!("give --file or --server"),
    };
    fill(&store, &args)?;
    measure(&store, &args)
}

/// Numbers that look random and are the same every time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Small numbers more often than large ones: the first tenth of them half of the time and more.
    fn skewed(&mut self, limit: u64) -> u64 {
        let (one, other, third) = (self.below(limit), self.below(limit), self.below(limit));
        one * other / limit * third / limit
    }
}

fn fill(store: &AlarmStore, args: &Args) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut next = already_there(store, args.alarms)?;
    let first = next;
    while next < args.alarms {
        let until = (next + BATCH).min(args.alarms);
        let updates: Vec<AlarmUpdate> = (next..until).map(|n| alarm(n, args.alarms)).collect();
        store.apply(updates, BEGIN)?;
        let events: Vec<StageEvent> =
            (next..until).flat_map(|n| (0..args.events).map(move |e| event(n, e))).collect();
        store.count(&events, WithoutAlarm::Keep, BEGIN)?;
        next = until;
        if next % 50_000 == 0 {
            say(&format!("{next} alarms after {:.0?}", began.elapsed()))?;
        }
    }
    let (alarms, secs) = (next - first, began.elapsed().as_secs_f64());
    if alarms > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
        let rate = alarms as f64 / secs;
        say(&format!("filled: {rate:.0} alarms a second, each with {} events", args.events))?;
    }
    say(&format!("{next} alarms, {} MiB in use", store.used_bytes()? >> 20))
}

/// How many alarms are there: they were put in one after the other.
fn already_there(store: &AlarmStore, most: u64) -> anyhow::Result<u64> {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = u64::midpoint(low, high);
        if store.alarm(&id(middle))?.is_some() { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// Ids that are in no order, as those of the engine.
fn id(n: u64) -> String {
    format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn directive(n: u64) -> u64 {
    Chance(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).skewed(2_000)
}

fn source(chance: &mut Chance) -> IpAddr {
    let n = chance.skewed(200_000);
    IpAddr::V4(Ipv4Addr::from_bits(0x2d00_0000 + u32::try_from(n * 37).unwrap_or(0)))
}

fn destination(chance: &mut Chance) -> IpAddr {
    let n = chance.skewed(5_000);
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n).unwrap_or(0)))
}

const KINGDOMS: [&str; 6] =
    ["Reconnaissance & Probing", "Exploitation", "Malware", "Policy", "Denial of Service", "Access"];
const WHAT: [&str; 8] = [
    "Port scan",
    "Brute force login",
    "SQL injection",
    "Ping flood",
    "Malware beacon",
    "Data exfiltration",
    "Privilege escalation",
    "Suspicious DNS",
];

fn alarm(n: u64, all: u64) -> AlarmUpdate {
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

fn event(alarm: u64, number: u64) -> StageEvent {
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

/// One question; what it gave, in a number.
type Question = fn(&AlarmStore, &mut Chance) -> anyhow::Result<u64>;

fn measure(store: &AlarmStore, args: &Args) -> anyhow::Result<()> {
    let questions: [(&str, u64, Question); 12] = [
        ("page, no filter, any order", 100, |store, chance| page(store, chance, &Filter::default())),
        ("page, one filter, any order", 100, |store, chance| {
            let filter = one_filter(chance);
            page(store, chance, &filter)
        }),
        ("page, several filters, any order", 100, |store, chance| {
            let filter = several(chance);
            page(store, chance, &filter)
        }),
        ("page, an address", 100, |store, chance| {
            let address = if chance.below(2) == 0 { source(chance) } else { destination(chance) };
            page(store, chance, &Filter { network: Some(address.into()), ..Filter::default() })
        }),
        ("page, a network and a class", 100, |store, chance| {
            let filter =
                Filter { network: network(chance), class: vec![RiskClass::High], ..Filter::default() };
            page(store, chance, &filter)
        }),
        ("search", 200, |store, chance| {
            let filter = Filter { text: Some(search(chance)), ..Filter::default() };
            page(store, chance, &filter)
        }),
        ("search and several filters", 200, |store, chance| {
            let filter = Filter { text: Some(search(chance)), ..several(chance) };
            page(store, chance, &filter)
        }),
        ("facets of a time", 500, |store, chance| {
            let filter = in_time(chance, one_filter);
            Ok(sum(&store.facets(&filter)?))
        }),
        ("facets of a search in a time", 500, |store, chance| {
            let filter = in_time(chance, |chance| Filter { text: Some(search(chance)), ..Filter::default() });
            Ok(sum(&store.facets(&filter)?))
        }),
        ("alarms over time by class", 500, |store, chance| {
            let filter = in_time(chance, one_filter);
            let (from, until) = (filter.created_from.unwrap_or(BEGIN), filter.created_until.unwrap_or(BEGIN));
            Ok(store
                .over_time(&filter, from, until)?
                .parts
                .iter()
                .map(|part| part.low + part.medium + part.high)
                .sum())
        }),
        ("top addresses of a time", 500, |store, chance| {
            let filter = in_time(chance, |_| Filter::default());
            let (from, until) = (filter.created_from.unwrap_or(BEGIN), filter.created_until.unwrap_or(BEGIN));
            let role = if chance.below(2) == 0 { Role::Source } else { Role::Destination };
            Ok(store.top_addresses(role, from, until, 10)?.iter().map(|facet| facet.alarms).sum())
        }),
        ("an alarm and 50 of its events", 100, |store, chance| {
            let id = id(chance.below(10_000));
            store.alarm(&id)?.context("it is there")?;
            Ok(store.events(&id, 1, 0, 50)?.events.len() as u64)
        }),
    ];
    say("| Question | p50 | p99 | longest | bar |\n|---|---|---|---|---|")?;
    for (name, bar, question) in questions {
        let mut chance = Chance(0x1234_5678_9abc_def1);
        let mut times = Vec::new();
        for _ in 0..args.questions {
            let began = Instant::now();
            question(store, &mut chance)?;
            times.push(began.elapsed());
        }
        times.sort();
        let at = |percent: usize| ms(times[(times.len() * percent / 100).min(times.len() - 1)]);
        say(&format!("| {name} | {} | {} | {} | {bar} ms |", at(50), at(99), at(100)))?;
    }
    Ok(())
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

fn page(store: &AlarmStore, chance: &mut Chance, filter: &Filter) -> anyhow::Result<u64> {
    let by =
        [SortBy::Created, SortBy::Updated, SortBy::Risk, SortBy::Title][usize::try_from(chance.below(4))?];
    let order = Order { by, descending: chance.below(4) > 0 };
    let page = store.page(filter, order, None, 50)?;
    Ok(match page.count {
        Count::Exactly(count) | Count::MoreThan(count) => count,
    })
}

fn one_filter(chance: &mut Chance) -> Filter {
    let none = Filter::default();
    let directive = chance.skewed(2_000);
    match chance.below(7) {
        0 => Filter { status: vec!["Open".into()], ..none },
        1 => Filter { tag: vec!["False Positive".into()], ..none },
        2 => Filter {
            class: vec![[RiskClass::Low, RiskClass::High][usize::from(directive.is_multiple_of(2))]],
            ..none
        },
        3 => Filter { risk: Some(7..=10), ..none },
        4 => Filter { kingdom: vec![KINGDOMS[usize::try_from(directive % 6).unwrap_or(0)].into()], ..none },
        5 => Filter { category: vec![format!("Category {}", directive % 30)], ..none },
        _ => Filter { directive: vec![directive + 1], ..none },
    }
}

fn several(chance: &mut Chance) -> Filter {
    let one = one_filter(chance);
    let other = one_filter(chance);
    let begin = BEGIN + chance.below(90).cast_signed() * 86_400;
    let length = (1 + chance.below(30).cast_signed()) * 86_400;
    Filter {
        tag: if one.tag.is_empty() { other.tag } else { one.tag },
        class: if one.class.is_empty() { other.class } else { one.class },
        kingdom: if one.kingdom.is_empty() { other.kingdom } else { one.kingdom },
        status: vec![["Open", "Closed"][usize::from(begin % 2 == 0)].into()],
        created_from: Some(begin),
        created_until: Some(begin + length),
        ..Filter::default()
    }
}

fn in_time(chance: &mut Chance, filter: fn(&mut Chance) -> Filter) -> Filter {
    let days = [1, 7, 30, 90][usize::try_from(chance.below(4)).unwrap_or(0)];
    let from = BEGIN + chance.below(91 - days).cast_signed() * 86_400;
    Filter {
        created_from: Some(from),
        created_until: Some(from + days.cast_signed() * 86_400),
        ..filter(chance)
    }
}

fn network(chance: &mut Chance) -> Option<IpNet> {
    let prefix = 16 + u8::try_from(chance.below(16)).unwrap_or(0);
    IpNet::new(destination(chance), prefix).ok()
}

fn search(chance: &mut Chance) -> String {
    let directive = directive(chance.next());
    match chance.below(4) {
        0 => WHAT[usize::try_from(directive % 8).unwrap_or(0)].into(),
        1 => format!("kind {directive}"),
        2 => source(chance).to_string(),
        _ => format!("brute host {}", chance.below(5_000)),
    }
}

fn sum(facets: &Facets) -> u64 {
    facets.class.iter().map(|facet| facet.alarms).sum()
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(stdout(), "{text}")?)
}
