//! Documents of webhooks that somebody writes himself: any JSON, in whose texts `{{field}}` stands for a field.
//!
//! A text that is nothing but one field becomes the field's own value: a number, a list, null. A template is JSON before
//! its fields are put in, and they are put in as values: whatever an attacker writes into a title, it stays a text.

use serde_json::{Map, Value};

/// Bytes of a template.
const MAX_BYTES: usize = 16 << 10;

/// The fields that there are, in the order of the document that is sent without a template.
pub(super) const FIELDS: [&str; 26] = [
    "id",
    "kind",
    "occasion",
    "rule",
    "at",
    "text",
    "url",
    "count",
    "alarm_id",
    "title",
    "risk",
    "risk_class",
    "previous_risk_class",
    "kingdom",
    "category",
    "directive_id",
    "status",
    "tag",
    "src_ips",
    "dst_ips",
    "networks",
    "created_time",
    "update_time",
    "stages",
    "finished_stages",
    "alarms",
];

/// A part of a text.
enum Part<'t> {
    Text(&'t str),
    Field(&'t str),
}

/// Whether a template can be used.
pub(super) fn check(template: &Value) -> Result<(), String> {
    if template.to_string().len() > MAX_BYTES {
        return Err(format!("template is longer than {MAX_BYTES} bytes"));
    }
    match template {
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            check_text(name)?;
            check(value)
        }),
        Value::Array(values) => values.iter().try_for_each(check),
        Value::String(text) => check_text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn check_text(text: &str) -> Result<(), String> {
    for part in parts(text)? {
        if let Part::Field(name) = part
            && !FIELDS.contains(&name)
        {
            return Err(format!("template: there is no field {name:?}; there are {}", FIELDS.join(", ")));
        }
    }
    Ok(())
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        let Some((name, behind)) = behind.split_once("}}") else {
            return Err(format!("template: {{{{ without }}}} in {text:?}"));
        };
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Field(name.trim()));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// The template with its fields put in.
pub(super) fn fill(template: &Value, fields: &Map<String, Value>) -> Value {
    match template {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (fill_text(name, fields), fill(value, fields));
            Value::Object(members.iter().map(member).map(|(name, value)| (in_text(&name), value)).collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(|value| fill(value, fields)).collect()),
        Value::String(text) => fill_text(text, fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    }
}

fn fill_text(text: &str, fields: &Map<String, Value>) -> Value {
    let field = |name: &str| fields.get(name).cloned().unwrap_or(Value::Null);
    let parts = parts(text).unwrap_or_default();
    match parts.as_slice() {
        [Part::Field(name)] => field(name),
        parts => Value::String(
            parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => (*text).to_owned(),
                    Part::Field(name) => in_text(&field(name)),
                })
                .collect(),
        ),
    }
}

/// A value within a text.
fn in_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(in_text).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields() -> Map<String, Value> {
        let fields = json!({"title": "a \"b\"\n{{risk}}", "risk": 8, "src_ips": ["10.0.0.1", "10.0.0.2"], "url": null});
        fields.as_object().unwrap().clone()
    }

    #[test]
    fn fields_keep_their_kind_alone_and_are_texts_among_texts() {
        let template = json!({"t": "{{ title }}", "r": "{{risk}}", "all": ["{{src_ips}}", "from {{src_ips}}: {{risk}}!"],
            "u": "{{url}}", "n": 5});
        check(&template).unwrap();
        assert_eq!(
            fill(&template, &fields()),
            json!({"t": "a \"b\"\n{{risk}}", "r": 8, "all": [["10.0.0.1", "10.0.0.2"], "from 10.0.0.1, 10.0.0.2: 8!"],
                "u": null, "n": 5})
        );
    }

    #[test]
    fn what_is_wrong_with_a_template_is_said() {
        assert!(check(&json!({"a": ["{{titel}}"]})).unwrap_err().contains("\"titel\""));
        assert!(check(&json!({"{{x}}": 1})).is_err());
        assert!(check(&json!("{{title")).unwrap_err().contains("without"));
        assert!(check(&json!("x".repeat(MAX_BYTES))).unwrap_err().contains("longer"));
    }
}
