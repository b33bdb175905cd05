//! Asking correlation: what comes back, and what does when nobody answers.

use tokio::time::Instant;

use super::*;

/// An inquiry about the directives 70, 80 and 90, whose questions come out here.
fn inquiry() -> (Inquiry, OpenCounts, mpsc::Receiver<Question>) {
    let slots = [(70, DirectiveSlot(0)), (80, DirectiveSlot(1)), (90, DirectiveSlot(2))];
    let (sender, questions) = mpsc::channel(QUESTIONS);
    let open = OpenCounts::new(3);
    (Inquiry::new(slots.into(), open.clone(), sender), open, questions)
}

#[tokio::test(start_paused = true)]
async fn a_directive_that_does_not_answer_is_busy_and_one_that_is_not_there_is_not_known() {
    let (inquiry, open, mut questions) = inquiry();
    open.set(DirectiveSlot(1), 5);
    assert_eq!(inquiry.backlogs(81).await, BacklogAnswer::default());
    let begun = Instant::now();
    let busy = BacklogAnswer { known: true, busy: true, open: 5, ..BacklogAnswer::default() };
    assert_eq!(inquiry.backlogs(80).await, busy);
    assert_eq!(begun.elapsed(), SHOW_LIMIT);
    let question = questions.recv().await.unwrap();
    assert!(question.slot == DirectiveSlot(1) && question.show.reply.is_closed());
    // One that was full drops the question.
    let dropping = tokio::spawn(async move { drop(questions.recv().await) });
    assert_eq!(inquiry.backlogs(80).await, busy);
    dropping.await.unwrap();
    assert_eq!(inquiry.backlogs(80).await, busy, "the roster has ended");
}

#[tokio::test(start_paused = true)]
async fn questions_from_outside_are_answered_in_the_name_of_the_node_and_a_slow_one_holds_up_none() {
    let (inquiry, _, mut questions) = inquiry();
    let (asker, queries) = dsiem_runtime::bus::backlog_queries();
    tokio::spawn(inquiry.answer("be-1".to_owned(), queries));
    let slow = asker.clone();
    let slow = tokio::spawn(async move { slow.ask(70, 1).await });
    let unanswered = questions.recv().await.unwrap();
    let quick = tokio::spawn(async move { asker.ask(80, 1).await });
    let Question { show, .. } = questions.recv().await.unwrap();
    show.reply.send(Shown { open: 3, backlogs: Vec::new() }).unwrap();
    let answer =
        |open, busy| BacklogAnswer { node: "be-1".to_owned(), known: true, busy, open, backlogs: Vec::new() };
    assert_eq!(quick.await.unwrap(), [answer(3, false)]);
    assert!(!slow.is_finished());
    assert_eq!(slow.await.unwrap(), [answer(0, true)]);
    drop(unanswered);
}

#[test]
fn the_directives_with_the_most_open_backlogs_come_first() {
    let (inquiry, open, _questions) = inquiry();
    for (slot, count) in [(0, 2), (1, 9)] {
        open.set(DirectiveSlot(slot), count);
    }
    open.set(DirectiveSlot(99), 1);
    assert_eq!(inquiry.most_open(10), [(80, 9), (70, 2)]);
    assert_eq!(inquiry.most_open(1), [(80, 9)]);
}
