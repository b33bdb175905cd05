//! What backends publish of alarms gets into the store, and those who listen hear of it.

#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]

use std::time::{Duration, Instant};

use dsiem_frontend::alarm_store::{AlarmChange, ChangeKind, Limits, StageCount, Words};
use dsiem_frontend::alarms::{self, Alarms, AlarmsConfig, Place, Process};
use dsiem_runtime::bus::alarms::{AlarmMessage, AlarmPublisher, AlarmSubscription, queue};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::Metrics;
use dsiem_runtime::shutdown::Shutdown;
use dsiem_runtime::status::Readiness;
use serde_json::json;
use tempfile::TempDir;

/// A store in a file and what fills it.
struct Fixture {
    folder: TempDir,
    alarms: Alarms,
    publisher: AlarmPublisher,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: Shutdown,
}

impl Fixture {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::File(folder.path().join("logs/alarms.sqlite"));
        let config = AlarmsConfig { place, limits: Limits::default(), words: Words::default() };
        let alarms = alarms::open(config).await.unwrap();
        let (metrics, readiness, shutdown) = (Metrics::new(), Readiness::new(), Shutdown::new());
        let (publisher, queue) = queue(&metrics);
        let process =
            Process { clock: Clock::system(), metrics: &metrics, readiness: &readiness, shutdown: &shutdown };
        alarms.start(AlarmSubscription::Memory(queue), &process);
        Self { folder, alarms, publisher, metrics, readiness, shutdown }
    }

    async fn publish(&self, messages: &[AlarmMessage]) {
        self.publisher.publish(messages.to_vec()).await.unwrap();
    }

    async fn kept(&self) {
        let kept = self.publisher.confirmation();
        tokio::time::timeout(Duration::from_secs(30), kept.confirmed()).await.unwrap().unwrap();
    }

    /// Does something to the file behind the store's back.
    fn meddle(&self, sql: &str) {
        let file = rusqlite::Connection::open(self.folder.path().join("logs/alarms.sqlite")).unwrap();
        file.busy_timeout(Duration::from_secs(10)).unwrap();
        file.execute_batch(sql).unwrap();
    }

    fn is_degraded(&self) -> bool {
        format!("{:?}", self.readiness.report()).contains("cannot be stored")
    }
}

fn update(alarm_id: &str, revision: u64, events: u64) -> AlarmMessage {
    let update = json!({
        "alarm_id": alarm_id, "title": "Scan", "status": "Open", "tag": "Identified Threat", "kingdom": "k",
        "category": "c", "created_time": 1, "update_time": revision, "risk": 5, "risk_class": "Medium",
        "rules": [{"stage": 1, "occurrence": 1}], "src_ips": ["10.0.0.1"], "dst_ips": [], "networks": [],
        "revision": revision, "directive_id": 7,
        "progress": {"deadline": 99, "stage_events": [events]},
    });
    AlarmMessage::Update(update.to_string().into())
}

fn events(alarm_id: &str, ids: &[&str]) -> AlarmMessage {
    let line =
        |id: &&str| json!({"alarm_id": alarm_id, "stage": 1, "event_id": id, "event": {"event_id": id}});
    let lines: Vec<_> = ids.iter().map(|id| line(id).to_string()).collect();
    AlarmMessage::Events(lines.join("\n").into())
}

#[tokio::test]
async fn updates_and_events_are_stored_once_before_they_are_confirmed() {
    let fixture = Fixture::start().await;
    let mut heard = fixture.alarms.store.subscribe();
    fixture.publish(&[events("a", &["1", "2"]), update("a", 9, 4), update("a", 5, 1)]).await;
    fixture.publish(&[events("a", &["2", "3"])]).await;
    fixture.kept().await;

    let (alarm, counts) = fixture.alarms.store.alarm("a").unwrap().unwrap();
    assert_eq!((alarm.revision, alarm.directive_id, alarm.document.update_time), (9, Some(7), 9));
    assert_eq!(alarm.document.progress.unwrap().deadline, Some(99));
    // The engine has counted one that is not here.
    assert_eq!(counts, [StageCount { stage: 1, events: 4 }]);
    assert_eq!(fixture.alarms.store.events("a", 1, 0, 10).unwrap().events.len(), 3);
    let change = AlarmChange { alarm_id: "a".into(), kind: ChangeKind::Updated };
    assert_eq!(heard.recv().await.unwrap(), change);
    drop(fixture.publisher);
    fixture.shutdown.finish(Duration::from_secs(30)).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_does_not_come_again() {
    let fixture = Fixture::start().await;
    let nonsense = AlarmMessage::Update("{\"alarm_id\":".into());
    fixture.publish(&[nonsense, update("a", 1, 1)]).await;
    fixture.kept().await;
    assert!(fixture.alarms.store.alarm("a").unwrap().is_some());
    assert!(fixture.metrics.text().contains("dsiem_alarm_store_unreadable_total 1"));
}

#[tokio::test]
async fn while_the_database_fails_nothing_is_confirmed_and_nothing_is_lost() {
    let fixture = Fixture::start().await;
    fixture.publish(&[update("a", 1, 1)]).await;
    fixture.kept().await;
    fixture.meddle("ALTER TABLE documents RENAME TO away");
    fixture.publish(&[update("b", 1, 1)]).await;
    let begun = Instant::now();
    while !fixture.is_degraded() {
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody says that alarms cannot be stored");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let confirmation = fixture.publisher.confirmation();
    assert!(futures::poll!(std::pin::pin!(confirmation.confirmed())).is_pending());
    fixture.meddle("ALTER TABLE away RENAME TO documents");
    fixture.kept().await;
    assert!(fixture.alarms.store.alarm("b").unwrap().is_some() && !fixture.is_degraded());
}
