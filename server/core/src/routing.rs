//! Which backlogs of a directive an event may concern.
//!
//! The manager does not ask every backlog about every event. A backlog registers its [`Interest`]s: the rules it waits
//! for, each with the values that references fix (`:1` on `from` is one address). Backlogs are found by hashing those
//! values out of the event; what a rule asks of an event without looking at any backlog is tested once per event, not
//! once per backlog. Backlogs whose rule fixes nothing are all asked, as they must be.
//!
//! The same contract as the index: a backlog that would consume the event is always among the candidates, others may
//! be. A property test holds it against asking everyone.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::quality::FixedState;
use smallvec::SmallVec;

use crate::assets::Assets;
use crate::directive::{Directive, Rule};
use crate::event::Event;
use crate::hash::{Map, Seed, map};
use crate::matcher::{FirstEvents, NoFirstEvents, Side};

/// A backlog's number within its directive's manager; never used again within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BacklogSlot(pub u32);

/// The event fields that a rule's references fix, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Fixed(u8);

const FROM: u8 = 1;
const TO: u8 = 1 << 1;
const PORT_FROM: u8 = 1 << 2;
const PORT_TO: u8 = 1 << 3;
const PROTOCOL: u8 = 1 << 4;
const CUSTOM_DATA: [u8; 3] = [1 << 5, 1 << 6, 1 << 7];

/// One rule that a backlog waits for, with the values that references fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// The position of the rule.
    rule: u8,
    /// Stage 1 matched again: the addresses are those of the first event.
    pinned: bool,
    fixed: Fixed,
    /// The hash of the fixed values; 0 if nothing is fixed.
    values: u64,
}

/// The interests of one backlog; nearly always one.
pub type Interests = SmallVec<[Interest; 1]>;

impl Interest {
    /// What a backlog waits for in the rule at `position`, given the first events so far. `None` if a reference points at
    /// a stage that has no event yet: then nothing matches.
    #[must_use]
    pub fn of(
        rule: &Rule,
        position: usize,
        pinned: bool,
        firsts: &impl FirstEvents,
        seed: Seed,
    ) -> Option<Self> {
        let fixed = Fixed::of(rule, pinned);
        let mut hasher = seed.state().build_hasher();
        let first = |reference: Option<usize>| firsts.first(if pinned { 0 } else { reference? });
        if fixed.has(FROM) {
            first(rule.from.test.reference())?.src_ip.hash(&mut hasher);
        }
        if fixed.has(TO) {
            first(rule.to.test.reference())?.dst_ip.hash(&mut hasher);
        }
        let first = |reference: Option<usize>| firsts.first(reference?);
        if fixed.has(PORT_FROM) {
            first(rule.port_from.test.reference())?.src_port.hash(&mut hasher);
        }
        if fixed.has(PORT_TO) {
            first(rule.port_to.test.reference())?.dst_port.hash(&mut hasher);
        }
        if fixed.has(PROTOCOL) {
            first(rule.protocol.test.reference())?.protocol.hash(&mut hasher);
        }
        for (n, bit) in CUSTOM_DATA.into_iter().enumerate() {
            if fixed.has(bit) {
                first(rule.custom_data[n].test.reference())?.custom_data[n].hash(&mut hasher);
            }
        }
        let values = if fixed == Fixed::default() { 0 } else { hasher.finish() };
        // Stages are numbered in a u8, so there are at most 255 rules.
        Some(Self { rule: u8::try_from(position).ok()?, pinned, fixed, values })
    }
}

