//! Hearing what other processes announce in a database that they share with this one.
//!
//! A connection of its own, in a thread of its own, waits for it. While it is lost, nothing is heard; it is made again,
//! and whoever listens is told that he may have missed something.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ::postgres::Client;
use ::postgres::fallible_iterator::FallibleIterator as _;
use tracing::{info, warn};

use super::DatabaseError;
use super::postgres::Address;

/// How long it waits before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(250);
/// After so long a silence the server is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(30);
/// How long the server may take to answer that.
const ANSWER: Duration = Duration::from_secs(10);
/// How long after a connection was lost, or could not be made, it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What is heard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Somebody announced this; it may have been this process.
    Said(String),
    /// Something may have been said that was not heard.
    Missed,
}

/// Somebody listens, until this is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    has_ended: Arc<AtomicBool>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }
}

/// The thread's part.
struct Listener<F> {
    address: Address,
    channel: &'static str,
    hear: F,
    has_ended: Arc<AtomicBool>,
}

/// Gives `hear` what is announced on `channel`, beginning before this returns, if the server can be reached.
pub(super) fn listen(
    address: Address,
    channel: &'static str,
    hear: impl FnMut(Heard) + Send + 'static,
) -> Listening {
    let has_ended = Arc::new(AtomicBool::new(false));
    let listener = Listener { address, channel, hear, has_ended: Arc::clone(&has_ended) };
    let first = listener.connect();
    let thread = thread::Builder::new().name("postgres-listen".to_owned());
    if let Err(error) = thread.spawn(move || listener.run(first)) {
        warn!(%error, "no thread for the changes that other frontends make: they are seen when a page is loaded again");
    }
    Listening { has_ended }
}

impl<F: FnMut(Heard)> Listener<F> {
    fn connect(&self) -> Result<Client, DatabaseError> {
        let mut client = self.address.client()?;
        client.batch_execute(&format!("LISTEN {}", self.channel))?;
        Ok(client)
    }

    fn run(mut self, first: Result<Client, DatabaseError>) {
        let mut connected = first;
        loop {
            match &mut connected {
                Ok(client) => self.hear_of(client),
                Err(error) => {
                    warn!(%error, "cannot hear of changes that other frontends make; trying again every second");
                }
            }
            // What the connection was is of no more use.
            connected = match self.connect_again() {
                Some(client) => Ok(client),
                None => return,
            };
            info!("changes that other frontends make are heard of again");
            (self.hear)(Heard::Missed);
        }
    }

    /// Tries until there is a connection; `None` once nobody listens any more.
    fn connect_again(&self) -> Option<Client> {
        while !self.has_ended() {
            if let Ok(client) = self.connect() {
                return Some(client);
            }
            let failed = Instant::now();
            while failed.elapsed() < AGAIN && !self.has_ended() {
                thread::sleep(LOOK);
            }
        }
        None
    }

    /// Hears until the connection is lost, or nobody listens any more.
    fn hear_of(&mut self, client: &mut Client) {
        let mut heard = Instant::now();
        while !self.has_ended() && !client.is_closed() {
            let said = client.notifications().timeout_iter(LOOK).next();
            match said {
                Ok(Some(said)) => {
                    heard = Instant::now();
                    (self.hear)(Heard::Said(said.payload().to_owned()));
                }
                Ok(None) if heard.elapsed() > SILENCE => {
                    if client.is_valid(ANSWER).is_err() {
                        return;
                    }
                    heard = Instant::now();
                }
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}
