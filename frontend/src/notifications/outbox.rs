//! The outbox: deliveries that wait, are being sent, were sent, or were given up.
//!
//! Whoever sends takes a delivery with a lease: while it lasts, nobody else sends it, and when its holder is gone, it
//! runs out. Each claim has a number, so that of two who believe to have it only the later one says what became of it.
//! A delivery may so be sent twice (when a process ends between sending it and saying so), and carries a key by which
//! the other side knows that it is the same; it is never lost.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::message::{Message, cleaned};
use super::sender::{Failure, Outcome};
use super::{Answer, Refusal, as_json, from_json, store};
use crate::database::DatabaseError;
use crate::database::sql::{Connection, Row, Statement};

/// How long whoever takes a delivery may take, in seconds: longer than a try may.
pub(super) const LEASE_SECS: i64 = 120;
/// How long a delivery is tried, in seconds.
pub(super) const GIVE_UP_AFTER_SECS: i64 = 12 * 3_600;
/// The first and the longest time between two tries, in seconds.
const FIRST_WAIT_SECS: i64 = 10;
const LONGEST_WAIT_SECS: i64 = 3_600;
/// How long deliveries are kept that were sent, and that were given up, in seconds.
const SENT_KEPT_SECS: i64 = 7 * 86_400;
const DEAD_KEPT_SECS: i64 = 30 * 86_400;
/// Deliveries on one page.
pub(crate) const MAX_PAGE: usize = 500;

/// A delivery that is to be sent by whoever took it.
#[derive(Debug, Clone)]
pub(super) struct Claimed {
    pub(super) id: i64,
    pub(super) claim: i64,
    pub(super) channel: store::Channel,
    pub(super) message: Message,
    pub(super) key: String,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DeliveryState)]
pub enum State {
    /// It is tried later.
    Waiting,
    /// It is being sent.
    Sending,
    /// The other side has it.
    Sent,
    /// It was given up.
    Dead,
}

/// A delivery, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// Given by us; rises.
    pub id: i64,
    /// Where it goes; null where that channel is gone.
    pub channel: Option<i64>,
    /// What the channel was called.
    pub channel_name: String,
    /// The rule that tells it.
    pub rule: String,
    /// The alarm that it is about; null for a summary.
    pub alarm_id: Option<String>,
    /// What it says, in a line.
    pub subject: String,
    /// How far it is.
    pub state: State,
    /// How often it was tried.
    pub tries: u64,
    /// When it was written, in seconds since 1970.
    pub created: i64,
    /// When it is tried next; null once it is not.
    pub next_try: Option<i64>,
    /// When it was sent or given up.
    pub finished: Option<i64>,
    /// Why it was not sent the last time; empty where it was.
    pub error: String,
}

/// How many deliveries are how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting, or being sent.
    pub open: u64,
    /// Given up, and still kept.
    pub dead: u64,
}

impl State {
    const ALL: [Self; 4] = [Self::Waiting, Self::Sending, Self::Sent, Self::Dead];

    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }
}

/// Puts a message for a channel into the outbox.
pub(super) fn add(
    db: &mut dyn Connection,
    (channel, channel_name): (i64, &str),
    message: &Message,
    now: i64,
) -> Result<(), DatabaseError> {
    db.execute(
        "INSERT INTO notification_deliveries
             (channel, channel_name, rule, alarm_id, subject, message, state, created, next_at, give_up_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?7, ?8)",
        &[
            channel.into(),
            channel_name.into(),
            message.rule.as_str().into(),
            message.alarm_id().into(),
            message.headline().into(),
            as_json(message)?.into(),
            now.into(),
            (now + GIVE_UP_AFTER_SECS).into(),
        ],
    )?;
    Ok(())
}

/// The channels that something can be sent to now.
pub(super) fn due_channels(db: &mut dyn Connection, now: i64) -> Result<Vec<i64>, DatabaseError> {
    let sql = "SELECT DISTINCT channel FROM notification_deliveries WHERE finished IS NULL AND next_at <= ?1";
    db.query(sql, &[now.into()])?.iter().map(|row| row.int(0)).collect()
}

