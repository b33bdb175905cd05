//! A client that follows the list as the page does: it hears which alarms have changed, and loads what it shows again.

use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use reqwest::Client;
use tokio_util::sync::CancellationToken;

/// How an event of the stream begins.
const NOTICE: &str = "event: alarms";

/// What clients share.
pub(crate) struct Watcher {
    client: Client,
    url: String,
}

/// What clients have seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How often they were told of changes.
    pub(crate) notices: u64,
    /// How long each list took, in milliseconds.
    millis: Vec<u128>,
}

impl Seen {
    pub(crate) fn add(&mut self, other: Self) {
        self.notices += other.notices;
        self.millis.extend(other.millis);
        self.millis.sort_unstable();
    }

    pub(crate) fn lists(&self) -> usize {
        self.millis.len()
    }

    /// So many percent of the lists took at most as long.
    pub(crate) fn percentile(&self, percent: usize) -> u128 {
        let place = (self.millis.len() * percent).div_ceil(100).saturating_sub(1);
        self.millis.get(place).copied().unwrap_or(0)
    }
}

impl Watcher {
    pub(crate) fn new(url: &str) -> Self {
        Self { client: Client::builder().no_proxy().build().unwrap_or_default(), url: url.to_owned() }
    }

    /// Follows until it is stopped.
    pub(crate) async fn watch(self: Arc<Self>, stop: CancellationToken) -> anyhow::Result<Seen> {
        let mut seen = Seen::default();
        let answer = self.client.get(format!("{}/api/v1/changes", self.url)).send().await?;
        anyhow::ensure!(answer.status() == 200, "changes cannot be followed: {}", answer.status());
        let mut stream = answer.bytes_stream();
        loop {
            let chunk = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(seen),
                chunk = stream.next() => chunk,
            };
            let Some(chunk) = chunk else { anyhow::bail!("the stream of changes has ended") };
            let told = String::from_utf8_lossy(&chunk?).matches(NOTICE).count();
            if told > 0 {
                seen.notices += u64::try_from(told)?;
                let begun = Instant::now();
                let list = self.client.get(format!("{}/api/v1/alarms?limit=50", self.url)).send().await?;
                anyhow::ensure!(list.status() == 200, "no list: {}", list.text().await?);
                list.bytes().await?;
                seen.millis.push(begun.elapsed().as_millis());
            }
        }
    }
}
