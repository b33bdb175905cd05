//! A storm of alarms: events of which each completes a stage, so that each is an update of an alarm.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use dsiem_tests::samples;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

/// Stages of the directive; each source sends as many events.
const STAGES: u64 = 10;
/// Requests a second.
const REQUESTS_PER_SEC: u32 = 20;
/// How often the store is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// So many events.
pub(crate) struct Storm {
    sources: u64,
}

impl Storm {
    /// About so many updates, in whole alarms.
    pub(crate) fn new(updates: u64) -> Self {
        Self { sources: updates.div_ceil(STAGES).max(1) }
    }

    pub(crate) fn updates(&self) -> u64 {
        self.sources * STAGES
    }

    /// A directive whose stages take one event each, from the same source.
    pub(crate) fn directives(&self) -> Value {
        let rule = |stage: u64| {
            json!({"name": format!("stage {stage}"), "stage": stage, "type": "PluginRule", "plugin_id": 1001,
                "plugin_sid": [stage], "occurrence": 1, "from": if stage == 1 { "ANY" } else { ":1" }, "to": "ANY",
                "port_from": "ANY", "port_to": "ANY", "protocol": "ANY", "reliability": stage, "timeout": 3_600})
        };
        json!({"directives": [{"id": 1, "name": "Storm from SRC_IP", "kingdom": "Storm", "category": "Storm",
            "priority": 5, "rules": (1..=STAGES).map(rule).collect::<Vec<_>>()}]})
    }

    /// Sends the events at a rate: many alarms grow side by side.
    pub(crate) async fn send(&self, url: &str, per_sec: u32) -> anyhow::Result<()> {
        let client = Client::builder().no_proxy().build()?;
        let batch = u64::from((per_sec / REQUESTS_PER_SEC).max(1));
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / REQUESTS_PER_SEC);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut next = 0;
        while next < self.updates() {
            ticks.tick().await;
            let until = (next + batch).min(self.updates());
            let events: Vec<Value> = (next..until).map(|number| self.event(number)).collect();
            let answer = client.post(format!("{url}/events")).json_body(&events).send().await?;
            anyhow::ensure!(answer.status() == 200, "events were refused: {}", answer.text().await?);
            next = until;
        }
        Ok(())
    }

    /// One after the other, all sources send their first event, then their second.
    fn event(&self, number: u64) -> Value {
        let (stage, source) = (number / self.sources + 1, number % self.sources);
        let source = format!("172.{}.{}.{}", 16 + source / 65_536, source / 256 % 256, source % 256);
        json!({"event_id": format!("storm-{number}"), "timestamp": samples::now(), "sensor": "s", "plugin_id": 1001,
            "plugin_sid": stage, "src_ip": source, "dst_ip": "10.0.0.1", "src_port": 1024, "dst_port": 443,
            "protocol": "TCP", "title": "one of a storm"})
    }

    /// How long the store takes to have all of it; `None` if it does not within the time.
    pub(crate) async fn wait_stored(&self, url: &str, within: Duration) -> anyhow::Result<Option<Duration>> {
        let begun = Instant::now();
        while begun.elapsed() < within {
            if self.missing(url).await? == 0 {
                return Ok(Some(begun.elapsed()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(None)
    }

    /// Alarms that are not in the store with all their stages.
    pub(crate) async fn missing(&self, url: &str) -> anyhow::Result<u64> {
        let client = Client::builder().no_proxy().build()?;
        let text =
            client.get(format!("{url}/api/v1/alarms/export?format=ndjson")).send().await?.text().await?;
        let complete = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|alarm| alarm["finished_stages"] == STAGES)
            .count();
        Ok(self.sources.saturating_sub(u64::try_from(complete).context("it fits")?))
    }
}

/// A body of JSON.
trait JsonBody {
    fn json_body(self, body: &[Value]) -> Self;
}

impl JsonBody for reqwest::RequestBuilder {
    fn json_body(self, body: &[Value]) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.header(reqwest::header::CONTENT_TYPE, "application/json").body(body)
    }
}
