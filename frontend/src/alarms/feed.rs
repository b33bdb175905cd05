//! Takes what backends publish about alarms and puts it into the store.
//!
//! A batch is everything that is waiting, within limits: one transaction for its updates and one for its events. Only
//! when both are on the disk is it acknowledged, so what was under way when a process ended comes again, and the store
//! knows what it has. A database that fails is tried again for as long as it takes; meanwhile the bus keeps the rest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dsiem_runtime::bus::{AlarmBatch, AlarmMessage, AlarmSubscription};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::{Counter, CounterBy, Metrics};
use dsiem_runtime::status::Readiness;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::{Alarms, CONDITION};
use crate::alarm_store::{AlarmStore, AlarmUpdate, Applied, Counted, StageEvent, WithoutAlarm};
use crate::database::DatabaseError;

/// The pause after the first failure of the database; it doubles up to the last.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// The task.
pub(super) struct Feed {
    store: Arc<AlarmStore>,
    subscription: AlarmSubscription,
    clock: Clock,
    counts: Counts,
    readiness: Readiness,
    failing: bool,
    stopping: CancellationToken,
}

#[derive(Debug, Clone)]
struct Counts {
    updates: CounterBy,
    events: CounterBy,
    unreadable: Counter,
    refused: Counter,
    failures: Counter,
}

/// What a batch says, as far as it can be read.
#[derive(Debug, Default)]
struct Said {
    /// One of each alarm at most: the one with the highest revision.
    updates: Vec<AlarmUpdate>,
    events: Vec<StageEvent>,
    unreadable: u64,
}

/// What became of a batch.
#[derive(Debug, Default)]
struct Written {
    applied: Applied,
    counted: Counted,
    /// What the database does not take, however often it is asked.
    refused: u64,
    unreadable: u64,
}

impl Feed {
    pub(super) fn new(
        alarms: &Alarms,
        subscription: AlarmSubscription,
        clock: Clock,
        metrics: &Metrics,
        readiness: Readiness,
        stopping: CancellationToken,
    ) -> Self {
        let (store, counts) = (alarms.store.clone(), Counts::new(metrics));
        Self { store, subscription, clock, counts, readiness, failing: false, stopping }
    }

    /// Ends when nothing more will come, or when the process stops while the database fails and the bus keeps the rest.
    pub(super) async fn run(mut self) {
        while let Some(batch) = self.subscription.next_batch().await {
            let Some(written) = self.write(&batch).await else { return };
            self.subscription.acknowledge(batch).await;
            self.counts.note(&written);
        }
    }

    /// Puts a batch into the store, however often that takes; `None`: it is given up, and comes again.
    async fn write(&mut self, batch: &AlarmBatch) -> Option<Written> {
        let mut pause = FIRST_RETRY;
        loop {
            match self.try_to_write(batch).await {
                Ok(written) => {
                    self.recovered();
                    return Some(written);
                }
                Err(error) => self.failed(&error),
            }
            if batch.comes_again() && self.stopping.is_cancelled() {
                return None;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    async fn try_to_write(&self, batch: &AlarmBatch) -> anyhow::Result<Written> {
        let (store, messages, now) = (self.store.clone(), batch.messages.clone(), self.clock.now().secs());
        Ok(tokio::task::spawn_blocking(move || Said::by(&messages).write(&store, now)).await??)
    }

    fn failed(&mut self, error: &anyhow::Error) {
        self.counts.failures.inc();
        let error = format!("{error:#}");
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(error, "alarms cannot be stored; they wait and it is tried again until it works");
        }
        self.readiness.degrade(CONDITION, format!("alarms cannot be stored: {error}"));
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.failing) {
            tracing::info!("alarms are stored again; none was lost");
            self.readiness.clear(CONDITION);
        }
    }
}

impl Said {
    fn by(messages: &[AlarmMessage]) -> Self {
        let mut said = Self::default();
        let mut places: HashMap<String, usize> = HashMap::new();
        for message in messages {
            match message {
                AlarmMessage::Update(update) => {
                    let Some(update) = said.read::<AlarmUpdate>(update) else { continue };
                    said.add(update, &mut places);
                }
                AlarmMessage::Events(lines) => said.add_events(lines),
            }
        }
        said
    }

