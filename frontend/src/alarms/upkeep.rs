//! Removes what is too old or too much, in the background and a batch at a time.

use std::sync::Arc;
use std::time::Duration;

use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::{Counter, Gauge, Metrics};

use crate::alarm_store::{AlarmStore, Limits};
use crate::database::DatabaseError;

/// How often it is looked what is to be removed.
const INTERVAL: Duration = Duration::from_secs(60);

/// The pause between two batches, in which others write.
const BETWEEN_BATCHES: Duration = Duration::from_millis(20);

/// The task.
pub(super) struct Upkeep {
    store: Arc<AlarmStore>,
    limits: Limits,
    clock: Clock,
    removed: Counter,
    bytes: Gauge,
    failing: bool,
}

impl Upkeep {
    pub(super) fn new(store: Arc<AlarmStore>, limits: Limits, clock: Clock, metrics: &Metrics) -> Self {
        Self {
            store,
            limits,
            clock,
            removed: metrics.counter(
                "dsiem_alarm_store_removed",
                "Alarms removed because they were too old or the store too large",
            ),
            bytes: metrics.gauge("dsiem_alarm_store_bytes", "Bytes that the alarm store has in use"),
            failing: false,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.look().await {
                Ok(()) => self.failing = false,
                Err(error) if !self.failing => {
                    self.failing = true;
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "old alarms cannot be removed; it is tried again"
                    );
                }
                Err(_) => {}
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn look(&self) -> anyhow::Result<()> {
        while self.remove_some().await? {
            tokio::time::sleep(BETWEEN_BATCHES).await;
        }
        let bytes = self.blocking(AlarmStore::used_bytes).await?;
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Removes one batch; whether there may be more.
    async fn remove_some(&self) -> anyhow::Result<bool> {
        let (limits, now) = (self.limits, self.clock.now().secs());
        let removed = self.blocking(move |store| store.retain(limits, now)).await?;
        self.removed.add(removed.alarms);
        Ok(removed.has_more)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AlarmStore) -> Result<T, DatabaseError> + Send + 'static,
    ) -> anyhow::Result<T> {
        let store = self.store.clone();
        Ok(tokio::task::spawn_blocking(move || work(&store)).await??)
    }
}
