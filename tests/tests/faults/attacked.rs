//! One process under attack: what [`Cluster`](crate::cluster::Cluster) is for `dsiem serve`.

use std::time::Instant;

use dsiem_tests::installation::{Node, Setup};

use crate::campaign::{Campaign, Sent, directives};
use crate::cluster::DURABLE;
use crate::recovery::Recovery;
use crate::stored;
use crate::written::Written;

/// What a process is started with that keeps everything and has the directive of a campaign.
pub(crate) fn durable() -> Setup {
    Setup::new(&directives()).flags(DURABLE)
}

/// `dsiem serve`, and those who attack it.
pub(crate) struct Attacked {
    pub(crate) node: Node,
    pub(crate) campaign: Campaign,
    pub(crate) recovery: Recovery,
    /// Where its alarms are.
    pub(crate) written: Written,
}

impl Attacked {
    /// Runs, is ready and attacked; what is done to it is `fault`, in words for a table.
    pub(crate) async fn start(fault: &'static str, setup: Setup) -> Self {
        let node = Node::standalone(setup).await;
        let written = Written::by(&node);
        let campaign = Campaign::begin(&node.http);
        Self { node, campaign, recovery: Recovery::of(fault), written }
    }

    /// Kills it, starts it again and waits until it is ready.
    pub(crate) async fn kill(&mut self) {
        self.node.program.sigkill();
        self.start_again().await;
    }

    /// Stops it in order, starts it again and waits until it is ready.
    pub(crate) async fn restart(&mut self) {
        self.node.stop().await;
        self.start_again().await;
    }

    /// Starts it again and waits until it is ready.
    pub(crate) async fn start_again(&mut self) {
        self.node.start_again().await;
        self.node.wait_ready().await;
    }

    /// It is ready: waits until everything is counted; a round is over then.
    pub(crate) async fn recover(&mut self, since: Instant) {
        self.recovery.ready(since);
        self.recovery.caught_up(since, &self.campaign, &self.written).await;
    }

    /// Ends the attacks, makes sure that each event was counted once and that the alarm store has what came of it, and stops it in order.
    pub(crate) async fn check(mut self) -> Sent {
        let sent = self.campaign.end().await;
        sent.check(&self.written).await;
        self.recovery.show(&sent);
        stored::check(self.written.folder(), &self.written).await;
        self.node.stop().await;
        sent
    }
}
