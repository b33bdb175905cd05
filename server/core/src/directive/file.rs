//! The form of one directive in saved state: that of directive files, so that a person can read it.
//!
//! Reading back what was written gives an equal directive, whatever mode the first one was loaded in: a backlog goes
//! on with the rules it was opened with.

use serde_json::{Map, Value, json};

use super::check::Mode;
use super::compile::Compiler;
use super::field::is_any_text;
use super::interner::Interner;
use super::rule::CUSTOM_DATA;
use super::{Directive, Rule, RuleKind};
use crate::form::{Fields, Report};
use crate::matcher::TextTest;
use crate::problem::Problem;
use crate::sticky::StickyField;

/// Set in saved directives whose protocols were ignored; it means nothing in files.
const IGNORE_PROTOCOL: &str = "ignore_protocol";

/// What the problems of a saved directive say in place of a file.
const SAVED: &str = "saved directive";

/// The directive as an object of a file's list.
#[must_use]
pub fn to_value(directive: &Directive) -> Value {
    let mut value = json!({
        "id": directive.id,
        "name": &*directive.name,
        "priority": directive.priority,
        "kingdom": &*directive.kingdom,
        "category": &*directive.category,
        "all_rules_always_active": directive.all_rules_always_active,
        "rules": directive.rules.iter().map(rule_to_value).collect::<Vec<_>>(),
    });
    if directive.rules.iter().any(ignores_protocol) {
        value[IGNORE_PROTOCOL] = Value::Bool(true);
    }
    value
}

/// Reads what [`to_value`] wrote; its problems say `saved directive` where others name a file.
///
/// # Errors
/// Every problem, when it is not a directive that works.
pub fn from_value(value: &Value) -> Result<Directive, Vec<Problem>> {
    let mut report = Report::new(SAVED);
    let mut interner = Interner::default();
    let directive = Fields::of(value, &mut report).and_then(|fields| {
        let ignore_protocol = fields.flag(IGNORE_PROTOCOL, &mut report)?.unwrap_or_default();
        // Leniently, for what was loaded so. What was loaded strictly reads the same both ways.
        let mode = Mode { lenient: true, ignore_protocol };
        let mut compiler = Compiler { mode, interner: &mut interner, report: &mut report };
        let id = compiler.id(fields);
        compiler.directive(fields, id)
    });
    directive.map_err(|_| report.finish())
}

fn ignores_protocol(rule: &Rule) -> bool {
    rule.protocol.test == TextTest::Any && !is_any_text(&rule.protocol.text)
}

fn rule_to_value(rule: &Rule) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    put("stage", rule.stage.into());
    put("name", (*rule.name).into());
    put("occurrence", rule.occurrence.into());
    put("from", (*rule.from.text).into());
    put("to", (*rule.to.text).into());
    put("port_from", (*rule.port_from.text).into());
    put("port_to", (*rule.port_to.text).into());
    put("protocol", (*rule.protocol.text).into());
    put("reliability", rule.reliability.into());
    put("timeout", rule.timeout_secs.into());
    for (name, custom) in
        CUSTOM_DATA.into_iter().zip(&rule.custom_data).filter(|(_, custom)| !custom.text.is_empty())
    {
        put(name, (*custom.text).into());
    }
    if let Some(sticky) = rule.sticky_different.map(StickyField::as_str) {
        put("sticky_different", sticky.into());
    }
    put_kind(&rule.kind, put);
    fields.into()
}

fn put_kind(kind: &RuleKind, mut put: impl FnMut(&str, Value)) {
    let texts =
        |texts: &[super::Text]| texts.iter().map(|text| Value::from(&**text)).collect::<Vec<_>>().into();
    match kind {
        RuleKind::Plugin { id, sids } => {
            put("type", "PluginRule".into());
            put("plugin_id", (*id).into());
            put("plugin_sid", sids.to_vec().into());
        }
        RuleKind::Taxonomy { products, category, subcategories } => {
            put("type", "TaxonomyRule".into());
            put("product", texts(products));
            put("category", (**category).into());
            put("subcategory", texts(subcategories));
        }
    }
}
