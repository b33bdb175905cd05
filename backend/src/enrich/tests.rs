//! Look-ups through their door, against services that answer as the tests want.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use dsiem_core::sources::Plugin;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::*;

/// A service that answers each request with the same status and text, as soon as it may.
struct Service {
    url: String,
    requests: Arc<AtomicUsize>,
    queries: watch::Receiver<Vec<String>>,
    /// A permit lets one request be answered.
    may_answer: Arc<Semaphore>,
    answer: watch::Sender<(StatusCode, String)>,
}

#[derive(Clone)]
struct Answering {
    requests: Arc<AtomicUsize>,
    queries: watch::Sender<Vec<String>>,
    may_answer: Arc<Semaphore>,
    answer: watch::Receiver<(StatusCode, String)>,
}

async fn answer(State(answering): State<Answering>, uri: axum::http::Uri) -> impl IntoResponse {
    answering.requests.fetch_add(1, Ordering::SeqCst);
    answering.queries.send_modify(|queries| queries.push(uri.to_string()));
    answering.may_answer.acquire().await.unwrap().forget();
    answering.answer.borrow().clone()
}

impl Service {
    async fn start(status: u16, text: &str) -> Self {
        let service = Self::hanging(status, text).await;
        service.may_answer.add_permits(Semaphore::MAX_PERMITS / 2);
        service
    }

    /// It takes requests, and answers none before it may.
    async fn hanging(status: u16, text: &str) -> Self {
        let (answer_sender, answer_receiver) =
            watch::channel((StatusCode::from_u16(status).unwrap(), text.to_owned()));
        let (queries_sender, queries) = watch::channel(Vec::new());
        let answering = Answering {
            requests: Arc::default(),
            queries: queries_sender,
            may_answer: Arc::new(Semaphore::new(0)),
            answer: answer_receiver,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, may_answer) = (answering.requests.clone(), answering.may_answer.clone());
        let router = Router::new().fallback(get(answer)).with_state(answering);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, requests, queries, may_answer, answer: answer_sender }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn answers(&self, status: u16, text: &str) {
        self.answer.send_replace((StatusCode::from_u16(status).unwrap(), text.to_owned()));
    }

    async fn until_asked(&mut self, times: usize) {
        self.queries.wait_for(|queries| queries.len() >= times).await.unwrap();
    }

    fn wise(&self, name: &str) -> Source {
        source(name, Plugin::Wise { url: format!("{}/ip/${{ip}}", self.url) })
    }

    fn nesd(&self, name: &str) -> Source {
        source(
            name,
            Plugin::Nesd {
                url: format!("{}/?ip=${{ip}}&port=${{port}}", self.url),
                allow_low_severity: false,
            },
        )
    }
}

fn source(name: &str, plugin: Plugin) -> Source {
    Source {
        name: name.to_owned(),
        kind: String::new(),
        enabled: true,
        plugin,
        file: "intel_test.json".to_owned(),
    }
}

const BOTNET: &str = r#"[{field: "tags", len: 7, value: "botnet"}]"#;
const WEAK: &str = r#"[{"cve": "CVE-1", "risk": "High", "name": "weak"}]"#;

fn enrich_with(sources: Vec<Source>, settings: EnrichSettings) -> (Enrich, Metrics) {
    let metrics = Metrics::new();
    (Enrich::new(sources, settings, &metrics, crate::http::client().unwrap()), metrics)
}