/// Takes deliveries for each of these channels, as many as it says.
pub(super) fn claim(
    db: &mut dyn Connection,
    room: &[(i64, usize)],
    now: i64,
) -> Result<Vec<Claimed>, DatabaseError> {
    let mut claimed = Vec::new();
    for (channel, room) in room {
        let Some(channel) = store::channel(db, *channel)? else { continue };
        let rows = db.query(
            "UPDATE notification_deliveries SET state = 'sending', claim = claim + 1, tries = tries + 1, next_at = ?3
             WHERE id IN (SELECT id FROM notification_deliveries
                          WHERE finished IS NULL AND channel = ?1 AND next_at <= ?2
                          ORDER BY next_at, id LIMIT ?4)
             RETURNING id, claim, message, created",
            &[channel.id.into(), now.into(), (now + LEASE_SECS).into(), crate::database::sql::as_u64(*room).into()],
        )?;
        for row in &rows {
            let (id, claim, text) = (row.int(0)?, row.int(1)?, row.text(2)?);
            let key = key(id, row.int(3)?, text);
            match from_json(text) {
                Ok(message) => {
                    claimed.push(Claimed { id, claim, channel: channel.clone(), key, message });
                }
                // One that another release has written must not be in the way of the others.
                Err(error) => {
                    let failure = Failure::of_content(error.to_string());
                    finish(db, (id, claim), &failure.into(), now)?;
                }
            }
        }
    }
    claimed.sort_unstable_by_key(|claimed| claimed.id);
    Ok(claimed)
}

