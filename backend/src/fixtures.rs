//! What the unit tests of correlation are made of: directives, events, and surroundings that write into a channel.

use std::sync::Arc;

use dsiem_core::assets::{self, Assets};
use dsiem_core::backlog::Settings;
use dsiem_core::directive::Directive;
use dsiem_core::directive::check::{self, Mode};
use dsiem_core::event::{Event, json};
use dsiem_core::hash::Seed;
use dsiem_core::sources::Source;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::metrics::Metrics;
use tokio::sync::mpsc;

use crate::alarm_log::{AlarmLog, LogRecord};
use crate::backlog::Surroundings;
use crate::counters::Counters;
use crate::enrich::{Enrich, EnrichSettings};
use crate::http;

/// When the events of tests are received.
pub(crate) const NOW: ReceiptTime = ReceiptTime::from_secs(1_767_225_600);

/// Three stages of one event each, of sid 1, 2 and 3, the later ones between the hosts of the first event, within a
/// minute.
pub(crate) fn directive(id: u64, name: &str) -> Arc<Directive> {
    let rules: Vec<_> = (1..=3).map(|stage| rule(stage, if stage == 1 { "ANY" } else { ":1" })).collect();
    let file = format!(
        r#"{{"directives":[{{"id":{id},"name":"{name}","priority":5,"kingdom":"k","category":"c","rules":[{}]}}]}}"#,
        rules.join(",")
    );
    let directives = check::read("d.json", file.as_bytes(), Mode::default()).into_result().unwrap();
    Arc::new(directives.into_iter().next().unwrap())
}

fn rule(stage: u8, address: &str) -> String {
    format!(
        r#"{{"name":"r{stage}","stage":{stage},"type":"PluginRule","plugin_id":1,"plugin_sid":[{stage}],
        "occurrence":1,"from":"{address}","to":"{address}","reliability":5,"timeout":{}}}"#,
        if stage == 1 { 0 } else { 60 }
    )
}

/// An event of `sid` from `source` to 10.0.0.1, received [`NOW`].
pub(crate) fn event(id: &str, sid: u64, source: &str) -> Arc<Event> {
    let text = format!(
        r#"{{"event_id":"{id}","timestamp":"2026-01-01T00:00:00Z","sensor":"s","plugin_id":1,"plugin_sid":{sid},
        "src_ip":"{source}","dst_ip":"10.0.0.1","rcvd_time":{}}}"#,
        NOW.nanos()
    );
    Arc::new(json::decode(text.as_bytes()).unwrap())
}

/// The default settings with a fixed seed.
pub(crate) fn settings() -> Settings {
    Settings::new(Seed(7))
}

/// A network where 10.0.0.0/8 is home and worth 5, and a log of which `records` may wait.
pub(crate) fn surroundings(records: usize) -> (Arc<Surroundings>, mpsc::Receiver<LogRecord>) {
    surroundings_with(records, Vec::new(), EnrichSettings::default())
}

/// The same, with somebody to ask.
pub(crate) fn surroundings_with(
    records: usize,
    sources: Vec<Source>,
    enrich: EnrichSettings,
) -> (Arc<Surroundings>, mpsc::Receiver<LogRecord>) {
    let assets = assets::read("a.json", br#"{"assets":[{"name":"home","cidr":"10.0.0.0/8","value":5}]}"#);
    let metrics = Metrics::new();
    let (sender, log) = mpsc::channel(records);
    let surroundings = Surroundings {
        settings: Arc::new(settings()),
        assets: Arc::new(Assets::new(assets.into_result().unwrap())),
        alarm_log: AlarmLog::to(sender, &metrics),
        enrich: Enrich::new(sources, enrich, &metrics, http::client().unwrap()),
        counters: Counters::new(&metrics),
        fault: None,
    };
    (Arc::new(surroundings), log)
}
