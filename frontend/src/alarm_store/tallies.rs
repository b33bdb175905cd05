//! Counts that go with the alarms: of combinations, and the roll-ups for charts. They are gathered while a transaction
//! goes on and written at its end, since many of its alarms are counted in the same places.

use std::collections::BTreeMap;

use super::bounds::Bounds;
use super::filing::AddressKey;
use crate::database::DatabaseError;
use crate::database::rows::{Kind, Rows};
use crate::database::sql::Connection;

/// The seconds of the two resolutions of roll-ups.
pub(super) const HOUR: i64 = 3_600;
pub(super) const DAY: i64 = 86_400;

/// What is to be added to counts when a transaction ends.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    combinations: BTreeMap<i64, i64>,
    /// Resolution, start, combination.
    in_time: BTreeMap<(i64, i64, i64), i64>,
    addresses: BTreeMap<AddressCount, i64>,
    pub(super) bounds: Bounds,
}

/// Under what an address is counted: role, address, day.
pub(super) type AddressCount = (i64, AddressKey, i64);

impl Tallies {
    /// Counts an alarm in its combination and in the roll-ups, or, by -1, no longer.
    pub(super) fn count(&mut self, combination: i64, created: i64, by: i64) {
        *self.combinations.entry(combination).or_default() += by;
        for resolution in [HOUR, DAY] {
            let start = start_of(created, resolution);
            *self.in_time.entry((resolution, start, combination)).or_default() += by;
        }
    }

    /// Counts an alarm under an address, or, by -1, no longer.
    pub(super) fn count_address(&mut self, of: AddressCount, by: i64) {
        *self.addresses.entry(of).or_default() += by;
    }

    /// Adds everything to what is stored. Rows that count nothing any more go.
    pub(super) fn store(self, db: &mut dyn Connection) -> Result<(), DatabaseError> {
        let mut combinations = Rows::of(&[("id", Kind::Int), ("change", Kind::Int)]);
        for (combination, by) in self.combinations.into_iter().filter(|(_, by)| *by != 0) {
            combinations.push([combination.into(), by.into()]);
        }
        combinations.execute(
            db,
            "UPDATE combinations SET alarms = combinations.alarms + n.change FROM {rows} WHERE combinations.id = n.id",
        )?;
        let in_time = || {
            Rows::of(&[
                ("resolution", Kind::Int),
                ("start", Kind::Int),
                ("combination", Kind::Int),
                ("change", Kind::Int),
            ])
        };
        let (mut all, mut fewer) = (in_time(), in_time());
        for ((resolution, start, combination), by) in self.in_time.into_iter().filter(|(_, by)| *by != 0) {
            let rows = [Some(&mut all), (by < 0).then_some(&mut fewer)];
            for rows in rows.into_iter().flatten() {
                rows.push([resolution.into(), start.into(), combination.into(), by.into()]);
            }
        }
        add(db, "alarms_in_time", "resolution, start, combination", &all, &fewer)?;
        let in_time = || {
            Rows::of(&[
                ("role", Kind::Int),
                ("address", Kind::Bytes),
                ("day", Kind::Int),
                ("change", Kind::Int),
            ])
        };
        let (mut all, mut fewer) = (in_time(), in_time());
        for ((role, address, day), by) in self.addresses.into_iter().filter(|(_, by)| *by != 0) {
            let rows = [Some(&mut all), (by < 0).then_some(&mut fewer)];
            for rows in rows.into_iter().flatten() {
                rows.push([role.into(), address.to_vec().into(), day.into(), by.into()]);
            }
        }
        add(db, "addresses_in_time", "role, address, day", &all, &fewer)?;
        self.bounds.store(db)
    }
}

/// Adds to the numbers of alarms in the rows of a roll-up, and removes those of `fewer` that count nothing any more.
fn add(
    db: &mut dyn Connection,
    table: &str,
    key: &str,
    all: &Rows,
    fewer: &Rows,
) -> Result<(), DatabaseError> {
    all.execute(
        db,
        &format!(
            "INSERT INTO {table} ({key}, alarms) SELECT {key}, change FROM {{rows}} WHERE 1 = 1
             ON CONFLICT ({key}) DO UPDATE SET alarms = {table}.alarms + excluded.alarms"
        ),
    )?;
    fewer.execute(
        db,
        &format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {{rows}}) AND alarms = 0"),
    )
}

/// The start of the hour or day.
pub(super) fn start_of(secs: i64, resolution: i64) -> i64 {
    secs.div_euclid(resolution) * resolution
}
