//! What a backlog knows about one stage that it has reached.

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventKey};
use crate::hash::{Seed, Set, set};
use crate::matcher::FirstEvent;
use crate::sticky::StickyValue;

/// Whether and how a stage is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageStatus {
    /// It still waits for events.
    #[default]
    Active,
    /// It had all the events it needed.
    Finished,
    /// Its backlog timed out in it.
    #[serde(rename = "timeout")]
    TimedOut,
}

/// One stage of a backlog.
#[derive(Debug, Clone)]
pub struct Stage {
    start_secs: i64,
    end_secs: Option<i64>,
    status: StageStatus,
    first: Option<Box<FirstEvent>>,
    events: Events,
    sticky_values: Option<Box<Set<StickyValue>>>,
}

/// The distinct ids of a stage's events. Most stages need one or a few.
#[derive(Debug, Clone)]
enum Events {
    None,
    One(EventKey),
    Many(Box<Set<EventKey>>),
}

impl Events {
    fn contains(&self, key: &EventKey) -> bool {
        match self {
            Self::None => false,
            Self::One(one) => one == key,
            Self::Many(many) => many.contains(key),
        }
    }

    fn insert(&mut self, key: EventKey, seed: Seed) {
        match self {
            Self::None => *self = Self::One(key),
            Self::One(one) => {
                let mut many = set(seed);
                many.extend([*one, key]);
                *self = Self::Many(Box::new(many));
            }
            Self::Many(many) => {
                many.insert(key);
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = &EventKey> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(one) => (Some(one), None),
            Self::Many(many) => (None, Some(many.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.len(),
        }
    }
}

impl Stage {
    /// A stage without an event, which can time out from `start_secs` on.
    pub(crate) fn started(start_secs: i64) -> Self {
        Self {
            start_secs,
            end_secs: None,
            status: StageStatus::Active,
            first: None,
            events: Events::None,
            sticky_values: None,
        }
    }

    /// Counts an event; whether it was the stage's first.
    pub(crate) fn count(
        &mut self,
        event: &Event,
        time: i64,
        sticky: Option<StickyValue>,
        seed: Seed,
    ) -> bool {
        // Not "has no first event": of stages that dsiem-rs saved, that is unknown although they had events.
        let is_first = matches!(self.events, Events::None);
        if is_first {
            self.first = Some(Box::new(FirstEvent::from(event)));
            self.start_secs = time;
        }
        self.events.insert(event.key, seed);
        if let Some(value) = sticky {
            self.sticky_values.get_or_insert_with(|| Box::new(set(seed))).insert(value);
        }
        is_first
    }

    /// Adds an event to a stage that is complete; `false` if it was there.
    pub(crate) fn absorb(&mut self, key: EventKey, seed: Seed) -> bool {
        if self.has(&key) {
            return false;
        }
        self.events.insert(key, seed);
        true
    }

    pub(crate) fn finish(&mut self, time: i64) {
        self.status = StageStatus::Finished;
        self.end_secs = Some(time);
    }

    pub(crate) fn set_status(&mut self, status: StageStatus) {
        self.status = status;
    }

    /// Whether the stage has this event.
    #[must_use]
    pub fn has(&self, key: &EventKey) -> bool {
        self.events.contains(key)
    }

    /// Whether an event of the stage had this value of the sticky-different field.
    #[must_use]
    pub fn knows(&self, value: &StickyValue) -> bool {
        self.sticky_values.as_ref().is_some_and(|values| values.contains(value))
    }

    /// The event that references to this stage mean.
    #[must_use]
    pub fn first(&self) -> Option<&FirstEvent> {
        self.first.as_deref()
    }

    /// How many distinct events it has.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events.len() as u64
    }

    /// The timestamp of its first event, or of the event that completed the stage before; seconds since 1970.
    #[must_use]
    pub fn start_secs(&self) -> i64 {
        self.start_secs
    }

    /// The timestamp of the event that completed it; seconds since 1970.
    #[must_use]
    pub fn end_secs(&self) -> Option<i64> {
        self.end_secs
    }

    /// Whether and how it is over.
    #[must_use]
    pub fn status(&self) -> StageStatus {
        self.status
    }

    /// The ids of its events, in no particular order.
    pub(crate) fn event_keys(&self) -> impl Iterator<Item = &EventKey> {
        self.events.iter()
    }

    /// The values of its sticky-different field, in no particular order.
    pub(crate) fn sticky_values(&self) -> impl Iterator<Item = &StickyValue> {
        self.sticky_values.iter().flat_map(|values| values.iter())
    }

    /// Puts a saved stage together again.
    pub(crate) fn restore(
        start_secs: i64,
        end_secs: Option<i64>,
        status: StageStatus,
        first: Option<FirstEvent>,
        keys: impl IntoIterator<Item = EventKey>,
        sticky: impl IntoIterator<Item = StickyValue>,
        seed: Seed,
    ) -> Self {
        let mut stage = Self { end_secs, status, first: first.map(Box::new), ..Self::started(start_secs) };
        for key in keys {
            stage.absorb(key, seed);
        }
        for value in sticky {
            stage.sticky_values.get_or_insert_with(|| Box::new(set(seed))).insert(value);
        }
        stage
    }
}
