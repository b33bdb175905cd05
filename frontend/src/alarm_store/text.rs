//! Full-text search: which words of an alarm are searched, and what a search asks of the database.
//!
//! Words are cut here, at whatever is neither letter nor digit, and are lower case, so that both databases find the
//! same: `10.0.0.7` in an alarm and in a search are the same four words in a row.

use super::document::AlarmDocument;
use crate::database::sql::{Dialect, Value};

/// How many bytes of an alarm's words are searched; what is beyond is passed over.
const MAX_SEARCHED_BYTES: usize = 64 << 10;
/// How many words of a search are looked for.
const MAX_SEARCH_WORDS: usize = 16;
/// From so many letters on, the last word of a term may go on: `scann` finds `scanning`.
const PREFIX_FROM: usize = 3;

/// The words of a document that are searched, without its comments.
pub(super) fn words_of(document: &AlarmDocument) -> String {
    let mut words = Words::default();
    words.add(&document.title);
    words.add(&document.kingdom);
    words.add(&document.category);
    document.rules.iter().for_each(|rule| words.add(&rule.name));
    for finding in document.intel_hits.iter().chain(&document.vulnerabilities) {
        [&finding.provider, &finding.term, &finding.result].into_iter().for_each(|text| words.add(text));
    }
    for datum in &document.custom_data {
        words.add(&datum.label);
        words.add(&datum.content);
    }
    words.0
}

/// The words of a document and its comments.
pub(super) fn with_comments<'a>(words: String, comments: impl Iterator<Item = &'a str>) -> String {
    let mut words = Words(words);
    comments.for_each(|comment| words.add(comment));
    words.0
}

/// What finds every word of `search`; `None` if there is no word in it.
pub(super) fn query(dialect: Dialect, search: &str) -> Option<Value> {
    let terms: Vec<Vec<String>> = search
        .split_whitespace()
        .map(|term| cut(term).collect::<Vec<String>>())
        .filter(|words| !words.is_empty())
        .take(MAX_SEARCH_WORDS)
        .collect();
    let terms: Vec<String> = terms.iter().map(|words| term(dialect, words)).collect();
    let and = match dialect {
        Dialect::Sqlite => " AND ",
        Dialect::Postgres => " & ",
    };
    (!terms.is_empty()).then(|| Value::Text(terms.join(and)))
}

/// Words in a row, of which the last may go on. They are letters and digits, so nothing has to be escaped.
fn term(dialect: Dialect, words: &[String]) -> String {
    let may_go_on = words.last().is_some_and(|word| word.chars().count() >= PREFIX_FROM);
    match dialect {
        Dialect::Sqlite => format!("\"{}\"{}", words.join(" "), if may_go_on { "*" } else { "" }),
        Dialect::Postgres => {
            let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            format!("({}{})", words.join(" <-> "), if may_go_on { ":*" } else { "" })
        }
    }
}

fn cut(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[derive(Default)]
struct Words(String);

impl Words {
    fn add(&mut self, text: &str) {
        for word in cut(text) {
            if self.0.len() + word.len() >= MAX_SEARCHED_BYTES {
                return;
            }
            if !self.0.is_empty() {
                self.0.push(' ');
            }
            self.0.push_str(&word);
        }
    }
}
