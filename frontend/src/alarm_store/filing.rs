//! What is derived from alarms so that they are found and counted: their combinations of filtered values, their
//! addresses, their words, and their part in the roll-ups.
//!
//! An alarm is filed under what it says; when that changes, it is taken out from under the old and put under the new,
//! in the transaction that stores it. So the counts always are those of the stored alarms. Many alarms are filed at
//! once, with a few statements for all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::alarm::{Action, Alarm};
use super::combinations::{Combination, Combinations};
use super::tallies::{AddressCount, DAY, Tallies, start_of};
use super::text;
use crate::database::DatabaseError;
use crate::database::rows::{Column, Kind, Rows};
use crate::database::sql::{Connection, Dialect, Value};

/// How many characters of a title lists are sorted by.
const SORTED_TITLE_CHARS: usize = 64;
/// A risk is above any time: the time has 40 bits, 35,000 years.
const RISK_SHIFT: u32 = 40;

/// An address as a key: 16 bytes, version 4 mapped into version 6.
pub(super) type AddressKey = [u8; 16];

/// Roles of an address in an alarm, as bits.
pub(super) const SOURCE: i64 = 1;
pub(super) const DESTINATION: i64 = 2;

/// An alarm to be filed under what it says now, and no longer under what it said. `None` is an alarm that is not there.
pub(super) struct Filed<'a> {
    pub(super) seq: i64,
    pub(super) old: Option<&'a Alarm>,
    pub(super) new: Option<&'a Alarm>,
}

/// An alarm with the addresses that it has, and under what it is counted.
struct Placed<'a> {
    alarm: &'a Alarm,
    place: Place,
    roles: BTreeMap<AddressKey, i64>,
}

/// What the row of an alarm in the table `alarms` says beside the rules' part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    combination: i64,
    created: i64,
}

/// Files alarms, each of which is there once.
pub(super) fn file(
    db: &mut dyn Connection,
    known: &mut Combinations,
    tallies: &mut Tallies,
    alarms: &[Filed<'_>],
) -> Result<(), DatabaseError> {
    let mut places = Vec::with_capacity(alarms.len());
    for filed in alarms {
        let old = filed.old.map(|alarm| placed(db, known, alarm)).transpose()?;
        let new = filed.new.map(|alarm| placed(db, known, alarm)).transpose()?;
        tally(tallies, old.as_ref(), new.as_ref());
        places.push((filed.seq, old, new));
    }
    put_rows(db, &places)?;
    file_addresses(db, &places)?;
    file_words(db, alarms)
}

fn placed<'a>(
    db: &mut dyn Connection,
    known: &mut Combinations,
    alarm: &'a Alarm,
) -> Result<Placed<'a>, DatabaseError> {
    let combination = Combination::of(alarm).id(db, known)?;
    let place = Place { combination, created: alarm.document.created_time };
    Ok(Placed { alarm, place, roles: roles(alarm) })
}

/// Counts what has changed.
fn tally(tallies: &mut Tallies, old: Option<&Placed<'_>>, new: Option<&Placed<'_>>) {
    if old.map(|old| old.place) != new.map(|new| new.place) {
        for (placed, by) in [(old, -1), (new, 1)] {
            placed
                .into_iter()
                .for_each(|Placed { place, .. }| tallies.count(place.combination, place.created, by));
        }
    }
    let (before, after) =
        (old.map(Placed::counted).unwrap_or_default(), new.map(Placed::counted).unwrap_or_default());
    before.difference(&after).for_each(|of| tallies.count_address(*of, -1));
    after.difference(&before).for_each(|of| tallies.count_address(*of, 1));
}

/// The columns of the table `alarms`.
const ALARM_ROW: &[Column] = &[
    ("seq", Kind::Int),
    ("combination", Kind::Int),
    ("created", Kind::Int),
    ("updated", Kind::Int),
    ("by_risk", Kind::Int),
    ("title", Kind::Text),
    ("revision", Kind::Int),
    ("version", Kind::Int),
    ("changed_since_closed", Kind::Int),
    ("closed_revision", Kind::Int),
    ("closed_class", Kind::Int),
];

/// Those that change with nearly every update. SQLite writes each index that has a column which is set, also where its
/// value stays: so the others are left out where they stay.
const MOVED_ROW: &[Column] = &[
    ("seq", Kind::Int),
    ("updated", Kind::Int),
    ("by_risk", Kind::Int),
    ("revision", Kind::Int),
    ("version", Kind::Int),
    ("changed_since_closed", Kind::Int),
    ("closed_revision", Kind::Int),
    ("closed_class", Kind::Int),
];

type Places<'a> = [(i64, Option<Placed<'a>>, Option<Placed<'a>>)];

