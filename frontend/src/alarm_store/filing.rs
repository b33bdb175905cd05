//! What is derived from an alarm so that it is found and counted: its combination of filtered values, its addresses,
//! its words, and its part in the roll-ups.
//!
//! An alarm is filed under what it says; when that changes, it is taken out from under the old and put under the new,
//! in the transaction that stores it. So the counts always are those of the stored alarms.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::alarm::{Action, Alarm};
use super::text;
use crate::database::DatabaseError;
use crate::database::sql::{Connection, Dialect, ROWS_AT_ONCE, Statement, Value};

/// The seconds of the two resolutions of roll-ups.
pub(super) const HOUR: i64 = 3_600;
pub(super) const DAY: i64 = 86_400;

/// How many characters of a title lists are sorted by.
const SORTED_TITLE_CHARS: usize = 64;
/// A risk is above any time: the time has 40 bits, 35,000 years.
const RISK_SHIFT: u32 = 40;

/// An address as a key: 16 bytes, version 4 mapped into version 6.
pub(super) type AddressKey = [u8; 16];

/// Roles of an address in an alarm, as bits.
pub(super) const SOURCE: i64 = 1;
pub(super) const DESTINATION: i64 = 2;

/// The values that lists are filtered by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Combination {
    status: String,
    tag: String,
    assignee: String,
    class: i64,
    risk: i64,
    kingdom: String,
    category: String,
    directive: i64,
}

/// The ids of combinations that this process has met, which stay what they are.
pub(super) type Combinations = HashMap<Combination, i64>;

/// What is to be added to counts when a transaction ends; many alarms of one are counted in the same place.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    combinations: BTreeMap<i64, i64>,
    /// Resolution, start, combination.
    in_time: BTreeMap<(i64, i64, i64), i64>,
    addresses: BTreeMap<AddressCount, i64>,
}

/// Under what an address is counted: role, address, day.
type AddressCount = (i64, AddressKey, i64);

/// What the row of an alarm in the table `alarms` says beside the rules' part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    combination: i64,
    created: i64,
}

impl Combination {
    fn of(alarm: &Alarm) -> Self {
        let (document, handling) = (&alarm.document, &alarm.handling);
        Self {
            status: handling.status.clone(),
            tag: handling.tag.clone(),
            assignee: handling.assignee.clone(),
            class: document.risk_class as i64,
            risk: document.risk.into(),
            kingdom: document.kingdom.clone(),
            category: document.category.clone(),
            directive: alarm.directive_id.unwrap_or(0).cast_signed(),
        }
    }

    /// Its id, which it gets if it is new.
    fn id(self, db: &mut dyn Connection, known: &mut Combinations) -> Result<i64, DatabaseError> {
        if let Some(id) = known.get(&self) {
            return Ok(*id);
        }
        let values = [
            self.status.as_str().into(),
            self.tag.as_str().into(),
            self.assignee.as_str().into(),
            self.class.into(),
            self.risk.into(),
            self.kingdom.as_str().into(),
            self.category.as_str().into(),
            self.directive.into(),
        ];
        // An update that changes nothing, so that the row comes back in either case.
        let rows = db.query(
            "INSERT INTO combinations (status, tag, assignee, class, risk, kingdom, category, directive)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (directive, status, tag, assignee, class, risk, kingdom, category)
             DO UPDATE SET alarms = combinations.alarms RETURNING id",
            &values,
        )?;
        let id = rows
            .first()
            .map_or_else(|| Err(DatabaseError::Damaged("no combination".into())), |row| row.int(0))?;
        known.insert(self, id);
        Ok(id)
    }
}

/// Files an alarm under what it says now, and no longer under what it said. `None` is an alarm that is not there.
pub(super) fn file(
    db: &mut dyn Connection,
    known: &mut Combinations,
    tallies: &mut Tallies,
    seq: i64,
    old: Option<&Alarm>,
    new: Option<&Alarm>,
) -> Result<(), DatabaseError> {
    let old_place = old.map(|alarm| place(db, known, alarm)).transpose()?;
    let new_place = new.map(|alarm| place(db, known, alarm)).transpose()?;
    if old_place != new_place {
        for (place, by) in [(old_place, -1), (new_place, 1)] {
            place.into_iter().for_each(|place| tallies.count(place, by));
        }
    }
    match (new, new_place) {
        (Some(alarm), Some(place)) => put_row(db, seq, alarm, place)?,
        _ => {
            db.execute("DELETE FROM alarms WHERE seq = ?1", &[seq.into()])?;
        }
    }
    file_addresses(db, tallies, seq, old.zip(old_place), new.zip(new_place))?;
    file_words(db, seq, old, new)
}