fn enrich(sources: Vec<Source>) -> Enrich {
    enrich_with(sources, EnrichSettings::default()).0
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn intel(enrich: &Enrich, address: &str) -> Lookup {
    enrich.terms([ip(address)], [])[0]
}

async fn results(enrich: &Enrich, lookup: Lookup) -> Vec<String> {
    enrich.ask(lookup).await.findings.into_iter().map(|finding| finding.result).collect()
}

#[tokio::test]
async fn a_finding_has_provider_term_and_result() {
    let wise = Service::start(200, BOTNET).await;
    let nesd = Service::start(200, WEAK).await;
    let enrich = enrich(vec![wise.wise("w"), nesd.nesd("n")]);
    let lookups = enrich.terms([ip("8.8.8.8")], [(ip("10.0.0.1"), 80)]);
    let mut answers: Vec<Answer> = enrich.ask_all(lookups).collect().await;
    answers.sort_by_key(|answer| answer.source.clone());
    let finding = |provider: &str, term: &str, result: &str| Finding {
        provider: provider.to_owned(),
        term: term.to_owned(),
        result: result.to_owned(),
    };
    assert_eq!(answers[0].kind, FindingKind::Vulnerability);
    assert_eq!(answers[0].term, Term::Port(ip("10.0.0.1"), 80));
    assert_eq!(answers[0].findings, [finding("Nesd", "10.0.0.1:80", "High - weak (CVE-1)")]);
    assert_eq!(answers[1].kind, FindingKind::Intel);
    assert_eq!(answers[1].findings, [finding("Wise", "8.8.8.8", "tags: botnet")]);
}

#[tokio::test]
async fn the_url_holds_the_parsed_address_and_port_wherever_it_asks_for_them() {
    let service = Service::start(200, "[]").await;
    let url = format!("{}/${{ip}}/${{port}}?ip=${{ip}}&port=${{port}}", service.url);
    let enrich = enrich(vec![source("n", Plugin::Nesd { url, allow_low_severity: false })]);
    for lookup in enrich.terms([], [(ip("10.0.0.1"), 80), (ip("2001:DB8:0::1"), 443)]) {
        enrich.ask(lookup).await;
    }
    let queries = service.queries.borrow().clone();
    assert_eq!(queries, ["/10.0.0.1/80?ip=10.0.0.1&port=80", "/2001:db8::1/443?ip=2001:db8::1&port=443"]);
}

#[tokio::test]
async fn nobody_is_asked_about_private_addresses_and_port_0() {
    let service = Service::start(200, "[]").await;
    let sources = vec![service.wise("w1"), service.wise("w2"), service.nesd("n")];
    let addresses = ["8.8.8.8", "10.0.0.1", "8.8.8.8", "fe80::1"].map(ip);
    let ports = [(ip("10.0.0.1"), 0), (ip("10.0.0.1"), 22), (ip("10.0.0.1"), 22)];
    let terms = |enrich: &Enrich| enrich.terms(addresses, ports).iter().map(Lookup::term).collect::<Vec<_>>();

    let enrich = enrich(sources.clone());
    let intel = Term::Address(ip("8.8.8.8"));
    assert_eq!(
        terms(&enrich),
        [intel, intel, Term::Port(ip("10.0.0.1"), 22)],
        "both intel sources are asked"
    );

    let settings = EnrichSettings { intel_private_ip: true, ..EnrichSettings::default() };
    let asked: BTreeSet<Term> = terms(&enrich_with(sources, settings).0).into_iter().collect();
    assert!(asked.contains(&Term::Address(ip("10.0.0.1"))) && asked.contains(&Term::Address(ip("fe80::1"))));
}

#[tokio::test]
async fn disabled_sources_are_not_asked() {
    let service = Service::start(200, BOTNET).await;
    let enrich = enrich(vec![Source { enabled: false, ..service.wise("w") }]);
    assert!(enrich.is_idle());
    assert!(enrich.terms([ip("8.8.8.8")], [(ip("8.8.8.8"), 80)]).is_empty());
}

#[tokio::test]
async fn an_answer_is_kept_per_source_and_term() {
    let service = Service::start(200, BOTNET).await;
    let enrich = enrich(vec![service.wise("w1"), service.wise("w2")]);
    for lookup in [enrich.terms([ip("8.8.8.8")], []), enrich.terms([ip("8.8.8.8")], [])].concat() {
        assert_eq!(results(&enrich, lookup).await, ["tags: botnet"]);
    }
    assert_eq!(service.requests(), 2);
}

#[test]
fn answers_are_kept_as_long_as_asked_for_failures_shorter_and_the_rest_not_at_all() {
    let lifetime = Lifetime { answers: Duration::from_secs(600), failures: Duration::from_secs(30) };
    let lookup = Lookup { source: 0, term: Term::Address(ip("8.8.8.8")) };
    let of = |outcome| lifetime.expire_after_create(&lookup, &outcome, std::time::Instant::now());
    assert_eq!(of(Outcome::Answered([].into())), Some(Duration::from_secs(600)));
    assert_eq!(of(Outcome::Failed), Some(Duration::from_secs(30)));
    assert_eq!(of(Outcome::NotAsked), Some(Duration::ZERO));
}

#[tokio::test]
async fn equal_questions_at_the_same_time_go_out_once() {
    let mut service = Service::hanging(200, BOTNET).await;
    let enrich = enrich(vec![service.wise("w")]);
    let lookup = intel(&enrich, "8.8.8.8");
    let asking: Vec<_> = (0..10)
        .map(|_| {
            let enrich = enrich.clone();
            tokio::spawn(async move { results(&enrich, lookup).await })
        })
        .collect();
    service.until_asked(1).await;
    service.may_answer.add_permits(1);
    for asked in asking {
        assert_eq!(asked.await.unwrap(), ["tags: botnet"]);
    }
    assert_eq!(service.requests(), 1);
}

#[tokio::test]
async fn who_stops_waiting_takes_the_answer_from_nobody() {
    let mut service = Service::hanging(200, BOTNET).await;
    let enrich = enrich(vec![service.wise("w")]);
    let lookup = intel(&enrich, "8.8.8.8");
    let first = tokio::spawn({
        let enrich = enrich.clone();
        async move { results(&enrich, lookup).await }
    });
    service.until_asked(1).await;
    let second = tokio::spawn(async move { results(&enrich, lookup).await });
    first.abort();
    service.may_answer.add_permits(2);
    assert_eq!(second.await.unwrap(), ["tags: botnet"]);
}

#[tokio::test]
async fn a_source_that_does_not_answer_in_time_is_a_failure_of_that_source_alone() {
    let hanging = Service::hanging(200, BOTNET).await;
    let working = Service::start(200, BOTNET).await;
    let settings = EnrichSettings { time_limit: Duration::from_secs(1), ..EnrichSettings::default() };
    let (enrich, metrics) = enrich_with(vec![hanging.wise("hanging"), working.wise("working")], settings);
    let lookups = enrich.terms([ip("8.8.8.8")], []);
    assert_eq!(results(&enrich, lookups[0]).await, Vec::<String>::new());
    assert_eq!(results(&enrich, lookups[1]).await, ["tags: botnet"]);
    let failures = metrics.counter_by("dsiem_lookup_failures", "", "source");
    assert_eq!((failures.with("hanging").get(), failures.with("working").get()), (1, 0));
}

#[tokio::test]
async fn statuses_are_looked_at() {
    for (status, failures) in [(200, 0), (404, 1), (418, 1), (500, 1)] {
        let service = Service::start(status, BOTNET).await;
        let (enrich, metrics) = enrich_with(vec![service.wise("w")], EnrichSettings::default());
        let expected: &[&str] = if failures == 0 { &["tags: botnet"] } else { &[] };
        assert_eq!(results(&enrich, intel(&enrich, "8.8.8.8")).await, expected, "{status}");
        assert_eq!(
            metrics.counter_by("dsiem_lookup_failures", "", "source").with("w").get(),
            failures,
            "{status}"
        );
    }
}

#[tokio::test]
async fn nesd_says_418_for_nothing() {
    let service = Service::start(418, "port is invalid").await;
    let (enrich, metrics) = enrich_with(vec![service.nesd("n")], EnrichSettings::default());
    let lookup = enrich.terms([], [(ip("10.0.0.1"), 80)])[0];
    assert_eq!(results(&enrich, lookup).await, Vec::<String>::new());
    assert_eq!(metrics.counter_by("dsiem_lookup_failures", "", "source").with("n").get(), 0);
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_makes_no_sense_is_a_failure() {
    let large = format!("[{{field: \"x\", len: 9, value: \"{}\"}}]", "x".repeat(2000));
    for text in [large.as_str(), "<html>", "\u{0}"] {
        let service = Service::start(200, text).await;
        let settings = EnrichSettings { max_response_bytes: 1000, ..EnrichSettings::default() };
        let (enrich, metrics) = enrich_with(vec![service.wise("w")], settings);
        assert_eq!(results(&enrich, intel(&enrich, "8.8.8.8")).await, Vec::<String>::new());
        assert_eq!(metrics.counter_by("dsiem_lookup_failures", "", "source").with("w").get(), 1);
    }
}

#[tokio::test]
async fn no_more_findings_of_one_answer_than_the_limit() {
    let items = vec![r#"{field: "x", len: 9, value: "y"}"#; 20].join(",");
    let service = Service::start(200, &format!("[{items}]")).await;
    let settings = EnrichSettings { max_findings: 3, ..EnrichSettings::default() };
    let (enrich, _) = enrich_with(vec![service.wise("w")], settings);
    assert_eq!(results(&enrich, intel(&enrich, "8.8.8.8")).await.len(), 3);
}

#[tokio::test]
async fn a_source_that_fails_again_and_again_is_left_alone_and_tried_after_a_while() {
    let service = Service::start(500, "").await;
    // The pause is over at once, so that the second part need not wait; see the breaker's own tests for its length.
    let settings = |open_for| EnrichSettings { failures_to_open: 2, open_for, ..EnrichSettings::default() };
    let addresses: Vec<String> = (1..=9).map(|n| format!("8.8.8.{n}")).collect();

    let (enrich, metrics) = enrich_with(vec![service.wise("w")], settings(Duration::from_secs(3600)));
    for address in &addresses {
        assert!(results(&enrich, intel(&enrich, address)).await.is_empty());
    }
    assert_eq!(service.requests(), 2);
    assert_eq!(metrics.counter_by("dsiem_lookups_not_asked", "", "source").with("w").get(), 7);

    let (enrich, _) = enrich_with(vec![service.wise("w")], settings(Duration::ZERO));
    for address in &addresses[..3] {
        assert!(results(&enrich, intel(&enrich, address)).await.is_empty());
    }
    service.answers(200, BOTNET);
    assert_eq!(results(&enrich, intel(&enrich, &addresses[3])).await, ["tags: botnet"]);
}

#[tokio::test]
async fn what_was_not_asked_is_asked_the_next_time() {
    let mut service = Service::hanging(200, BOTNET).await;
    let settings = EnrichSettings { concurrent_requests: 1, max_waiting: 0, ..EnrichSettings::default() };
    let (enrich, metrics) = enrich_with(vec![service.wise("w")], settings);
    let (first, second) = (intel(&enrich, "8.8.8.1"), intel(&enrich, "8.8.8.2"));
    let asking = tokio::spawn({
        let enrich = enrich.clone();
        async move { results(&enrich, first).await }
    });
    service.until_asked(1).await;
    assert_eq!(results(&enrich, second).await, Vec::<String>::new(), "the source is busy");
    assert_eq!(metrics.counter_by("dsiem_lookups_not_asked", "", "source").with("w").get(), 1);
    service.may_answer.add_permits(2);
    assert_eq!(asking.await.unwrap(), ["tags: botnet"]);
    assert_eq!(results(&enrich, second).await, ["tags: botnet"]);
}

#[tokio::test]
async fn many_questions_of_one_alarm_do_not_crowd_each_other_out() {
    let service = Service::start(200, BOTNET).await;
    let settings = EnrichSettings { concurrent_requests: 2, max_waiting: 0, ..EnrichSettings::default() };
    let (enrich, _) = enrich_with(vec![service.wise("w")], settings);
    let lookups = enrich.terms((1..=50).map(|n| ip(&format!("8.8.8.{n}"))), []);
    let answers: Vec<Answer> = enrich.ask_all(lookups).collect().await;
    assert_eq!(answers.iter().filter(|answer| !answer.findings.is_empty()).count(), 50);
}
