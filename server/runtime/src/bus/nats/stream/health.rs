//! What is to be said of the durable way to whoever asks whether this process is ready.

use tokio::sync::watch;

/// How the durable way is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHealth {
    /// Why no events can be taken or read at the moment.
    pub unusable: Option<String>,
    /// Why events are not kept although that is wanted.
    pub not_kept: Option<String>,
    /// How the settings of the stream would lose events.
    pub settings: Option<String>,
    /// What has been lost since this process started.
    pub lost: Option<String>,
}

impl StreamHealth {
    /// Everything that works but not as it should, in one sentence; None: all is well.
    #[must_use]
    pub fn degraded(&self) -> Option<String> {
        let parts: Vec<_> =
            [&self.lost, &self.not_kept, &self.settings].into_iter().flatten().cloned().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Where parts of the durable way say how it is.
pub(super) type Reports = watch::Sender<StreamHealth>;