fn put_rows(db: &mut dyn Connection, places: &Places<'_>) -> Result<(), DatabaseError> {
    let (mut put, mut moved) = (Rows::of(ALARM_ROW), Rows::of(MOVED_ROW));
    for (seq, old, new) in places {
        match (old, new) {
            (Some(old), Some(new)) if old.is_filed_like(new) => moved.push(new.moved_row(*seq)),
            (_, Some(new)) => put.push(new.row(*seq)),
            (_, None) => {}
        }
    }
    moved.execute(
        db,
        "UPDATE alarms SET updated = n.updated, by_risk = n.by_risk, revision = n.revision, version = n.version,
             changed_since_closed = n.changed_since_closed, closed_revision = n.closed_revision,
             closed_class = n.closed_class FROM {rows} WHERE alarms.seq = n.seq",
    )?;
    put.execute(
        db,
        "INSERT INTO alarms (seq, combination, created, updated, by_risk, title, revision, version,
             changed_since_closed, closed_revision, closed_class)
         SELECT seq, combination, created, updated, by_risk, title, revision, version,
             changed_since_closed, closed_revision, closed_class FROM {rows} WHERE 1 = 1
         ON CONFLICT (seq) DO UPDATE SET combination = excluded.combination, created = excluded.created,
             updated = excluded.updated, by_risk = excluded.by_risk, title = excluded.title,
             revision = excluded.revision, version = excluded.version,
             changed_since_closed = excluded.changed_since_closed, closed_revision = excluded.closed_revision,
             closed_class = excluded.closed_class",
    )?;
    let gone = places.iter().filter(|(_, _, new)| new.is_none()).map(|(seq, _, _)| *seq);
    Rows::numbered(gone).execute(db, "DELETE FROM alarms WHERE seq IN (SELECT n.seq FROM {rows})")
}

impl Placed<'_> {
    /// Whether another form of the alarm differs from this one in nothing but [`MOVED_ROW`].
    fn is_filed_like(&self, other: &Self) -> bool {
        self.place == other.place
            && sorted_title(&self.alarm.document.title) == sorted_title(&other.alarm.document.title)
    }

    fn moved_row(&self, seq: i64) -> [Value; 8] {
        let [seq, _, _, updated, by_risk, _, revision, version, changed, closed_revision, closed_class] =
            self.row(seq);
        [seq, updated, by_risk, revision, version, changed, closed_revision, closed_class]
    }

    fn row(&self, seq: i64) -> [Value; 11] {
        let (document, handling) = (&self.alarm.document, &self.alarm.handling);
        let closed = handling.closed_at;
        [
            seq.into(),
            self.place.combination.into(),
            self.place.created.into(),
            document.update_time.into(),
            by_risk(document.risk.into(), document.update_time).into(),
            sorted_title(&document.title).into(),
            self.alarm.revision.into(),
            handling.version.into(),
            i64::from(handling.changed_since_closed).into(),
            closed.map(|known| known.revision).into(),
            closed.map(|known| known.class as i64).into(),
        ]
    }

    /// Under what its addresses are counted.
    fn counted(&self) -> BTreeSet<AddressCount> {
        let day = start_of(self.place.created, DAY);
        let of = |role: i64| {
            self.roles
                .iter()
                .filter(move |(_, roles)| *roles & role != 0)
                .map(move |(key, _)| (role, *key, day))
        };
        of(SOURCE).chain(of(DESTINATION)).collect()
    }
}

/// One number that sorts by risk and, of the same risk, by time.
pub(super) fn by_risk(risk: i64, updated: i64) -> i64 {
    (risk << RISK_SHIFT) + updated.clamp(0, (1 << RISK_SHIFT) - 1)
}

/// A title as it is sorted: regardless of case, and not longer than it takes.
fn sorted_title(title: &str) -> String {
    title.chars().take(SORTED_TITLE_CHARS).flat_map(char::to_lowercase).collect()
}

