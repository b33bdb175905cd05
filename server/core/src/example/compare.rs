//! Alarms held against an expectation, and the difference in words.

use std::fmt::Write as _;

use serde_json::Value;

use super::expect::{Expectation, ExpectedAlarm, Outcome, sorted_texts};

impl Expectation {
    /// Holds the expectation against `documents`: all alarm documents of the case's directive in the order in which
    /// they were written. Of the documents with the same `alarm_id`, the last one counts.
    ///
    /// # Errors
    /// How they differ, in words: what was expected, what is there, and field by field what is different.
    pub fn check(&self, documents: &[Value]) -> Result<(), String> {
        let found: Vec<Found> = last_of_each(documents).into_iter().map(Found::from).collect();
        let partners = pair_up(&self.alarms, &found);
        if found.len() == self.alarms.len() && partners.iter().all(Option::is_some) {
            return Ok(());
        }
        Err(self.explain(&found, &partners))
    }

    fn explain(&self, found: &[Found], partners: &[Option<usize>]) -> String {
        if let ([expected], [found]) = (&self.alarms[..], found) {
            return format!(
                "the alarm {} differs: {}",
                found.describe(),
                expected.differences(found).join("; ")
            );
        }
        let mut text = format!("expected {}, got {}", alarms(self.alarms.len()), alarms(found.len()));
        for (expected, _) in self.alarms.iter().zip(partners).filter(|(_, partner)| partner.is_none()) {
            write!(text, "; missing: {}", expected.describe()).ok();
        }
        for (n, found) in found.iter().enumerate().filter(|(n, _)| !partners.contains(&Some(*n))) {
            write!(text, "; not expected ({}): {}", n + 1, found.describe()).ok();
        }
        text
    }
}

fn alarms(number: usize) -> String {
    match number {
        0 => "no alarm".to_owned(),
        1 => "1 alarm".to_owned(),
        n => format!("{n} alarms"),
    }
}

/// The last document of each alarm, in the order in which the alarms were first written.
fn last_of_each(documents: &[Value]) -> Vec<&Value> {
    let mut last: Vec<&Value> = Vec::new();
    for document in documents {
        match last.iter_mut().find(|known| known["alarm_id"] == document["alarm_id"]) {
            Some(known) => *known = document,
            None => last.push(document),
        }
    }
    last
}

/// For each expected alarm the found one that stands for it; as many pairs as there can be (augmenting paths), so that
/// a loose expectation does not take the only alarm that fits a strict one.
fn pair_up(expected: &[ExpectedAlarm], found: &[Found]) -> Vec<Option<usize>> {
    fn place(e: usize, fits: &[Vec<usize>], tried: &mut [bool], owner: &mut [Option<usize>]) -> bool {
        for &f in &fits[e] {
            if std::mem::replace(&mut tried[f], true) {
                continue;
            }
            if owner[f].is_none_or(|other| place(other, fits, tried, owner)) {
                owner[f] = Some(e);
                return true;
            }
        }
        false
    }
    let fits: Vec<Vec<usize>> = expected
        .iter()
        .map(|e| (0..found.len()).filter(|f| e.differences(&found[*f]).is_empty()).collect())
        .collect();
    let mut owner = vec![None; found.len()];
    for e in 0..expected.len() {
        place(e, &fits, &mut vec![false; found.len()], &mut owner);
    }
    (0..expected.len()).map(|e| owner.iter().position(|owner| *owner == Some(e))).collect()
}

/// What an alarm document says, as far as examples look at it.
struct Found {
    stage: u64,
    last_stage: u64,
    outcome: Outcome,
    risk: u64,
    class: String,
    title: String,
    src_ips: Vec<String>,
    dst_ips: Vec<String>,
}

impl From<&Value> for Found {
    fn from(document: &Value) -> Self {
        let rules = document["rules"].as_array().map_or(&[][..], Vec::as_slice);
        let stages = |status: Option<&str>| {
            let of_status =
                rules.iter().filter(move |rule| status.is_none_or(|status| rule["status"] == status));
            of_status.filter_map(|rule| rule["stage"].as_u64()).max()
        };
        let (stage, last_stage) = (stages(Some("finished")).unwrap_or(0), stages(None).unwrap_or(0));
        Self {
            stage,
            last_stage,
            outcome: match stages(Some("timeout")) {
                Some(_) => Outcome::Timeout,
                None if stage == last_stage => Outcome::Finished,
                None => Outcome::Open,
            },
            risk: document["risk"].as_u64().unwrap_or(0),
            class: document["risk_class"].as_str().unwrap_or_default().to_owned(),
            title: document["title"].as_str().unwrap_or_default().to_owned(),
            src_ips: sorted_texts(&document["src_ips"]),
            dst_ips: sorted_texts(&document["dst_ips"]),
        }
    }
}

impl Found {
    fn describe(&self) -> String {
        format!(
            "\"{}\" (stage {} of {}, {}, risk {} {})",
            self.title,
            self.stage,
            self.last_stage,
            self.outcome.as_str(),
            self.risk,
            self.class
        )
    }
}

