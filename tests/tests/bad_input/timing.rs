//! What goes on over time: odd events that count like any other, senders that stop half-way, several requests at once on
//! one connection.

use dsiem_tests::samples::event;
use dsiem_tests::wait::wait_until;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::case::exchange;
use crate::{fields, has_source, start, still_works};

/// Senders that leave half-way, at the same time.
const LEAVERS: usize = 200;

fn now_secs() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

#[tokio::test]
async fn what_looks_odd_and_is_valid_raises_its_alarm() {
    let node = start().await;
    let begun = now_secs();
    let taken = fields::taken();
    for (what, event, _) in &taken {
        let answer = node.http.post("/events", event.clone()).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{what}");
    }
    for (what, _, source) in &taken {
        let alarm = node.wait_for_alarm(what, |alarm| has_source(alarm, source)).await;
        // Receipt times, whatever the event said about its receipt.
        for time in ["created_time", "update_time"] {
            let time = alarm[time].as_i64().unwrap();
            assert!((begun..=now_secs()).contains(&time), "{what}: {alarm}");
        }
    }
    still_works(&node, 2).await;
}

#[tokio::test]
async fn senders_that_leave_half_way_leave_nothing_behind() {
    let node = start().await;
    let halves = [
        &b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 16000000\r\n\r\n{\"event_id\":"[..],
        b"POST /events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n[",
        b"POST /events HTTP/1.1\r\nHo",
        b"",
    ];
    let mut open = Vec::new();
    for n in 0..LEAVERS {
        let mut stream = TcpStream::connect(("127.0.0.1", node.http.port())).await.unwrap();
        stream.write_all(halves[n % halves.len()]).await.unwrap();
        open.push(stream);
    }
    let connections = "dsiem_frontend_connections";
    node.http.wait_for_metric(connections, LEAVERS as u64).await;
    still_works(&node, 2).await;
    drop(open);
    wait_until("their connections to be gone", || async {
        node.http.metric(connections).await < LEAVERS as u64 / 10
    })
    .await;
    still_works(&node, 3).await;
}

#[tokio::test]
async fn a_bad_request_does_not_spoil_the_next_of_its_connection() {
    let node = start().await;
    let good = event("next", 1, "10.5.0.1").to_string();
    let post = |headers: &str, body: &str| {
        format!("POST /events HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let requests = [
        post("", "{}"),
        post("", "not json"),
        post("Content-Encoding: gzip\r\n", "no gzip"),
        "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        post("Connection: close\r\n", &good),
    ];
    let answer = exchange(&node, requests.concat().as_bytes()).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let statuses: Vec<_> = answer.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["418", "400", "400", "404", "200"], "{answer}");
    node.wait_for_alarm("its alarm", |alarm| has_source(alarm, "10.5.0.1")).await;
    still_works(&node, 2).await;
}

#[tokio::test]
async fn a_second_request_cannot_hide_behind_two_lengths() {
    let node = start().await;
    let hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let request = format!(
        "POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
    );
    let answer = String::from_utf8(exchange(&node, request.as_bytes()).await.unwrap()).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("connection: close"), "{answer}");
    still_works(&node, 2).await;
}

#[tokio::test]
async fn a_sender_that_asks_first_is_told_to_go_on() {
    let node = start().await;
    let good = event("asks", 1, "10.5.0.2").to_string();
    let request = format!(
        "POST /events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{good}",
        good.len()
    );
    let answer = String::from_utf8(exchange(&node, request.as_bytes()).await.unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"), "{answer}");
}
