//! A text that knows whether JSON takes it as it is.
//!
//! Nearly all texts of an event come from JSON and go into JSON again. One that needed no escapes there needs none here,
//! so nobody has to look for what does.

use std::borrow::Cow;
use std::ops::Deref;

/// A text of an event.
#[derive(Debug, Clone)]
pub(super) enum JsonText<'a> {
    /// It stood so between the quotes of a JSON string.
    Plain(&'a str),
    /// It may hold what has to be escaped.
    Any(Cow<'a, str>),
}

impl<'a> JsonText<'a> {
    /// A text that was read from JSON, `read` being borrowed where it held no escapes.
    pub(super) fn from_json(read: Cow<'a, str>) -> Self {
        match read {
            Cow::Borrowed(text) => Self::Plain(text),
            Cow::Owned(_) => Self::Any(read),
        }
    }

    /// Any text.
    pub(super) fn any(text: &'a str) -> Self {
        Self::Any(Cow::Borrowed(text))
    }
}

impl Deref for JsonText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Any(text) => text,
        }
    }
}

impl From<JsonText<'_>> for Box<str> {
    fn from(text: JsonText<'_>) -> Self {
        match text {
            JsonText::Plain(text) => text.into(),
            JsonText::Any(text) => text.into(),
        }
    }
}
