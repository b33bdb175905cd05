//! What is derived from alarms so that they are found and counted: their combinations of filtered values, their
//! addresses, their words, and their part in the roll-ups.
//!
//! An alarm is filed under what it says; when that changes, it is taken out from under the old and put under the new,
//! in the transaction that stores it. So the counts always are those of the stored alarms. Many alarms are filed at
//! once, with a few statements for all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::alarm::{Action, Alarm};
use super::bounds::Bounds;
use super::combinations::{Combination, Combinations};
use super::tallies::{AddressCount, DAY, Tallies, start_of};
use super::text;
use super::vocabulary;
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
    /// As it is sorted.
    title: String,
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
    file_words(db, known, alarms, &places)?;
    place_words(db, &places)
}

fn placed<'a>(
    db: &mut dyn Connection,
    known: &mut Combinations,
    alarm: &'a Alarm,
) -> Result<Placed<'a>, DatabaseError> {
    let combination = Combination::of(alarm).id(db, known)?;
    let place = Place { combination, created: alarm.document.created_time };
    Ok(Placed { alarm, place, title: sorted_title(&alarm.document.title), roles: roles(alarm) })
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
    bound(&mut tallies.bounds, old, new);
    let (before, after) =
        (old.map(Placed::counted).unwrap_or_default(), new.map(Placed::counted).unwrap_or_default());
    before.difference(&after).for_each(|of| tallies.count_address(*of, -1));
    after.difference(&before).for_each(|of| tallies.count_address(*of, 1));
}

/// Widens the bounds by what an alarm is now.
fn bound(bounds: &mut Bounds, old: Option<&Placed<'_>>, new: Option<&Placed<'_>>) {
    let day = |placed: &Placed<'_>| start_of(placed.place.created, DAY);
    let stays = old.map(day) == new.map(day);
    if let Some(old) = old.filter(|_| !stays) {
        bounds.include_times(old.place.created, old.alarm.document.update_time, -1);
    }
    if let Some(new) = new {
        bounds.include_times(new.place.created, new.alarm.document.update_time, i64::from(!stays));
        if !old.is_some_and(|old| old.is_filed_like(new)) {
            bounds.include_title(new.place.combination, new.title.clone());
        }
    }
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
        self.place == other.place && self.title == other.title
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
            self.title.as_str().into(),
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

/// The text of an alarm.
struct Text {
    seq: i64,
    combination: i64,
    words: String,
}

fn file_words(
    db: &mut dyn Connection,
    known: &mut Combinations,
    alarms: &[Filed<'_>],
    places: &Places<'_>,
) -> Result<(), DatabaseError> {
    let (mut gone, mut new_ones, mut changed, mut moved) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (Filed { seq, old, new }, (_, old_place, new_place)) in alarms.iter().zip(places) {
        let old_words = old.map(|alarm| text::words_of(&alarm.document));
        let new_words = new.map(|alarm| text::words_of(&alarm.document));
        let has_changed = old_words != new_words;
        gone.extend((has_changed && old_words.is_some()).then_some(*seq));
        let (Some(words), Some(placed)) = (new_words, new_place) else { continue };
        let text = Text { seq: *seq, combination: placed.place.combination, words };
        match old_place {
            // It has no comment yet.
            None => new_ones.push(text),
            Some(_) if has_changed => changed.push(text),
            Some(old) if old.place.combination != text.combination => moved.push(text),
            Some(_) => {}
        }
    }
    let first_moved = changed.len();
    changed.extend(moved);
    with_comments(db, &mut changed)?;
    let all = changed.iter().chain(&new_ones).map(|text| (text.combination, text.words.as_str()));
    vocabulary::learn(db, &mut known.vocabulary, all)?;
    changed.truncate(first_moved);
    changed.extend(new_ones);
    put_words(db, gone, changed)
}

/// Files the words anew after a comment was added.
pub(super) fn refile_words(
    db: &mut dyn Connection,
    known: &mut Combinations,
    seq: i64,
    alarm: &Alarm,
) -> Result<(), DatabaseError> {
    let combination = Combination::of(alarm).id(db, known)?;
    let mut texts = vec![Text { seq, combination, words: text::words_of(&alarm.document) }];
    with_comments(db, &mut texts)?;
    let words = texts.iter().map(|text| (text.combination, text.words.as_str()));
    vocabulary::learn(db, &mut known.vocabulary, words)?;
    put_words(db, vec![seq], texts)
}

/// Adds the words of the alarms' comments.
fn with_comments(db: &mut dyn Connection, texts: &mut [Text]) -> Result<(), DatabaseError> {
    let mut wanted = Rows::of(&[("seq", Kind::Int), ("action", Kind::Text)]);
    texts.iter().for_each(|text| wanted.push([text.seq.into(), Action::Comment.as_str().into()]));
    let rows = wanted.query(
        db,
        "SELECT h.alarm, h.after FROM {rows} JOIN history h ON h.alarm = n.seq AND h.action = n.action
         ORDER BY h.alarm, h.number",
    )?;
    let mut comments: HashMap<i64, Vec<&str>> = HashMap::new();
    for row in &rows {
        comments.entry(row.int(0)?).or_default().push(row.text(1)?);
    }
    for Text { seq, words, .. } in texts {
        if let Some(comments) = comments.remove(seq) {
            *words = text::with_comments(std::mem::take(words), comments.into_iter());
        }
    }
    Ok(())
}

/// Puts words in the place of what the alarms have.
fn put_words(db: &mut dyn Connection, gone: Vec<i64>, texts: Vec<Text>) -> Result<(), DatabaseError> {
    Rows::numbered(gone).execute(db, "DELETE FROM alarm_text WHERE rowid IN (SELECT n.seq FROM {rows})")?;
    let mut put = Rows::of(&[("seq", Kind::Int), ("words", Kind::Text)]);
    texts.into_iter().for_each(|text| put.push([text.seq.into(), text.words.into()]));
    let sql = match db.dialect() {
        Dialect::Sqlite => "INSERT INTO alarm_text (rowid, words) SELECT n.seq, n.words FROM {rows}",
        Dialect::Postgres => {
            "INSERT INTO alarm_text (rowid, words, combination, created)
             SELECT n.seq, to_tsvector('simple', n.words), a.combination, a.created
             FROM {rows} JOIN alarms a ON a.seq = n.seq"
        }
    };
    put.execute(db, sql)
}

/// What PostgreSQL knows of a text beside its words: what alarms are filtered by.
fn place_words(db: &mut dyn Connection, places: &Places<'_>) -> Result<(), DatabaseError> {
    if db.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let mut moved = Rows::of(&[("seq", Kind::Int), ("combination", Kind::Int), ("created", Kind::Int)]);
    for (seq, old, new) in places {
        if let (Some(old), Some(new)) = (old, new)
            && old.place != new.place
        {
            moved.push([(*seq).into(), new.place.combination.into(), new.place.created.into()]);
        }
    }
    moved.execute(
        db,
        "UPDATE alarm_text SET combination = n.combination, created = n.created FROM {rows} WHERE rowid = n.seq",
    )
}
