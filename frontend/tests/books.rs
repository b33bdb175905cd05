//! Whatever becomes of a request, the books of the frontend know of it: in `/metrics`, to the last event.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod support;

use axum::body::{Body, Bytes};
use axum::http::Method;
use dsiem_frontend::counters::EQUATIONS;
use dsiem_runtime::ledger::{Samples, Sheet};
use support::{Asked, Bus, EVENT, Sender, without};

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
        let soon = std::time::Duration::from_millis(1);
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
