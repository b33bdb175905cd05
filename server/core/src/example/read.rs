//! An examples file: its form, and every problem in it.

use serde_json::{Map, Value};

use super::expect::Expectation;
use super::steps::{self, Surroundings};
use super::{Case, MAX_CASE_SECS};
use crate::problem::{Checked, Problem};

/// What a file has.
const FILE_KEYS: [&str; 4] = ["note", "base", "kinds", "cases"];

/// What a case has.
const CASE_KEYS: [&str; 7] = ["name", "note", "directive", "base", "events", "wait", "expect"];

/// Where problems are put down, each with the file and the case that it is in.
pub(super) struct Notes<'a> {
    file: &'a str,
    case: String,
    problems: Vec<Problem>,
}

impl Notes<'_> {
    /// Puts down a problem at `place` of the current case.
    pub(super) fn error(&mut self, place: &str, message: impl Into<String>) {
        let problem = Problem::error(self.file, message).in_entry(self.case.clone()).in_field(place);
        self.problems.push(problem);
    }

    /// A number of seconds or of times at `name`, if it is there; a problem if it is anything else.
    pub(super) fn whole(&mut self, object: &Map<String, Value>, name: &str, place: &str) -> Option<u64> {
        let value = object.get(name)?;
        let number = value.as_u64().filter(|number| *number <= MAX_CASE_SECS);
        if number.is_none() {
            let message = format!("`{name}` is {value} and must be a whole number from 0 to {MAX_CASE_SECS}");
            self.error(place, message);
        }
        number
    }

    fn keys(&mut self, object: &Map<String, Value>, known: &[&str]) {
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            self.error(name, format!("is not known here; known are: {}", known.join(", ")));
        }
    }

    /// An object at `name`, empty if there is none; a problem if it is anything else.
    fn object(&mut self, parent: &Map<String, Value>, name: &str) -> Map<String, Value> {
        match parent.get(name) {
            None => Map::new(),
            Some(Value::Object(object)) => object.clone(),
            Some(other) => {
                self.error(name, format!("is {other} and must be an object"));
                Map::new()
            }
        }
    }
}

/// Reads an examples file. `file` is its name as the user knows it.
///
/// The value holds the cases without a problem; the problems are all those of the file.
#[must_use]
pub fn read(file: &str, bytes: &[u8]) -> Checked<Vec<Case>> {
    let mut notes = Notes { file, case: String::new(), problems: Vec::new() };
    let value = match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => cases(&object, &mut notes),
        Ok(_) => {
            notes.error("", "must be an object with `cases`");
            Vec::new()
        }
        Err(error) => {
            notes.error("", format!("is not JSON: {error}"));
            Vec::new()
        }
    };
    Checked { value, problems: notes.problems }
}

fn cases(file: &Map<String, Value>, notes: &mut Notes<'_>) -> Vec<Case> {
    notes.keys(file, &FILE_KEYS);
    let base = notes.object(file, "base");
    steps::check_fields(&base, "base", notes);
    let kinds = notes.object(file, "kinds");
    for (name, kind) in &kinds {
        match kind.as_object() {
            Some(fields) => steps::check_fields(fields, &format!("kind \"{name}\""), notes),
            None => notes.error(&format!("kind \"{name}\""), format!("is {kind} and must be an object")),
        }
    }
    let Some(entries) = file.get("cases").and_then(Value::as_array).filter(|cases| !cases.is_empty()) else {
        notes.error("cases", "must be a list of at least one case");
        return Vec::new();
    };
    let mut cases: Vec<Case> = Vec::with_capacity(entries.len());
    for (n, entry) in entries.iter().enumerate() {
        let before = notes.problems.len();
        notes.case = case_label(n, entry);
        let case = case(n, entry, [&base, &kinds], notes);
        if let Some(twin) = cases.iter().position(|other| case.as_ref().is_some_and(|c| c.name == other.name))
        {
            notes.error("name", format!("is also that of case {}; each needs its own", twin + 1));
        }
        if notes.problems.len() == before {
            cases.extend(case);
        }
    }
    notes.case.clear();
    cases
}

fn case_label(n: usize, entry: &Value) -> String {
    match entry.get("name").and_then(Value::as_str) {
        Some(name) if !name.is_empty() => format!("case {} \"{name}\"", n + 1),
        _ => format!("case {}", n + 1),
    }
}

