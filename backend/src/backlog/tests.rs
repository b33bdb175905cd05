//! The task around a backlog through its mailbox: what it answers, what it writes, and what it leaves when it ends.

use std::collections::VecDeque;
use std::net::TcpListener;

use dsiem_core::backlog::Verdict;
use dsiem_core::sources::{Plugin, Source};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::answers::answers;
use crate::enrich::EnrichSettings;
use crate::fixtures::{self, NOW, directive, event};
use crate::mailbox::{Sender, mailbox};

const SLOT: BacklogSlot = BacklogSlot(3);

/// A task as its manager sees it.
struct Running {
    mailbox: Sender<ToBacklog>,
    answers: answers::Receiver<Answer>,
    task: JoinHandle<()>,
}

fn opened(surroundings: &Arc<Surroundings>) -> (Backlog, Beginning) {
    let first = event("a", 1, "10.0.0.9");
    let (backlog, outcome) = Backlog::open(directive(1, "d"), &first, surroundings.context());
    (backlog, Beginning::Opened(first, outcome))
}

fn task(
    surroundings: &Arc<Surroundings>,
) -> (Sender<ToBacklog>, answers::Receiver<Answer>, impl Future<Output = ()> + Send + 'static) {
    let (mailbox, messages) = mailbox();
    let (sender, answers) = answers();
    let (backlog, beginning) = opened(surroundings);
    (mailbox, answers, BacklogTask::new(SLOT, backlog, surroundings.clone(), messages, sender).run(beginning))
}

fn start(surroundings: &Arc<Surroundings>) -> Running {
    let (mailbox, answers, task) = task(surroundings);
    Running { mailbox, answers, task: tokio::spawn(task) }
}

