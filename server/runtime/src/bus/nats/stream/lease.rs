//! Which process is a node: of several with one name, one works and the others stand by.
//!
//! The one that works writes into the bucket every second, each time only over what it wrote itself. One that stands by
//! takes over when it has seen no change for some seconds, by its own clock; two that try at the same moment cannot both
//! succeed, because each write names the one that it replaces. A process that was cut off finds out at its next write.
//! When nobody can look, since NATS is away, time does not count; and when what lies in the bucket is lost, whoever
//! worked has as long to write it again as it has to renew it. Only of a process that is known to be dead ([`HolderFile`])
//! it is taken at once, and from one that is known to live, and has the files of the node, it is not taken at all.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::api::{Api, StreamError, code};
use super::bucket::{Bucket, Entry};
use super::holder_file::HolderFile;
use super::node_token;
use super::ways::{Way, Ways};
use crate::bus::nats::link::Link;
use crate::shutdown::Shutdown;

/// How often the lease is renewed, or looked at.
const RENEW_EVERY: Duration = Duration::from_secs(1);

/// A lease that has not been renewed for so long is free.
const EXPIRES: Duration = Duration::from_secs(5);

/// A process that stops waits so long for the server to hear that the lease is free.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);

/// The right to be the node, for as long as this is kept. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    standing: watch::Receiver<Standing>,
    ending: CancellationToken,
}

impl Lease {
    /// One that is held for ever.
    pub(in crate::bus::nats) fn not_needed() -> Self {
        let (_, standing) = watch::channel(Standing::Working);
        Self { standing, ending: CancellationToken::new() }
    }

    /// Waits until another process has taken over. This one must stop working as the node then.
    pub async fn lost(&mut self) {
        if self.standing.wait_for(|standing| *standing == Standing::Lost).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Gives it back, so that another process need not wait; returns when the server knows, or does not answer.
    pub async fn release(mut self) {
        self.ending.cancel();
        while self.standing.changed().await.is_ok() {}
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waiting,
    Working,
    Lost,
}

/// What lies in the bucket.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    node: String,
    /// Which run of which process; empty: nobody.
    holder: String,
}

/// The key of a node's lease.
pub(super) fn key(node: &str) -> String {
    format!("lease.{}", node_token(node))
}

/// What is wanted.
#[derive(Debug)]
pub(in crate::bus::nats) struct Wanted {
    /// To be this node.
    pub(in crate::bus::nats) node: String,
    /// How many servers of a cluster keep the lease.
    pub(in crate::bus::nats) replicas: usize,
    /// See [`HolderFile`].
    pub(in crate::bus::nats) file: Option<PathBuf>,
}

/// Waits until this process is the node. Without a stream there is nothing to be exclusive about, and every process is.
pub(in crate::bus::nats) async fn take(
    link: &Link,
    ways: &Ways,
    wanted: Wanted,
    shutdown: &Shutdown,
) -> Lease {
    let (sender, mut standing) = watch::channel(Standing::Waiting);
    let ending = CancellationToken::new();
    let lease = Lease { standing: standing.clone(), ending: ending.clone() };
    let (link, ways) = (link.clone(), ways.clone());
    let Wanted { node, replicas, file } = wanted;
    shutdown.spawn_service("lease of the node", async move {
        let client = link.client().await;
        // The library makes inbox names of chance.
        let holder = client.new_inbox();
        let api = Api::new(client);
        let contest = Contest { holder, held: None, seen: None, dead: None, files_in_use: false };
        let file = file.map(HolderFile::new);
        Hold { api, ways, node, replicas, contest, file, standing: sender, bucket: None }.run(ending).await;
    });
    if standing.wait_for(|standing| *standing == Standing::Working).await.is_err() {
        std::future::pending::<()>().await; // the process is ending
    }
    lease
}

struct Hold {
    api: Api,
    ways: Ways,
    node: String,
    replicas: usize,
    contest: Contest,
    file: Option<HolderFile>,
    standing: watch::Sender<Standing>,
    bucket: Option<Bucket>,
}

impl Hold {
    async fn run(mut self, ending: CancellationToken) {
        if ending.run_until_cancelled(self.follow()).await.is_none() {
            tokio::time::timeout(RELEASE_LIMIT, self.release()).await.ok();
        }
    }

    /// Ends when the lease is lost.
    async fn follow(&mut self) {
        let mut ways = self.ways.watch();
        while *self.standing.borrow() != Standing::Lost {
            match self.ways.now() {
                Way::Core => self.stand(Standing::Working),
                Way::Undecided => self.contest.lose_sight(),
                Way::Stream => {
                    if let Err(error) = self.step().await {
                        debug!(%error, node = self.node, "the lease of this node cannot be looked at");
                        self.bucket = None;
                        self.contest.lose_sight();
                    }
                }
            }
            tokio::select! {
                changed = ways.changed() => if changed.is_err() {
                    return;
                },
                () = tokio::time::sleep(RENEW_EVERY) => {}
            }
        }
    }

