//! The tokens that `/events` and `/config` may ask for.

use dsiem_runtime::metrics::{Counter, Metrics};
use dsiem_runtime::secret::Secret;

use super::errors::Refusal;

/// Asks those who come in for a token, if there is one.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    token: Option<Secret>,
    /// What the token is for, and how it is given.
    hint: &'static str,
    refused: Counter,
}

impl Door {
    /// The door of `POST /events`.
    pub(crate) fn of_events(token: Option<Secret>, metrics: &Metrics) -> Self {
        Self::new(token, "events", "senders of events need a token (DSIEM_EVENTS_TOKEN)", metrics)
    }

    /// The door of `/config`.
    pub(crate) fn of_config(token: Option<Secret>, metrics: &Metrics) -> Self {
        Self::new(token, "config", "the configuration needs a token (DSIEM_CONFIG_TOKEN)", metrics)
    }

    fn new(token: Option<Secret>, label: &str, hint: &'static str, metrics: &Metrics) -> Self {
        let refused = metrics.counter_by(
            "dsiem_frontend_unauthorized_requests",
            "Requests without the token that is needed, or with a wrong one.",
            "door",
        );
        Self { token, hint, refused: refused.with(label) }
    }

    /// Lets in whoever shows the token: `shown` is the value of `Authorization`, if there is one.
    pub(crate) fn check(&self, shown: Option<&[u8]>) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Ok(()) };
        if shown.is_some_and(|shown| token.is_bearer(shown)) {
            return Ok(());
        }
        self.refused.inc();
        let wrong = if shown.is_some() { "this is not it" } else { "there is none" };
        Err(Refusal::unauthorized(format!("{}: {wrong}; send it as Authorization: Bearer TOKEN", self.hint)))
    }
}
