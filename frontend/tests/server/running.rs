//! A frontend that listens, and who talks to it over connections.

use std::net::SocketAddr;
use std::time::Duration;

use dsiem_frontend::Config;
use dsiem_runtime::Shutdown;
use dsiem_runtime::bus::EventSubscription;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::Sender;

/// Nothing here should take long; a test that hangs fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Running {
    pub(crate) home: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) subscription: EventSubscription,
    pub(crate) shutdown: Shutdown,
    task: JoinHandle<()>,
}

/// Whether an event that is posted over the connection is answered with 200.
pub(crate) async fn try_post(stream: &mut TcpStream, event: &str) -> bool {
    let request = format!("{}{event}", head(event.len(), ""));
    if stream.write_all(request.as_bytes()).await.is_err() {
        return false;
    }
    let mut answer = [0; 15];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("in time");
    read.is_ok() && &answer == b"HTTP/1.1 200 OK"
}

pub(crate) async fn post(stream: &mut TcpStream, event: &str) {
    assert!(try_post(stream, event).await, "an event is accepted");
}

pub(crate) async fn start() -> Running {
    start_with(|_| {}).await
}

pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Running {
    start_for(Sender::with(change)).await
}

/// The frontend of `sender`, which listens from now on.
pub(crate) async fn start_for(sender: Sender) -> Running {
    let (home, frontend, subscription, shutdown, _) = sender.into_parts();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(frontend.run(listener));
    Running { home, address, subscription, shutdown, task }
}

impl Running {
    /// The value of a metric; 0 if it is not there.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let mut stream = self.connect().await;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
        let answer = rest(&mut stream).await;
        let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn stop(self) -> TempDir {
        self.shutdown.begin();
        tokio::time::timeout(PATIENCE, self.task).await.expect("stops in time").unwrap();
        self.home
    }
}

pub(crate) fn head(length: usize, more: &str) -> String {
    format!("POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n")
}

/// Reads until the other side closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("closes in time").unwrap();
    String::from_utf8(text).unwrap()
}

/// Reads until `part` has come.
pub(crate) async fn until(stream: &mut TcpStream, part: &str) -> String {
    let mut text = String::new();
    while !text.contains(part) {
        let mut buffer = [0; 4096];
        let read =
            tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("answers in time").unwrap();
        assert!(read > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    text
}
