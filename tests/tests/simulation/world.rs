//! All lives of a process, one after the other, and the senders who go on meanwhile.
//!
//! A life is a runtime of its own with paused time; dropped, everything in it is gone at once, as with `kill -9`. What
//! stays is the stream of events and the folder of files.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use dsiem_backend::alarm_log::{ALARM_EVENTS_FILE, ALARMS_FILE};
use dsiem_core::directive::{Directive, file};
use dsiem_core::event::{Event, json};
use dsiem_runtime::bus::StreamId;
use dsiem_runtime::bus::kept::Stream;
use tokio::time::Instant;

use crate::life::{self, Beginning, Life};
use crate::plan::{Arrival, End, How, Plan, When, time};

/// More than any plan has.
const CAPACITY_EVENTS: usize = 10_000;

/// After so long without an event, every backlog is over.
const QUIET_MILLIS: u64 = 20_000;

/// What is left of a line that was being written.
const TORN: &[u8] = br#"{"alarm_id":"#;

/// What outlives a process.
pub(crate) struct World<'a> {
    plan: &'a Plan,
    directives: Vec<Arc<Directive>>,
    home: &'a Path,
    stream: Stream,
    arrivals: Vec<Arrival>,
    /// How many of them have arrived.
    arrived: usize,
    now_millis: u64,
    quiet_millis: u64,
    checkpoints: bool,
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Killed,
    Stopped,
    /// In order, and nothing is left to happen.
    Complete,
}

impl<'a> World<'a> {
    /// The world of a plan, with files in `home`.
    pub(crate) fn new(plan: &'a Plan, home: &'a Path) -> Self {
        let compile =
            |definition| Arc::new(file::from_value(definition).expect("random directives are right"));
        let arrivals = plan.arrivals();
        let last = arrivals.last().map_or(0, |arrival| arrival.at_millis);
        Self {
            plan,
            directives: plan.definitions.iter().map(|definition| compile(&definition.0)).collect(),
            home,
            stream: Stream::new(StreamId(1), CAPACITY_EVENTS).in_batches_of(plan.batch_events),
            arrivals,
            arrived: 0,
            now_millis: 0,
            quiet_millis: last + QUIET_MILLIS,
            checkpoints: true,
        }
    }

    /// One life from the beginning to the end.
    pub(crate) fn undisturbed(mut self) -> anyhow::Result<()> {
        self.checkpoints = false;
        let ended = self.live(None)?;
        ensure!(ended == Ended::Complete, "the only life is the last one: {ended:?}");
        Ok(())
    }

    /// All lives of the plan, and a last one.
    pub(crate) fn disturbed(mut self) -> anyhow::Result<()> {
        for (number, end) in self.plan.ends.iter().map(Some).chain([None]).enumerate() {
            let ended = self.live(end).with_context(|| format!("in life {number}, which ends {end:?}"))?;
            if ended == Ended::Complete {
                break;
            }
            life::date_files(self.home, time(self.now_millis))?;
            if let Some(End { how, down_millis, .. }) = end {
                if matches!(how, How::Killed { torn: true, .. }) && ended == Ended::Killed {
                    self.tear()?;
                }
                self.rest(*down_millis)?;
            }
        }
        ensure!(self.stream.is_empty(), "{} events are kept for nobody", self.stream.len());
        Ok(())
    }

    fn live(&mut self, end: Option<&End>) -> anyhow::Result<Ended> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build()?;
        runtime.block_on(async {
            let began = Instant::now();
            let began_millis = self.now_millis;
            let ended = self.lead(end, began).await;
            let lived = began.elapsed() + Duration::from_micros(500);
            self.now_millis = began_millis + u64::try_from(lived.as_millis())?;
            ended
        })
    }

    async fn lead(&mut self, end: Option<&End>, began: Instant) -> anyhow::Result<Ended> {
        let when = end.map(|end| end.when);
        let beginning = Beginning {
            directives: &self.directives,
            home: self.home,
            stream: &self.stream,
            now: time(self.now_millis),
            checkpoints: self.checkpoints.then(|| Duration::from_millis(self.plan.checkpoint_millis)),
            pause: Duration::from_millis(self.plan.pause_millis),
            writes: if let Some(When::Writes(writes)) = when { Some(writes) } else { None },
        };
        let life = Life::begin(&beginning)?;
        let began_millis = self.now_millis;
        let mut published = 0;
        let mut end_millis = match when {
            Some(When::Millis(millis)) => began_millis + millis,
            Some(When::Published { .. } | When::Writes(_)) | None => u64::MAX,
        };
        loop {
            let arrives_at = self.arrivals.get(self.arrived).map_or(u64::MAX, |arrival| arrival.at_millis);
            let next = arrives_at.min(end_millis).min(self.quiet_millis.max(began_millis + QUIET_MILLIS));
            let next_at = began + Duration::from_millis(next.saturating_sub(began_millis));
            tokio::select! {
                biased;
                () = life.writes.over() => return killed(&life),
                () = tokio::time::sleep_until(next_at) => {}
            }
            if arrives_at == next {
                self.publish(&life).await?;
                published += 1;
                if let Some(When::Published { events, millis }) = when
                    && events == published
                {
                    end_millis = next.max(began_millis) + millis;
                }
            } else if end_millis == next {
                return end_of(&life, end).await;
            } else {
                return complete(&life).await;
            }
        }
    }

    async fn publish(&mut self, life: &Life) -> anyhow::Result<()> {
        let event = payload(&self.arrivals[self.arrived].event);
        self.arrived += 1;
        Ok(life.publisher.publish(vec![event]).await?)
    }

    /// Nobody is there for a while.
    fn rest(&mut self, millis: u64) -> anyhow::Result<()> {
        self.now_millis += millis;
        while let Some(arrival) = self.arrivals.get(self.arrived)
            && arrival.at_millis < self.now_millis
        {
            self.stream.append(vec![payload(&arrival.event)], time(arrival.at_millis))?;
            self.arrived += 1;
        }
        Ok(())
    }

    /// A line was being written to each of the alarm files.
    fn tear(&self) -> anyhow::Result<()> {
        for name in [ALARMS_FILE, ALARM_EVENTS_FILE] {
            OpenOptions::new().append(true).open(self.home.join(name))?.write_all(TORN)?;
        }
        Ok(())
    }
}

async fn end_of(life: &Life, end: Option<&End>) -> anyhow::Result<Ended> {
    match end.map(|end| end.how) {
        Some(How::Killed { turns, .. }) => {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            killed(life)
        }
        Some(How::Stopped { killed_before }) => {
            if let Some(writes) = killed_before {
                life.writes.limit(writes);
            }
            stop(life, Ended::Stopped).await
        }
        None => Err(anyhow!("the last life has no end of its own")),
    }
}

fn killed(life: &Life) -> anyhow::Result<Ended> {
    life.check().map_err(|wrong| anyhow!(wrong))?;
    Ok(Ended::Killed)
}

async fn stop(life: &Life, ended: Ended) -> anyhow::Result<Ended> {
    tokio::select! {
        biased;
        () = life.writes.over() => return killed(life),
        stopped = life.stop() => stopped?,
    }
    life.check().and_then(|()| life.check_books()).map_err(|wrong| anyhow!(wrong))?;
    Ok(ended)
}

async fn complete(life: &Life) -> anyhow::Result<Ended> {
    let open = life.open();
    ensure!(open == 0, "{open} backlogs are still open after a long silence");
    stop(life, Ended::Complete).await
}

fn payload(event: &Event) -> Bytes {
    let mut line = Vec::new();
    json::encode(event, &mut line);
    line.into()
}
