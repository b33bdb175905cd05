//! Whatever becomes of a request, the books of the frontend know of it: in `/metrics`, to the last event.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod support;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Method;
use dsiem_frontend::counters::EQUATIONS;
use dsiem_runtime::ledger::{Samples, Sheet};
use support::{Asked, Bus, EVENT, Sender, without};
use tokio::net::TcpListener;

/// Both books: of requests, and of events.
fn books(sender: &Sender) -> [Sheet; 2] {
    let samples = Samples::parse(&sender.metrics().text());
    EQUATIONS.map(|equation| equation.read(&samples).unwrap())
}

/// What came in, and what became of it as far as it is not nothing; with nothing missing and nothing on its way.
fn settled(sheet: &Sheet) -> (u64, Vec<(&str, u64)>) {
    assert_eq!((sheet.look().missing(), sheet.in_flight), (0, 0), "{sheet:?}");
    let became = sheet.outgoing.iter().filter(|(_, count)| *count > 0);
    (sheet.incoming, became.map(|(name, count)| (name.as_str(), *count)).collect())
}

/// A body that has sent something and goes on for ever.
fn unfinished() -> Body {
    use futures::{StreamExt as _, stream};
    let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from("["))]);
    Body::from_stream(begun.chain(stream::pending()))
}

#[tokio::test(start_paused = true)]
async fn every_way_of_a_request_is_in_the_books() {
    let sender = Sender::with(|config| {
        config.max_body = 20_000;
        config.doors.events_token = Some("0123456789abcdef".into());
    });
    let post = |body: &str| Asked::post("/events", body).header("authorization", "Bearer 0123456789abcdef");
    sender.check(Asked::post("/events", EVENT), 401, "").await;
    for (body, status) in [
        (EVENT.to_owned(), 200),
        (format!("[{EVENT},{EVENT}]"), 200),
        (format!("[{EVENT},{},5]", without("src_ip")), 200),
        (without("dst_ip"), 418),
        ("[]".to_owned(), 418),
        ("[{".to_owned(), 400),
        ("x".repeat(20_001), 413),
    ] {
        sender.check(post(&body), status, "").await;
    }
    sender.check(post(EVENT).header("content-encoding", "br"), 415, "").await;
    sender.check(post("no gzip").header("content-encoding", "gzip"), 400, "").await;
    let slow = Asked::new(Method::POST, "/events", unfinished());
    sender.check(slow.header("authorization", "Bearer 0123456789abcdef"), 408, "").await;

    let [requests, events] = books(&sender);
    let became = vec![
        ("read", 5),
        ("malformed", 2),
        ("too large", 1),
        ("too slow", 1),
        ("unauthorized", 1),
        ("unsupported encoding", 1),
    ];
    assert_eq!(settled(&requests), (11, became));
    assert_eq!(settled(&events), (7, vec![("accepted", 4), ("invalid", 3)]));
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_is_in_the_books_and_so_is_who_hangs_up() {
    let sender = Sender::on(Bus::with_room_for(1), |_| {});
    sender.check(Asked::post("/events", EVENT), 200, "").await;
    // There is no room on the bus, so one waits there; the other is never sent whole.
    let two = format!("[{EVENT},{EVENT}]");
    let mut waiting = Box::pin(sender.ask(Asked::post("/events", &two)));
    let mut reading = Box::pin(sender.ask(Asked::new(Method::POST, "/events", unfinished())));
    for request in [&mut waiting, &mut reading] {
        let soon = Duration::from_millis(1);
        assert!(tokio::time::timeout(soon, request).await.is_err(), "it cannot be answered yet");
    }
    let [requests, events] = books(&sender);
    assert_eq!((requests.incoming, requests.in_flight, requests.look().missing()), (3, 1, 0));
    assert_eq!((events.incoming, events.in_flight, events.look().missing()), (3, 2, 0));
    drop((waiting, reading));
    let [requests, events] = books(&sender);
    assert_eq!(settled(&requests), (3, vec![("read", 2), ("abandoned", 1)]));
    assert_eq!(settled(&events), (3, vec![("accepted", 1), ("abandoned", 2)]));
}

#[tokio::test]
async fn what_the_bus_and_the_rates_refuse_is_in_the_books() {
    let sender = Sender::with(|config| {
        config.throttle = dsiem_frontend::config::throttle(1, 1).unwrap();
        config.doors.max_peer_eps = std::num::NonZeroU32::new(3);
    });
    let five = format!("[{EVENT},{EVENT},{EVENT},{EVENT},{EVENT}]");
    sender.check(Asked::post("/events", &five), 200, "").await;
    sender.check(Asked::post("/events", EVENT), 429, "").await;
    let [requests, events] = books(&sender);
    assert_eq!(settled(&events).0, 5, "the second one was refused unread");
    assert_eq!(settled(&requests), (2, vec![("read", 1), ("peer rate limited", 1)]));

    let mut sender = Sender::new();
    sender.close_bus();
    sender.check(Asked::post("/events", &five), 503, "").await;
    let [requests, events] = books(&sender);
    assert_eq!(settled(&events), (5, vec![("not connected", 5)]));
    assert_eq!(settled(&requests), (1, vec![("read", 1)]));
}

#[tokio::test(start_paused = true)]
async fn a_running_frontend_says_that_its_books_are_off_and_that_they_balance_again() {
    let sender = Sender::new();
    let metrics = sender.metrics();
    let (_home, frontend, _subscription, shutdown, readiness) = sender.into_parts();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = tokio::spawn(frontend.run(listener));
    let wait_for = |off: bool| {
        let readiness = &readiness;
        let looking = async move {
            loop {
                let degraded = readiness.report().degraded.get("frontend_ledger").cloned();
                if degraded.is_some() == off {
                    return degraded.unwrap_or_default();
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        async move { tokio::time::timeout(Duration::from_secs(60), looking).await.expect("it is said in time") }
    };
    wait_for(false).await;
    // The same name is the same counter: as if an event had been received and forgotten.
    metrics.counter("dsiem_frontend_events_received", "").inc();
    let told = wait_for(true).await;
    assert!(told.starts_with("events over HTTP: 1 came in") && told.ends_with("1 are missing"), "{told}");
    assert!(metrics.text().contains("dsiem_ledger_balanced{balance=\"events over HTTP\"} 0\n"));
    assert!(metrics.text().contains("dsiem_ledger_balanced{balance=\"requests with events\"} 1\n"));
    metrics.counter("dsiem_frontend_events_accepted", "").inc();
    wait_for(false).await;
    shutdown.begin();
    running.await.unwrap();
}
