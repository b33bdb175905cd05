//! Publishing to NATS over a plain socket: the bytes are ready before the clock starts, so that the load takes as little
//! of the machine as it can.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use dsiem_tests::nats::EVENTS;

use crate::floor::SUBJECT;
use crate::load::{Load, Sent};

/// How long the load sleeps between two bursts.
const BURST_EVERY: Duration = Duration::from_millis(1);

/// Sends everything and waits until the server has it.
pub(crate) fn send(load: &Load) -> anyhow::Result<Sent> {
    let subject = if load.to_floor { SUBJECT } else { EVENTS };
    let frames = Frames::prepare(load, subject);
    let mut server = Server::connect(load)?;
    let begun = Instant::now();
    let mut sent = 0;
    while sent < load.events {
        let due = begun.elapsed().as_nanos() * u128::from(load.rate) / 1_000_000_000;
        let due = u64::try_from(due).unwrap_or(u64::MAX).min(load.events);
        server.write(frames.between(sent, due))?;
        sent = due;
        std::thread::sleep(BURST_EVERY);
    }
    server.flush()?;
    Ok(Sent { events: sent, took: begun.elapsed(), refused: 0 })
}

/// Messages as the protocol frames them, one behind the other.
struct Frames {
    bytes: Vec<u8>,
    /// Where each message ends.
    ends: Vec<usize>,
}

impl Frames {
    fn prepare(load: &Load, subject: &str) -> Self {
        let (mut frames, mut event, mut clock) =
            (Self { bytes: Vec::new(), ends: Vec::new() }, Vec::new(), load.clock());
        for n in load.numbers() {
            event.clear();
            load.traffic.write_event(n, &mut clock, &mut event);
            frames.bytes.extend(format!("PUB {subject} {}\r\n", event.len()).bytes());
            frames.bytes.extend(&event);
            frames.bytes.extend(b"\r\n");
            frames.ends.push(frames.bytes.len());
        }
        frames
    }

    fn between(&self, from: u64, to: u64) -> &[u8] {
        &self.bytes[self.end(from)..self.end(to)]
    }

    /// Where the first `count` messages end.
    fn end(&self, count: u64) -> usize {
        let last = usize::try_from(count).ok().and_then(|count| count.checked_sub(1));
        last.and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }
}

/// A connection; what the server says is read on a thread of its own.
struct Server {
    stream: TcpStream,
    /// How often the server has asked whether this client is there.
    asked: Arc<AtomicU64>,
    answered: u64,
    /// How often the server has answered the same question.
    confirmed: Arc<AtomicU64>,
}

impl Server {
    fn connect(load: &Load) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(load.address()).context("cannot connect to nats-server")?;
        stream.set_nodelay(true).context("no such option")?;
        let (asked, confirmed) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let lines = BufReader::new(stream.try_clone().context("cannot read from the connection")?).lines();
        let (pings, pongs) = (asked.clone(), confirmed.clone());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                match line.as_str() {
                    "PING" => pings.fetch_add(1, Ordering::Relaxed),
                    "PONG" => pongs.fetch_add(1, Ordering::Relaxed),
                    _ => continue,
                };
            }
        });
        let mut server = Self { stream, asked, answered: 0, confirmed };
        server.write(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"name\":\"load\"}\r\n")?;
        server.flush()?;
        Ok(server)
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        while self.answered < self.asked.load(Ordering::Relaxed) {
            self.stream.write_all(b"PONG\r\n").context("nats-server is gone")?;
            self.answered += 1;
        }
        self.stream.write_all(bytes).context("nats-server is gone")
    }

    /// Waits until the server has read everything: it handles what comes over one connection in order.
    fn flush(&mut self) -> anyhow::Result<()> {
        let before = self.confirmed.load(Ordering::Relaxed);
        self.write(b"PING\r\n")?;
        let begun = Instant::now();
        while self.confirmed.load(Ordering::Relaxed) == before {
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(30), "nats-server does not answer");
            std::thread::sleep(BURST_EVERY);
        }
        Ok(())
    }
}
