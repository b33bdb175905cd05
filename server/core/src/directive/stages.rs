//! The stage numbers of a directive, and what references to them mean.

use std::collections::BTreeSet;

use crate::form::{Fields, Report, Reported, out_of_range};

/// How many stages a message lists.
const MAX_SHOWN: usize = 10;

/// The stages of one directive, in their order.
pub(super) struct Stages {
    sorted: Vec<u8>,
    /// Whether every rule has a stage of its own.
    complete: Result<(), Reported>,
}

impl Stages {
    /// Reads the stage of every rule; the second part is in the order of the rules. Every bad one is reported.
    pub(super) fn read(
        rules: &[Result<Fields<'_>, Reported>],
        report: &mut Report<'_>,
    ) -> (Self, Vec<Result<u8, Reported>>) {
        let entry = report.entry().to_owned();
        let mut taken = BTreeSet::new();
        let mut of_rules = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            report.enter(rule_entry(&entry, index));
            of_rules.push(rule.and_then(|fields| read_stage(fields, &mut taken, report)));
        }
        report.enter(entry);
        let complete = of_rules.iter().try_for_each(|stage| stage.map(|_| ()));
        (Self { sorted: taken.into_iter().collect(), complete }, of_rules)
    }

    /// Whether it is the lowest, so that its rule opens backlogs. Of none while any stage is bad.
    pub(super) fn is_first(&self, stage: u8) -> bool {
        self.complete.is_ok() && self.sorted.first() == Some(&stage)
    }

    /// The position of the rule that `:n` in `stage` refers to, or what is wrong with it. The outer error: that cannot
    /// be said, as other stages are bad.
    pub(super) fn resolve(&self, n: u64, stage: u8) -> Result<Result<usize, String>, Reported> {
        let target = u8::try_from(n).ok().and_then(|n| self.sorted.binary_search(&n).ok());
        match target {
            Some(position) if n < u64::from(stage) => Ok(Ok(position)),
            Some(_) => {
                Ok(Err(format!("\":{n}\" must refer to a stage lower than its own, which is {stage}")))
            }
            None => self.complete.map(|()| Err(self.no_such_stage(n))),
        }
    }

    fn no_such_stage(&self, n: u64) -> String {
        let mut stages: Vec<_> = self.sorted.iter().take(MAX_SHOWN).map(ToString::to_string).collect();
        if self.sorted.len() > MAX_SHOWN {
            stages.push("…".to_owned());
        }
        let stages = stages.join(", ");
        format!("\":{n}\" refers to no stage: write the number of a lower stage; the stages are {stages}")
    }
}

/// The stage of a rule, among those of its directive.
#[derive(Clone, Copy)]
pub(super) struct Stage<'s> {
    pub(super) number: u8,
    pub(super) is_first: bool,
    pub(super) all: &'s Stages,
}

/// What references in a rule mean.
#[derive(Clone, Copy)]
pub(super) struct References<'s> {
    /// The stage of the rule; an error if it has none.
    pub(super) stage: Result<Stage<'s>, Reported>,
    /// Whether one that points nowhere matches nothing; else it is an error.
    pub(super) lenient: bool,
}

impl References<'_> {
    /// The position of the rule that `:n` refers to; `None` if it matches nothing.
    pub(super) fn resolve(
        self,
        field: &str,
        n: u64,
        report: &mut Report<'_>,
    ) -> Result<Option<usize>, Reported> {
        let stage = self.stage?;
        match stage.all.resolve(n, stage.number)? {
            Ok(position) => Ok(Some(position)),
            Err(message) if self.lenient => {
                report.warning(field, format!("{message}; it matches nothing"));
                Ok(None)
            }
            Err(message) => Err(report.error(field, message)),
        }
    }
}

/// What a rule is called as long as its stage is not known.
pub(super) fn rule_entry(entry: &str, index: usize) -> String {
    format!("{entry}: rule {}", index + 1)
}

fn read_stage(fields: Fields<'_>, taken: &mut BTreeSet<u8>, report: &mut Report<'_>) -> Result<u8, Reported> {
    const FIELD: &str = "stage";
    let range = 1..=u64::from(u8::MAX);
    let number = fields.whole_in(FIELD, range.clone(), report)?;
    let stage = u8::try_from(number).map_err(|_| report.error(FIELD, out_of_range(number.into(), &range)))?;
    if taken.insert(stage) {
        return Ok(stage);
    }
    Err(report
        .error(FIELD, format!("{stage} stands twice: each stage of a directive has a number of its own")))
}

/// The `n` of a text `:n`.
pub(super) fn reference(text: &str) -> Option<u64> {
    let digits = text.strip_prefix(':')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // A number beyond u64 names no stage, and neither does u64::MAX.
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}
