//! What must come of a case, and how it is written in an examples file.
//!
//! How alarms are held against it is in `compare`.

use serde_json::{Map, Value};

/// What an expected alarm may say.
const KEYS: [&str; 8] = ["alarms", "stage", "outcome", "risk", "class", "title", "src_ips", "dst_ips"];

/// The alarms that must be there when a case is over, and no others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expectation {
    /// Empty: no alarm at all.
    pub alarms: Vec<ExpectedAlarm>,
}

/// One expected alarm. What is `None` may be anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExpectedAlarm {
    /// The highest stage that is complete.
    pub stage: u64,
    /// How it ended, if it did.
    pub outcome: Option<Outcome>,
    /// 1 to 10.
    pub risk: Option<u64>,
    /// `Low`, `Medium` or `High`.
    pub class: Option<String>,
    /// The whole title, names and addresses replaced.
    pub title: Option<String>,
    /// All source addresses, in any order.
    pub src_ips: Option<Vec<String>>,
    /// All destination addresses, in any order.
    pub dst_ips: Option<Vec<String>>,
}

/// Where an alarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its last stage is complete.
    Finished,
    /// A stage took longer than its timeout.
    Timeout,
    /// It waits for the events of its current stage.
    Open,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Finished, Self::Timeout, Self::Open];

    /// As in an examples file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Timeout => "timeout",
            Self::Open => "open",
        }
    }
}

impl Expectation {
    /// Reads `expect`: `"no alarm"`, one expected alarm, or a list of them.
    pub(super) fn parse(value: Option<&Value>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut alarms = Vec::new();
        match value {
            Some(Value::String(text)) if text == "no alarm" => {}
            Some(Value::Object(alarm)) => alarms = ExpectedAlarm::parse(alarm, &mut problems),
            Some(Value::Array(list)) if !list.is_empty() && list.iter().all(Value::is_object) => {
                for alarm in list.iter().filter_map(Value::as_object) {
                    alarms.extend(ExpectedAlarm::parse(alarm, &mut problems));
                }
            }
            _ => problems.push(
                "must be \"no alarm\", an alarm such as {\"stage\": 3, \"risk\": 8}, or a list of alarms"
                    .into(),
            ),
        }
        if problems.is_empty() { Ok(Self { alarms }) } else { Err(problems) }
    }
}

impl ExpectedAlarm {
    /// One expected alarm, as often as its `alarms` says.
    fn parse(alarm: &Map<String, Value>, problems: &mut Vec<String>) -> Vec<Self> {
        let before = problems.len();
        for name in alarm.keys().filter(|name| !KEYS.contains(&name.as_str())) {
            problems.push(format!("an alarm has no `{name}` here; it has: {}", KEYS.join(", ")));
        }
        let mut number = |name: &str, range: std::ops::RangeInclusive<u64>| {
            let value = alarm.get(name)?;
            let number = value.as_u64().filter(|number| range.contains(number));
            if number.is_none() {
                problems.push(format!(
                    "`{name}` is {value} and must be from {} to {}",
                    range.start(),
                    range.end()
                ));
            }
            number
        };
        let (stage, risk, count) =
            (number("stage", 1..=255), number("risk", 1..=10), number("alarms", 1..=10_000));
        if !alarm.contains_key("stage") {
            problems.push("must say `stage`: the highest stage that is complete".to_owned());
        }
        let expected = Self {
            stage: stage.unwrap_or(0),
            outcome: one_of(alarm, "outcome", &Outcome::ALL.map(Outcome::as_str), problems)
                .and_then(|name| Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name)),
            risk,
            class: one_of(alarm, "class", &["Low", "Medium", "High"], problems),
            title: text(alarm, "title", problems),
            src_ips: texts(alarm, "src_ips", problems),
            dst_ips: texts(alarm, "dst_ips", problems),
        };
        if problems.len() > before {
            return Vec::new();
        }
        vec![expected; usize::try_from(count.unwrap_or(1)).unwrap_or(1)]
    }
}

fn text(alarm: &Map<String, Value>, name: &str, problems: &mut Vec<String>) -> Option<String> {
    let value = alarm.get(name)?;
    if !value.is_string() {
        problems.push(format!("`{name}` is {value} and must be a text"));
    }
    value.as_str().map(str::to_owned)
}

fn one_of(
    alarm: &Map<String, Value>,
    name: &str,
    known: &[&str],
    problems: &mut Vec<String>,
) -> Option<String> {
    let text = text(alarm, name, problems)?;
    if !known.contains(&text.as_str()) {
        problems.push(format!("`{name}` is \"{text}\" and must be one of: {}", known.join(", ")));
    }
    Some(text)
}

fn texts(alarm: &Map<String, Value>, name: &str, problems: &mut Vec<String>) -> Option<Vec<String>> {
    let value = alarm.get(name)?;
    if !value.as_array().is_some_and(|list| list.iter().all(Value::is_string)) {
        problems.push(format!("`{name}` is {value} and must be a list of texts"));
    }
    Some(sorted_texts(value))
}

/// The texts of a JSON list, in order of the alphabet.
pub(super) fn sorted_texts(list: &Value) -> Vec<String> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    let mut texts: Vec<_> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    texts.sort();
    texts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Expectation;

    #[test]
    fn what_cannot_be_expected_is_a_problem() {
        for wrong in [
            json!(null),
            json!("alarm"),
            json!([]),
            json!({}),
            json!({"stage": 0}),
            json!({"stage": 1, "risk": 11}),
            json!({"stage": 1, "class": "high"}),
            json!({"stage": 1, "outcome": "done"}),
            json!({"stage": 1, "title": 7}),
            json!({"stage": 1, "src_ips": "10.0.0.1"}),
            json!({"stage": 1, "alarms": 0}),
            json!({"stage": 1, "color": "red"}),
        ] {
            assert!(Expectation::parse(Some(&wrong)).is_err(), "{wrong}");
        }
        assert!(Expectation::parse(None).is_err());
    }
}