fn file_addresses(db: &mut dyn Connection, places: &Places<'_>) -> Result<(), DatabaseError> {
    let mut gone = Rows::of(&[("address", Kind::Bytes), ("alarm", Kind::Int)]);
    let mut put = Rows::of(&[
        ("address", Kind::Bytes),
        ("alarm", Kind::Int),
        ("roles", Kind::Int),
        ("combination", Kind::Int),
        ("created", Kind::Int),
    ]);
    for (seq, old, new) in places {
        let roles_of = |placed: &Option<Placed<'_>>, address: &AddressKey| {
            placed.as_ref().and_then(|placed| placed.roles.get(address).copied())
        };
        let has_moved = old.as_ref().map(|old| old.place) != new.as_ref().map(|new| new.place);
        let old_addresses = old.iter().flat_map(|old| old.roles.keys());
        for address in old_addresses.filter(|address| roles_of(new, address).is_none()) {
            gone.push([address.to_vec().into(), (*seq).into()]);
        }
        if let Some(Placed { place, roles, .. }) = new {
            let changed = |address, roles| has_moved || roles_of(old, address) != Some(roles);
            for (address, roles) in roles.iter().filter(|(address, roles)| changed(address, **roles)) {
                let (address, combination) = (address.to_vec().into(), place.combination.into());
                put.push([address, (*seq).into(), (*roles).into(), combination, place.created.into()]);
            }
        }
    }
    gone.execute(
        db,
        "DELETE FROM addresses WHERE (address, alarm) IN (SELECT n.address, n.alarm FROM {rows})",
    )?;
    put.execute(
        db,
        "INSERT INTO addresses (address, alarm, roles, combination, created)
         SELECT address, alarm, roles, combination, created FROM {rows} WHERE 1 = 1
         ON CONFLICT (address, alarm) DO UPDATE SET roles = excluded.roles, combination = excluded.combination,
             created = excluded.created",
    )
}

/// The addresses of an alarm with their roles.
fn roles(alarm: &Alarm) -> BTreeMap<AddressKey, i64> {
    let mut roles = BTreeMap::new();
    let document = &alarm.document;
    for (addresses, role) in [(&document.src_ips, SOURCE), (&document.dst_ips, DESTINATION)] {
        for address in addresses {
            *roles.entry(address_key(*address)).or_default() |= role;
        }
    }
    roles
}

/// An address as a key.
pub(super) fn address_key(address: IpAddr) -> AddressKey {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn file_words(db: &mut dyn Connection, alarms: &[Filed<'_>]) -> Result<(), DatabaseError> {
    let (mut gone, mut put, mut commented) = (Vec::new(), Vec::new(), Vec::new());
    for Filed { seq, old, new } in alarms {
        let old_words = old.map(|alarm| text::words_of(&alarm.document));
        let new_words = new.map(|alarm| text::words_of(&alarm.document));
        if old_words == new_words {
            continue;
        }
        gone.extend(old_words.is_some().then_some(*seq));
        match new_words {
            // A new alarm has no comment yet.
            Some(words) if old.is_none() => put.push((*seq, words)),
            Some(words) => commented.push((*seq, words)),
            None => {}
        }
    }
    with_comments(db, &mut commented)?;
    put.extend(commented);
    put_words(db, gone, put)
}

/// Files the words anew after a comment was added.
pub(super) fn refile_words(db: &mut dyn Connection, seq: i64, alarm: &Alarm) -> Result<(), DatabaseError> {
    let mut words = vec![(seq, text::words_of(&alarm.document))];
    with_comments(db, &mut words)?;
    put_words(db, vec![seq], words)
}

/// Adds the words of the alarms' comments.
fn with_comments(db: &mut dyn Connection, alarms: &mut [(i64, String)]) -> Result<(), DatabaseError> {
    let mut wanted = Rows::of(&[("seq", Kind::Int), ("action", Kind::Text)]);
    alarms.iter().for_each(|(seq, _)| wanted.push([(*seq).into(), Action::Comment.as_str().into()]));
    let rows = wanted.query(
        db,
        "SELECT h.alarm, h.after FROM {rows} JOIN history h ON h.alarm = n.seq AND h.action = n.action
         ORDER BY h.alarm, h.number",
    )?;
    let mut comments: HashMap<i64, Vec<&str>> = HashMap::new();
    for row in &rows {
        comments.entry(row.int(0)?).or_default().push(row.text(1)?);
    }
    for (seq, words) in alarms {
        if let Some(comments) = comments.remove(seq) {
            *words = text::with_comments(std::mem::take(words), comments.into_iter());
        }
    }
    Ok(())
}

/// Puts words in the place of what the alarms have.
fn put_words(
    db: &mut dyn Connection,
    gone: Vec<i64>,
    words: Vec<(i64, String)>,
) -> Result<(), DatabaseError> {
    Rows::numbered(gone).execute(db, "DELETE FROM alarm_text WHERE rowid IN (SELECT n.seq FROM {rows})")?;
    let mut put = Rows::of(&[("seq", Kind::Int), ("words", Kind::Text)]);
    words.into_iter().for_each(|(seq, words)| put.push([seq.into(), words.into()]));
    let sql = match db.dialect() {
        Dialect::Sqlite => "INSERT INTO alarm_text (rowid, words) SELECT n.seq, n.words FROM {rows}",
        Dialect::Postgres => {
            "INSERT INTO alarm_text (rowid, words) SELECT n.seq, to_tsvector('simple', n.words) FROM {rows}"
        }
    };
    put.execute(db, sql)
}
