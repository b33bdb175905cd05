//! The floor of the durable way: what any consumer of a JetStream stream pays, in the words of JetStream's own API.
//!
//! Messages come in batches that are asked for before the last one has ended, and are not acknowledged one by one.
//! <https://docs.nats.io/reference/reference-protocols/nats_api_reference>

use anyhow::Context as _;
use async_nats::{Client, Subscriber};
use serde_json::{Value, json};

use crate::floor::SUBJECT;

/// A stream that only the floor reads.
const STREAM: &str = "BENCH_FLOOR";

/// Messages that are asked for at a time.
const BATCH: u64 = 1_000;

/// How long the server waits for the last of them.
const EXPIRES_NANOS: u64 = 30_000_000_000;

/// Reads what is published from now on.
pub(crate) struct Stream {
    client: Client,
    next: String,
    inbox: String,
    /// Messages that have been asked for and have not come.
    asked: u64,
}

impl Stream {
    /// Makes the stream if it is not there, and a consumer of its own; what it reads comes through the subscription.
    pub(crate) async fn open(client: &Client) -> anyhow::Result<(Self, Subscriber)> {
        let stream = json!({"name": STREAM, "subjects": [SUBJECT], "storage": "file", "retention": "limits"});
        ask(client, &format!("STREAM.CREATE.{STREAM}"), &stream).await?;
        let config = json!({"ack_policy": "none", "deliver_policy": "new", "max_waiting": 512});
        let consumer = json!({"stream_name": STREAM, "config": config});
        let made = ask(client, &format!("CONSUMER.CREATE.{STREAM}"), &consumer).await?;
        let name = made["name"].as_str().context("a consumer without a name")?;
        let inbox = client.new_inbox();
        let messages = client.subscribe(inbox.clone()).await.context("cannot subscribe")?;
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{name}");
        let mut this = Self { client: client.clone(), next, inbox, asked: 0 };
        this.ask_ahead().await?;
        client.flush().await.context("cannot publish")?;
        Ok((this, messages))
    }

    /// A message has come.
    pub(crate) async fn came(&mut self) -> anyhow::Result<()> {
        self.asked = self.asked.saturating_sub(1);
        self.ask_ahead().await
    }

    /// As long as less than a batch is to come, asks for another.
    async fn ask_ahead(&mut self) -> anyhow::Result<()> {
        while self.asked <= BATCH {
            let wish = json!({"batch": BATCH, "expires": EXPIRES_NANOS}).to_string();
            let (next, inbox) = (self.next.clone(), self.inbox.clone());
            self.client.publish_with_reply(next, inbox, wish.into()).await.context("cannot publish")?;
            self.asked += BATCH;
        }
        Ok(())
    }
}

async fn ask(client: &Client, what: &str, request: &Value) -> anyhow::Result<Value> {
    let answer = client.request(format!("$JS.API.{what}"), request.to_string().into()).await;
    let answer = answer.with_context(|| format!("JetStream does not answer {what}"))?;
    let answer: Value =
        serde_json::from_slice(&answer.payload).context("JetStream does not answer with JSON")?;
    anyhow::ensure!(answer["error"].is_null(), "JetStream refuses {what}: {}", answer["error"]);
    Ok(answer)
}
