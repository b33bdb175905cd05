//! A way past hyper for most of the requests that there are: an event by itself, over a connection that stays.
//!
//! Taking one apart and answering it costs hyper more than reading the event costs us. So a connection begins here.
//! Requests that are whole, short and framed in the plainest way are answered; with the first that is not, whatever has
//! arrived of it goes to hyper unread, and the rest of the connection with it. What is answered is the same either way.

mod answer;
mod request;

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::{BufMut as _, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use self::answer::AnswerWriter;
use self::request::{Arrived, MAX_BYTES};
use crate::http::Site;
use crate::idle::Requests;

/// How long a request of which a part is there may take to be whole; over: it is for hyper, which knows what to do then.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// What becomes of a connection behind the last request that went the fast path.
#[derive(Debug)]
pub(crate) enum Left {
    /// It has ended.
    Nothing,
    /// It goes on, and this has arrived already.
    Unread(Bytes),
}

/// A connection at its beginning.
pub(crate) struct FastPath<'a, S> {
    pub(crate) site: &'a Site,
    /// Where it comes from.
    pub(crate) peer: IpAddr,
    pub(crate) requests: &'a Requests,
    /// No further request is waited for.
    pub(crate) stopping: &'a AtomicBool,
    pub(crate) stream: &'a mut S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> FastPath<'_, S> {
    /// Answers requests for as long as they are short.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn serve(mut self) -> io::Result<Left> {
        let mut arrived = Vec::with_capacity(MAX_BYTES);
        let mut answers = AnswerWriter::new();
        loop {
            let length = match Arrived::look(&arrived) {
                Arrived::Short(request) => {
                    let _in_hand = self.requests.begin();
                    let answer = self.site.answer_short(self.peer, request.sender, request.body).await;
                    let last = self.is_stopping();
                    let answer = answers.write(answer, last).await?;
                    self.stream.write_all(answer).await?;
                    self.stream.flush().await?;
                    request.length
                }
                Arrived::Part => match self.read_more(&mut arrived).await? {
                    More::Some => continue,
                    More::End if arrived.is_empty() => return self.close().await,
                    More::End | More::Late => return Ok(Left::Unread(arrived.into())),
                },
                Arrived::Other => return Ok(Left::Unread(arrived.into())),
            };
            if self.is_stopping() {
                return self.close().await;
            }
            arrived.drain(..length);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    async fn close(self) -> io::Result<Left> {
        self.stream.shutdown().await?;
        Ok(Left::Nothing)
    }

    async fn read_more(&mut self, arrived: &mut Vec<u8>) -> io::Result<More> {
        if arrived.is_empty() {
            return self.read(arrived).await;
        }
        tokio::time::timeout(REST_TIMEOUT, self.read(arrived)).await.unwrap_or(Ok(More::Late))
    }

    async fn read(&mut self, arrived: &mut Vec<u8>) -> io::Result<More> {
        let room = MAX_BYTES - arrived.len();
        let mut room = arrived.limit(room);
        let mut reading = pin!(self.stream.read_buf(&mut room));
        let stopping = self.stopping;
        poll_fn(|cx| {
            if stopping.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(More::End));
            }
            reading.as_mut().poll(cx).map_ok(|read| if read == 0 { More::End } else { More::Some })
        })
        .await
    }
}

/// What came of reading on.
enum More {
    Some,
    /// There is no more to come, or no more is wanted.
    End,
    /// It takes too long.
    Late,
}
