//! The floor: a minimal NATS consumer that parses each message to a JSON value and drops it. What any consumer pays.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use dsiem_tests::nats::EVENTS;
use futures::StreamExt as _;
use serde_json::Value;

use crate::floor_stream::Stream;

/// The subject that only the floor hears.
pub(crate) const SUBJECT: &str = "bench_floor";

/// How often it is looked whether all have come.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// When none has come for so long, none will.
const QUIET: Duration = Duration::from_secs(5);

/// Messages that may wait for this process.
const CAPACITY: usize = 1_000_000;

/// What to wait for.
#[derive(Debug, Args)]
pub(crate) struct Floor {
    /// nats-server, by its port on this machine
    #[arg(long)]
    port: u16,
    /// Messages that will come
    #[arg(long)]
    events: u64,
    /// Do not parse, and hear what a frontend sends: counts what was delivered
    #[arg(long)]
    count_only: bool,
    /// Read from a stream of JetStream
    #[arg(long, conflicts_with = "count_only")]
    durable: bool,
}

impl Floor {
    /// Says "ready", takes what comes, says how many that were, and stays until its input ends.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
        let taken = runtime.block_on(self.take())?;
        say(&taken.to_string())?;
        std::io::stdin().read_to_end(&mut Vec::new()).context("no input")?;
        Ok(())
    }

    async fn take(&self) -> anyhow::Result<u64> {
        let address = format!("nats://127.0.0.1:{}", self.port);
        let options = async_nats::ConnectOptions::new().subscription_capacity(CAPACITY);
        let client = options.connect(address).await.context("cannot connect to nats-server")?;
        let subject = if self.count_only { EVENTS } else { SUBJECT };
        let (mut stream, mut messages) = if self.durable {
            let (stream, messages) = Stream::open(&client).await?;
            (Some(stream), messages)
        } else {
            (None, client.subscribe(subject).await.context("cannot subscribe")?)
        };
        // Once this is back, the server knows of the subscription.
        let inbox = client.new_inbox();
        let mut echo = client.subscribe(inbox.clone()).await.context("cannot subscribe")?;
        client.publish(inbox, "".into()).await.context("cannot publish")?;
        echo.next().await.context("nats-server does not answer")?;
        say("ready")?;
        let count = Arc::<AtomicU64>::default();
        let (taken, parse) = (count.clone(), !self.count_only);
        tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                if parse {
                    let value = serde_json::from_slice::<Value>(&message.payload);
                    drop(std::hint::black_box(value));
                }
                if let Some(stream) = &mut stream {
                    stream.came().await?;
                }
                taken.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
        Ok(self.wait(&count).await)
    }

    /// Waits for all, or until no more come once they have begun to.
    async fn wait(&self, count: &AtomicU64) -> u64 {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = count.load(Ordering::Relaxed);
            if now >= self.events || (now > 0 && now == last && since.elapsed() > QUIET) {
                return now;
            }
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("nobody reads the result")
}