fn case(
    n: usize,
    entry: &Value,
    [file_base, kinds]: [&Map<String, Value>; 2],
    notes: &mut Notes<'_>,
) -> Option<Case> {
    let Some(entry) = entry.as_object() else {
        notes.error("", format!("is {entry} and must be an object"));
        return None;
    };
    notes.keys(entry, &CASE_KEYS);
    let name = entry.get("name").and_then(Value::as_str).unwrap_or_default().trim();
    if name.is_empty() {
        notes.error("name", "must be a sentence that says what happens and why it must or must not alarm");
    }
    let directive = entry.get("directive").and_then(Value::as_u64);
    if directive.is_none() {
        notes.error("directive", "must be the id of the directive that the case is about");
    }
    let case_base = notes.object(entry, "base");
    steps::check_fields(&case_base, "base", notes);
    let wait_secs = notes.whole(entry, "wait", "wait").unwrap_or(0);
    let id_prefix = format!("{}/{}/", stem(notes.file), n + 1);
    let around = Surroundings { bases: [file_base, &case_base], kinds, id_prefix: &id_prefix };
    let events = match entry.get("events").and_then(Value::as_array).filter(|events| !events.is_empty()) {
        Some(events) => steps::expand(events, &around, notes),
        None => {
            notes.error("events", "must be a list of at least one event");
            Vec::new()
        }
    };
    let expect = match Expectation::parse(entry.get("expect")) {
        Ok(expect) => expect,
        Err(problems) => {
            problems.into_iter().for_each(|problem| notes.error("expect", problem));
            Expectation::default()
        }
    };
    Some(Case {
        file: notes.file.to_owned(),
        name: name.to_owned(),
        directive: directive.unwrap_or(0),
        wait_secs,
        expect,
        events,
    })
}

