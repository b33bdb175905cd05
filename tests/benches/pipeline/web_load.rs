//! Posting over HTTP keep-alive connections, by hand: the requests are ready before the clock starts. A request that is
//! refused because the server is busy is sent again, as senders do.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::latency;
use crate::load::{Form, Load, Sent};
use crate::traffic::{Clock, now_nanos};

/// How long a sender waits before it sends a refused request again.
const RETRY_AFTER: Duration = Duration::from_millis(20);

/// Sends everything and waits for every answer.
pub(crate) fn send(load: &Load) -> anyhow::Result<Sent> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(send_all(load))
}

async fn send_all(load: &Load) -> anyhow::Result<Sent> {
    let mut connections = Vec::new();
    for requests in requests(load) {
        let stream = TcpStream::connect(load.address()).await.context("cannot connect")?;
        stream.set_nodelay(true).context("no such option")?;
        connections.push((BufStream::new(stream), requests));
    }
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (stream, requests) in connections {
        tasks.spawn(send_one(stream, requests, begun));
    }
    let (mut refused, mut times) = (0, Vec::new());
    while let Some(ended) = tasks.join_next().await {
        let (refused_here, times_here) = ended.context("a connection's task failed")??;
        refused += refused_here;
        times.extend(times_here);
    }
    let took = begun.elapsed();
    if let Some(path) = &load.times {
        latency::write_times(path, &times)?;
    }
    Ok(Sent { events: load.events, took, refused })
}

/// One request.
struct Request {
    /// The number of its first event.
    first: u64,
    /// When it is to be sent, after the start.
    due: Duration,
    bytes: Vec<u8>,
}

/// The requests of each connection.
fn requests(load: &Load) -> Vec<VecDeque<Request>> {
    let (batch, connections, mut clock) = (load.form.batch(), load.form.connections(), load.clock());
    let mut of_connections: Vec<_> = (0..connections).map(|_| VecDeque::new()).collect();
    let (count, numbers) = (of_connections.len(), load.numbers());
    for (place, first) in numbers.clone().step_by(usize::try_from(batch).unwrap_or(1)).enumerate() {
        let body = body(load, first..numbers.end.min(first + batch), &mut clock);
        let request = Request { first, due: load.due(first), bytes: request(load, &body) };
        of_connections[place % count].push_back(request);
    }
    of_connections
}

fn body(load: &Load, events: std::ops::Range<u64>, clock: &mut Clock) -> Vec<u8> {
    let (open, between, close): (&[u8], &[u8], &[u8]) = match load.form {
        Form::Tens | Form::Array | Form::InOrder => (b"[", b",", b"]"),
        Form::Ndjson | Form::Nats | Form::Single => (b"", b"\n", b""),
    };
    let mut body = open.to_vec();
    for n in events.clone() {
        if n > events.start {
            body.extend(between);
        }
        load.traffic.write_event(n, clock, &mut body);
    }
    body.extend(close);
    body
}

fn request(load: &Load, body: &[u8]) -> Vec<u8> {
    let media_type = if load.form == Form::Ndjson { "application/x-ndjson" } else { "application/json" };
    let head = format!(
        "POST /events HTTP/1.1\r\nhost: {}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n",
        load.address(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends the requests of one connection, each when it is due; returns how many were refused, and when each was sent for
/// the first time.
async fn send_one(
    mut stream: BufStream<TcpStream>,
    requests: VecDeque<Request>,
    begun: Instant,
) -> anyhow::Result<(u64, Vec<latency::Time>)> {
    let (mut refused, mut times) = (0, Vec::with_capacity(requests.len()));
    for request in requests {
        if begun.elapsed() < request.due {
            tokio::time::sleep_until(begun + request.due).await;
        }
        times.push(latency::Time { number: request.first, nanos: now_nanos() });
        while !exchange(&mut stream, &request.bytes).await? {
            refused += 1;
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
    Ok((refused, times))
}

/// Sends one request; false if the server is busy.
async fn exchange(stream: &mut BufStream<TcpStream>, request: &[u8]) -> anyhow::Result<bool> {
    stream.write_all(request).await.context("the server is gone")?;
    stream.flush().await.context("the server is gone")?;
    let (mut status, mut length, mut line) = (0_u16, 0_usize, String::new());
    loop {
        line.clear();
        stream.read_line(&mut line).await.context("the server is gone")?;
        anyhow::ensure!(!line.is_empty(), "the server has closed the connection");
        let line = line.trim_end();
        if line.is_empty() {
            break;
        } else if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().context("a length that is no number")?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.context("the server is gone")?;
    match status {
        200 if body.is_empty() => Ok(true),
        429 | 503 => Ok(false),
        _ => anyhow::bail!("the server answered {status}: {}", String::from_utf8_lossy(&body)),
    }
}
