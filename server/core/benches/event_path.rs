//! What the steps of an event's way cost, one by one: the figures that a change of the hot path is held against.
//!
//! `cargo bench -p dsiem-core` runs all; `cargo bench -p dsiem-core -- routing` those with that word in their name.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dsiem_core::alarm::AlarmDocument;
use dsiem_core::assets::{self, Assets};
use dsiem_core::backlog::{Backlog, Context, Settings};
use dsiem_core::directive::Directive;
use dsiem_core::directive::check::{self, Mode};
use dsiem_core::duplicates::RecentEvents;
use dsiem_core::event::{Event, EventKeys, json};
use dsiem_core::hash::Seed;
use dsiem_core::index::{DirectiveSlot, Index};
use dsiem_core::matcher::NoFirstEvents;
use dsiem_core::routing::{BacklogSlot, Router};
use dsiem_core::time::ReceiptTime;
use serde_json::json;

/// An event of about 480 bytes with all common fields, from source number `source`, for directive number `directive`.
fn raw_event(id: u64, directive: u64, source: u32) -> Vec<u8> {
    let [_, b, c, d] = source.to_be_bytes();
    let event = json!({
        "event_id": format!("5b0c1c1e-6a55-4c11-9d0e-{id:012}"), "timestamp": "2024-03-01T10:00:00.101Z",
        "title": "ET SCAN Behavioral Unusually fast Terminal Server Traffic", "sensor": "sensor-host-01",
        "product": "Intrusion Detection System", "category": "Misc activity", "subcategory": "",
        "plugin_id": 1001, "plugin_sid": directive * 10 + 1, "src_ip": format!("10.{b}.{c}.{d}"), "src_port": 51_234,
        "dst_ip": "10.20.0.9", "dst_port": 3389, "protocol": "TCP",
        "custom_label1": "payload", "custom_data1": "GET /index.html HTTP/1.1", "custom_label2": "", "custom_data2": "",
        "custom_label3": "", "custom_data3": "", "conn_id": 77, "rcvd_time": 1_709_287_200_123_456_789_i64, "carrier": {},
    });
    event.to_string().into_bytes()
}

fn event(id: u64, directive: u64, source: u32) -> Event {
    json::decode(&raw_event(id, directive, source)).expect("the event is right")
}

/// Directives of three stages, the later ones with `:1` on both addresses.
fn directives(count: u64) -> Vec<Arc<Directive>> {
    directives_later_from(":1", count)
}

/// Directives of three stages, the later ones with `later` on both addresses.
fn directives_later_from(later: &str, count: u64) -> Vec<Arc<Directive>> {
    let rule = |directive: u64, stage: u64, occurrence: u64, address: &str| {
        json!({"name": "", "stage": stage, "type": "PluginRule", "plugin_id": 1001, "plugin_sid": [directive * 10 + 1],
               "occurrence": occurrence, "from": address, "to": address, "reliability": 5, "timeout": 3600})
    };
    let directives: Vec<_> = (0..count)
        .map(|n| {
            json!({"id": n + 1, "name": "From SRC_IP", "priority": 3, "kingdom": "k", "category": "c",
                   "rules": [rule(n, 1, 1, "HOME_NET"), rule(n, 2, 1_000_000, later), rule(n, 3, 10, later)]})
        })
        .collect();
    let file = json!({"directives": directives}).to_string();
    let read = check::read("directives_bench.json", file.as_bytes(), Mode::default());
    read.into_result().expect("the directives are right").into_iter().map(Arc::new).collect()
}

fn home() -> Assets {
    let file = json!({"assets": [{"name": "home", "cidr": "10.0.0.0/8", "value": 5}]}).to_string();
    Assets::new(
        assets::read("assets_bench.json", file.as_bytes()).into_result().expect("the assets are right"),
    )
}

fn settings() -> Settings {
    Settings::new(Seed(7))
}

fn decode(c: &mut Criterion) {
    let raw = raw_event(1, 1, 1);
    let whole = event(1, 1, 1);
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Bytes(raw.len() as u64));
    group.bench_function("keys", |b| {
        b.iter(|| EventKeys::read(black_box(&raw)).expect("an event").plugin_sid);
    });
    group.bench_function("event", |b| b.iter(|| json::decode(black_box(&raw)).expect("an event")));
    group.bench_function("to a value (the floor)", |b| {
        b.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(&raw)).expect("an event"));
    });
    group.bench_function("encode", |b| {
        let mut out = Vec::with_capacity(1_024);
        b.iter(|| {
            out.clear();
            json::encode(black_box(&whole), &mut out);
            out.len()
        });
    });
    group.finish();
}

