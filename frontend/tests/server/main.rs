//! What only shows over a real connection: limits before a body is read, and stopping.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod fast_path;
mod running;
#[path = "../support/mod.rs"]
mod support;

use running::{PATIENCE, Running, head, post, rest, start, start_with, try_post, until};
use support::{EVENT, Sender};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

#[tokio::test]
async fn one_address_has_so_many_connections_and_further_ones_are_closed() {
    let running = start_with(|config| config.doors.max_peer_connections = std::num::NonZeroU32::new(2)).await;
    let mut held = [running.connect().await, running.connect().await];
    for stream in &mut held {
        post(stream, EVENT).await;
    }
    let mut third = running.connect().await;
    let mut byte = [0];
    let read = tokio::time::timeout(PATIENCE, third.read(&mut byte)).await.expect("closed in time");
    assert!(matches!(read, Ok(0) | Err(_)), "it is closed without a word: {read:?}");
    let [first, second] = held;
    drop(first);
    // The place is free when the server has seen that the connection is closed.
    let mut next = running.connect().await;
    while !try_post(&mut next, EVENT).await {
        next = running.connect().await;
    }
    drop((second, next));
    running.stop().await;
}

#[tokio::test]
async fn a_body_of_100_mb_is_413_even_for_a_sender_that_sends_all_of_it_first() {
    let running = start().await;
    let mut stream = running.connect().await;
    stream.write_all(head(100_000_000, "").as_bytes()).await.unwrap();
    let block = vec![b' '; 1_000_000];
    for _ in 0..100 {
        stream.write_all(&block).await.expect("the connection is not reset while we send");
    }
    stream.shutdown().await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("--max-body"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn a_sender_that_asks_first_is_told_before_it_sends() {
    let running = start().await;
    let mut stream = running.connect().await;
    stream.write_all(head(100_000_000, "Expect: 100-continue\r\n").as_bytes()).await.unwrap();
    let answer = until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let mut stream = running.connect().await;
    stream.write_all(head(EVENT.len(), "Expect: 100-continue\r\n").as_bytes()).await.unwrap();
    let answer = until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");
    stream.write_all(EVENT.as_bytes()).await.unwrap();
    let answer = until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_off_at_the_limit() {
    let running = start().await;
    let (mut read, mut write) = running.connect().await.into_split();
    write.write_all(b"POST /events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    let sending = tokio::spawn(async move {
        let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 0x10_0000], b"\r\n"].concat();
        for _ in 0..20 {
            write.write_all(&chunk).await.unwrap();
        }
        write
    });
    let mut answer = vec![0; 12];
    read.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
    drop(sending.await.unwrap());
    running.stop().await;
}

#[tokio::test]
async fn a_connection_serves_many_requests_and_survives_refusals() {
    let mut running = start().await;
    let mut stream = running.connect().await;
    for (body, status) in [(EVENT, "200"), ("nonsense", "400"), ("5", "418"), (EVENT, "200")] {
        stream.write_all(head(body.len(), "").as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let answer = until(&mut stream, "\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    let batch = running.subscription.next_batch(10).await.unwrap();
    assert_eq!(batch.messages.len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn stopping_finishes_what_has_arrived_and_takes_nothing_new() {
    let running = start().await;
    let idle = running.connect().await;
    let mut stream = running.connect().await;
    let (first, second) = EVENT.split_at(20);
    stream.write_all(head(EVENT.len(), "Expect: 100-continue\r\n").as_bytes()).await.unwrap();
    // The answer says that the request has begun.
    until(&mut stream, "100 Continue\r\n\r\n").await;
    stream.write_all(first.as_bytes()).await.unwrap();
    running.shutdown.begin();
    // The listener closes without asking anybody.
    while TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(second.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    drop((idle, stream));
    running.stop().await;
}

#[tokio::test]
async fn the_choices_of_the_page_are_there_from_the_start() {
    let running = start().await;
    let mut stream = running.connect().await;
    stream
        .write_all(b"GET /config/dsiem_config.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(&mut stream).await;
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let expected = serde_json::json!({ "status": ["Open"], "tags": ["Valid Threat"] });
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap(), expected, "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_a_warning() {
    let (home, frontend, _subscription, shutdown, readiness) = Sender::new().into_parts();
    std::fs::write(home.path().join("configs"), "a file where the folder should be").unwrap();
    shutdown.begin();
    frontend.run(TcpListener::bind("127.0.0.1:0").await.unwrap()).await;
    let report = readiness.report();
    assert!(report.ready && report.degraded.contains_key("config_folder"), "{report:?}");
}

/// Posts an event from an address of this machine and returns the status.
async fn post_from(source: &str, running: &Running) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(running.address).await.unwrap();
    stream.write_all(head(EVENT.len(), "").as_bytes()).await.unwrap();
    stream.write_all(EVENT.as_bytes()).await.unwrap();
    until(&mut stream, "\r\n\r\n").await["HTTP/1.1 ".len()..][..3].to_owned()
}

#[tokio::test]
async fn each_address_has_a_rate_of_its_own() {
    let running = start_with(|config| config.doors.max_peer_eps = std::num::NonZeroU32::new(1)).await;
    // One is let in at once. Should this machine sleep for a second in between, another one may be.
    let mut statuses = Vec::new();
    while statuses.last().is_none_or(|status| status != "429") {
        statuses.push(post_from("127.0.0.1", &running).await);
    }
    assert_eq!(statuses[0], "200");
    assert_eq!(post_from("127.0.0.2", &running).await, "200");
    running.stop().await;
}

/// Time passes at once while everybody waits, so that these take no time.
mod patience {
    use super::*;

    /// How long it took until the other side closed, and what it said.
    async fn closed_after(running: &Running, sent: &str) -> (u64, String) {
        let mut stream = running.connect().await;
        let begun = tokio::time::Instant::now();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        (begun.elapsed().as_secs(), String::from_utf8(said).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_is_not_waited_for() {
        let running = start().await;
        for sent in ["", "GET / HT", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
            let (secs, said) = closed_after(&running, sent).await;
            assert!((75..80).contains(&secs), "{sent:?}: {secs} s");
            assert!(!said.contains("200"), "{said}");
        }
        running.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_next_request_is_closed() {
        let running = start().await;
        let (secs, said) = closed_after(&running, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
        assert!((75..80).contains(&secs), "{secs} s");
        running.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_is_408() {
        let running = start().await;
        let (secs, said) = closed_after(&running, &(head(100, "") + "{")).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        // And then it lingers.
        assert!((60..95).contains(&secs), "{secs} s");
        running.stop().await;
    }
}
