//! A directive: a detection in stages, compiled from its file form into types that cannot be wrong.
//!
//! All text is turned into meaning here, at load: addresses are parsed, references point at rules by position, stages
//! are in order. The path of an event has no parsing, no allocation and no error. [`mod@file`] is the form in files;
//! [`check`] reads a file and returns every problem in it.

pub mod check;
mod compile;
mod field;
pub mod file;
mod interner;
mod rule;
mod stages;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::assets::Assets;
use crate::event::Event;
use crate::matcher::{AddressTest, FirstEvents, PortTest, Side, TextTest};
use crate::sticky::StickyField;

/// Text of a directive; equal texts of one load share one allocation.
pub type Text = Arc<str>;

/// A detection in stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Unique over all loaded files.
    pub id: u64,
    /// The title of its alarms, where `SRC_IP` and `DST_IP` stand for the first event's addresses.
    pub name: Text,
    /// 1 to 5; a factor of the risk.
    pub priority: u8,
    /// The kind of attack, shown in alarms; not empty.
    pub kingdom: Text,
    /// The kind of attack within the kingdom; not empty.
    pub category: Text,
    /// Whether events may still join stages that are already complete.
    pub all_rules_always_active: bool,
    /// At least two rules in the order of their stages; the first has an occurrence of 1.
    pub rules: Box<[Rule]>,
}

/// One stage of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// 1 to 255, unique within the directive; higher than that of the rule before.
    pub stage: u8,
    /// May be empty.
    pub name: Text,
    /// Which events it is about.
    pub kind: RuleKind,
    /// How many distinct events complete the stage; at least 1.
    pub occurrence: u32,
    /// The source address.
    pub from: Written<AddressTest>,
    /// The destination address.
    pub to: Written<AddressTest>,
    /// The source port.
    pub port_from: Written<PortTest>,
    /// The destination port.
    pub port_to: Written<PortTest>,
    /// The protocol.
    pub protocol: Written<TextTest>,
    /// `custom_data1` to `custom_data3`.
    pub custom_data: [Written<TextTest>; 3],
    /// 0 to 10; a factor of the risk once the stage is complete.
    pub reliability: u8,
    /// Seconds from the start of the stage until the backlog is over.
    pub timeout_secs: u32,
    /// The field that each event of the stage must bring a new value of.
    pub sticky_different: Option<StickyField>,
}

/// The key fields of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleKind {
    /// `PluginRule`.
    Plugin {
        /// At least 1.
        id: u64,
        /// Not empty, each at least 1.
        sids: Box<[u64]>,
    },
    /// `TaxonomyRule`.
    Taxonomy {
        /// Not empty.
        products: Box<[Text]>,
        /// Not empty.
        category: Text,
        /// Empty: any. Holding `ANY`: any.
        subcategories: Box<[Text]>,
    },
}

/// A test together with the text it was written as, which alarm documents show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// As in the file.
    pub text: Text,
    /// What it means.
    pub test: T,
}

impl RuleKind {
    /// Whether the event's key fields are those of the rule.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        match self {
            Self::Plugin { id, sids } => *id == event.plugin_id && sids.contains(&event.plugin_sid),
            Self::Taxonomy { products, category, subcategories } => {
                **category == *event.category
                    && products.iter().any(|p| **p == *event.product)
                    && (subcategories.is_empty()
                        || subcategories.iter().any(|s| **s == *event.subcategory || &**s == "ANY"))
            }
        }
    }
}

impl Rule {
    /// Whether the event matches the whole rule, cheapest part first.
    ///
    /// `firsts` are the first events of the stages so far, for references; a stage without one matches nothing.
    pub fn matches(&self, event: &Event, assets: &Assets, firsts: &impl FirstEvents) -> bool {
        self.kind.matches(event)
            && self.from.test.matches(event.src_ip, Side::Source, assets, firsts)
            && self.to.test.matches(event.dst_ip, Side::Destination, assets, firsts)
            && self.matches_beyond_addresses(event, firsts)
    }

    /// The same with the addresses fixed: how stage 1 is matched again under `all_rules_always_active`, where `from`
    /// and `to` mean the addresses of the backlog's first event, whatever the directive says.
    pub fn matches_pinned(&self, event: &Event, firsts: &impl FirstEvents) -> bool {
        let Some(first) = firsts.first(0) else { return false };
        self.kind.matches(event)
            && event.src_ip == first.src_ip
            && event.dst_ip == first.dst_ip
            && self.matches_beyond_addresses(event, firsts)
    }

    fn matches_beyond_addresses(&self, event: &Event, firsts: &impl FirstEvents) -> bool {
        self.port_from.test.matches(event.src_port, Side::Source, firsts)
            && self.port_to.test.matches(event.dst_port, Side::Destination, firsts)
            && self.protocol.test.matches(&event.protocol, firsts, |first| &first.protocol)
            && self.custom_data.iter().enumerate().all(|(n, custom)| {
                custom.test.matches(&event.custom_data[n], firsts, |first| &first.custom_data[n])
            })
    }
}