fn index(c: &mut Criterion) {
    let mut group = c.benchmark_group("index");
    for count in [1_000, 20_000, 100_000] {
        let mut index = Index::new(Seed(7));
        for (slot, directive) in (0..).zip(directives(count)) {
            index.add(DirectiveSlot(slot), &directive);
        }
        let (hit, miss) = (event(1, count / 2, 1), event(1, count * 2, 1));
        let mut found = Vec::new();
        for (name, event) in [("one directive", &hit), ("none", &miss)] {
            group.bench_function(BenchmarkId::new(name, count), |b| {
                b.iter(|| {
                    index.concerned(&EventKeys::from(black_box(event)), &mut found);
                    found.len()
                });
            });
        }
    }
    group.finish();
}

fn matching(c: &mut Criterion) {
    let (directive, assets) = (directives(1).remove(0), home());
    let event = event(1, 0, 1);
    c.bench_function("match/stage 1", |b| {
        b.iter(|| directive.rules[0].matches(black_box(&event), &assets, &NoFirstEvents));
    });
}

fn routing(c: &mut Criterion) {
    let (directive, assets, settings) = (directives(1).remove(0), home(), settings());
    let context = Context { settings: &settings, assets: &assets };
    let mut group = c.benchmark_group("routing");
    for count in [1, 1_000, 20_000] {
        let mut router = Router::new(settings.seed);
        for n in 0..count {
            let (backlog, _) = Backlog::open(directive.clone(), &event(u64::from(n), 0, n), context);
            router.add(BacklogSlot(n), &directive, &backlog.interests(&settings));
        }
        let event = event(u64::MAX, 0, count / 2);
        let mut candidates = Vec::new();
        group.bench_function(BenchmarkId::new("one of", count), |b| {
            b.iter(|| {
                router.candidates(black_box(&event), &assets, &mut candidates);
                candidates.len()
            });
        });
    }
    group.finish();
}

fn backlog(c: &mut Criterion) {
    let (directive, assets, settings) = (directives(1).remove(0), home(), settings());
    let context = Context { settings: &settings, assets: &assets };
    let events: Vec<_> = (1..10_000).map(|n| event(n, 0, 1)).collect();
    let (opened, _) = Backlog::open(directive.clone(), &events[0], context);
    let mut group = c.benchmark_group("backlog");
    group.bench_function("open", |b| {
        b.iter(|| Backlog::open(directive.clone(), black_box(&events[0]), context));
    });
    group.throughput(Throughput::Elements(events.len() as u64 - 1));
    group.bench_function("count 9,998 events", |b| {
        b.iter_batched(
            || opened.clone(),
            |mut backlog| {
                events[1..].iter().filter(|event| backlog.on_event(event, context).consumed()).count()
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("remember 9,998 events", |b| {
        b.iter_batched(
            || RecentEvents::new(600, 200_000, settings.seed),
            |mut recent| {
                for event in &events[1..] {
                    let now = ReceiptTime::from_secs(1_709_287_200);
                    if !recent.contains(&event.key, now) {
                        recent.remember(event.key, now);
                    }
                }
                recent
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
    c.bench_function("alarm document", |b| {
        b.iter(|| AlarmDocument::of(black_box(&opened), &settings).to_json());
    });
}

/// Events that each of a thousand backlogs counts, after two hundred others. What such backlogs have collected is in no
/// cache when the next event comes.
fn thousand_backlogs(c: &mut Criterion) {
    const BACKLOGS: u64 = 1_000;
    const BEFORE: u64 = 200;
    const MEASURED: u64 = 100;
    let (directive, assets, settings) = (directives_later_from("ANY", 1).remove(0), home(), settings());
    let context = Context { settings: &settings, assets: &assets };
    let anywhere = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u32 % 1_000;
    let events: Vec<_> = (0..BEFORE + MEASURED).map(|n| event(BACKLOGS + n, 0, anywhere(n))).collect();
    let count = |backlogs: &mut Vec<Backlog>, events: &[Event]| {
        let mut counted = 0;
        for event in events {
            counted += backlogs.iter_mut().filter_map(|b| b.on_event(event, context).joined_stage).count();
        }
        counted
    };
    let open = || {
        let open = |n| Backlog::open(directive.clone(), &event(u64::from(n), 0, n), context).0;
        let mut backlogs: Vec<_> = (0..BACKLOGS as u32).map(open).collect();
        count(&mut backlogs, &events[..BEFORE as usize]);
        backlogs
    };
    let mut group = c.benchmark_group("backlog");
    group.sample_size(10).throughput(Throughput::Elements(BACKLOGS * MEASURED));
    group.bench_function("count 100 events in each of 1,000", |b| {
        b.iter_batched_ref(
            open,
            |backlogs| count(backlogs, &events[BEFORE as usize..]),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, decode, index, matching, routing, backlog, thousand_backlogs);
criterion_main!(benches);
