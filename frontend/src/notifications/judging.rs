//! From what happened to what is told: each occasion is held against each rule once, and becomes deliveries, a part of a
//! summary, or nothing, in one transaction.

use std::collections::BTreeMap;

use super::message::{Digest, Message, What};
use super::occasion::Occasion;
use super::quiet::Meanwhile;
use super::rule::{Judge, Verdict, When, Why, Window};
use super::store::{self, StoredRule};
use super::{as_json, from_json, outbox};
use crate::database::DatabaseError;
use crate::database::sql::Connection;

/// Occasions that are judged in one transaction.
const AT_ONCE: i64 = 200;

/// What was done in one transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// Deliveries that wait now.
    pub(super) told: u64,
    /// What will be told in summaries.
    pub(super) held: u64,
    /// What is not told, because of quiet hours.
    pub(super) dropped: u64,
    /// There may be more.
    pub(super) has_more: bool,
}

/// A rule that occasions are held against.
struct Asked {
    id: i64,
    judge: Judge,
    window: Window,
}

/// A transaction in which occasions are judged.
struct Judging<'a> {
    db: &'a mut dyn Connection,
    /// The names of channels, by their ids.
    channels: BTreeMap<i64, String>,
    judged: Judged,
    now: i64,
}

/// Whether there is anything to judge, or a summary to tell.
pub(super) fn is_due(db: &mut dyn Connection, now: i64) -> Result<bool, DatabaseError> {
    let occasions = db.query("SELECT id FROM notification_occasions LIMIT 1", &[])?;
    let digests =
        db.query("SELECT rule FROM notification_digests WHERE until <= ?1 LIMIT 1", &[now.into()])?;
    Ok(!occasions.is_empty() || !digests.is_empty())
}

/// Judges what has happened since, and tells the summaries whose time has come.
pub(super) fn judge(db: &mut dyn Connection, now: i64) -> Result<Judged, DatabaseError> {
    let channels = store::channels(db)?.into_iter().map(|channel| (channel.id, channel.name)).collect();
    let mut rules: Vec<Asked> = store::rules(db)?.into_iter().filter_map(Asked::new).collect();
    let mut judging = Judging { db, channels, judged: Judged::default(), now };
    judging.tell_summaries(&rules)?;
    judging.judge_occasions(&mut rules)?;
    Ok(judging.judged)
}

impl Asked {
    /// A rule that was fine when it was written may not be any more: time zones come and go.
    fn new(StoredRule { id, rule, window }: StoredRule) -> Option<Self> {
        match rule.compile() {
            Ok(judge) => Some(Self { id, judge, window }),
            Err(error) => {
                tracing::warn!(rule = rule.name, error, "a rule of notifications tells nothing; change it");
                None
            }
        }
    }
}

