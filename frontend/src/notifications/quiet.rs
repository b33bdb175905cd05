//! Quiet hours: when a rule keeps quiet, in a time zone of its own.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many times of one rule.
const MAX_TIMES: usize = 20;
/// How many times may follow each other without a break; beyond, it is told in between.
const MAX_CHAINED: usize = 16;

/// When a rule keeps quiet, and what becomes of what it would have told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// The times, 1 to 20.
    pub times: Vec<QuietTime>,
    /// Whose clock they go by, such as `Europe/Berlin` or `UTC`.
    pub time_zone: String,
    /// What becomes of what happens meanwhile.
    pub meanwhile: Meanwhile,
    /// Alarms of the class High are told all the same.
    #[serde(default)]
    pub high_breaks_through: bool,
}

/// From a time of day until another, on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietTime {
    /// The days on which it begins.
    pub days: Vec<Day>,
    /// When it begins, such as `18:00`.
    pub from: String,
    /// When it ends, such as `08:00`: on the next day, where that is not later than `from`.
    pub until: String,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are the days of the week")]
#[schema(as = QuietDay)]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// What becomes of what happens in quiet hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Meanwhile {
    /// It is told when they end, in one summary.
    Summary,
    /// It is not told.
    Drop,
}

/// Quiet hours that can be asked.
#[derive(Debug, Clone)]
pub(super) struct Quiet {
    times: Vec<Span>,
    zone: TimeZone,
    pub(super) meanwhile: Meanwhile,
    pub(super) high_breaks_through: bool,
}

#[derive(Debug, Clone)]
struct Span {
    days: Vec<Weekday>,
    from: Time,
    until: Time,
}

impl QuietHours {
    /// Quiet hours that can be asked, or what is wrong with these.
    pub(super) fn compile(&self) -> Result<Quiet, String> {
        if !(1..=MAX_TIMES).contains(&self.times.len()) {
            return Err(format!(
                "quiet_hours.times must be 1 to {MAX_TIMES} times; leave quiet_hours away for none"
            ));
        }
        let zone = TimeZone::get(&self.time_zone).map_err(|_| {
            format!(
                "quiet_hours.time_zone {:?} is not known; write one such as Europe/Berlin or UTC",
                self.time_zone
            )
        })?;
        let times = self.times.iter().map(QuietTime::compile).collect::<Result<_, _>>()?;
        Ok(Quiet { times, zone, meanwhile: self.meanwhile, high_breaks_through: self.high_breaks_through })
    }
}

impl QuietTime {
    fn compile(&self) -> Result<Span, String> {
        if self.days.is_empty() {
            return Err("quiet_hours.times: days is empty; name the days on which it begins".to_owned());
        }
        Ok(Span {
            days: self.days.iter().map(|day| day.weekday()).collect(),
            from: time(&self.from)?,
            until: time(&self.until)?,
        })
    }
}