fn place(db: &mut dyn Connection, known: &mut Combinations, alarm: &Alarm) -> Result<Place, DatabaseError> {
    Ok(Place { combination: Combination::of(alarm).id(db, known)?, created: alarm.document.created_time })
}

impl Tallies {
    /// Counts an alarm in its combination and in the roll-ups, or, by -1, no longer.
    fn count(&mut self, place: Place, by: i64) {
        *self.combinations.entry(place.combination).or_default() += by;
        for resolution in [HOUR, DAY] {
            let start = start_of(place.created, resolution);
            *self.in_time.entry((resolution, start, place.combination)).or_default() += by;
        }
    }

    /// Adds everything to what is stored. Rows that count nothing any more go.
    pub(super) fn store(self, db: &mut dyn Connection) -> Result<(), DatabaseError> {
        for (combination, by) in self.combinations.into_iter().filter(|(_, by)| *by != 0) {
            db.execute(
                "UPDATE combinations SET alarms = alarms + ?1 WHERE id = ?2",
                &[by.into(), combination.into()],
            )?;
        }
        for ((resolution, start, combination), by) in self.in_time.into_iter().filter(|(_, by)| *by != 0) {
            let key = [resolution.into(), start.into(), combination.into()];
            add(db, "alarms_in_time", ["resolution", "start", "combination"], &key, by)?;
        }
        for ((role, address, day), by) in self.addresses.into_iter().filter(|(_, by)| *by != 0) {
            let key = [role.into(), address.to_vec().into(), day.into()];
            add(db, "addresses_in_time", ["role", "address", "day"], &key, by)?;
        }
        Ok(())
    }
}

/// Adds to the number of alarms in a row of a roll-up.
fn add(
    db: &mut dyn Connection,
    table: &str,
    [one, two, three]: [&str; 3],
    key: &[Value; 3],
    by: i64,
) -> Result<(), DatabaseError> {
    let mut values = key.to_vec();
    values.push(by.into());
    db.execute(
        &format!(
            "INSERT INTO {table} ({one}, {two}, {three}, alarms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT ({one}, {two}, {three}) DO UPDATE SET alarms = {table}.alarms + excluded.alarms"
        ),
        &values,
    )?;
    if by < 0 {
        let empty =
            format!("DELETE FROM {table} WHERE {one} = ?1 AND {two} = ?2 AND {three} = ?3 AND alarms = 0");
        db.execute(&empty, key)?;
    }
    Ok(())
}

/// The start of the hour or day.
pub(super) fn start_of(secs: i64, resolution: i64) -> i64 {
    secs.div_euclid(resolution) * resolution
}

fn put_row(db: &mut dyn Connection, seq: i64, alarm: &Alarm, place: Place) -> Result<(), DatabaseError> {
    let (document, handling) = (&alarm.document, &alarm.handling);
    let closed = handling.closed_at;
    db.execute(
        "INSERT INTO alarms (seq, combination, created, updated, by_risk, title, revision, version,
             changed_since_closed, closed_revision, closed_class)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (seq) DO UPDATE SET combination = excluded.combination, created = excluded.created,
             updated = excluded.updated, by_risk = excluded.by_risk, title = excluded.title,
             revision = excluded.revision, version = excluded.version,
             changed_since_closed = excluded.changed_since_closed, closed_revision = excluded.closed_revision,
             closed_class = excluded.closed_class",
        &[
            seq.into(),
            place.combination.into(),
            place.created.into(),
            document.update_time.into(),
            by_risk(document.risk, document.update_time).into(),
            sorted_title(&document.title).into(),
            alarm.revision.into(),
            handling.version.into(),
            i64::from(handling.changed_since_closed).into(),
            closed.map(|known| known.revision).into(),
            closed.map(|known| known.class as i64).into(),
        ],
    )?;
    Ok(())
}

/// One number that sorts by risk and, of the same risk, by time.
fn by_risk(risk: u8, updated: i64) -> i64 {
    (i64::from(risk) << RISK_SHIFT) + updated.clamp(0, (1 << RISK_SHIFT) - 1)
}

/// A title as it is sorted: regardless of case, and not longer than it takes.
fn sorted_title(title: &str) -> String {
    title.chars().take(SORTED_TITLE_CHARS).flat_map(char::to_lowercase).collect()
}