    fn add(&mut self, update: AlarmUpdate, places: &mut HashMap<String, usize>) {
        match places.get(&update.document.alarm_id) {
            Some(place) if self.updates[*place].revision > update.revision => {}
            Some(place) => self.updates[*place] = update,
            None => {
                places.insert(update.document.alarm_id.clone(), self.updates.len());
                self.updates.push(update);
            }
        }
    }

    fn add_events(&mut self, lines: &Bytes) {
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event = self.read(line);
            self.events.extend(event);
        }
    }

    fn read<T: DeserializeOwned>(&mut self, json: &[u8]) -> Option<T> {
        serde_json::from_slice(json)
            .inspect_err(|error| {
                self.unreadable += 1;
                tracing::error!(%error, "a message about an alarm cannot be read; is the backend of a later release?");
            })
            .ok()
    }

    fn write(self, store: &AlarmStore, now: i64) -> Result<Written, DatabaseError> {
        let mut written = Written { unreadable: self.unreadable, ..Written::default() };
        if !self.updates.is_empty() {
            written.apply(store, self.updates, now)?;
        }
        if !self.events.is_empty() {
            written.count(store, &self.events, now)?;
        }
        Ok(written)
    }
}

impl Written {
    fn apply(
        &mut self,
        store: &AlarmStore,
        updates: Vec<AlarmUpdate>,
        now: i64,
    ) -> Result<(), DatabaseError> {
        match store.apply(updates.clone(), now) {
            Err(error) if error.is_of_content() => {}
            applied => {
                self.applied = applied?;
                return Ok(());
            }
        }
        // One of them cannot be stored; the others are.
        for update in updates {
            let alarm_id = update.document.alarm_id.clone();
            match store.apply(vec![update], now) {
                Err(error) if error.is_of_content() => self.refuse(&alarm_id, &error),
                applied => self.applied.updated += applied?.updated,
            }
        }
        Ok(())
    }

    fn count(&mut self, store: &AlarmStore, events: &[StageEvent], now: i64) -> Result<(), DatabaseError> {
        match store.count(events, WithoutAlarm::Keep, now) {
            Err(error) if error.is_of_content() => {}
            counted => {
                self.counted = counted?;
                return Ok(());
            }
        }
        for event in events {
            match store.count(std::slice::from_ref(event), WithoutAlarm::Keep, now) {
                Err(error) if error.is_of_content() => self.refuse(&event.alarm_id, &error),
                counted => self.counted.counted += counted?.counted,
            }
        }
        Ok(())
    }

    fn refuse(&mut self, alarm_id: &str, error: &DatabaseError) {
        self.refused += 1;
        tracing::error!(alarm.id = alarm_id, %error, "the database does not take what is said of an alarm; it is only in the alarm files");
    }
}

impl Counts {
    fn new(metrics: &Metrics) -> Self {
        Self {
            updates: metrics.counter_by(
                "dsiem_alarm_store_updates",
                "Alarm updates that came to the alarm store, several of an alarm at the same time as one",
                "result",
            ),
            events: metrics.counter_by(
                "dsiem_alarm_store_events",
                "Events of alarms that came to the alarm store",
                "result",
            ),
            unreadable: metrics
                .counter("dsiem_alarm_store_unreadable", "Messages about alarms that could not be read"),
            refused: metrics.counter(
                "dsiem_alarm_store_refused",
                "Updates and events of alarms that the database does not take, which are only in the alarm files",
            ),
            failures: metrics.counter("dsiem_alarm_store_failures", "Failed attempts to store alarms"),
        }
    }

    fn note(&self, written: &Written) {
        let Written { applied, counted, refused, unreadable, .. } = written;
        for (result, count) in
            [("created", applied.created), ("updated", applied.updated), ("ignored", applied.ignored)]
        {
            self.updates.with(result).add(count);
        }
        for (result, count) in
            [("counted", counted.counted), ("repeated", counted.repeated), ("ignored", counted.ignored)]
        {
            self.events.with(result).add(count);
        }
        self.refused.add(*refused);
        self.unreadable.add(*unreadable);
    }
}
