//! Overload signals over NATS: the text `true` or `false`.

use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::broadcast;
use tracing::debug;

use super::OVERLOAD_SUBJECT;
use super::link::Link;
use crate::bus::PublishError;
use crate::bus::overload::SIGNALS_KEPT;
use crate::shutdown::Shutdown;

/// Sends signals to every frontend on the bus.
#[derive(Clone, Debug)]
pub struct SignalSender {
    link: Link,
}

impl SignalSender {
    pub(super) fn new(link: Link) -> Self {
        Self { link }
    }

    /// See [`super::OverloadSender::send`].
    pub(in crate::bus) async fn send(&self, overloaded: bool) -> Result<(), PublishError> {
        let client = self.link.connected_client().ok_or(PublishError::NotConnected)?;
        let text = Bytes::from_static(if overloaded { b"true" } else { b"false" });
        client.publish(OVERLOAD_SUBJECT, text).await.map_err(|_| PublishError::NotConnected)
    }
}

/// Starts to listen; ends when the receiver is dropped.
pub(super) fn listen(link: &Link, shutdown: &Shutdown) -> broadcast::Receiver<bool> {
    let (sender, receiver) = broadcast::channel(SIGNALS_KEPT);
    let link = link.clone();
    shutdown.spawn_service("overload signals", async move {
        tokio::select! {
            () = sender.closed() => {}
            () = forward(&link, &sender) => {}
        }
    });
    receiver
}

async fn forward(link: &Link, sender: &broadcast::Sender<bool>) {
    let client = link.client().await;
    let mut signals = match client.subscribe(OVERLOAD_SUBJECT).await {
        Ok(signals) => signals,
        Err(error) => return debug!(%error, "the NATS client is closed"),
    };
    while let Some(message) = signals.next().await {
        match parse(&message.payload) {
            Some(overloaded) => drop(sender.send(overloaded)),
            None => debug!(payload = ?message.payload, "not an overload signal, ignored"),
        }
    }
}

fn parse(payload: &[u8]) -> Option<bool> {
    match payload.trim_ascii() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn signals_are_the_texts_true_and_false() {
        assert_eq!(super::parse(b"true"), Some(true));
        assert_eq!(super::parse(b"false\n"), Some(false));
        assert_eq!(super::parse(b"1"), None);
        assert_eq!(super::parse(b""), None);
    }
}