fn file_addresses(
    db: &mut dyn Connection,
    tallies: &mut Tallies,
    seq: i64,
    old: Option<(&Alarm, Place)>,
    new: Option<(&Alarm, Place)>,
) -> Result<(), DatabaseError> {
    let old_roles = old.map(|(alarm, _)| roles(alarm)).unwrap_or_default();
    let new_roles = new.map(|(alarm, _)| roles(alarm)).unwrap_or_default();
    let moved = old.map(|(_, place)| place) != new.map(|(_, place)| place);
    for address in old_roles.keys().filter(|address| !new_roles.contains_key(*address)) {
        db.execute(
            "DELETE FROM addresses WHERE address = ?1 AND alarm = ?2",
            &[address.to_vec().into(), seq.into()],
        )?;
    }
    if let Some((_, place)) = new {
        let is_changed = |address: &AddressKey, roles: &i64| moved || old_roles.get(address) != Some(roles);
        let changed: Vec<_> =
            new_roles.iter().filter(|(address, roles)| is_changed(address, roles)).collect();
        changed.chunks(ROWS_AT_ONCE).try_for_each(|some| put_addresses(db, seq, some, place))?;
    }
    let before = old.map(|(_, place)| counted(&old_roles, place)).unwrap_or_default();
    let after = new.map(|(_, place)| counted(&new_roles, place)).unwrap_or_default();
    for of in before.difference(&after) {
        *tallies.addresses.entry(*of).or_default() -= 1;
    }
    for of in after.difference(&before) {
        *tallies.addresses.entry(*of).or_default() += 1;
    }
    Ok(())
}

/// Under what an alarm's addresses are counted.
fn counted(roles: &BTreeMap<AddressKey, i64>, place: Place) -> BTreeSet<AddressCount> {
    let day = start_of(place.created, DAY);
    let of = |role: i64| {
        roles.iter().filter(move |(_, roles)| *roles & role != 0).map(move |(key, _)| (role, *key, day))
    };
    of(SOURCE).chain(of(DESTINATION)).collect()
}

fn put_addresses(
    db: &mut dyn Connection,
    seq: i64,
    addresses: &[(&AddressKey, &i64)],
    place: Place,
) -> Result<(), DatabaseError> {
    let mut put = Statement::default();
    let (seq, combination, created) = (put.bind(seq), put.bind(place.combination), put.bind(place.created));
    let rows: Vec<String> = addresses
        .iter()
        .map(|(address, roles)| {
            let (address, roles) = (put.bind(address.to_vec()), put.bind(**roles));
            format!("({address}, {seq}, {roles}, {combination}, {created})")
        })
        .collect();
    let sql = format!(
        "INSERT INTO addresses (address, alarm, roles, combination, created) VALUES {}
         ON CONFLICT (address, alarm) DO UPDATE SET roles = excluded.roles, combination = excluded.combination,
             created = excluded.created",
        rows.join(", ")
    );
    db.execute(&sql, &put.values)?;
    Ok(())
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

fn file_words(
    db: &mut dyn Connection,
    seq: i64,
    old: Option<&Alarm>,
    new: Option<&Alarm>,
) -> Result<(), DatabaseError> {
    let old_words = old.map(|alarm| text::words_of(&alarm.document));
    let new_words = new.map(|alarm| text::words_of(&alarm.document));
    if old_words == new_words {
        return Ok(());
    }
    if old_words.is_some() {
        db.execute("DELETE FROM alarm_text WHERE rowid = ?1", &[seq.into()])?;
    }
    match new_words {
        None => Ok(()),
        // A new alarm has no comment yet.
        Some(words) if old.is_none() => put_words(db, seq, words),
        Some(words) => put_words_and_comments(db, seq, words),
    }
}

/// Files the words anew after a comment was added.
pub(super) fn refile_words(db: &mut dyn Connection, seq: i64, alarm: &Alarm) -> Result<(), DatabaseError> {
    db.execute("DELETE FROM alarm_text WHERE rowid = ?1", &[seq.into()])?;
    put_words_and_comments(db, seq, text::words_of(&alarm.document))
}

fn put_words_and_comments(db: &mut dyn Connection, seq: i64, words: String) -> Result<(), DatabaseError> {
    let comments = db.query(
        "SELECT after FROM history WHERE alarm = ?1 AND action = ?2 ORDER BY number",
        &[seq.into(), Action::Comment.as_str().into()],
    )?;
    let comments = comments.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
    put_words(db, seq, text::with_comments(words, comments.into_iter()))
}

fn put_words(db: &mut dyn Connection, seq: i64, words: String) -> Result<(), DatabaseError> {
    let put = match db.dialect() {
        Dialect::Sqlite => "INSERT INTO alarm_text (rowid, words) VALUES (?1, ?2)",
        Dialect::Postgres => {
            "INSERT INTO alarm_text (rowid, words) VALUES (?1, to_tsvector('simple', CAST(?2 AS TEXT)))"
        }
    };
    db.execute(put, &[seq.into(), words.into()])?;
    Ok(())
}