    async fn step(&mut self) -> Result<(), StreamError> {
        self.lock_file().await;
        let bucket = match self.bucket.take() {
            Some(bucket) => bucket,
            None => Bucket::open(self.api.clone(), self.replicas).await?,
        };
        let done = self.contend(&bucket).await;
        self.bucket = Some(bucket);
        done
    }

    /// On a thread of its own, since a disk can take its time.
    async fn lock_file(&mut self) {
        let Some(mut file) = self.file.take() else { return };
        let own = self.contest.holder.clone();
        let locked = tokio::task::spawn_blocking(move || {
            let done = file.lock(&own);
            (file, done)
        });
        let Ok((file, done)) = locked.await else { return };
        if let Err(error) = done {
            debug!(%error, node = self.node, "cannot lock the file of this node; others will wait until its lease expires");
        }
        self.contest.dead = file.dead().map(str::to_owned);
        self.contest.files_in_use = file.is_others();
        self.file = Some(file);
    }

    async fn contend(&mut self, bucket: &Bucket) -> Result<(), StreamError> {
        if let Some(revision) = self.contest.held {
            match self.write(bucket, revision).await {
                Err(error) if error.is(code::WRONG_LAST_SEQUENCE) => self.contest.held = None,
                done => return done,
            }
        }
        let entry = bucket.get(&key(&self.node)).await?;
        match self.contest.look(entry.as_ref(), Instant::now()) {
            Move::Take(revision) => match self.write(bucket, revision).await {
                Err(error) if error.is(code::WRONG_LAST_SEQUENCE) => Ok(()), // another one was quicker
                done => done,
            },
            Move::Mine => {
                self.stand(Standing::Working);
                Ok(())
            }
            Move::Wait => {
                let next = if *self.standing.borrow() == Standing::Working {
                    Standing::Lost
                } else {
                    Standing::Waiting
                };
                self.stand(next);
                Ok(())
            }
        }
    }

    async fn write(&mut self, bucket: &Bucket, over: u64) -> Result<(), StreamError> {
        let value = holder_json(&self.node, &self.contest.holder);
        let revision = bucket.put(&key(&self.node), value, Some(over)).await?;
        self.contest.hold(revision);
        self.stand(Standing::Working);
        Ok(())
    }

    async fn release(&mut self) {
        let (Some(revision), Some(bucket)) = (self.contest.held, &self.bucket) else { return };
        let released = bucket.put(&key(&self.node), holder_json(&self.node, ""), Some(revision)).await;
        if let Err(error) = released {
            debug!(%error, node = self.node, "the lease could not be given back, it will expire");
        }
    }

    fn stand(&mut self, standing: Standing) {
        let before = self.standing.send_replace(standing);
        match standing {
            Standing::Working if before != standing => info!(node = self.node, "this process is the node"),
            Standing::Waiting if self.contest.is_first_look() => {
                warn!(
                    node = self.node,
                    "another process has the name of this node; standing by to take over"
                );
            }
            Standing::Lost => error!(node = self.node, "another process has taken over this node"),
            Standing::Working | Standing::Waiting => {}
        }
    }
}

fn holder_json(node: &str, holder: &str) -> Bytes {
    Bytes::from(serde_json::json!({ "node": node, "holder": holder }).to_string())
}

fn read(value: &Bytes) -> Option<Holder> {
    serde_json::from_slice(value).ok()
}

/// Who holds the lease, as far as one process can see. No I/O, no clock.
#[derive(Debug)]
struct Contest {
    /// Who we are.
    holder: String,
    /// The revision that we wrote last, if nobody has written over it as far as we know.
    held: Option<u64>,
    /// What was seen of another process that works.
    seen: Option<Seen>,
    /// A process that does not work any more, whatever is in the bucket.
    dead: Option<String>,
    /// Another process lives that has the files of the node, and we could not have them.
    files_in_use: bool,
}

/// The newest revision that is not ours.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// 0: what was there is gone.
    revision: u64,
    /// Since when it has been seen without a break; `None`: it is a while since anything could be seen.
    since: Option<Instant>,
    /// How often another's was seen.
    looks: u64,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
enum Move {
    /// Write over this revision.
    Take(u64),
    /// It is ours.
    Mine,
    /// It is another's.
    Wait,
}

impl Contest {
    fn look(&mut self, entry: Option<&Entry>, now: Instant) -> Move {
        let revision = entry.map_or(0, |entry| entry.revision);
        let holder = entry.and_then(|entry| entry.value.as_ref()).and_then(read);
        match holder {
            // Written by us, and the answer did not come.
            Some(Holder { holder, .. }) if holder == self.holder => {
                self.hold(revision);
                return Move::Mine;
            }
            _ if self.files_in_use => {}
            Some(Holder { holder, .. }) if holder.is_empty() => return Move::Take(revision),
            Some(Holder { holder, .. }) if self.dead.as_ref() == Some(&holder) => {
                return Move::Take(revision);
            }
            None if self.seen.is_none() => return Move::Take(revision),
            // It is another's; or it is lost or was removed, and who wrote it may be alive and write it again.
            _ => {}
        }
        let before = self.seen.filter(|seen| seen.revision == revision).and_then(|seen| seen.since);
        let since = before.unwrap_or(now);
        let looks = self.seen.map_or(0, |seen| seen.looks) + 1;
        self.seen = Some(Seen { revision, since: Some(since), looks });
        let expired = now.duration_since(since) >= EXPIRES;
        if expired && !self.files_in_use { Move::Take(revision) } else { Move::Wait }
    }

