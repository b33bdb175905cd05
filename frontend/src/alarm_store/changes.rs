//! Whoever shows alarms is told which of them have changed, once the change is stored.
//!
//! Where several frontends share a database, each announces its changes there, within the transaction that makes them,
//! and tells those of the others like its own.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use tokio::sync::broadcast;
use tracing::warn;

use crate::database::listening::{Heard, Listening};
use crate::database::rows::{Kind, Rows};
use crate::database::sql::Connection;
use crate::database::{Database, DatabaseError};

/// Changes that may wait for somebody who listens; whoever is slower is told that he missed some.
const WAITING: usize = 8_192;
/// Where frontends announce their changes to one another.
const CHANNEL: &str = "dsiem_alarm_changes";
/// How long an announcement may be, in bytes: PostgreSQL takes less than 8,000.
const MAX_ANNOUNCEMENT: usize = 7_900;
/// What an announcement needs beside its changes, and each change beside its id.
const AROUND: usize = 64;

/// An alarm is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AlarmChange {
    /// Which one; empty where that is not known.
    pub alarm_id: Arc<str>,
    /// What became of it.
    pub kind: ChangeKind,
}

impl AlarmChange {
    pub(super) fn new(alarm_id: &str, kind: ChangeKind) -> Self {
        Self { alarm_id: alarm_id.into(), kind }
    }
}

/// What can become of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChangeKind {
    /// The engine says something new about it, or it is new.
    Updated,
    /// Users did something with it.
    Handled,
    /// It is gone.
    Deleted,
    /// Another frontend may have changed any number of alarms: its announcements could not be heard for a while.
    Missed,
}

/// What a frontend says to the others.
#[derive(Debug, Serialize, Deserialize)]
struct Announcement<'a> {
    /// Who says it.
    from: u64,
    changes: Vec<(Cow<'a, str>, ChangeKind)>,
}

/// Tells everybody who listens.
#[derive(Debug)]
pub(super) struct Changes {
    sender: broadcast::Sender<AlarmChange>,
    /// What tells our own announcements from those of others.
    from: u64,
    /// Where there may be others.
    others: Option<Listening>,
}

impl Changes {
    /// Changes in `database`.
    pub(super) fn of(database: &Database) -> Self {
        let sender = broadcast::Sender::new(WAITING);
        let from = RandomState::new().hash_one(CHANNEL);
        let telling = sender.clone();
        let others = database.listen(CHANNEL, move |heard| tell_of_others(&telling, from, &heard));
        Self { sender, from, others }
    }

    /// Says to the other frontends, if there may be any, what changes once the transaction is over.
    pub(super) fn announce(
        &self,
        db: &mut dyn Connection,
        changes: &[AlarmChange],
    ) -> Result<(), DatabaseError> {
        if self.others.is_none() {
            return Ok(());
        }
        let mut put = Rows::of(&[("payload", Kind::Text)]);
        for changes in announced(changes) {
            let said = serde_json::to_string(&Announcement { from: self.from, changes });
            let said = said.map_err(|error| DatabaseError::Damaged(format!("no announcement: {error}")))?;
            put.push([said.into()]);
        }
        put.execute(db, &format!("SELECT CAST(pg_notify('{CHANNEL}', n.payload) AS TEXT) FROM {{rows}}"))
    }

    /// Tells what is stored now.
    pub(super) fn tell(&self, changes: Vec<AlarmChange>) {
        for change in changes {
            // Nobody has to listen.
            self.sender.send(change).ok();
        }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<AlarmChange> {
        self.sender.subscribe()
    }
}

/// Tells what another frontend has said.
fn tell_of_others(sender: &broadcast::Sender<AlarmChange>, own: u64, heard: &Heard) {
    let changes = match heard {
        Heard::Missed => vec![(Cow::Borrowed(""), ChangeKind::Missed)],
        Heard::Said(said) => match serde_json::from_str::<Announcement<'_>>(said) {
            Ok(announcement) if announcement.from == own => Vec::new(),
            Ok(announcement) => announcement.changes,
            Err(error) => {
                warn!(%error, "another frontend announced changes in a way that this release does not know");
                vec![(Cow::Borrowed(""), ChangeKind::Missed)]
            }
        },
    };
    for (alarm_id, kind) in changes {
        // Nobody has to listen.
        sender.send(AlarmChange::new(&alarm_id, kind)).ok();
    }
}

/// The changes, each of them once, in pieces that are short enough to be announced.
fn announced(changes: &[AlarmChange]) -> Vec<Vec<(Cow<'_, str>, ChangeKind)>> {
    let mut seen = HashSet::new();
    let (mut pieces, mut length) = (Vec::new(), MAX_ANNOUNCEMENT);
    for change in changes.iter().filter(|change| seen.insert(*change)) {
        // As JSON, a letter has six at most.
        let needs =
            AROUND + change.alarm_id.chars().map(|c| if c.is_ascii_graphic() { 2 } else { 6 }).sum::<usize>();
        let (id, kind, needs) = if needs + AROUND > MAX_ANNOUNCEMENT {
            ("", ChangeKind::Missed, AROUND)
        } else {
            (&*change.alarm_id, change.kind, needs)
        };
        if length + needs > MAX_ANNOUNCEMENT {
            pieces.push(Vec::new());
            length = AROUND;
        }
        length += needs;
        if let Some(piece) = pieces.last_mut() {
            piece.push((Cow::Borrowed(id), kind));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_are_short_enough_and_complete() {
        let ids =
            ["a".to_owned(), "\u{0}".repeat(1_000), "\"\\".repeat(1_500), "é".repeat(900), "x".repeat(9_000)];
        let ids = ids.into_iter().chain((0..1_000).map(|n| format!("alarm {n}"))).collect::<Vec<_>>();
        let changes: Vec<AlarmChange> =
            ids.iter().chain(&ids).map(|id| AlarmChange::new(id, ChangeKind::Updated)).collect();
        let mut told = Vec::new();
        for changes in announced(&changes) {
            let said = serde_json::to_string(&Announcement { from: u64::MAX, changes }).unwrap();
            assert!(said.len() < 8_000, "{}", said.len());
            let heard: Announcement<'_> = serde_json::from_str(&said).unwrap();
            told.extend(heard.changes.into_iter().map(|(id, kind)| (id.into_owned(), kind)));
        }
        let expected = ids.iter().map(|id| match id.len() {
            9_000 => (String::new(), ChangeKind::Missed),
            _ => (id.clone(), ChangeKind::Updated),
        });
        assert!(told.into_iter().eq(expected));
    }
}