impl Judging<'_> {
    fn judge_occasions(&mut self, rules: &mut [Asked]) -> Result<(), DatabaseError> {
        let sql = "SELECT id, occasion FROM notification_occasions ORDER BY id LIMIT ?1";
        let rows = self.db.query(sql, &[AT_ONCE.into()])?;
        self.judged.has_more = i64::try_from(rows.len()) == Ok(AT_ONCE);
        let Some(last) = rows.last() else { return Ok(()) };
        let last = last.int(0)?;
        let before: Vec<_> = rules.iter().map(|rule| rule.window).collect();
        for row in &rows {
            // One that another release has written is no reason to tell nothing at all.
            let occasion: Occasion = match from_json(row.text(1)?) {
                Ok(occasion) => occasion,
                Err(error) => {
                    tracing::warn!(%error, "what happened to an alarm cannot be read, so nobody is told of it");
                    continue;
                }
            };
            for rule in &mut *rules {
                if rule.judge.fits(&occasion) {
                    self.judge_one(rule, &occasion)?;
                }
            }
        }
        self.db.execute("DELETE FROM notification_occasions WHERE id <= ?1", &[last.into()])?;
        for (rule, _) in rules.iter().zip(before).filter(|(rule, before)| rule.window != *before) {
            self.db.execute(
                "UPDATE notification_rules SET window_start = ?2, window_told = ?3 WHERE id = ?1",
                &[rule.id.into(), rule.window.start.into(), i64::from(rule.window.told).into()],
            )?;
        }
        Ok(())
    }

    fn judge_one(&mut self, rule: &mut Asked, occasion: &Occasion) -> Result<(), DatabaseError> {
        let once = rule.judge.rule.when == When::First;
        let alarm_id = occasion.facts.alarm_id.as_str();
        if once && self.was_told(rule.id, alarm_id)? {
            return Ok(());
        }
        match rule.judge.verdict(occasion.facts.risk_class, &mut rule.window, self.now) {
            // What was not told is new when it happens again.
            Verdict::Drop => {
                self.judged.dropped += 1;
                return Ok(());
            }
            Verdict::Tell => self.tell(rule, &Message::of_alarm(&rule.judge.rule.name, occasion))?,
            Verdict::Hold(until, why) => self.hold(rule.id, until, why, occasion)?,
        }
        if once { self.note_told(rule.id, alarm_id) } else { Ok(()) }
    }

    fn was_told(&mut self, rule: i64, alarm_id: &str) -> Result<bool, DatabaseError> {
        let rows = self.db.query(
            "SELECT t.rule FROM notification_told t JOIN identities i ON i.seq = t.alarm
             WHERE i.alarm_id = ?1 AND t.rule = ?2",
            &[alarm_id.into(), rule.into()],
        )?;
        Ok(!rows.is_empty())
    }

    /// An alarm that is gone meanwhile is a new one when it comes again.
    fn note_told(&mut self, rule: i64, alarm_id: &str) -> Result<(), DatabaseError> {
        self.db.execute(
            "INSERT INTO notification_told (alarm, rule)
             SELECT seq, ?2 FROM identities WHERE alarm_id = ?1 AND absent_since IS NULL ON CONFLICT DO NOTHING",
            &[alarm_id.into(), rule.into()],
        )?;
        Ok(())
    }

    fn tell(&mut self, rule: &Asked, message: &Message) -> Result<(), DatabaseError> {
        for channel in &rule.judge.rule.channels {
            if let Some(name) = self.channels.get(channel) {
                outbox::add(self.db, (*channel, name), message, self.now)?;
                self.judged.told += 1;
            }
        }
        Ok(())
    }

    fn hold(&mut self, rule: i64, until: i64, why: Why, occasion: &Occasion) -> Result<(), DatabaseError> {
        let rows = self
            .db
            .query("SELECT until, digest FROM notification_digests WHERE rule = ?1", &[rule.into()])?;
        let (until, mut digest) = match rows.first() {
            // What is held back already keeps its time; quiet hours are asked again when it comes.
            Some(row) => (row.int(0)?, from_json(row.text(1)?)?),
            None => (until, Digest::new(why, occasion.at)),
        };
        digest.add(&occasion.facts);
        self.put_digest(rule, until, &digest)?;
        self.judged.held += 1;
        Ok(())
    }

    fn put_digest(&mut self, rule: i64, until: i64, digest: &Digest) -> Result<(), DatabaseError> {
        self.db.execute(
            "INSERT INTO notification_digests (rule, until, digest) VALUES (?1, ?2, ?3)
             ON CONFLICT (rule) DO UPDATE SET until = excluded.until, digest = excluded.digest",
            &[rule.into(), until.into(), as_json(digest)?.into()],
        )?;
        Ok(())
    }

    /// Tells the summaries whose time has come; in quiet hours they wait on.
    fn tell_summaries(&mut self, rules: &[Asked]) -> Result<(), DatabaseError> {
        let sql = "SELECT rule, digest FROM notification_digests WHERE until <= ?1 ORDER BY rule";
        for row in self.db.query(sql, &[self.now.into()])? {
            let (id, digest): (i64, Digest) = (row.int(0)?, from_json(row.text(1)?)?);
            let rule = rules.iter().find(|rule| rule.id == id);
            if let Some(rule) = rule.filter(|rule| rule.judge.rule.enabled) {
                match rule.judge.is_quiet(self.now) {
                    Some((quiet, end)) if quiet.meanwhile == Meanwhile::Summary => {
                        self.put_digest(id, end, &digest)?;
                        continue;
                    }
                    _ => {
                        let what = What::Summary(digest);
                        self.tell(rule, &Message { rule: rule.judge.rule.name.clone(), what })?;
                    }
                }
            }
            self.db.execute("DELETE FROM notification_digests WHERE rule = ?1", &[id.into()])?;
        }
        Ok(())
    }
}
