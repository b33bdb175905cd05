//! `dsiem sample-attack`: posts one case of an examples file to a running dsiem and shows the alarms that come of it.
//!
//! It is how somebody sees a new installation work, and how a directive is tried on a real one. The case is moved in time
//! so that its last event happens now, and its event ids are new each time, so that it can be run again and again. All
//! events are posted at once: what depends on the time between them is a matter for the tests, which have time in hand.

mod alarms;
mod report;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use dsiem_backend::args::parse_frontend;
use dsiem_backend::http::Access;
use dsiem_core::example::{self, Case};
use dsiem_runtime::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, StatusCode, Url, header};
use serde_json::Value;
use tokio::time::Instant;

use crate::args::SampleAttackArgs;
use crate::output::{say, tell};
use alarms::AlarmFile;

/// Events in one request.
const EVENTS_PER_REQUEST: usize = 500;

/// How long one request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// How often a server that is busy is asked again, a second apart.
const MAX_TRIES: usize = 10;

/// How often the alarm file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long nothing must come of a case that must not raise an alarm.
const SILENCE: Duration = Duration::from_secs(3);

/// Lists the cases of a file, or posts one of them.
pub(crate) async fn run(args: SampleAttackArgs, clock: Clock) -> anyhow::Result<()> {
    let cases = read(&args.examples)?;
    if args.list {
        return say(&report::list(&cases));
    }
    let case = choose(&cases, args.case.as_deref())?;
    let now = Timestamp::from_nanosecond(clock.now().nanos().into())?;
    let attack = Attack::of(case, now)?;
    // Before the first event, so that no alarm is missed, and none of earlier runs is read.
    let alarms = args.wait.as_deref().map(AlarmFile::from_its_end).transpose()?;

    tell(&format!("posting {} events of \"{}\" to {}", attack.events.len(), case.name, args.to));
    let access = Access { token: args.token.token()?, ca: args.frontend_ca };
    attack.post(&access.client()?, &args.to).await?;
    let Some(alarms) = alarms else {
        tell("all of them were accepted; give --wait logs/siem_alarms.json to see the alarms they raise");
        return Ok(());
    };
    attack.wait(case, alarms, Duration::from_secs(args.deadline.into())).await
}

fn read(path: &Path) -> anyhow::Result<Vec<Case>> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the examples file {shown}"))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("examples");
    example::read(name, &bytes).into_result().map_err(|problems| {
        let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the examples file {shown} cannot be used:\n{}", all.join("\n"))
    })
}

/// The case of this name, or the only one whose name has this text in it; the first one that raises an alarm if no name
/// was given.
fn choose<'a>(cases: &'a [Case], name: Option<&str>) -> anyhow::Result<&'a Case> {
    let Some(name) = name else {
        let raises = |case: &&Case| !case.expect.alarms.is_empty();
        return cases.iter().find(raises).or(cases.first()).context("the examples file has no case");
    };
    if let Some(case) = cases.iter().find(|case| case.name == name) {
        return Ok(case);
    }
    let wanted = name.to_lowercase();
    let mut found = cases.iter().filter(|case| case.name.to_lowercase().contains(&wanted));
    match (found.next(), found.next()) {
        (Some(case), None) => Ok(case),
        (None, _) => anyhow::bail!("no case is called {name:?}; the file has:\n{}", report::list(cases)),
        (Some(_), Some(_)) => {
            anyhow::bail!("{name:?} is part of more than one name; the file has:\n{}", report::list(cases))
        }
    }
}

/// A case, ready to be posted.
struct Attack {
    events: Vec<Value>,
    /// The ids of the events, by which its alarms are known.
    alarm_ids: Vec<String>,
    /// How long before the last event the first one happens.
    lasted_secs: u64,
}

