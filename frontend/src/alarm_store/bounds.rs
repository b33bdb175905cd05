//! Where alarms can be in the orders of lists: of those that were created on a day, when their newest events came, and of
//! those that have a combination, between which titles they are. A list that is sorted by one thing and filtered by another
//! passes over what is outside.
//!
//! Bounds only widen. What they say is true of all alarms that are there, and maybe of more.

use std::collections::BTreeMap;

use super::tallies::{DAY, start_of};
use crate::database::DatabaseError;
use crate::database::rows::{Kind, Rows};
use crate::database::sql::Connection;

/// By what bounds widen when a transaction ends.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    days: BTreeMap<i64, Day>,
    /// By combination: the first and the last title.
    titles: BTreeMap<i64, (String, String)>,
}

/// The alarms that were created on a day.
#[derive(Debug)]
struct Day {
    /// How many more of them there are now.
    change: i64,
    first_update: i64,
    last_update: i64,
}

impl Bounds {
    /// There is an alarm that was created and has been updated at these times; `change` is 1 if it is new on its day, and -1
    /// if it no longer is there.
    pub(super) fn include_times(&mut self, created: i64, updated: i64, change: i64) {
        let day = self.days.entry(start_of(created, DAY)).or_insert(Day {
            change: 0,
            first_update: updated,
            last_update: updated,
        });
        day.change += change;
        day.first_update = day.first_update.min(updated);
        day.last_update = day.last_update.max(updated);
    }

    /// There is an alarm with this combination and title.
    pub(super) fn include_title(&mut self, combination: i64, title: String) {
        match self.titles.get_mut(&combination) {
            Some((first, _)) if title < *first => *first = title,
            Some((_, last)) if title > *last => *last = title,
            Some(_) => {}
            None => {
                self.titles.insert(combination, (title.clone(), title));
            }
        }
    }

    /// Widens what is stored.
    pub(super) fn store(self, db: &mut dyn Connection) -> Result<(), DatabaseError> {
        let mut days = Rows::of(&[
            ("day", Kind::Int),
            ("change", Kind::Int),
            ("first_update", Kind::Int),
            ("last_update", Kind::Int),
        ]);
        for (day, Day { change, first_update, last_update }) in self.days {
            days.push([day.into(), change.into(), first_update.into(), last_update.into()]);
        }
        days.execute(
            db,
            "INSERT INTO days (day, alarms, first_update, last_update)
             SELECT day, change, first_update, last_update FROM {rows} WHERE 1 = 1
             ON CONFLICT (day) DO UPDATE SET alarms = days.alarms + excluded.alarms,
                 first_update = CASE WHEN excluded.first_update < days.first_update
                     THEN excluded.first_update ELSE days.first_update END,
                 last_update = CASE WHEN excluded.last_update > days.last_update
                     THEN excluded.last_update ELSE days.last_update END",
        )?;
        let mut titles = Rows::of(&[("id", Kind::Int), ("first", Kind::Text), ("last", Kind::Text)]);
        for (combination, (first, last)) in self.titles {
            titles.push([combination.into(), first.into(), last.into()]);
        }
        titles.execute(
            db,
            "UPDATE combinations SET
                 first_title = CASE WHEN first_title <= n.first THEN first_title ELSE n.first END,
                 last_title = CASE WHEN last_title >= n.last THEN last_title ELSE n.last END
             FROM {rows} WHERE combinations.id = n.id
                 AND (first_title IS NULL OR first_title > n.first OR last_title < n.last)",
        )
    }
}