    /// Nothing can be seen: whoever works cannot renew it either.
    fn lose_sight(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.since = None;
        }
    }

    /// It is ours.
    fn hold(&mut self, revision: u64) {
        self.held = Some(revision);
        self.seen = None;
    }

    fn is_first_look(&self) -> bool {
        self.seen.is_some_and(|seen| seen.looks == 1)
    }
}

#[cfg(test)]
mod tests {
    use dsiem_core::time::ReceiptTime;

    use super::*;

    fn contest() -> Contest {
        Contest { holder: "me".to_owned(), held: None, seen: None, dead: None, files_in_use: false }
    }

    fn entry(revision: u64, holder: Option<&str>) -> Entry {
        let value = holder.map(|holder| holder_json("be-0", holder));
        Entry { revision, value, stored: ReceiptTime::default() }
    }

    #[test]
    fn a_lease_that_nobody_holds_is_taken_at_once() {
        let now = Instant::now();
        assert_eq!(contest().look(None, now), Move::Take(0));
        assert_eq!(contest().look(Some(&entry(4, None)), now), Move::Take(4), "forgotten");
        assert_eq!(contest().look(Some(&entry(5, Some(""))), now), Move::Take(5), "given back");
    }

    #[test]
    fn a_lease_that_is_renewed_is_left_alone_and_one_that_is_not_is_taken() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut contest = contest();
        for revision in 1..20 {
            let now = start + second * u32::try_from(revision).unwrap();
            assert_eq!(contest.look(Some(&entry(revision, Some("other"))), now), Move::Wait);
            assert_eq!(contest.is_first_look(), revision == 1);
        }
        let last = start + second * 19;
        assert_eq!(contest.look(Some(&entry(19, Some("other"))), last + EXPIRES - second), Move::Wait);
        assert_eq!(contest.look(Some(&entry(19, Some("other"))), last + EXPIRES), Move::Take(19));
    }

    #[test]
    fn a_lease_of_the_dead_is_taken_at_once() {
        let (now, mut contest) = (Instant::now(), contest());
        assert_eq!(contest.look(Some(&entry(7, Some("other"))), now), Move::Wait);
        contest.dead = Some("other".to_owned());
        assert_eq!(contest.look(Some(&entry(8, Some("third"))), now), Move::Wait);
        assert_eq!(contest.look(Some(&entry(9, Some("other"))), now), Move::Take(9));
    }

    #[test]
    fn a_process_that_lives_and_has_the_files_is_waited_for() {
        let (start, mut contest) = (Instant::now(), contest());
        contest.files_in_use = true;
        let others = [None, Some(entry(6, Some(""))), Some(entry(7, Some("other")))];
        for (n, entry) in (0_u32..).zip(&others) {
            assert_eq!(contest.look(entry.as_ref(), start + EXPIRES * n), Move::Wait);
            assert_eq!(contest.look(entry.as_ref(), start + EXPIRES * (n + 1)), Move::Wait);
        }
        contest.files_in_use = false;
        assert_eq!(contest.look(others[2].as_ref(), start + EXPIRES * 4), Move::Take(7));
    }

    #[test]
    fn time_in_which_nothing_can_be_seen_does_not_count() {
        let (start, mut contest) = (Instant::now(), contest());
        let other = entry(7, Some("other"));
        assert_eq!(contest.look(Some(&other), start), Move::Wait);
        contest.lose_sight();
        let back = start + EXPIRES * 10;
        assert_eq!(contest.look(Some(&other), back), Move::Wait);
        assert_eq!(contest.look(Some(&other), back + EXPIRES), Move::Take(7));
    }

    #[test]
    fn a_lease_that_is_lost_or_removed_is_left_for_a_while_to_whoever_had_it() {
        for gone in [None, Some(entry(8, None))] {
            let (start, mut standby) = (Instant::now(), contest());
            let revision = gone.as_ref().map_or(0, |entry| entry.revision);
            assert_eq!(standby.look(Some(&entry(7, Some("other"))), start), Move::Wait);
            let lost = start + Duration::from_secs(1);
            assert_eq!(standby.look(gone.as_ref(), lost), Move::Wait);
            assert_eq!(standby.look(gone.as_ref(), lost + EXPIRES), Move::Take(revision));

            let mut holder = contest();
            holder.hold(7);
            assert_eq!(holder.look(gone.as_ref(), lost), Move::Take(revision), "at once");
        }
    }

    #[test]
    fn what_was_written_without_an_answer_is_recognized() {
        let mut contest = contest();
        assert_eq!(contest.look(Some(&entry(9, Some("me"))), Instant::now()), Move::Mine);
        assert_eq!(contest.held, Some(9));
    }
}