/// `examples_x` for `some/where/examples_x.json`.
fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.strip_suffix(".json").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::{Case, TimedEvent};
    use super::read;

    fn file(events: &Value) -> Value {
        json!({
            "base": {"sensor": "ids01", "plugin_id": 1001, "src_ip": "198.51.100.7", "dst_ip": "10.0.0.1"},
            "kinds": {
                "ping": {"plugin_sid": 2100384, "protocol": "ICMP", "title": "PING {n}"},
                "login": {"plugin_id": 50001, "plugin_sid": 5715, "dst_ip": "10.0.0.2"}
            },
            "cases": [{
                "name": "A case", "directive": 7, "base": {"src_ip": "198.51.100.8"},
                "events": events, "expect": "no alarm"
            }]
        })
    }

    fn problems(file: &Value) -> Vec<String> {
        read("examples_x.json", file.to_string().as_bytes())
            .problems
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn case(events: &Value) -> Case {
        let mut checked = read("examples_x.json", file(events).to_string().as_bytes());
        assert_eq!(checked.problems, []);
        checked.value.remove(0)
    }

    fn events(steps: &Value) -> Vec<TimedEvent> {
        case(steps).events(Timestamp::UNIX_EPOCH).collect()
    }

    fn column(events: &[TimedEvent], name: &str) -> Vec<Value> {
        events.iter().map(|event| event.event[name].clone()).collect()
    }

    fn offsets(events: &[TimedEvent]) -> Vec<u64> {
        events.iter().map(|event| event.offset_secs).collect()
    }

    #[test]
    fn file_base_case_base_kind_and_step_override_one_another_in_this_order() {
        let got = events(&json!([{"kind": "login"}, {"kind": "login", "dst_ip": "10.0.0.3"}]));
        assert_eq!(column(&got, "sensor"), ["ids01", "ids01"]);
        assert_eq!(column(&got, "src_ip"), ["198.51.100.8", "198.51.100.8"]);
        assert_eq!(column(&got, "plugin_id"), [50001, 50001]);
        assert_eq!(column(&got, "dst_ip"), ["10.0.0.2", "10.0.0.3"]);
    }

    #[test]
    fn a_repeat_counts_in_texts_and_numbers_and_goes_through_lists() {
        let got = events(&json!([{
            "kind": "ping", "repeat": {"count": 3, "every": 5, "first": 20},
            "dst_port": "{n+1000}", "src_port": [1, 2], "dst_ip": "10.0.0.{n}"
        }]));
        assert_eq!(offsets(&got), [0, 5, 10]);
        assert_eq!(column(&got, "title"), ["PING 20", "PING 21", "PING 22"]);
        assert_eq!(column(&got, "dst_port"), [1020, 1021, 1022]);
        assert_eq!(column(&got, "src_port"), [1, 2, 1]);
        assert_eq!(column(&got, "dst_ip"), ["10.0.0.20", "10.0.0.21", "10.0.0.22"]);
    }

    #[test]
    fn a_list_without_repeat_gives_one_event_for_each_value() {
        let got = events(&json!([{"kind": "ping", "dst_port": [22, 80, 443]}]));
        assert_eq!(column(&got, "dst_port"), [22, 80, 443]);
    }

    #[test]
    fn steps_follow_one_another_unless_they_say_when() {
        let got = events(&json!([
            {"kind": "ping", "repeat": 2},
            {"kind": "ping"},
            {"kind": "ping", "after": 60},
            {"kind": "login", "at": 1}
        ]));
        assert_eq!(offsets(&got), [0, 1, 1, 2, 62]);
        assert_eq!(column(&got, "plugin_id"), [1001, 1001, 50001, 1001, 1001]);
    }

    #[test]
    fn a_late_event_happened_before_it_is_received() {
        let got = events(
            &json!([{"kind": "ping", "at": 100, "late": 40}, {"kind": "ping", "at": 100, "late": -5}]),
        );
        assert_eq!(offsets(&got), [100, 100]);
        assert_eq!(column(&got, "timestamp"), ["1970-01-01T00:01:00Z", "1970-01-01T00:01:45Z"]);
    }

    #[test]
    fn event_ids_are_unique_unless_the_same_is_given_twice() {
        let case = case(&json!([
            {"kind": "ping", "repeat": 2},
            {"kind": "ping", "event_id": "same"},
            {"kind": "ping", "event_id": "same"}
        ]));
        let ids: Vec<_> = case.event_ids().collect();
        assert_eq!(
            ids,
            ["examples_x/1/00001", "examples_x/1/00002", "examples_x/1/same", "examples_x/1/same"]
        );
    }

    #[test]
    fn a_case_lasts_until_its_last_event_and_the_silence_after_it() {
        let mut file = file(&json!([{"kind": "ping", "at": 30}, {"kind": "ping", "at": 10}]));
        file["cases"][0]["wait"] = json!(600);
        let cases = read("x.json", file.to_string().as_bytes()).into_result().unwrap();
        assert_eq!(cases[0].duration_secs(), 630);
    }

    #[test]
    fn all_problems_of_a_file_are_told_with_file_and_case() {
        let mut file = file(&json!([
            {"kind": "pong"},
            {"kind": "ping", "scr_ip": "10.0.0.1"},
            {"kind": "ping", "at": 1, "after": 1},
            {"kind": "ping", "at": -1},
            {"kind": "ping", "timestamp": "2026-01-01T00:00:00Z"},
            {"kind": "ping", "repeat": 0},
            {"kind": "ping", "src_ip": "10.0.0.{n+300}", "repeat": 2},
            "ping"
        ]));
        file["cases"][0]["expct"] = json!(1);
        file["cases"].as_array_mut().unwrap().push(json!({"events": [], "expect": {"risk": 3}}));
        file["base"]["colour"] = json!("red");
        let got = problems(&file);
        assert!(got.iter().all(|problem| problem.starts_with("examples_x.json: ")), "{got:#?}");
        for wanted in [
            "base: an event has no field `colour`",
            "case 1 \"A case\": expct: is not known here",
            "case 1 \"A case\": event 1: `kinds` has no \"pong\"; it has: login, ping",
            "event 2: an event has no field `scr_ip`",
            "event 3: has both `at` and `after`",
            "event 4: `at` is -1",
            "event 5: `timestamp` follows from `at`",
            "event 6: `repeat` must be at least 1",
            "10.0.0.301",
            "event 8: `\"ping\"` is not an object",
            "case 2: name: must be a sentence",
            "case 2: directive: must be the id",
            "case 2: events: must be a list",
            "case 2: expect: must say `stage`",
        ] {
            assert!(got.iter().any(|problem| problem.contains(wanted)), "{wanted} is not in {got:#?}");
        }
    }

    #[test]
    fn a_file_that_is_no_json_or_holds_no_case_is_a_problem() {
        assert!(read("x.json", b"{").problems[0].message.starts_with("is not JSON"));
        assert!(read("x.json", b"[]").problems[0].message.contains("must be an object"));
        assert_eq!(problems(&json!({"cases": []})).len(), 1);
    }

    #[test]
    fn two_cases_of_one_name_are_a_problem() {
        let mut file = file(&json!([{"kind": "ping"}]));
        let twin = file["cases"][0].clone();
        file["cases"].as_array_mut().unwrap().push(twin);
        assert_eq!(
            problems(&file),
            ["examples_x.json: case 2 \"A case\": name: is also that of case 1; each needs its own"]
        );
    }

    #[test]
    fn a_case_has_limits() {
        let got = problems(&file(&json!([{"kind": "ping", "repeat": 100_001}])));
        assert!(got[0].ends_with("one case may have 100000 events at most"), "{got:?}");
        let got = problems(&file(&json!([{"kind": "ping", "repeat": {"count": 3, "every": 31_622_400}}])));
        assert!(got[0].ends_with("one case may last 31622400 seconds at most"), "{got:?}");
    }
}
