//! Requests that go the fast path are answered as hyper answers them, whatever is in them and in which pieces they come.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

use crate::running::{Running, head, rest, start, start_for, start_with, until};
use crate::support::{Bus, EVENT, Sender, gzip, without};

/// How many requests went the fast path.
const FAST: &str = "dsiem_frontend_fast_path_requests_total";

/// The longest that goes it, in bytes with its head.
const LONGEST: usize = 8 << 10;

/// A request with events, and nothing behind it.
fn request(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// What is answered to `sent` when nothing comes behind it, without its dates.
async fn answered(running: &Running, sent: &[u8]) -> String {
    answered_in_pieces(running, &[sent]).await
}

async fn answered_in_pieces(running: &Running, pieces: &[&[u8]]) -> String {
    let mut stream = running.connect().await;
    for piece in pieces {
        stream.write_all(piece).await.unwrap();
        // So that they arrive one by one.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stream.shutdown().await.unwrap();
    let answers = rest(&mut stream).await;
    let is_date = |line: &&str| line.starts_with("date: ") && line.ends_with(" GMT\r\n");
    let heads = answers.matches("HTTP/1.1 ").count();
    assert_eq!(answers.split_inclusive('\n').filter(is_date).count(), heads, "{answers}");
    answers.split_inclusive('\n').filter(|line| !is_date(line)).collect()
}

/// Asks the same both ways: a query, which nobody looks at, is nothing for the fast path.
async fn check(running: &Running, headers: &str, body: &[u8], status: u16) {
    let before = running.metric(FAST).await;
    let fast = answered(running, &request("/events", headers, body)).await;
    assert!(fast.starts_with(&format!("HTTP/1.1 {status} ")), "{fast}");
    assert_eq!(running.metric(FAST).await, before + 1, "{fast}");
    let slow = answered(running, &request("/events?", headers, body)).await;
    assert_eq!(running.metric(FAST).await, before + 1, "{slow}");
    // What hyper has not read of a body stands in the way of the next request.
    assert_eq!(fast, slow.replace("connection: close\r\n", ""));
}

#[tokio::test]
async fn events_are_answered_as_by_hyper() {
    let mut running = start().await;
    check(&running, "", EVENT.as_bytes(), 200).await;
    check(&running, "", format!("[{EVENT}, {EVENT}]").as_bytes(), 200).await;
    check(&running, "", format!("[{EVENT}, 5]").as_bytes(), 200).await;
    let lines = format!("{EVENT}\n{EVENT}\n");
    check(&running, "content-type: application/x-ndjson; charset=utf-8\r\n", lines.as_bytes(), 200).await;
    check(&running, "Connection: Keep-Alive\r\nX-Other: a, b\r\n", EVENT.as_bytes(), 200).await;
    let head = request("/events", "", &[b' '; 1_000]).len() - 1_000;
    let padded = format!("{EVENT:0$}", LONGEST - head);
    check(&running, "", padded.as_bytes(), 200).await;
    check(&running, "", lines.as_bytes(), 400).await;
    check(&running, "", b"nonsense", 400).await;
    check(&running, "", b"", 400).await;
    check(&running, "", b"{\"\xff\":1}", 400).await;
    check(&running, "", b"5", 418).await;
    check(&running, "", without("src_ip").as_bytes(), 418).await;
    check(&running, "", b"[]", 418).await;
    let batch = running.subscription.next_batch(100).await.unwrap();
    assert_eq!(batch.messages.len(), 2 * (1 + 2 + 1 + 2 + 1 + 1));
    running.stop().await;
}

#[tokio::test]
async fn whoever_has_no_token_is_refused_as_by_hyper() {
    let running = start_with(|config| config.doors.events_token = Some("a-token-of-events".into())).await;
    check(&running, "", EVENT.as_bytes(), 401).await;
    check(&running, "Authorization: Bearer another-token\r\n", EVENT.as_bytes(), 401).await;
    check(&running, "AUTHORIZATION: Bearer a-token-of-events\r\n", EVENT.as_bytes(), 200).await;
    running.stop().await;
}

#[tokio::test]
async fn a_limit_of_bodies_below_the_longest_holds_too() {
    let running = start_with(|config| config.max_body = EVENT.len()).await;
    check(&running, "", EVENT.as_bytes(), 200).await;
    check(&running, "", format!("{EVENT} ").as_bytes(), 413).await;
    running.stop().await;
}

#[tokio::test]
async fn without_a_backend_it_is_503_as_by_hyper() {
    let mut running = start().await;
    running.subscription.close();
    check(&running, "", EVENT.as_bytes(), 503).await;
    running.stop().await;
}

#[tokio::test]
async fn other_requests_are_answered_too_and_so_is_what_follows_them() {
    let running = start().await;
    let chunked = format!(
        "POST /events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{EVENT}\r\n0\r\n\r\n",
        EVENT.len()
    );
    let long = request("/events", "", format!("{EVENT:LONGEST$}").as_bytes());
    let others = [
        (200, b"GET /healthz HTTP/1.1\r\n\r\n".to_vec()),
        (404, b"GET /nothing HTTP/1.1\r\n\r\n".to_vec()),
        (200, chunked.into_bytes()),
        (200, request("/events", "Content-Encoding: gzip\r\n", &gzip(EVENT.as_bytes()))),
        (200, long),
    ];
    let short = request("/events", "", EVENT.as_bytes());
    for (number, (status, other)) in (1..).zip(others) {
        let answers = answered(&running, &[&*short, &*other, &*short].concat()).await;
        let statuses: Vec<_> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        assert_eq!(statuses, ["200", &status.to_string(), "200"], "{}", String::from_utf8_lossy(&other));
        assert_eq!(running.metric(FAST).await, number, "the first of three");
    }
    running.stop().await;
}

#[tokio::test]
async fn pieces_make_no_difference() {
    let running = start().await;
    let requests = [
        request("/events", "", EVENT.as_bytes()),
        request("/events/", "", b"nonsense"),
        b"GET /healthz HTTP/1.1\r\n\r\n".to_vec(),
        request("/events", "", EVENT.as_bytes()),
    ];
    let all = requests.concat();
    let whole = answered(&running, &all).await;
    assert_eq!(whole.matches("HTTP/1.1 ").count(), requests.len(), "{whole}");
    let cuts = futures::stream::iter(1..all.len()).map(|cut| {
        let (first, second) = all.split_at(cut);
        let running = &running;
        async move { (cut, answered_in_pieces(running, &[first, second]).await) }
    });
    let mut answers = cuts.buffer_unordered(64);
    while let Some((cut, answer)) = answers.next().await {
        assert_eq!(answer, whole, "cut at {cut}");
    }
    drop(answers);
    running.stop().await;
}

#[tokio::test]
async fn whoever_hangs_up_in_the_middle_of_a_request_gets_no_answer() {
    let running = start().await;
    let whole = request("/events", "", EVENT.as_bytes());
    for cut in [1, 20, whole.len() - 1] {
        let answer = answered(&running, &whole[..cut]).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    assert_eq!(running.metric("dsiem_frontend_events_received_total").await, 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_its_time_is_answered_all_the_same() {
    let running = start().await;
    let mut stream = running.connect().await;
    let (first, second) = EVENT.split_at(20);
    stream.write_all(head(EVENT.len(), "").as_bytes()).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    stream.write_all(second.as_bytes()).await.unwrap();
    let answer = until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(stream);
    assert_eq!(running.metric(FAST).await, 0, "hyper was asked to wait for it");
    running.stop().await;
}

#[tokio::test]
async fn stopping_answers_what_is_in_hand_and_closes_what_is_idle() {
    let mut running = start_for(Sender::on(Bus::with_room_for(1), |_| {})).await;
    let short = request("/events", "", EVENT.as_bytes());
    let (mut idle, mut waiting) = (running.connect().await, running.connect().await);
    idle.write_all(&short).await.unwrap();
    until(&mut idle, "\r\n\r\n").await;
    waiting.write_all(&short).await.unwrap();
    // The bus has room for no more than the first.
    while running.metric("dsiem_frontend_events_in_flight").await == 0 {}
    running.shutdown.begin();
    assert_eq!(rest(&mut idle).await, "");
    let taken = running.subscription.next_batch(1).await.unwrap();
    assert_eq!(taken.messages.len(), 1);
    let answer = rest(&mut waiting).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    running.stop().await;
}