impl ExpectedAlarm {
    /// What is different about `found`, field by field; empty if it is what was expected.
    fn differences(&self, found: &Found) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |name: &str, expected: Option<String>, got: String| {
            if let Some(expected) = expected.filter(|expected| *expected != got) {
                differences.push(format!("{name}: expected {expected}, got {got}"));
            }
        };
        let list = |texts: &[String]| format!("[{}]", texts.join(", "));
        compare("highest completed stage", Some(self.stage.to_string()), found.stage.to_string());
        compare("outcome", self.outcome.map(|o| o.as_str().to_owned()), found.outcome.as_str().to_owned());
        compare("risk", self.risk.map(|risk| risk.to_string()), found.risk.to_string());
        compare("class", self.class.clone(), found.class.clone());
        compare("title", self.title.as_ref().map(|t| format!("\"{t}\"")), format!("\"{}\"", found.title));
        compare("src_ips", self.src_ips.as_deref().map(list), list(&found.src_ips));
        compare("dst_ips", self.dst_ips.as_deref().map(list), list(&found.dst_ips));
        differences
    }

    fn describe(&self) -> String {
        let mut text = format!("an alarm with stage {} complete", self.stage);
        let details = [
            self.outcome.map(|outcome| format!("outcome {}", outcome.as_str())),
            self.risk.map(|risk| format!("risk {risk}")),
            self.class.as_ref().map(|class| format!("class {class}")),
            self.title.as_ref().map(|title| format!("title \"{title}\"")),
            self.src_ips.as_ref().map(|ips| format!("src_ips [{}]", ips.join(", "))),
            self.dst_ips.as_ref().map(|ips| format!("dst_ips [{}]", ips.join(", "))),
        ];
        for detail in details.into_iter().flatten() {
            write!(text, ", {detail}").ok();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Expectation;

    fn document(id: &str, finished: u64, status: &str, risk: u64) -> Value {
        let rules: Vec<Value> = (1..=3)
            .map(|stage| match stage {
                n if n <= finished => json!({"stage": n, "status": "finished"}),
                n if n == finished + 1 && !status.is_empty() => json!({"stage": n, "status": status}),
                n => json!({"stage": n}),
            })
            .collect();
        json!({"alarm_id": id, "title": "Scan by 10.0.0.1", "risk": risk, "risk_class": "Low",
               "src_ips": ["10.0.0.1"], "dst_ips": ["10.0.0.3", "10.0.0.2"], "rules": rules})
    }

    fn check(expect: &Value, documents: &[Value]) -> Result<(), String> {
        Expectation::parse(Some(expect)).unwrap().check(documents)
    }

    #[test]
    fn an_alarm_that_is_as_expected_passes() {
        let full = json!({"stage": 2, "outcome": "timeout", "risk": 2, "class": "Low", "title": "Scan by 10.0.0.1",
                          "src_ips": ["10.0.0.1"], "dst_ips": ["10.0.0.2", "10.0.0.3"]});
        assert_eq!(check(&full, &[document("a", 2, "timeout", 2)]), Ok(()));
        assert_eq!(check(&json!({"stage": 3, "outcome": "finished"}), &[document("a", 3, "", 2)]), Ok(()));
        assert_eq!(check(&json!({"stage": 1, "outcome": "open"}), &[document("a", 1, "", 2)]), Ok(()));
        assert_eq!(check(&json!("no alarm"), &[]), Ok(()));
    }

    #[test]
    fn each_difference_is_said_in_words() {
        let wrong = json!({"stage": 3, "outcome": "finished", "risk": 8, "class": "High", "title": "Scan",
                           "src_ips": ["10.0.0.9"], "dst_ips": ["10.0.0.2"]});
        assert_eq!(
            check(&wrong, &[document("a", 2, "timeout", 2)]).unwrap_err(),
            "the alarm \"Scan by 10.0.0.1\" (stage 2 of 3, timeout, risk 2 Low) differs: \
             highest completed stage: expected 3, got 2; outcome: expected finished, got timeout; \
             risk: expected 8, got 2; class: expected High, got Low; \
             title: expected \"Scan\", got \"Scan by 10.0.0.1\"; \
             src_ips: expected [10.0.0.9], got [10.0.0.1]; \
             dst_ips: expected [10.0.0.2], got [10.0.0.2, 10.0.0.3]"
        );
    }

    #[test]
    fn too_many_and_too_few_alarms_are_named() {
        assert_eq!(
            check(&json!("no alarm"), &[document("a", 1, "", 1)]).unwrap_err(),
            "expected no alarm, got 1 alarm; \
             not expected (1): \"Scan by 10.0.0.1\" (stage 1 of 3, open, risk 1 Low)"
        );
        assert_eq!(
            check(&json!({"stage": 3, "risk": 8, "class": "High"}), &[]).unwrap_err(),
            "expected 1 alarm, got no alarm; missing: an alarm with stage 3 complete, risk 8, class High"
        );
    }

    #[test]
    fn of_one_alarm_the_last_document_counts() {
        let documents = [document("a", 1, "", 1), document("b", 1, "", 1), document("a", 3, "", 2)];
        assert_eq!(check(&json!([{"stage": 1}, {"stage": 3}]), &documents), Ok(()));
    }

    #[test]
    fn a_loose_expectation_leaves_a_strict_one_its_alarm() {
        let documents = [document("a", 2, "", 5), document("b", 2, "", 1)];
        assert_eq!(check(&json!([{"stage": 2}, {"stage": 2, "risk": 5}]), &documents), Ok(()));
        assert!(check(&json!([{"stage": 2, "risk": 5}, {"stage": 2, "risk": 5}]), &documents).is_err());
    }

    #[test]
    fn several_alike_are_counted() {
        let documents = [document("a", 2, "", 1), document("b", 2, "", 1)];
        assert_eq!(check(&json!({"stage": 2, "alarms": 2}), &documents), Ok(()));
        let error = check(&json!({"stage": 2, "alarms": 3}), &documents).unwrap_err();
        assert!(error.starts_with("expected 3 alarms, got 2 alarms; missing: "), "{error}");
    }
}
