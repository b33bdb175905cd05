//! From the fields of a directive in a file to a [`Directive`]; its rules are in [`rule`](super::rule).

use std::ops::RangeInclusive;

use serde_json::Value;

use super::check::Mode;
use super::interner::Interner;
use super::rule::RuleReader;
use super::stages::{References, Stage, Stages, rule_entry};
use super::{Directive, Rule, Text};
use crate::form::{Fields, Report, Reported, out_of_range, required};

/// The fewest rules that correlate anything.
const MIN_RULES: usize = 2;

/// Reads directives one after the other; equal texts share their memory.
pub(super) struct Compiler<'c, 'f> {
    pub(super) mode: Mode,
    pub(super) interner: &'c mut Interner,
    pub(super) report: &'c mut Report<'f>,
}

impl Compiler<'_, '_> {
    /// The id, after which the report calls the directive by it.
    pub(super) fn id(&mut self, fields: Fields<'_>) -> Result<u64, Reported> {
        let id = self.number(fields, "id", 0..=u64::MAX, None)?;
        self.report.enter(format!("directive {id}"));
        Ok(id)
    }

    /// Reads all the rest. Every problem is reported, not only the first.
    pub(super) fn directive(
        &mut self,
        fields: Fields<'_>,
        id: Result<u64, Reported>,
    ) -> Result<Directive, Reported> {
        let name = self.filled_text(fields, "name");
        let priority = self.number(fields, "priority", 1..=5, Some(&|_| 1));
        let kingdom = self.filled_text(fields, "kingdom");
        let category = self.filled_text(fields, "category");
        let all_rules_always_active = fields.flag("all_rules_always_active", self.report);
        let rules = self.rules(fields);
        Ok(Directive {
            id: id?,
            name: name?,
            priority: priority?,
            kingdom: kingdom?,
            category: category?,
            all_rules_always_active: all_rules_always_active?.unwrap_or_default(),
            rules: rules?,
        })
    }

    fn rules(&mut self, fields: Fields<'_>) -> Result<Box<[Rule]>, Reported> {
        let values: &[Value] = required("rules", fields.list("rules", self.report), self.report)?;
        let enough = self.enough(values.len());
        let entry = self.report.entry().to_owned();
        let mut rules_fields = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            self.report.enter(rule_entry(&entry, index));
            rules_fields.push(Fields::of(value, self.report));
        }
        self.report.enter(entry.clone());
        let (stages, stage_of) = Stages::read(&rules_fields, self.report);

        let mut rules = Vec::with_capacity(values.len());
        let mut bad = None;
        for (index, (fields, stage)) in rules_fields.into_iter().zip(stage_of).enumerate() {
            match fields.and_then(|fields| self.rule(fields, stage, &stages, &entry, index)) {
                Ok(rule) => rules.push(rule),
                Err(reported) => bad = Some(reported),
            }
        }
        self.report.enter(entry);
        enough?;
        if let Some(reported) = bad {
            return Err(reported);
        }
        rules.sort_by_key(|rule| rule.stage);
        Ok(rules.into_boxed_slice())
    }

    fn enough(&mut self, rules: usize) -> Result<(), Reported> {
        if rules >= MIN_RULES {
            return Ok(());
        }
        let message = format!("has {rules} of them, and a directive needs at least {MIN_RULES}");
        Err(self.report.error("rules", message))
    }

    fn rule(
        &mut self,
        fields: Fields<'_>,
        stage: Result<u8, Reported>,
        stages: &Stages,
        entry: &str,
        index: usize,
    ) -> Result<Rule, Reported> {
        self.report.enter(stage.map_or_else(|_| rule_entry(entry, index), |_| entry.to_owned()));
        self.report.at_stage(stage.ok().map(u64::from));
        let stage = stage.map(|number| Stage { number, is_first: stages.is_first(number), all: stages });
        let references = References { stage, lenient: self.mode.lenient };
        RuleReader { compiler: self, fields, stage, references }.read()
    }

    /// A text that must hold something.
    pub(super) fn filled_text(&mut self, fields: Fields<'_>, name: &str) -> Result<Text, Reported> {
        fields.filled_text(name, self.report).map(|text| self.interner.share(text))
    }

    /// A text; empty if it is missing.
    pub(super) fn text(&mut self, fields: Fields<'_>, name: &str) -> Result<Text, Reported> {
        fields.text(name, self.report).map(|text| self.interner.share(text.unwrap_or_default()))
    }

    /// A number that must be there and in range. Leniently, a missing one is 0, as in Go dsiem, and one out of range
    /// is replaced by what `repair` says.
    pub(super) fn number<T: Number>(
        &mut self,
        fields: Fields<'_>,
        name: &str,
        range: RangeInclusive<T>,
        repair: Option<&dyn Fn(i128) -> T>,
    ) -> Result<T, Reported> {
        let written = fields.whole(name, self.report);
        let number =
            if self.mode.lenient { written?.unwrap_or(0) } else { required(name, written, self.report)? };
        let fitting = u64::try_from(number).ok().and_then(|number| T::try_from(number).ok());
        if let Some(fitting) = fitting.filter(|fitting| range.contains(fitting)) {
            return Ok(fitting);
        }
        let message = out_of_range(number, &((*range.start()).into()..=(*range.end()).into()));
        match repair.filter(|_| self.mode.lenient) {
            None => Err(self.report.error(name, message)),
            Some(repair) => {
                let repaired = repair(number);
                self.report.repaired(name, format!("{message}; {} is used", repaired.into()));
                Ok(repaired)
            }
        }
    }
}

/// The unsigned integers of a directive.
pub(super) trait Number: Copy + PartialOrd + TryFrom<u64> + Into<u64> {}

impl<T: Copy + PartialOrd + TryFrom<u64> + Into<u64>> Number for T {}
