//! An alarm as the store gives it out: what the engine says, and beside it what the users made of it.

use dsiem_core::risk::RiskClass;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::AlarmDocument;

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// The engine's part, whose `status` and `tag` are the ones that new alarms get.
    pub document: AlarmDocument,
    /// The directive that raised it, where that is known.
    pub directive_id: Option<u64>,
    /// The revision of the document; 0 where it came from a file.
    pub revision: u64,
    /// The users' part.
    pub handling: Handling,
}

/// What users made of an alarm. The engine changes it in one case: a false positive whose class rises is open again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Handling {
    /// One of the installation's words for how far it is; the first of them for a new alarm.
    pub status: String,
    /// One of the installation's words for what it is; the first of them for a new alarm.
    pub tag: String,
    /// Who handles it; empty while nobody does.
    pub assignee: String,
    /// Counts every change of this part, so that nobody changes what he has not seen.
    pub version: u64,
    /// It was closed, and the engine has said something new about it since.
    pub changed_since_closed: bool,
    /// What was known when it was closed.
    #[serde(skip)]
    pub(super) closed_at: Option<Known>,
}

/// How much was known of an alarm when somebody closed or deleted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Of its document.
    pub(super) revision: u64,
    /// The class it had.
    pub(super) class: RiskClass,
}

/// One thing that happened to the users' part of an alarm, or a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// In seconds since 1970.
    pub at: i64,
    /// The user; empty where it was the engine.
    pub who: String,
    /// What was done.
    pub action: Action,
    /// What was there before; empty for a comment.
    pub before: String,
    /// What is there now, or the comment's text.
    pub after: String,
}

/// What can happen to the users' part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Another status.
    Status,
    /// Another tag.
    Tag,
    /// Somebody else handles it.
    Assignee,
    /// Somebody wrote something.
    Comment,
    /// The engine opened a false positive again, because its class rose.
    Reopened,
}

impl Action {
    const ALL: [Self; 5] = [Self::Status, Self::Tag, Self::Assignee, Self::Comment, Self::Reopened];

    /// As it stands in the store.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Tag => "tag",
            Self::Assignee => "assignee",
            Self::Comment => "comment",
            Self::Reopened => "reopened",
        }
    }

    /// Reads what [`as_str`](Self::as_str) gave.
    pub(super) fn from_str(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}