impl Running {
    async fn ask(&mut self, message: ToBacklog) -> Answer {
        self.mailbox.try_send(message).unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> Answer {
        self.answers.wait_for(1).await;
        self.taken().unwrap()
    }

    /// The one answer that is there, if there is one.
    fn taken(&mut self) -> Option<Answer> {
        let mut taken = VecDeque::new();
        self.answers.take_all(&mut taken);
        assert!(taken.len() <= 1, "one message at a time, one answer");
        taken.pop_front()
    }

    async fn complete(&mut self) -> Answer {
        self.ask(ToBacklog::Event(event("b", 2, "10.0.0.9"))).await;
        self.ask(ToBacklog::Event(event("c", 3, "10.0.0.9"))).await
    }
}

/// A source that takes questions and never answers, and the listener that has to be kept.
fn silent_source() -> (Source, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/${{ip}}", listener.local_addr().unwrap());
    let (name, file) = ("silent".to_owned(), "intel_test.json".to_owned());
    (Source { name, kind: String::new(), enabled: true, plugin: Plugin::Wise { url }, file }, listener)
}

/// Asks about home addresses too, one after the other, and never gives a source up.
fn patient() -> EnrichSettings {
    EnrichSettings {
        intel_private_ip: true,
        concurrent_requests: 1,
        failures_to_open: u32::MAX,
        ..EnrichSettings::default()
    }
}

#[test]
fn what_an_open_backlog_costs_is_known() {
    let (surroundings, _log) = fixtures::surroundings(1);
    let (_mailbox, _answers, task) = task(&surroundings);
    let sizes = [
        ("future of the task", size_of_val(&task)),
        ("BacklogTask", size_of::<BacklogTask>()),
        ("Backlog", size_of::<Backlog>()),
        ("Stage", size_of::<dsiem_core::backlog::Stage>()),
        ("ToBacklog", size_of::<ToBacklog>()),
        ("Answer", size_of::<Answer>()),
        ("Sleep, boxed while a document is held back", size_of::<Sleep>()),
    ];
    for (what, bytes) in sizes {
        println!("{bytes:>5} bytes: {what}");
    }
    assert!(size_of_val(&task) <= 520, "a million open backlogs have to fit: see what has grown");
}

#[tokio::test]
async fn an_event_is_answered_once_its_line_is_in_the_log() {
    let (surroundings, mut log) = fixtures::surroundings(2);
    let mut running = start(&surroundings);
    running.mailbox.try_send(ToBacklog::Event(event("b", 2, "10.0.0.9"))).unwrap();
    // The log is full with the line and the document of the first event.
    while log.len() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(running.taken().is_none());
    for _ in 0..4 {
        log.recv().await.unwrap();
    }
    assert_eq!(running.answer().await.outcome.unwrap().verdict, Verdict::Counted);
    running.task.abort();
}

#[tokio::test]
async fn a_message_that_the_task_did_not_come_to_is_answered_when_it_ends() {
    let (surroundings, _log) = fixtures::surroundings(1);
    let mut running = start(&surroundings);
    // It is busy with what opened it, as the log is full: a fault there must not leave the manager waiting.
    running.mailbox.try_send(ToBacklog::Event(event("b", 2, "10.0.0.9"))).unwrap();
    tokio::task::yield_now().await;
    running.task.abort();
    let answer = running.answer().await;
    assert_eq!((answer.slot, answer.outcome.is_none()), (SLOT, true));
    assert!(running.taken().is_none(), "once");
    assert!(running.mailbox.try_send(ToBacklog::Evict).is_err());
}

#[tokio::test]
async fn a_task_that_owes_nothing_ends_without_an_answer() {
    let (surroundings, _log) = fixtures::surroundings(10);
    let mut running = start(&surroundings);
    running.ask(ToBacklog::Event(event("x", 9, "10.0.0.9"))).await;
    running.mailbox.try_send(ToBacklog::HandBack(oneshot::channel().0)).unwrap();
    running.task.abort();
    (&mut running.task).await.unwrap_err();
    assert!(running.taken().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_completed_backlog_with_nobody_to_ask_is_gone_at_once() {
    let (surroundings, _log) = fixtures::surroundings(10);
    let mut running = start(&surroundings);
    let last = running.complete().await.change.unwrap();
    assert_eq!((last.ending, last.lingers), (Some(Ending::Completed), false));
    running.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_ended_backlog_consumes_nothing_more_and_is_handed_back_with_its_look_ups() {
    let (source, _listener) = silent_source();
    let (surroundings, _log) = fixtures::surroundings_with(10, vec![source], patient());
    let mut running = start(&surroundings);
    assert!(running.complete().await.change.unwrap().lingers);
    let late = running.ask(ToBacklog::Event(event("d", 3, "10.0.0.9"))).await;
    assert!(!late.outcome.unwrap().consumed());
    let (reply, handed_back) = oneshot::channel();
    running.mailbox.try_send(ToBacklog::HandBack(reply)).unwrap();
    let open = handed_back.await.unwrap();
    assert!(open.look_ups_pending);
    assert_eq!(open.backlog.ending(), Some(Ending::Completed));
}

#[tokio::test(start_paused = true)]
async fn an_ended_backlog_waits_for_look_ups_no_longer_than_one_may_take() {
    let (source, _listener) = silent_source();
    let (surroundings, _log) = fixtures::surroundings_with(10, vec![source], patient());
    let mut running = start(&surroundings);
    running.complete().await;
    let ended = Instant::now();
    running.task.await.unwrap();
    let limit = surroundings.enrich.time_limit();
    assert!(ended.elapsed() <= limit + Duration::from_millis(10), "{:?}", ended.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_let_go_or_expires_is_written_as_it_is() {
    let (surroundings, mut log) = fixtures::surroundings(10);
    let mut running = start(&surroundings);
    let later = ReceiptTime::from_secs(NOW.secs() + 61);
    let answer = running.ask(ToBacklog::Deadline(later)).await.change.unwrap();
    assert_eq!((answer.ending, answer.lingers), (Some(Ending::TimedOut), false));
    running.task.await.unwrap();
    let mut last = None;
    while let Ok(record) = log.try_recv() {
        last = Some(record);
    }
    let Some(LogRecord::Alarm { document, .. }) = last else { panic!("the document comes last") };
    assert!(String::from_utf8(document).unwrap().contains(r#""status":"timeout""#));
}
