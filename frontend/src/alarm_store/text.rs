//! Full-text search: which words of an alarm are searched, and what a search asks of the database.
//!
//! Words are cut here, at whatever is neither letter nor digit, and are lower case, so that both databases find the
//! same. Digits with dots between them are one word: who looks for `10.0.0.7` or for what begins with `10.0.` means an
//! address, and who looks for `7` means none.

use super::document::AlarmDocument;
use crate::database::sql::{Dialect, Value};

/// How many bytes of an alarm's words are searched; what is beyond is passed over.
const MAX_SEARCHED_BYTES: usize = 64 << 10;
/// How many words of a search are looked for.
const MAX_SEARCH_WORDS: usize = 16;
/// Stands for the dot in a word: a letter to both databases (U+02D0), and in hardly any text.
const DOT: char = 'ː';
/// From so many letters on, the last word of a search may go on, and others with a `*` behind them: `scann` finds
/// `scanning`.
pub(super) const PREFIX_FROM: usize = 3;

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

/// A part of a search: words that are to be found in a row.
pub(super) struct Term {
    words: Vec<String>,
    /// Whether the last of them may go on.
    may_go_on: bool,
}

/// The parts of a search that have words.
pub(super) fn terms(search: &str) -> Vec<Term> {
    let written = search.split_whitespace().map(|written| (written, cut(written).collect::<Vec<_>>()));
    let written: Vec<_> = written.filter(|(_, words)| !words.is_empty()).take(MAX_SEARCH_WORDS).collect();
    let last = written.len();
    // To find all that words may go on to takes long, so only the one that is being written does, or one that says so.
    (1..)
        .zip(written)
        .map(|(number, (written, words))| Term::of(written, words, number == last || written.ends_with('*')))
        .collect()
}

/// What finds every word of `search`; `None` if there is no word in it.
pub(super) fn query(dialect: Dialect, search: &str) -> Option<Value> {
    let terms: Vec<String> = terms(search).iter().map(|term| term.in_words_of(dialect)).collect();
    let and = match dialect {
        Dialect::Sqlite => " AND ",
        Dialect::Postgres => " & ",
    };
    (!terms.is_empty()).then(|| Value::Text(terms.join(and)))
}

impl Term {
    /// Goes on only behind enough letters. A dot at the end of a number is one of them: `10.` finds addresses.
    fn of(written: &str, mut words: Vec<String>, may_go_on: bool) -> Self {
        let Some(last) = words.last_mut() else { return Self { words, may_go_on: false } };
        let ends_with_dot = written.trim_end_matches('*').ends_with('.');
        let is_number = last.chars().all(|c| c.is_ascii_digit() || c == DOT);
        let beginning = if ends_with_dot && is_number { format!("{last}{DOT}") } else { last.clone() };
        let may_go_on = may_go_on && beginning.chars().count() >= PREFIX_FROM;
        if may_go_on {
            *last = beginning;
        }
        Self { words, may_go_on }
    }

    /// Words are letters and digits, so nothing has to be escaped.
    fn in_words_of(&self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Sqlite => {
                format!("\"{}\"{}", self.words.join(" "), if self.may_go_on { "*" } else { "" })
            }
            Dialect::Postgres => {
                let words: Vec<String> = self.words.iter().map(|word| format!("'{word}'")).collect();
                format!("({}{})", words.join(" <-> "), if self.may_go_on { ":*" } else { "" })
            }
        }
    }

    /// Its word, if it is one, and whether that may go on.
    pub(super) fn only_word(&self) -> Option<(&str, bool)> {
        match self.words.as_slice() {
            [word] => Some((word, self.may_go_on)),
            _ => None,
        }
    }

    /// Its words, and whether they may go on.
    pub(super) fn each_word(self) -> impl Iterator<Item = (String, bool)> {
        let last = self.words.len() - 1;
        let words = self.words.into_iter().enumerate();
        words.map(move |(number, word)| (word, self.may_go_on && number == last))
    }
}

fn cut(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '.').flat_map(|part| {
        let number = part.trim_matches('.');
        let is_dotted = number.contains('.') && number.split('.').all(is_number);
        let (dotted, words) = if is_dotted { (Some(number), "") } else { (None, part) };
        let words = words.split('.').filter(|word| !word.is_empty()).map(lower_case);
        dotted.map(|number| number.replace('.', DOT.encode_utf8(&mut [0; 4]))).into_iter().chain(words)
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A long s is to SQLite an s.
fn lower_case(word: &str) -> String {
    word.to_lowercase().replace('ſ', "s")
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
