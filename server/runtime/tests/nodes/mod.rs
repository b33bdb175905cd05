//! Reports of processes and questions for backlogs over a real nats-server, with nonsense among them.

use std::time::Duration;

use dsiem_runtime::Readiness;
use dsiem_runtime::bus::nats::{BACKLOGS_SUBJECT, NODES_SUBJECT};
use dsiem_runtime::bus::{BacklogAnswer, BusKind, ReportSender};
use dsiem_runtime::nodes::{Described, NodeKind, Reporter};

use crate::support::{Node, Server, config, until, within};

fn refused(node: &Node, reason: &str) -> u64 {
    node.metrics.counter_by("dsiem_node_reports_refused", "", "reason").with(reason).get()
}

/// A process that reports until the test ends.
fn report(node: &Node, name: &str, kind: NodeKind, sender: ReportSender) {
    let (metrics, readiness) = (&node.metrics, Readiness::new());
    let described = Described::default();
    let clock = dsiem_runtime::Clock::system();
    let reporter = Reporter::new((kind, name.to_owned()), described, &clock, (metrics, &readiness), sender);
    node.shutdown.spawn_service("reports", reporter.run());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frontend_hears_of_itself_and_of_others_and_nonsense_does_no_harm() {
    let server = Server::started();
    let frontend = Node::connected(&server, "fe-0").await;
    let (sender, mut reports) = frontend.nats.reports();
    let other = async_nats::connect(server.url()).await.unwrap();
    for nonsense in ["", "nonsense", "{}", "[1,2", "{\"node\":7,\"run\":{}}"] {
        // Until somebody listens, nobody counts.
        let before = refused(&frontend, "unreadable");
        until_heard(&other, nonsense, || refused(&frontend, "unreadable") > before).await;
    }
    other.publish(NODES_SUBJECT, vec![b' '; 300 << 10].into()).await.unwrap();
    until("the large one is counted", || refused(&frontend, "too_large") == 1).await;

    report(&frontend, "fe-0", NodeKind::Frontend, sender);
    let backends = [Node::connected(&server, "be-0").await, Node::connected(&server, "be-1").await];
    for (backend, name) in backends.iter().zip(["be-0", "be-1"]) {
        report(backend, name, NodeKind::Backend, backend.nats.report_sender());
    }
    let mut heard = std::collections::BTreeSet::new();
    while heard.len() < 3 {
        let report = within("a report", reports.recv()).await.unwrap();
        heard.insert((report.kind, report.node));
    }
    let expected = [
        (NodeKind::Frontend, "fe-0".to_owned()),
        (NodeKind::Backend, "be-0".to_owned()),
        (NodeKind::Backend, "be-1".to_owned()),
    ];
    assert_eq!(heard, expected.into());
}

/// Publishes a report again and again until something holds.
async fn until_heard(client: &async_nats::Client, report: &'static str, mut holds: impl FnMut() -> bool) {
    within("it is heard", async {
        while !holds() {
            client.publish(NODES_SUBJECT, report.into()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// A backend that has two backlogs of the directive 7, or knows nothing of it.
fn answer(node: &Node, name: &'static str, known: bool) {
    let mut queries = node.nats.backlog_queries();
    node.shutdown.spawn_service("answers", async move {
        while let Some(query) = queries.next().await {
            let known = known && query.directive_id == 7;
            let open = if known { 2 } else { 0 };
            query
                .answer(BacklogAnswer { node: name.to_owned(), known, open, ..BacklogAnswer::default() })
                .await;
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_backends_are_asked_and_who_does_not_answer_is_not_waited_for() {
    let server = Server::started();
    let frontend = Node::connected(&server, "fe-0").await;
    let asker = frontend.nats.backlog_asker();
    assert_eq!(within("nobody", asker.ask(7, 1)).await, [], "nobody is there");

    let backends = [Node::connected(&server, "be-0").await, Node::connected(&server, "be-1").await];
    answer(&backends[0], "be-0", true);
    answer(&backends[1], "be-1", false);
    let mut answers = Vec::new();
    // Until both listen.
    while answers.len() < 2 {
        answers = within("answers", asker.ask(7, 2)).await;
    }
    answers.sort_by(|a, b| a.node.cmp(&b.node));
    let told: Vec<_> =
        answers.iter().map(|answer| (answer.node.as_str(), answer.known, answer.open)).collect();
    assert_eq!(told, [("be-0", true, 2), ("be-1", false, 0)]);

    // What others send there is neither answered nor counted as an answer, and a third backend stays away.
    let other = async_nats::connect(server.url()).await.unwrap();
    let mut asked = other.subscribe(BACKLOGS_SUBJECT).await.unwrap();
    other.publish(BACKLOGS_SUBJECT, "nonsense".into()).await.unwrap();
    let lying = tokio::spawn(async move {
        while let Some(message) = futures::StreamExt::next(&mut asked).await {
            if let Some(reply) = message.reply {
                other.publish(reply, "nonsense".into()).await.unwrap();
            }
        }
    });
    let answers = within("answers", asker.ask(7, 3)).await;
    assert_eq!(answers.len(), 2);
    lying.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_says_how_full_its_stream_is_and_that_it_is_gone() {
    let mut server = Server::with_jetstream();
    let frontend = Node::with_config(config(&server.url(), "fe-0"));
    frontend.wait_connected(true).await;
    let publisher = frontend.nats.event_publisher();
    let mut view = frontend.nats.view();
    let state = within("the stream", async {
        loop {
            publisher.publish(vec!["an event".into()]).await.ok();
            let state = view.look().await;
            if state.kept.is_some_and(|kept| kept.events.is_some_and(|events| events > 0)) {
                break state;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!((state.kind, state.connected, state.durable), (BusKind::Nats, true, true));
    assert!(state.kept.unwrap().bytes > 0);
    server.kill();
    within("it is gone", async {
        while view.look().await.connected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