impl Attack {
    /// `case` as it would be if its last event happened at `now`.
    fn of(case: &Case, now: Timestamp) -> anyhow::Result<Self> {
        let lasted_secs = case.duration_secs() - case.wait_secs;
        let start = now.checked_sub(SignedDuration::from_secs(i64::try_from(lasted_secs)?))?;
        // One run differs from another by when it was.
        let run = now.as_nanosecond();
        let events: Vec<Value> = case
            .events(start)
            .map(|timed| {
                let mut event = timed.event;
                let id = event["event_id"].as_str().unwrap_or_default();
                event["event_id"] = Value::String(format!("{id}/{run}"));
                event
            })
            .collect();
        let ids = events.iter().filter_map(|event| event["event_id"].as_str());
        let alarm_ids = ids.map(|id| alarms::alarm_id(case.directive, id)).collect();
        Ok(Self { events, alarm_ids, lasted_secs })
    }

    async fn post(&self, client: &Client, server: &Url) -> anyhow::Result<()> {
        let url = events_url(server);
        for batch in self.events.chunks(EVENTS_PER_REQUEST) {
            post(client, &url, serde_json::to_vec(batch)?).await?;
        }
        Ok(())
    }

    /// Waits until the alarms are what the case expects, and shows them.
    async fn wait(&self, case: &Case, mut file: AlarmFile, limit: Duration) -> anyhow::Result<()> {
        let is_near_miss = case.expect.alarms.is_empty();
        tell(if is_near_miss {
            "waiting a moment: no alarm must come of it"
        } else {
            "waiting for the alarm"
        });
        let until = Instant::now() + if is_near_miss { SILENCE.min(limit) } else { limit };
        let mut documents = Vec::new();
        loop {
            documents.extend(file.read_new(&self.alarm_ids)?);
            let held = case.expect.check(&documents);
            let is_over = Instant::now() >= until;
            match held {
                Ok(()) if is_over || !is_near_miss => break,
                Err(difference) if is_over => return self.explain(&documents, &difference, &file, limit),
                Ok(()) | Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        if is_near_miss {
            return say("No alarm, as it should be.\n");
        }
        say(&report::alarms(&documents))
    }

    fn explain(
        &self,
        documents: &[Value],
        difference: &str,
        file: &AlarmFile,
        limit: Duration,
    ) -> anyhow::Result<()> {
        let (waited, lasted) = (limit.as_secs(), self.lasted_secs);
        let timing = format!(
            "The first event lies {lasted} s in the past, as all are posted at once: is a stage with a shorter timeout over?"
        );
        if !documents.is_empty() {
            say(&report::alarms(documents))?;
            anyhow::bail!("after {waited} s, this is not what the case expects: {difference}. {timing}");
        }
        anyhow::bail!(
            "nothing came of it within {waited} s in {}. Is that the alarm file of this server, are the directive and the \
             assets of the case loaded, and is no alarm of the same addresses open that has taken the events? {timing}",
            file.path().display()
        )
    }
}

fn events_url(server: &Url) -> Url {
    let mut url = server.clone();
    url.set_path(&format!("{}/events", server.path().trim_end_matches('/')));
    url
}

async fn post(client: &Client, url: &Url, body: Vec<u8>) -> anyhow::Result<()> {
    for _ in 1..MAX_TRIES {
        let (status, answer) = post_once(client, url, body.clone()).await?;
        match status {
            StatusCode::OK if answer.is_empty() => return Ok(()),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                tell(&format!("the server is busy and says {status}, trying again: {answer}"));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            StatusCode::UNAUTHORIZED => anyhow::bail!(
                "{url} answered {status}: give its token with --events-token (DSIEM_EVENTS_TOKEN): {answer}"
            ),
            _ => anyhow::bail!("{url} answered {status}: {answer}"),
        }
    }
    anyhow::bail!("{url} is still busy after {MAX_TRIES} attempts; see its log")
}

async fn post_once(client: &Client, url: &Url, body: Vec<u8>) -> anyhow::Result<(StatusCode, String)> {
    let request = client.post(url.clone()).header(header::CONTENT_TYPE, "application/json").body(body);
    let answer =
        request.timeout(REQUEST_LIMIT).send().await.map_err(reqwest::Error::without_url).with_context(
            || format!("no answer from {url}; is dsiem running there? Say where it is with --to"),
        )?;
    let status = answer.status();
    Ok((status, answer.text().await?.trim().to_owned()))
}

/// Reads `--to`.
pub(crate) fn parse_server(text: &str) -> Result<Url, String> {
    parse_frontend(text)
}

/// Where the sample examples are, seen from the top of the repository.
pub(crate) fn default_examples() -> PathBuf {
    PathBuf::from("directives/examples_authentication.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cases() -> Vec<Case> {
        let failure = json!({"plugin_sid": 1, "repeat": {"count": 3, "every": 5}});
        let file = json!({
            "base": {"sensor": "s", "plugin_id": 7, "src_ip": "10.0.0.1", "dst_ip": "10.0.0.2"},
            "cases": [
                {"name": "A near miss", "directive": 9, "events": [failure.clone()], "expect": "no alarm"},
                {"name": "An attack", "directive": 9, "events": [failure.clone()], "wait": 60, "expect": {"stage": 1}},
                {"name": "Twice the same", "directive": 9, "expect": {"stage": 1},
                 "events": [{"plugin_sid": 1, "event_id": "x"}, {"plugin_sid": 1, "event_id": "x"}]}
            ]
        });
        example::read("examples_x.json", file.to_string().as_bytes()).into_result().unwrap()
    }

    fn attack(case: usize, now: &str) -> Vec<Value> {
        Attack::of(&cases()[case], now.parse().unwrap()).unwrap().events
    }

    #[test]
    fn the_last_event_happens_now_and_the_others_before_it() {
        let times: Vec<_> =
            attack(1, "2026-01-01T00:00:10Z").iter().map(|event| event["timestamp"].clone()).collect();
        assert_eq!(times, ["2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z", "2026-01-01T00:00:10Z"]);
    }

    #[test]
    fn ids_are_new_in_each_run_and_equal_where_the_case_says_so() {
        let ids = |case, now| -> Vec<String> {
            attack(case, now).iter().map(|event| event["event_id"].to_string()).collect()
        };
        let (first, second) = (ids(1, "2026-01-01T00:00:00Z"), ids(1, "2026-01-01T00:00:00.001Z"));
        assert!(first.iter().all(|id| !second.contains(id)), "{first:?} {second:?}");
        let same = ids(2, "2026-01-01T00:00:00Z");
        assert_eq!(same[0], same[1]);
    }

    #[test]
    fn a_case_is_found_by_its_name_or_a_part_that_no_other_has() {
        let cases = cases();
        let name = |wanted| choose(&cases, wanted).map(|case| case.name.as_str()).map_err(|e| e.to_string());
        assert_eq!(name(Some("An attack")).unwrap(), "An attack");
        assert_eq!(name(Some("near MISS")).unwrap(), "A near miss");
        assert_eq!(name(None).unwrap(), "An attack", "the first that raises an alarm");
        for wanted in ["sea battle", "a"] {
            let error = name(Some(wanted)).unwrap_err();
            assert!(error.contains(wanted) && error.contains("A near miss"), "{error}");
        }
    }

    #[test]
    fn events_go_below_the_servers_address() {
        for (server, url) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/events"),
            ("http://h/dsiem/", "http://h/dsiem/events"),
        ] {
            assert_eq!(events_url(&parse_server(server).unwrap()).as_str(), url);
        }
        assert!(parse_server("127.0.0.1:8080").is_err());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples_x.json");
        assert!(format!("{:#}", read(&path).unwrap_err()).contains("examples_x.json"));
        std::fs::write(&path, r#"{"cases": [{}]}"#).unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("examples_x.json") && error.contains("directive"), "{error}");
    }
}