impl Fixed {
    fn of(rule: &Rule, pinned: bool) -> Self {
        let mut bits = 0;
        if pinned || rule.from.test.reference().is_some() {
            bits |= FROM;
        }
        if pinned || rule.to.test.reference().is_some() {
            bits |= TO;
        }
        if rule.port_from.test.reference().is_some() {
            bits |= PORT_FROM;
        }
        if rule.port_to.test.reference().is_some() {
            bits |= PORT_TO;
        }
        if rule.protocol.test.reference().is_some() {
            bits |= PROTOCOL;
        }
        for (n, bit) in CUSTOM_DATA.into_iter().enumerate() {
            if rule.custom_data[n].test.reference().is_some() {
                bits |= bit;
            }
        }
        Self(bits)
    }

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// The hash of the event's values of these fields, in the order in which [`Interest::of`] hashes what is fixed.
    fn values_of(self, event: &Event, state: &FixedState) -> u64 {
        if self.0 == 0 {
            return 0;
        }
        let mut hasher = state.build_hasher();
        if self.has(FROM) {
            event.src_ip.hash(&mut hasher);
        }
        if self.has(TO) {
            event.dst_ip.hash(&mut hasher);
        }
        if self.has(PORT_FROM) {
            event.src_port.hash(&mut hasher);
        }
        if self.has(PORT_TO) {
            event.dst_port.hash(&mut hasher);
        }
        if self.has(PROTOCOL) {
            event.protocol.hash(&mut hasher);
        }
        for (n, bit) in CUSTOM_DATA.into_iter().enumerate() {
            if self.has(bit) {
                event.custom_data[n].hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

/// Backlogs by what they wait for. One owner: the directive's manager.
#[derive(Debug)]
pub struct Router {
    seed: Seed,
    /// One for each definition of the directive that open backlogs run with: today's, and those of reloaded ones.
    definitions: Vec<Definition>,
}

#[derive(Debug)]
struct Definition {
    directive: Arc<Directive>,
    waits: Vec<Wait>,
}

/// All backlogs that wait for the same rule with the same fields fixed.
#[derive(Debug)]
struct Wait {
    rule: u8,
    pinned: bool,
    fixed: Fixed,
    by_values: Map<u64, Bucket>,
}

/// Sorted. Slots count up, so adding is nearly always a push.
type Bucket = SmallVec<[BacklogSlot; 2]>;

impl Router {
    /// No backlogs. `seed` must be the one the interests are made with.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { seed, definitions: Vec::new() }
    }

    /// Registers a backlog that runs with `directive`.
    pub fn add(&mut self, slot: BacklogSlot, directive: &Arc<Directive>, interests: &[Interest]) {
        let seed = self.seed;
        let definition = self.definition(directive);
        for interest in interests {
            let wait = definition.wait(interest, seed);
            let bucket = wait.by_values.entry(interest.values).or_default();
            if let Err(position) = bucket.binary_search(&slot) {
                bucket.insert(position, slot);
            }
        }
    }

    /// Takes back what was [added](Self::add).
    pub fn remove(&mut self, slot: BacklogSlot, directive: &Arc<Directive>, interests: &[Interest]) {
        let seed = self.seed;
        let definition = self.definition(directive);
        for interest in interests {
            let wait = definition.wait(interest, seed);
            let Some(bucket) = wait.by_values.get_mut(&interest.values) else { continue };
            if let Ok(position) = bucket.binary_search(&slot) {
                bucket.remove(position);
            }
            if bucket.is_empty() {
                wait.by_values.remove(&interest.values);
            }
        }
        definition.waits.retain(|wait| !wait.by_values.is_empty());
        self.definitions.retain(|definition| !definition.waits.is_empty());
    }

    /// Puts every backlog that `event` may concern into `candidates`, each once, the oldest first. `candidates` is
    /// emptied first.
    pub fn candidates(&self, event: &Event, assets: &Assets, candidates: &mut Vec<BacklogSlot>) {
        candidates.clear();
        let state = self.seed.state();
        let mut sources = 0;
        for definition in &self.definitions {
            for wait in &definition.waits {
                let rule = &definition.directive.rules[usize::from(wait.rule)];
                if !may_match(rule, wait.pinned, event, assets) {
                    continue;
                }
                if let Some(bucket) = wait.by_values.get(&wait.fixed.values_of(event, &state)) {
                    candidates.extend_from_slice(bucket);
                    sources += 1;
                }
            }
        }
        if sources > 1 {
            candidates.sort_unstable();
            candidates.dedup();
        }
    }

    fn definition(&mut self, directive: &Arc<Directive>) -> &mut Definition {
        let known = self.definitions.iter().position(|d| Arc::ptr_eq(&d.directive, directive));
        let position = known.unwrap_or_else(|| {
            self.definitions.push(Definition { directive: directive.clone(), waits: Vec::new() });
            self.definitions.len() - 1
        });
        &mut self.definitions[position]
    }
}

impl Definition {
    fn wait(&mut self, interest: &Interest, seed: Seed) -> &mut Wait {
        let same = |w: &Wait| (w.rule, w.pinned, w.fixed) == (interest.rule, interest.pinned, interest.fixed);
        let position = self.waits.iter().position(same).unwrap_or_else(|| {
            let Interest { rule, pinned, fixed, .. } = *interest;
            self.waits.push(Wait { rule, pinned, fixed, by_values: map(seed) });
            self.waits.len() - 1
        });
        &mut self.waits[position]
    }
}

/// Whether the event passes everything the rule asks without looking at a backlog.
fn may_match(rule: &Rule, pinned: bool, event: &Event, assets: &Assets) -> bool {
    let none = &NoFirstEvents;
    let address = |written: &crate::directive::Written<crate::matcher::AddressTest>, address, side| {
        pinned || written.test.reference().is_some() || written.test.matches(address, side, assets, none)
    };
    let port = |written: &crate::directive::Written<crate::matcher::PortTest>, port, side| {
        written.test.reference().is_some() || written.test.matches(port, side, none)
    };
    rule.kind.matches(event)
        && address(&rule.from, event.src_ip, Side::Source)
        && address(&rule.to, event.dst_ip, Side::Destination)
        && port(&rule.port_from, event.src_port, Side::Source)
        && port(&rule.port_to, event.dst_port, Side::Destination)
        && (rule.protocol.test.reference().is_some()
            || rule.protocol.test.matches(&event.protocol, none, |first| &first.protocol))
        && rule.custom_data.iter().enumerate().all(|(n, custom)| {
            custom.test.reference().is_some()
                || custom.test.matches(&event.custom_data[n], none, |first| &first.custom_data[n])
        })
}
