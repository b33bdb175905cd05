//! A manager through its mailbox, where the way of an event through the pipeline cannot show what matters: faults and
//! evictions between directives.

use dsiem_runtime::metrics::Counter;
use dsiem_runtime::status::Readiness;

use super::*;
use crate::alarm_log::LogRecord;
use crate::counters::Counters;
use crate::fixtures::{self, NOW, directive, event};

/// What managers share in these tests, and the log they write into.
pub(super) struct Setup {
    pub(super) shared: Arc<Shared>,
    pub(super) log: mpsc::Receiver<LogRecord>,
    _retirements: mpsc::Receiver<Retirement>,
}

pub(super) fn setup(max_backlogs: usize, records: usize) -> Setup {
    let (surroundings, log) = fixtures::surroundings(records);
    let (retirements, _retirements) = mpsc::channel(8);
    let counters = surroundings.counters.clone();
    let shared = Shared {
        surroundings,
        clock: Clock::simulated(NOW),
        census: Census::new(max_backlogs, counters, Readiness::new()),
        open: OpenCounts::new(8),
        pressure: Pressure::new(Duration::ZERO),
        retirements,
        failures: None,
        store: None,
        checkpoints: false,
        tasks: TaskTracker::new(),
        duplicate_window_secs: 600,
        idle_timeout: None,
        event_budget: Duration::from_secs(1),
    };
    Setup { shared: Arc::new(shared), log, _retirements }
}

impl Setup {
    /// A manager of a directive with this id, and its mailbox.
    fn manager(&self, id: u32) -> (mpsc::Sender<Message>, Manager) {
        let (mailbox, messages) = mpsc::channel(MAILBOX_EVENTS);
        let (directive, shared) = (directive(id.into(), "d"), self.shared.clone());
        let (wake_time, state) = (WakeTime::default(), DirectiveState::default());
        (mailbox, Manager::new(DirectiveSlot(id), directive, shared, messages, wake_time, state))
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.shared.surroundings.counters
    }
}

fn delivery(number: u64, id: &str, source: &str) -> Message {
    Message::Event(Delivery { number, event: event(id, 1, source), arrived: NOW, opens: true })
}

async fn until(counter: &Counter, count: u64) {
    while counter.get() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_manager_leaves_the_books_right() {
    let setup = setup(10, 100);
    let (mailbox, manager) = setup.manager(1);
    let task = tokio::spawn(manager.run());
    mailbox.try_send(delivery(1, "a", "10.0.0.1")).unwrap();
    until(&setup.counters().pairs_opened, 1).await;
    // A fault with events in the mailbox, as far as anyone outside can tell.
    for number in 2..5 {
        mailbox.try_send(delivery(number, &number.to_string(), "10.0.0.1")).unwrap();
    }
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let counters = setup.counters();
    assert_eq!((counters.backlogs_failed.get(), counters.backlogs_open.get()), (1, 0));
    assert_eq!((counters.pairs_opened.get(), counters.pairs_failed.get()), (1, 3));
    assert!(mailbox.try_send(delivery(5, "e", "10.0.0.1")).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_failed_manager_counts_the_events_it_had_taken() {
    // The log is full: it stays with the second event, which its backlog cannot answer.
    let mut setup = setup(10, 2);
    let (mailbox, manager) = setup.manager(1);
    for number in 1..=4 {
        mailbox.try_send(delivery(number, "a", "10.0.0.1")).unwrap();
    }
    let second = Delivery { number: 5, event: event("b", 2, "10.0.0.1"), arrived: NOW, opens: false };
    mailbox.try_send(Message::Event(second)).unwrap();
    mailbox.try_send(delivery(6, "c", "10.0.0.2")).unwrap();
    let task = tokio::spawn(manager.run());
    until(&setup.counters().discarded_duplicate, 3).await;
    while setup.log.len() < 2 {
        tokio::task::yield_now().await;
    }
    task.abort();
    task.await.unwrap_err();
    let counters = setup.counters();
    let books =
        [&counters.pairs_opened, &counters.discarded_duplicate, &counters.pairs_failed].map(Counter::get);
    assert_eq!(books, [1, 3, 2], "six were offered");
    setup.log.close();
}

#[tokio::test(start_paused = true)]
async fn the_backlog_that_has_to_go_may_be_another_directives() {
    let setup = setup(1, 100);
    let (first_mailbox, first) = setup.manager(1);
    let (second_mailbox, second) = setup.manager(2);
    let tasks = [tokio::spawn(first.run()), tokio::spawn(second.run())];
    first_mailbox.try_send(delivery(1, "a", "10.0.0.1")).unwrap();
    until(&setup.counters().pairs_opened, 1).await;
    second_mailbox.try_send(delivery(2, "b", "10.0.0.1")).unwrap();
    until(&setup.counters().backlogs_evicted, 1).await;
    assert_eq!(setup.counters().backlogs_open.get(), 1);
    drop((first_mailbox, second_mailbox));
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(setup.counters().backlogs_failed.get(), 0, "an orderly end is no fault");
}

#[tokio::test]
async fn what_an_awake_directive_costs_is_known() {
    let setup = setup(1, 1);
    let (_mailbox, manager) = setup.manager(1);
    let task = manager.run();
    let sizes = [
        ("future of the task", size_of_val(&task)),
        ("Manager", size_of::<Manager>()),
        ("Table", size_of::<Table>()),
        ("Entry of an open backlog", size_of::<Entry>()),
        ("Message, times 32 in a block of the mailbox", size_of::<Message>()),
        ("Answer, times 32 in a block of the answers", size_of::<Answer>()),
    ];
    for (what, bytes) in sizes {
        println!("{bytes:>5} bytes: {what}");
    }
    assert!(size_of_val(&task) <= 2_600, "thousands of directives may be awake: see what has grown");
}

#[tokio::test(start_paused = true)]
async fn what_is_open_is_shown_behind_the_events_before_and_no_more_than_somebody_can_look_at() {
    let setup = setup(1_000, 1_000);
    let (mailbox, manager) = setup.manager(1);
    let task = tokio::spawn(manager.run());
    for number in 0..250_u64 {
        let source = format!("10.0.1.{number}");
        mailbox.send(delivery(number, &number.to_string(), &source)).await.unwrap();
    }
    let second = Delivery { number: 250, event: event("x", 2, "10.0.1.7"), arrived: NOW, opens: false };
    mailbox.send(Message::Event(second)).await.unwrap();
    let (reply, shown) = tokio::sync::oneshot::channel();
    mailbox.send(Message::Show(Show { reply })).await.unwrap();
    let shown = shown.await.unwrap();
    assert_eq!((shown.open, shown.backlogs.len()), (250, dsiem_runtime::bus::MAX_BACKLOGS));
    assert!(shown.backlogs.is_sorted_by_key(|backlog| backlog.deadline));
    let one = shown.backlogs.iter().find(|backlog| backlog.src_ips[0].to_string() == "10.0.1.7").unwrap();
    assert_eq!((one.stage, one.stages, one.events, one.needed), (3, 3, 0, 1));
    assert_eq!(one.dst_ips[0].to_string(), "10.0.0.1");
    assert_eq!((one.since, one.risk), (NOW.secs(), 5));
    assert!(one.deadline > NOW.secs() && one.alarm_id.len() > 8);
    assert_eq!(setup.shared.open.get(DirectiveSlot(1)), 250);
    drop(mailbox);
    task.await.unwrap();
    assert_eq!(setup.shared.open.get(DirectiveSlot(1)), 0);
}
