//! What may be asked of correlation while it runs: how many backlogs each directive has open, and how far those of one
//! directive are.
//!
//! Counts lie where managers write them and cost them nothing. The backlogs themselves are asked by way of the roster and
//! the directive's manager, behind the events that came before: bounded in number, and given up when it takes long, so
//! that nobody who looks holds up correlation.

mod open_counts;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dsiem_core::index::DirectiveSlot;
use dsiem_runtime::bus::{BacklogAnswer, BacklogQueries};
use futures::{StreamExt as _, stream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::manager::{Show, Shown};
pub use open_counts::OpenCounts;

/// Questions that may wait for the roster; full, further ones wait before it.
pub const QUESTIONS: usize = 4;

/// How long a directive may take to answer; longer, and it is told as busy. Shorter than whoever asks waits.
const SHOW_LIMIT: Duration = Duration::from_millis(800);

/// Questions from outside that are answered at the same time.
const ANSWERED_AT_ONCE: usize = 4;

/// A question on its way to a directive.
#[derive(Debug)]
pub struct Question {
    /// Which directive.
    pub slot: DirectiveSlot,
    /// What it is asked. One that sleeps has nothing open.
    pub show: Show,
}

/// Asks correlation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inquiry {
    slots: Arc<HashMap<u64, DirectiveSlot>>,
    open: OpenCounts,
    questions: mpsc::Sender<Question>,
}

impl Inquiry {
    /// Asks about the directives of `slots`, by id, by way of `questions`.
    #[must_use]
    pub fn new(
        slots: HashMap<u64, DirectiveSlot>,
        open: OpenCounts,
        questions: mpsc::Sender<Question>,
    ) -> Self {
        Self { slots: Arc::new(slots), open, questions }
    }

    /// The ids of the directives with the most open backlogs, and how many each has; `limit` of them at most.
    #[must_use]
    pub fn most_open(&self, limit: usize) -> Vec<(u64, u64)> {
        let open = self.slots.iter().map(|(id, slot)| (*id, self.open.get(*slot)));
        let mut open: Vec<_> = open.filter(|(_, open)| *open > 0).collect();
        open.sort_unstable_by_key(|(id, open)| (std::cmp::Reverse(*open), *id));
        open.truncate(limit);
        open
    }

    /// The open backlogs of the directive with this id.
    pub async fn backlogs(&self, directive_id: u64) -> BacklogAnswer {
        let Some(slot) = self.slots.get(&directive_id).copied() else { return BacklogAnswer::default() };
        match timeout(SHOW_LIMIT, self.show(slot)).await.ok().flatten() {
            Some(Shown { open, backlogs }) => {
                BacklogAnswer { known: true, open, backlogs, ..BacklogAnswer::default() }
            }
            None => BacklogAnswer {
                known: true,
                busy: true,
                open: self.open.get(slot),
                ..BacklogAnswer::default()
            },
        }
    }

    async fn show(&self, slot: DirectiveSlot) -> Option<Shown> {
        let (reply, shown) = oneshot::channel();
        self.questions.send(Question { slot, show: Show { reply } }).await.ok()?;
        shown.await.ok()
    }

    /// Answers questions from outside as `node`, for as long as there are any.
    pub async fn answer(self, node: String, queries: BacklogQueries) {
        let queries = stream::unfold(queries, async |mut queries| Some((queries.next().await?, queries)));
        let answer = async |query: dsiem_runtime::bus::BacklogQuery| {
            let answer = self.backlogs(query.directive_id).await;
            query.answer(BacklogAnswer { node: node.clone(), ..answer }).await;
        };
        queries.for_each_concurrent(ANSWERED_AT_ONCE, answer).await;
    }
}
