//! Of two processes with one name, never both are the node: from the first moment on, and across what happens to NATS.

use dsiem_runtime::bus::nats::Lease;
use dsiem_runtime::bus::nats::stream::BUCKET;
use futures::{FutureExt, StreamExt};
use tokio::task::JoinHandle;

use super::*;

/// How many pairs of processes, since each has a chance of its own to go wrong.
const PAIRS: usize = 12;

/// After this time, whoever wanted to be the node has looked at the lease at least twice.
const TWO_LOOKS: Duration = Duration::from_millis(2_500);

/// Longer than a lease lasts that is not renewed.
const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(6);

/// A process that wants to be the node of a name.
struct Contender {
    node: Arc<Node>,
    lease: JoinHandle<Lease>,
}

impl Contender {
    fn start(server: &Server, name: &str) -> Self {
        let durability = Durability::Require;
        let node = Arc::new(Node::with_config(NatsConfig { durability, ..config(&server.url(), name) }));
        let wanting = node.clone();
        Self { node, lease: tokio::spawn(async move { wanting.nats.lease().await }) }
    }

    /// What it knows of NATS.
    fn sight(&self) -> String {
        let connected = *self.node.nats.connected().borrow();
        let health = self.node.nats.stream_health().unwrap().borrow().clone();
        format!("connected {connected}, {health:?}")
    }
}

/// Two processes of one name, one of which is the node.
struct Pair {
    held: Lease,
    holder: Arc<Node>,
    standby: Contender,
}

impl Pair {
    /// Waits until one of the two is the node.
    async fn decide(server: &mut Server, first: Contender, second: Contender) -> Self {
        let decided = until("a lease", || first.lease.is_finished() || second.lease.is_finished());
        if std::panic::AssertUnwindSafe(decided).catch_unwind().await.is_err() {
            let (one, other) = (first.sight(), second.sight());
            panic!("neither is the node: {one}; {other}; of the server, {}", server.state());
        }
        let (winner, standby) = if first.lease.is_finished() { (first, second) } else { (second, first) };
        Self { held: winner.lease.await.unwrap(), holder: winner.node, standby }
    }

    /// Whether the one that was the node still is, and alone.
    fn is_unchanged(&mut self) -> bool {
        self.held.lost().now_or_never().is_none() && !self.standby.lease.is_finished()
    }
}

/// Pairs of which all processes start before the server, so that they find everything at the same moment.
async fn pairs() -> (Server, Vec<Pair>) {
    let mut server = Server::reserved();
    server.enable_jetstream();
    let start = |pair: usize| Contender::start(&server, &format!("be-{pair}"));
    let contenders: Vec<_> = (0..PAIRS).map(|pair| (start(pair), start(pair))).collect();
    server.start();
    let mut pairs = Vec::new();
    for (first, second) in contenders {
        pairs.push(Pair::decide(&mut server, first, second).await);
    }
    (server, pairs)
}

/// Makes sure that nobody took over from a process that is alive.
async fn check_unchanged(pairs: &mut [Pair], when: &str) {
    tokio::time::sleep(TWO_LOOKS).await;
    let changed = pairs.iter_mut().filter_map(|pair| (!pair.is_unchanged()).then_some(())).count();
    assert_eq!(changed, 0, "of {PAIRS} nodes, so many were taken over {when}");
}

#[tokio::test]
async fn of_processes_that_start_at_the_same_moment_one_is_the_node() {
    let (_server, mut pairs) = pairs().await;
    check_unchanged(&mut pairs, "from the first moment on").await;
}

/// nats-server 2.9 ends with an error when it is asked for a message of a stream that it is about to make for somebody
/// else. Whatever lies in a stream was put there when it was made.
#[tokio::test]
async fn nothing_is_asked_of_the_leases_before_there_is_one() {
    let server = Server::with_jetstream();
    let (gets, puts) = (format!("$JS.API.STREAM.MSG.GET.KV_{BUCKET}"), format!("$KV.{BUCKET}.>"));
    let spy = async_nats::connect(server.address()).await.unwrap();
    let mut seen = futures::stream::select(
        spy.subscribe(gets.clone()).await.unwrap(),
        spy.subscribe(puts).await.unwrap(),
    );
    spy.flush().await.unwrap();
    let first = Contender::start(&server, "be-0");
    let put = within("a lease", seen.next()).await.unwrap();
    assert!(put.subject.ends_with(".lease.be-0"), "{}", put.subject);
    let _held = within("the lease", first.lease).await.unwrap();
    let _standby = Contender::start(&server, "be-0");
    while within("a look at the lease", seen.next()).await.unwrap().subject.as_str() != gets {}
}

#[tokio::test]
async fn a_living_process_stays_the_node_when_the_server_was_away_for_longer_than_a_lease() {
    let (mut server, mut pairs) = pairs().await;
    check_unchanged(&mut pairs, "before").await;
    server.kill();
    for pair in &pairs {
        pair.holder.wait_connected(false).await;
        pair.standby.node.wait_connected(false).await;
    }
    tokio::time::sleep(LONGER_THAN_A_LEASE).await;
    server.start();
    for pair in &pairs {
        usable(&pair.holder).await;
        usable(&pair.standby.node).await;
    }
    check_unchanged(&mut pairs, "after the server came back").await;
}

#[tokio::test]
async fn a_living_process_stays_the_node_when_the_leases_are_lost() {
    let (server, mut pairs) = pairs().await;
    check_unchanged(&mut pairs, "before").await;
    ask(&server, &format!("$JS.API.STREAM.DELETE.KV_{BUCKET}"), &json!({})).await;
    check_unchanged(&mut pairs, "when nothing was left of their leases").await;
}
