//! Channels and rules in the database.

use super::channel::{ChannelDocument, ChannelRequest, Settings};
use super::rule::{Rule, Window};
use super::{Answer, Refusal, as_json, from_json};
use crate::database::DatabaseError;
use crate::database::sql::{Connection, Row};

/// How many channels there may be.
const MAX_CHANNELS: usize = 100;
/// How many rules there may be.
const MAX_RULES: usize = 200;

/// A channel that something can be sent to.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) settings: Settings,
}

/// A rule in the database.
#[derive(Debug, Clone)]
pub(super) struct StoredRule {
    pub(super) id: i64,
    pub(super) rule: Rule,
    pub(super) window: Window,
}

pub(super) fn channels(db: &mut dyn Connection) -> Result<Vec<Channel>, DatabaseError> {
    db.query("SELECT id, name, settings FROM notification_channels ORDER BY id", &[])?
        .iter()
        .map(channel_of)
        .collect()
}

pub(super) fn channel(db: &mut dyn Connection, id: i64) -> Result<Option<Channel>, DatabaseError> {
    let rows =
        db.query("SELECT id, name, settings FROM notification_channels WHERE id = ?1", &[id.into()])?;
    rows.first().map(channel_of).transpose()
}

fn channel_of(row: &Row) -> Result<Channel, DatabaseError> {
    Ok(Channel { id: row.int(0)?, name: row.text(1)?.to_owned(), settings: from_json(row.text(2)?)? })
}

/// Adds a channel, or changes the one with this id.
pub(super) fn put_channel(
    db: &mut dyn Connection,
    id: Option<i64>,
    request: ChannelRequest,
) -> Answer<ChannelDocument> {
    let stored = match id {
        None => None,
        Some(id) => match channel(db, id)? {
            Some(channel) => Some(channel.settings),
            None => return Ok(Err(Refusal::missing("channel", id))),
        },
    };
    let (name, settings) = match request.settings(stored.as_ref()) {
        Ok(made) => made,
        Err(wrong) => return Ok(Err(Refusal::Wrong(wrong))),
    };
    if let Some(refusal) = refused(db, "notification_channels", &name, id, MAX_CHANNELS)? {
        return Ok(Err(refusal));
    }
    let values = [name.as_str().into(), as_json(&settings)?.into(), id.unwrap_or(0).into()];
    let id = match id {
        Some(id) => {
            db.execute("UPDATE notification_channels SET name = ?1, settings = ?2 WHERE id = ?3", &values)?;
            id
        }
        None => new_id(&db.query(
            "INSERT INTO notification_channels (name, settings) VALUES (?1, ?2) RETURNING id",
            &values[..2],
        )?)?,
    };
    Ok(Ok(settings.document(id, &name)))
}

/// Removes a channel that no rule uses; what waits for it is given up.
pub(super) fn delete_channel(db: &mut dyn Connection, id: i64, now: i64) -> Answer<()> {
    let users = rules(db)?.into_iter().filter(|rule| rule.rule.channels.contains(&id));
    let users: Vec<String> = users.map(|rule| rule.rule.name).collect();
    if !users.is_empty() {
        let users = users.join(", ");
        return Ok(Err(Refusal::Conflict(format!(
            "the channel is used by the rules {users}; change those first"
        ))));
    }
    if db.execute("DELETE FROM notification_channels WHERE id = ?1", &[id.into()])? == 0 {
        return Ok(Err(Refusal::missing("channel", id)));
    }
    db.execute(
        "UPDATE notification_deliveries SET state = 'dead', finished = ?2, claim = claim + 1,
             error = 'the channel was deleted'
         WHERE channel = ?1 AND finished IS NULL",
        &[id.into(), now.into()],
    )?;
    // A later channel may get the same id.
    db.execute("UPDATE notification_deliveries SET channel = 0 WHERE channel = ?1", &[id.into()])?;
    Ok(Ok(()))
}

pub(super) fn rules(db: &mut dyn Connection) -> Result<Vec<StoredRule>, DatabaseError> {
    let sql = "SELECT id, settings, window_start, window_told FROM notification_rules ORDER BY id";
    db.query(sql, &[])?
        .iter()
        .map(|row| {
            let told = u32::try_from(row.unsigned(3)?).unwrap_or(u32::MAX);
            let window = Window { start: row.int(2)?, told };
            Ok(StoredRule { id: row.int(0)?, rule: from_json(row.text(1)?)?, window })
        })
        .collect()
}

/// Adds a rule, or changes the one with this id; its id.
pub(super) fn put_rule(db: &mut dyn Connection, id: Option<i64>, rule: &Rule) -> Answer<i64> {
    if let Err(wrong) = rule.compile() {
        return Ok(Err(Refusal::Wrong(wrong)));
    }
    let known: Vec<i64> = channels(db)?.into_iter().map(|channel| channel.id).collect();
    if let Some(unknown) = rule.channels.iter().find(|channel| !known.contains(channel)) {
        return Ok(Err(Refusal::Wrong(format!("there is no channel {unknown}"))));
    }
    if let Some(refusal) = refused(db, "notification_rules", &rule.name, id, MAX_RULES)? {
        return Ok(Err(refusal));
    }
    let values = [
        rule.name.as_str().into(),
        i64::from(rule.enabled).into(),
        as_json(rule)?.into(),
        id.unwrap_or(0).into(),
    ];
    let Some(id) = id else {
        let insert =
            "INSERT INTO notification_rules (name, enabled, settings) VALUES (?1, ?2, ?3) RETURNING id";
        return Ok(Ok(new_id(&db.query(insert, &values[..3])?)?));
    };
    let update = "UPDATE notification_rules SET name = ?1, enabled = ?2, settings = ?3 WHERE id = ?4";
    Ok(if db.execute(update, &values)? == 0 { Err(Refusal::missing("rule", id)) } else { Ok(id) })
}

/// Removes a rule, with what it holds back.
pub(super) fn delete_rule(db: &mut dyn Connection, id: i64) -> Answer<()> {
    // A later rule may get the same id.
    db.execute("DELETE FROM notification_told WHERE rule = ?1", &[id.into()])?;
    db.execute("DELETE FROM notification_digests WHERE rule = ?1", &[id.into()])?;
    let deleted = db.execute("DELETE FROM notification_rules WHERE id = ?1", &[id.into()])?;
    Ok(if deleted == 0 { Err(Refusal::missing("rule", id)) } else { Ok(()) })
}

/// Why there cannot be one more with this name.
fn refused(
    db: &mut dyn Connection,
    table: &str,
    name: &str,
    id: Option<i64>,
    max: usize,
) -> Result<Option<Refusal>, DatabaseError> {
    let others = db.query(&format!("SELECT id, name FROM {table}"), &[])?;
    for other in &others {
        if other.text(1)? == name && Some(other.int(0)?) != id {
            return Ok(Some(Refusal::Conflict(format!("there is one with the name {name:?} already"))));
        }
    }
    let is_full = id.is_none() && others.len() >= max;
    Ok(is_full.then(|| Refusal::Conflict(format!("there are {max} already, which is the limit; delete one"))))
}

fn new_id(rows: &[Row]) -> Result<i64, DatabaseError> {
    rows.first().map_or_else(|| Err(DatabaseError::Damaged("no id was given".into())), |row| row.int(0))
}