fn time(text: &str) -> Result<Time, String> {
    let is_short = text.len() == "00:00".len();
    let time = is_short.then(|| Time::strptime("%H:%M", text).ok()).flatten();
    time.ok_or_else(|| format!("quiet_hours: {text:?} is not a time of day; write it as 18:00"))
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

impl Quiet {
    /// When the quiet hours end that `now` is in; `None` if it is in none. Both in seconds since 1970.
    pub(super) fn ends(&self, now: i64) -> Option<i64> {
        let mut end = None;
        // One time may follow another without a break: the night, then the weekend.
        for _ in 0..MAX_CHAINED {
            match self.end_of_one(end.unwrap_or(now)) {
                Some(later) => end = Some(later),
                None => break,
            }
        }
        end
    }

    /// The latest end of those that contain `now`.
    fn end_of_one(&self, now: i64) -> Option<i64> {
        let today = Timestamp::from_second(now).ok()?.to_zoned(self.zone.clone()).date();
        let yesterday = today.yesterday().ok()?;
        let both = [yesterday, today];
        let ends = self.times.iter().flat_map(|time| both.map(|day| time.on(day, &self.zone)));
        ends.flatten().filter(|(from, until)| (*from..*until).contains(&now)).map(|(_, until)| until).max()
    }
}

impl Span {
    /// From when until when, if it begins on `day`.
    fn on(&self, day: Date, zone: &TimeZone) -> Option<(i64, i64)> {
        if !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.until > self.from { day } else { day.checked_add(1.day()).ok()? };
        let second = |day: Date, time: Time| {
            // A time that the clocks skip is the one after it; of one that they show twice, it is the first.
            let zoned: Result<Zoned, _> = day.to_datetime(time).to_zoned(zone.clone());
            zoned.map(|zoned| zoned.timestamp().as_second()).ok()
        };
        Some((second(day, self.from)?, second(last, self.until)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(zone: &str, times: &[(&[Day], &str, &str)]) -> Quiet {
        let times = times
            .iter()
            .map(|(days, from, until)| QuietTime {
                days: days.to_vec(),
                from: (*from).into(),
                until: (*until).into(),
            })
            .collect();
        let hours = QuietHours {
            times,
            time_zone: zone.into(),
            meanwhile: Meanwhile::Summary,
            high_breaks_through: false,
        };
        hours.compile().unwrap()
    }

    const WORKDAYS: &[Day] = &[Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri];
    const WEEKEND: &[Day] = &[Day::Sat, Day::Sun];

    fn ends(quiet: &Quiet, now: &str) -> Option<String> {
        let now: Timestamp = now.parse().unwrap();
        quiet.ends(now.as_second()).map(|end| Timestamp::from_second(end).unwrap().to_string())
    }

    #[test]
    fn a_night_is_quiet_from_the_evening_until_the_next_morning() {
        let quiet = quiet("Europe/Berlin", &[(WORKDAYS, "18:00", "08:00")]);
        // A Monday in winter: one hour before UTC.
        assert_eq!(ends(&quiet, "2026-01-05T16:59:59Z"), None);
        assert_eq!(ends(&quiet, "2026-01-05T17:00:00Z").unwrap(), "2026-01-06T07:00:00Z");
        assert_eq!(ends(&quiet, "2026-01-06T06:59:59Z").unwrap(), "2026-01-06T07:00:00Z");
        assert_eq!(ends(&quiet, "2026-01-06T07:00:00Z"), None);
        // The early hours of a Monday belong to a Sunday evening, which is not quiet.
        assert_eq!(ends(&quiet, "2026-01-05T03:00:00Z"), None);
    }

    #[test]
    fn times_that_follow_each_other_end_together() {
        let quiet = quiet("UTC", &[(WORKDAYS, "18:00", "08:00"), (WEEKEND, "08:00", "08:00")]);
        // A Friday evening until Monday morning.
        assert_eq!(ends(&quiet, "2026-01-09T18:00:00Z").unwrap(), "2026-01-12T08:00:00Z");
        assert_eq!(ends(&quiet, "2026-01-12T08:00:00Z"), None);
    }

    #[test]
    fn the_clocks_may_change_meanwhile() {
        let quiet = quiet("Europe/Berlin", &[(&[Day::Sat], "22:00", "06:00")]);
        // In the night to 2026-03-29 there is no 02:00 to 03:00: seven hours instead of eight.
        assert_eq!(ends(&quiet, "2026-03-28T21:00:00Z").unwrap(), "2026-03-29T04:00:00Z");
        // In the night to 2026-10-25 it is there twice.
        assert_eq!(ends(&quiet, "2026-10-24T20:00:00Z").unwrap(), "2026-10-25T05:00:00Z");
    }

    #[test]
    fn always_quiet_ends_at_last() {
        let all: Vec<Day> = [WORKDAYS, WEEKEND].concat();
        let quiet = quiet("UTC", &[(&all, "00:00", "00:00")]);
        assert!(ends(&quiet, "2026-01-05T12:00:00Z").is_some());
    }

    #[test]
    fn what_cannot_be_is_said() {
        let hours = |zone: &str, from: &str, days: Vec<Day>| {
            let times = vec![QuietTime { days, from: from.into(), until: "08:00".into() }];
            let hours = QuietHours {
                times,
                time_zone: zone.into(),
                meanwhile: Meanwhile::Drop,
                high_breaks_through: false,
            };
            hours.compile().unwrap_err()
        };
        assert!(hours("Mars/Phobos", "18:00", vec![Day::Mon]).contains("Mars/Phobos"));
        for time in ["25:00", "6pm", "18:0", "18:00:00"] {
            assert!(hours("UTC", time, vec![Day::Mon]).contains(time));
        }
        assert!(hours("UTC", "18:00", Vec::new()).contains("days"));
    }
}
