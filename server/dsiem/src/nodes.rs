//! `dsiem nodes`: which backends the stream of events knows, how far each of them is, and forgetting one.
//!
//! Every backend holds in the stream what it has not dealt with. One that is gone for good does so until it has been
//! silent for `--node-expiry`, or until somebody says here that it will not come back.

use std::time::Duration;

use anyhow::Context as _;
use dsiem_runtime::bus::nats::stream::STREAM;
use dsiem_runtime::bus::nats::{NodeState, StreamError, StreamOptions, shown_url};
use dsiem_runtime::bus::{Durability, Nats, NatsConfig};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::Metrics;
use dsiem_runtime::shutdown::Shutdown;

use crate::args::{NodesAction, NodesArgs};
use crate::output::{Column, say, table, tell};

/// How long a connection to NATS may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Who this is on NATS.
const NAME: &str = "nodes";

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Lists the nodes, or forgets one.
pub(crate) async fn run(args: NodesArgs, clock: Clock) -> anyhow::Result<()> {
    let nats = connect(&args, clock).await?;
    let nodes = nats.nodes().await.map_err(explain)?;
    match args.action {
        None | Some(NodesAction::List) => say(&list(&nodes)),
        Some(NodesAction::Forget { node, force }) => forget(&nats, &nodes, &node, force).await,
    }
}

async fn connect(args: &NodesArgs, clock: Clock) -> anyhow::Result<Nats> {
    let stream = StreamOptions { node_expiry: HOUR * args.node_expiry, ..StreamOptions::default() };
    let config = NatsConfig {
        url: args.msq.clone(),
        node: NAME.to_owned(),
        credentials: args.nats.credentials()?,
        // Nothing is sent or read, so that nothing has to be decided about the stream.
        durability: Durability::Off,
        stream,
    };
    let nats = Nats::connect(config, clock, &Metrics::new(), &Shutdown::new());
    let mut connected = nats.connected();
    let waiting = connected.wait_for(|connected| *connected);
    let (url, secs) = (shown_url(&args.msq), CONNECT_LIMIT.as_secs());
    let is_connected = tokio::time::timeout(CONNECT_LIMIT, waiting).await.is_ok_and(|seen| seen.is_ok());
    anyhow::ensure!(
        is_connected,
        "no connection to NATS at {url} within {secs} s; is it running there, and does it let us in? Say where it is with \
         --msq (DSIEM_MSQ), and who we are with --nats-user, --nats-token, --nats-nkey-file or --nats-creds-file"
    );
    Ok(nats)
}

/// What a person can do about an answer.
fn explain(error: StreamError) -> anyhow::Error {
    if error.is_no_stream() {
        return anyhow::anyhow!(
            "there is no stream {STREAM} on this NATS, so nothing is kept for any node; frontends and backends make it when \
             they start, unless --durability (DSIEM_DURABILITY) is off"
        );
    }
    anyhow::Error::new(error).context("cannot look at the nodes")
}

async fn forget(nats: &Nats, nodes: &[NodeState], name: &str, force: bool) -> anyhow::Result<()> {
    let known = nodes.iter().find(|node| node.node == name).with_context(|| unknown(nodes, name))?;
    anyhow::ensure!(
        force || !known.is_alive(),
        "the node {name} was heard of {}; stop it first, or it will be back at once and may find that events which it needs \
         are gone. --force forgets it all the same",
        ago(known.silent)
    );
    nats.forget_node(name).await.map_err(explain)?;
    tell(&format!("the stream keeps nothing for {name} any more; {} events waited for it", known.behind));
    Ok(())
}

fn unknown(nodes: &[NodeState], name: &str) -> String {
    if nodes.is_empty() {
        return format!("the stream knows no node, so it keeps nothing for {name:?}");
    }
    let names: Vec<_> = nodes.iter().map(|node| node.node.as_str()).collect();
    format!("the stream knows no node {name:?}; those that it knows are {}", names.join(", "))
}

fn list(nodes: &[NodeState]) -> String {
    if nodes.is_empty() {
        return "The stream knows no node: no backend has read it yet.\n".to_owned();
    }
    let head = ["NODE", "LAST SEEN", "DONE", "OF", "WAITING", "STATE"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(nodes.iter().map(row)).collect();
    let (words, number) = (Column::Words, Column::Number);
    table([words, words, number, number, number, words], &rows)
}

fn row(node: &NodeState) -> [String; 6] {
    let state = match (node.is_alive(), node.holds) {
        (true, _) => "alive",
        (false, true) => "silent; the stream still keeps events for it",
        (false, false) => "expired; the stream keeps nothing for it",
    };
    let numbers = [node.sequence, node.last, node.behind].map(|number| number.to_string());
    let [done, last, behind] = numbers;
    [node.node.clone(), ago(node.silent), done, last, behind, state.to_owned()]
}

/// How long ago something was, as exactly as a person wants to know.
fn ago(time: Duration) -> String {
    let secs = time.as_secs();
    match secs {
        0..120 => format!("{secs} s ago"),
        120..7_200 => format!("{} min ago", secs / 60),
        7_200..172_800 => format!("{} h ago", secs / 3_600),
        _ => format!("{} d ago", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, sequence: u64, silent_secs: u64, holds: bool) -> NodeState {
        let silent = Duration::from_secs(silent_secs);
        NodeState { node: name.to_owned(), sequence, last: 110, behind: 110 - sequence, silent, holds }
    }

    #[test]
    fn the_list_says_who_holds_the_stream() {
        let nodes =
            [node("be-1", 110, 3, true), node("be-2", 70, 5_000, true), node("gone", 7, 200_000, false)];
        let expected = "\
NODE  LAST SEEN   DONE   OF  WAITING  STATE
be-1  3 s ago      110  110        0  alive
be-2  83 min ago    70  110       40  silent; the stream still keeps events for it
gone  2 d ago        7  110      103  expired; the stream keeps nothing for it
";
        assert_eq!(list(&nodes), expected);
        assert!(list(&[]).contains("no backend has read it yet"));
    }

    #[test]
    fn a_name_that_is_wrong_is_told_with_those_that_are_right() {
        let text = unknown(&[node("be-1", 1, 1, true), node("be-2", 1, 1, true)], "be-3");
        assert!(text.contains("\"be-3\"") && text.ends_with("be-1, be-2"), "{text}");
        assert!(unknown(&[], "be-3").contains("knows no node"));
    }
}
