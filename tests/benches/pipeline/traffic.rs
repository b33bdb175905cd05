//! The events of a workload, made from a few numbers so that two processes make the same.
//!
//! Directive `d` opens a backlog with an event of sid `10 d + 1` and takes events of sid `10 d + s` at its stage `s`; see
//! [`crate::rules`]. Backlogs are kept apart by the source address.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use dsiem_tests::engine::timestamp;

/// A sid that no directive has.
const UNCONCERNED_SID: u64 = 4_000_000_000;

/// In the ids of events that open backlogs before the measurement, and of those that are measured.
const OPENING_TAG: &str = "aaaa";
const MEASURED_TAG: &str = "bbbb";

/// What the concerned events do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Phase {
    /// Each opens a backlog.
    Open,
    /// Each counts at the second stage of open ones.
    Count,
    /// The same, but one in ten joins the first stage again.
    Again,
    /// Sources come and go, so many at a time: the first event of each opens a backlog, the next ones count at the
    /// second stage for ever.
    Pass,
    /// The same, but each event of a source completes a stage.
    Climb,
}

/// Which events are sent.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Traffic {
    /// Directives that events concern
    #[arg(long)]
    pub(crate) directives: u32,
    /// Sources: each with a backlog of its own in each directive, or so many at a time
    #[arg(long)]
    pub(crate) sources: u32,
    /// One event in so many concerns a directive; 0 for none
    #[arg(long)]
    pub(crate) one_in: u32,
    /// What those do
    #[arg(long, value_enum)]
    pub(crate) phase: Phase,
    /// Concerned events of a source that comes and goes
    #[arg(long, default_value_t = 10)]
    pub(crate) span: u32,
    /// Nanoseconds between the receipt times of two events; 0: all were received now
    #[arg(long, default_value_t = 0)]
    pub(crate) step_nanos: u64,
    /// Every second source has a public address, which intel sources are asked about
    #[arg(long)]
    pub(crate) half_public: bool,
}

impl Traffic {
    /// Each of `sources` sources has a backlog open in each of `directives`, and one event in `one_in` counts.
    pub(crate) const fn counting(directives: u32, sources: u32, one_in: u32) -> Self {
        let phase = Phase::Count;
        Self { directives, sources, one_in, phase, span: 10, step_nanos: 0, half_public: false }
    }

    /// How many backlogs are open before the measurement.
    pub(crate) fn backlogs(&self) -> u64 {
        match self.phase {
            Phase::Pass | Phase::Climb => 0,
            Phase::Open | Phase::Count | Phase::Again => u64::from(self.directives) * u64::from(self.sources),
        }
    }

    /// How many of the first `events` events concern a directive.
    pub(crate) fn concerned(&self, events: u64) -> u64 {
        if self.one_in == 0 { 0 } else { events.div_ceil(u64::from(self.one_in)) }
    }

    /// The events that open every backlog once.
    pub(crate) fn opening(&self) -> Self {
        Self { one_in: 1, phase: Phase::Open, ..*self }
    }

    /// Sid and source of event number `n`: in turn while opening, as if by chance where backlogs are open.
    fn target(&self, n: u64) -> (u64, u64) {
        let one_in = u64::from(self.one_in);
        if one_in == 0 || !n.is_multiple_of(one_in) {
            return (UNCONCERNED_SID, mixed(n) % 250);
        }
        let (nth, directives) = (n / one_in, u64::from(self.directives));
        let anywhere = |place: u64| {
            let place = place % (directives * u64::from(self.sources));
            (place % directives, place / directives)
        };
        let ((directive, source), stage) = match self.phase {
            Phase::Open => (anywhere(nth), 1),
            Phase::Count => (anywhere(mixed(nth)), 2),
            Phase::Again => (anywhere(mixed(nth)), if nth.is_multiple_of(10) { 1 } else { 2 }),
            Phase::Pass | Phase::Climb => {
                let (source, step) = self.visitor(nth);
                let stage = if self.phase == Phase::Climb { step + 1 } else { step.min(1) + 1 };
                ((source % directives, source), stage)
            }
        };
        (10 * directive + stage, source)
    }

    /// Which source the concerned event number `nth` is of, and how many that has sent before.
    fn visitor(&self, nth: u64) -> (u64, u64) {
        let (sources, span) = (u64::from(self.sources), u64::from(self.span));
        let (round, place) = (nth / sources, nth % sources);
        (round / span * sources + place, round % span)
    }

    /// Appends event number `n`, about 480 bytes with all common fields, as an existing frontend puts it on the bus.
    pub(crate) fn write_event(&self, n: u64, clock: &mut Clock, out: &mut Vec<u8>) {
        let (sid, source) = self.target(n);
        let tag = if self.phase == Phase::Open { OPENING_TAG } else { MEASURED_TAG };
        let net = if self.half_public && source % 2 == 1 { 8 } else { 10 };
        let (b, c, d) = (source >> 16 & 0xff, source >> 8 & 0xff, source & 0xff);
        let nanos = clock.set(n * self.step_nanos);
        write!(
            out,
            concat!(
                r#"{{"event_id":"5b0c1c1e-{}-{:012}","timestamp":"{}","#,
                r#""title":"ET SCAN Fast Terminal Server","sensor":"sensor-1","#,
                r#""product":"Intrusion Det.","category":"Misc activity","subcategory":"","#,
                r#""plugin_id":1001,"plugin_sid":{},"src_ip":"{}.{}.{}.{}","src_port":51234,"#,
                r#""dst_ip":"10.255.0.9","dst_port":3389,"protocol":"TCP","#,
                r#""custom_label1":"payload","custom_data1":"GET /","#,
                r#""custom_label2":"","custom_data2":"","custom_label3":"","custom_data3":"","#,
                r#""rcvd_time":{}}}"#
            ),
            tag, n, clock.text, sid, net, b, c, d, nanos
        )
        .expect("a vector takes what is written");
    }

    /// The words that make another process of this program send the same.
    pub(crate) fn words(&self) -> String {
        let Self { directives, sources, one_in, phase, span, step_nanos, half_public } = self;
        let phase = phase.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let mut words = format!(
            "--directives {directives} --sources {sources} --one-in {one_in} --phase {phase} --span {span} \
             --step-nanos {step_nanos}"
        );
        words += if *half_public { " --half-public" } else { "" };
        words
    }
}

/// The number of an event that is measured, from its id.
pub(crate) fn number_of(event_id: &str) -> Option<u64> {
    let (rest, number) = event_id.rsplit_once('-')?;
    rest.ends_with(MEASURED_TAG).then(|| number.parse().ok())?
}

/// The time as events carry it.
#[derive(Debug)]
pub(crate) struct Clock {
    start_nanos: u64,
    secs: u64,
    text: String,
}

impl Clock {
    /// Starts at a time in nanoseconds since 1970.
    pub(crate) fn at(start_nanos: u64) -> Self {
        let mut clock = Self { start_nanos, secs: u64::MAX, text: String::new() };
        clock.set(0);
        clock
    }

    /// Goes to so many nanoseconds after the start, and returns the time.
    fn set(&mut self, after: u64) -> u64 {
        let nanos = self.start_nanos + after;
        let secs = nanos / 1_000_000_000;
        if secs != self.secs {
            self.secs = secs;
            self.text = timestamp(secs.cast_signed());
        }
        nanos
    }
}

/// Nanoseconds since 1970: the only time that several processes agree on.
pub(crate) fn now_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The same numbers in every run.
fn mixed(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