/// By which the other side knows a delivery again, also after this database is a new one.
fn key(id: i64, created: i64, message: &str) -> String {
    let hash = Sha256::digest(format!("{id} {created} {message}"));
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes down what became of a delivery; nothing, if somebody else has taken it since.
pub(super) fn finish(
    db: &mut dyn Connection,
    (id, claim): (i64, i64),
    outcome: &Outcome,
    now: i64,
) -> Result<Option<State>, DatabaseError> {
    let rows = db.query(
        "SELECT tries, give_up_at FROM notification_deliveries WHERE id = ?1 AND claim = ?2 AND finished IS NULL",
        &[id.into(), claim.into()],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (tries, give_up_at) = (row.unsigned(0)?, row.int(1)?);
    let (state, next_at, error) = match &outcome.result {
        Ok(()) => (State::Sent, now, ""),
        Err(failure) if failure.is_final || now >= give_up_at => (State::Dead, now, failure.error.as_str()),
        Err(failure) => {
            let wait = wait_secs(id, tries).max(failure.retry_after.unwrap_or(0));
            (State::Waiting, (now + wait).min(give_up_at.max(now + 1)), failure.error.as_str())
        }
    };
    let finished = (state != State::Waiting).then_some(now);
    db.execute(
        "UPDATE notification_deliveries SET state = ?2, next_at = ?3, finished = ?4, error = ?5 WHERE id = ?1",
        &[
            id.into(),
            state.as_str().into(),
            next_at.into(),
            finished.into(),
            cleaned(error).into(),
        ],
    )?;
    Ok(Some(state))
}

/// How long to wait after so many tries: twice as long each time, and for each delivery a little different, so that
/// those that failed together do not come back together.
fn wait_secs(id: i64, tries: u64) -> i64 {
    let doubled = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX).min(20);
    let wait = (FIRST_WAIT_SECS << doubled).min(LONGEST_WAIT_SECS);
    let tries = i64::try_from(tries).unwrap_or(i64::MAX);
    // Any numbers that lie apart for ids that follow each other; nobody has to be unable to guess them.
    let thousandth = id.wrapping_mul(618).wrapping_add(tries.wrapping_mul(271)).rem_euclid(1_000);
    wait + wait / 4 * thousandth / 1_000
}

/// Gives back what others took and can no longer have: for a database that only this process uses.
pub(super) fn release_all(db: &mut dyn Connection, now: i64) -> Result<u64, DatabaseError> {
    db.execute(
        "UPDATE notification_deliveries SET state = 'waiting', next_at = ?1 WHERE state = 'sending'",
        &[now.into()],
    )
}

/// Gives back what was taken and not tried to its end.
pub(super) fn release(
    db: &mut dyn Connection,
    (id, claim): (i64, i64),
    now: i64,
) -> Result<(), DatabaseError> {
    db.execute(
        "UPDATE notification_deliveries SET state = 'waiting', next_at = ?3
         WHERE id = ?1 AND claim = ?2 AND state = 'sending'",
        &[id.into(), claim.into(), now.into()],
    )?;
    Ok(())
}

/// Tries a delivery again that was given up, or that waits.
pub(super) fn retry(db: &mut dyn Connection, id: i64, now: i64) -> Answer<Delivery> {
    let Some(delivery) = delivery(db, id)? else { return Ok(Err(Refusal::missing("delivery", id))) };
    if delivery.channel.is_none() {
        return Ok(Err(Refusal::Conflict("its channel was deleted, so it cannot be sent".to_owned())));
    }
    if !matches!(delivery.state, State::Dead | State::Waiting) {
        let state = delivery.state.as_str();
        return Ok(Err(Refusal::Conflict(format!(
            "it is {state}; only what is dead or waiting is tried again"
        ))));
    }
    db.execute(
        "UPDATE notification_deliveries SET state = 'waiting', finished = NULL, next_at = ?2, give_up_at = ?3
         WHERE id = ?1",
        &[id.into(), now.into(), (now + GIVE_UP_AFTER_SECS).into()],
    )?;
    let retried = self::delivery(db, id)?;
    Ok(retried.ok_or_else(|| Refusal::missing("delivery", id)))
}

const COLUMNS: &str =
    "id, channel, channel_name, rule, alarm_id, subject, state, tries, created, next_at, finished, error";

fn delivery(db: &mut dyn Connection, id: i64) -> Result<Option<Delivery>, DatabaseError> {
    let sql = format!("SELECT {COLUMNS} FROM notification_deliveries WHERE id = ?1");
    db.query(&sql, &[id.into()])?.first().map(delivery_of).transpose()
}

/// A page of deliveries, the newest first; `before` is the last of the page before.
pub(super) fn page(
    db: &mut dyn Connection,
    state: Option<State>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Delivery>, DatabaseError> {
    let mut statement = Statement::default();
    let before = statement.bind(before.unwrap_or(i64::MAX));
    let states = match state {
        None => String::new(),
        Some(state) => format!(" AND state = {}", statement.bind(state.as_str())),
    };
    let limit = statement.bind(crate::database::sql::as_u64(limit.min(MAX_PAGE)));
    statement.text = format!(
        "SELECT {COLUMNS} FROM notification_deliveries WHERE id < {before}{states} ORDER BY id DESC LIMIT {limit}"
    );
    statement.rows(db)?.iter().map(delivery_of).collect()
}

fn delivery_of(row: &Row) -> Result<Delivery, DatabaseError> {
    let state = State::ALL.into_iter().find(|state| Ok(state.as_str()) == row.text(6).map_err(drop));
    let state = state.ok_or_else(|| DatabaseError::Damaged("no such state of a delivery".into()))?;
    let finished = row.optional_int(10)?;
    Ok(Delivery {
        id: row.int(0)?,
        channel: Some(row.int(1)?).filter(|channel| *channel != 0),
        channel_name: row.text(2)?.to_owned(),
        rule: row.text(3)?.to_owned(),
        alarm_id: row.optional_text(4)?.map(str::to_owned),
        subject: row.text(5)?.to_owned(),
        state,
        tries: row.unsigned(7)?,
        created: row.int(8)?,
        next_try: if finished.is_none() { Some(row.int(9)?) } else { None },
        finished,
        error: row.text(11)?.to_owned(),
    })
}

/// How many are how far.
pub(super) fn counts(db: &mut dyn Connection) -> Result<Counts, DatabaseError> {
    let mut count = |condition: &str| {
        let rows =
            db.query(&format!("SELECT COUNT(*) FROM notification_deliveries WHERE {condition}"), &[])?;
        rows.first().map_or(Ok(0), |row| row.unsigned(0))
    };
    Ok(Counts { open: count("finished IS NULL")?, dead: count("state = 'dead'")? })
}

/// Removes what was sent or given up long ago.
pub(super) fn retain(db: &mut dyn Connection, now: i64) -> Result<u64, DatabaseError> {
    let mut removed = 0;
    for (state, kept) in [(State::Sent, SENT_KEPT_SECS), (State::Dead, DEAD_KEPT_SECS)] {
        removed += db.execute(
            "DELETE FROM notification_deliveries WHERE state = ?1 AND finished < ?2",
            &[state.as_str().into(), (now - kept).into()],
        )?;
    }
    Ok(removed)
}
