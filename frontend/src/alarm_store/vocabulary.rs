//! Which words the alarms of a combination have: most words of an alarm are its directive's, so a search is mostly for
//! all alarms of a few combinations, and a list of what it finds passes over the others (see `spans`).
//!
//! Two things are kept of a combination. Its *stems* say which words its alarms may have: the letters from a to z that these
//! begin with. The addresses and numbers in which the alarms of a directive differ have none; where they differ in names,
//! these may become so many that the combination is taken to have any word. Its *common words* are those that all of its
//! alarms have; of these, the texts of alarms need not be asked. Stems only grow and common words only become fewer,
//! whatever happens to alarms.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::text::{PREFIX_FROM, Term, terms};
use crate::database::DatabaseError;
use crate::database::rows::{Kind, Rows};
use crate::database::sql::{Connection, Statement};

/// A combination with more stems than this is taken to have any word.
const MOST_STEMS: usize = 500;
/// Stems are cut behind so many letters, and no word that is longer is a common one.
const STEM_LETTERS: usize = 24;
/// So many common words are kept of a combination.
const MOST_COMMON: usize = 200;
/// So many different lists of words are known to be stored, before these are forgotten and stored anew.
const MOST_KNOWN: usize = 20_000;
/// A list that takes more bytes is stored each time that it comes.
const KNOWN_BYTES: usize = 512;

/// What is known to be stored: combinations with what an alarm has to do with them, in a row. Most alarms of a combination
/// have the same.
pub(super) type Stored = HashSet<(i64, String)>;

/// Of the words of an alarm, what is kept.
struct Lesson<'a> {
    stems: BTreeSet<&'a str>,
    /// Those that are their own stem.
    words: BTreeSet<&'a str>,
}

impl<'a> Lesson<'a> {
    fn of(words: &'a str) -> Self {
        let stems = words.split(' ').filter_map(stem).collect();
        Self { stems, words: words.split(' ').filter(|word| is_stem(word)).collect() }
    }

    fn in_a_row(&self) -> String {
        let begun = self.stems.difference(&self.words).map(|stem| format!("{stem}* "));
        self.words.iter().map(|word| format!("{word} ")).chain(begun).collect()
    }
}

/// Adds the words of alarms to those of their combinations.
pub(super) fn learn<'a>(
    db: &mut dyn Connection,
    stored: &mut Stored,
    alarms: impl Iterator<Item = (i64, &'a str)>,
) -> Result<(), DatabaseError> {
    let mut stems = BTreeSet::new();
    let mut common: BTreeMap<i64, BTreeSet<&str>> = BTreeMap::new();
    for (combination, words) in alarms {
        let lesson = Lesson::of(words);
        let in_a_row = lesson.in_a_row();
        if stored.len() >= MOST_KNOWN {
            stored.clear();
        }
        let is_known = in_a_row.len() <= KNOWN_BYTES && !stored.insert((combination, in_a_row));
        if is_known {
            continue;
        }
        // One more than there may be says the same as all of them.
        stems.extend(lesson.stems.into_iter().take(MOST_STEMS + 1).map(|stem| (stem, combination)));
        common
            .entry(combination)
            .and_modify(|common| common.retain(|word| lesson.words.contains(word)))
            .or_insert(lesson.words);
    }
    add_stems(db, &stems)?;
    keep_common(db, &common)
}

fn add_stems(db: &mut dyn Connection, stems: &BTreeSet<(&str, i64)>) -> Result<(), DatabaseError> {
    let mut rows = Rows::of(&[("stem", Kind::Text), ("combination", Kind::Int)]);
    stems.iter().for_each(|(stem, combination)| rows.push([(*stem).into(), (*combination).into()]));
    let added = rows.query(
        db,
        &format!(
            "INSERT INTO combination_stems (stem, combination) SELECT n.stem, n.combination FROM {{rows}}
             JOIN combinations c ON c.id = n.combination WHERE c.stems <= {MOST_STEMS}
             ON CONFLICT DO NOTHING RETURNING combination"
        ),
    )?;
    let mut grown: BTreeMap<i64, u64> = BTreeMap::new();
    for row in added {
        *grown.entry(row.int(0)?).or_default() += 1;
    }
    let mut counts = Rows::of(&[("id", Kind::Int), ("more", Kind::Int)]);
    grown.into_iter().for_each(|(combination, more)| counts.push([combination.into(), more.into()]));
    counts.execute(
        db,
        "UPDATE combinations SET stems = stems + n.more FROM {rows} WHERE combinations.id = n.id",
    )
}

/// Keeps of the common words of combinations those that some more alarms of theirs all have, too.
fn keep_common(
    db: &mut dyn Connection,
    of_alarms: &BTreeMap<i64, BTreeSet<&str>>,
) -> Result<(), DatabaseError> {
    let known = Rows::numbered(of_alarms.keys().copied())
        .query(db, "SELECT c.id, c.common_words FROM {rows} JOIN combinations c ON c.id = n.seq")?;
    let mut changed = Rows::of(&[("id", Kind::Int), ("words", Kind::Text)]);
    for row in known {
        let (combination, before) = (row.int(0)?, row.optional_text(1)?);
        let Some(words) = of_alarms.get(&combination) else { continue };
        let common: Vec<&str> = match before {
            Some(before) => before.split_whitespace().filter(|word| words.contains(word)).collect(),
            None => words.iter().copied().take(MOST_COMMON).collect(),
        };
        let common: String = common.iter().map(|word| format!(" {word} ")).collect();
        if before != Some(common.as_str()) {
            changed.push([combination.into(), common.into()]);
        }
    }
    changed.execute(
        db,
        "UPDATE combinations SET common_words = n.words FROM {rows} WHERE combinations.id = n.id",
    )
}

/// What the words of a search mean for a combination `c`, in SQL.
#[derive(Default)]
pub(super) struct Conditions {
    /// All of these hold where its alarms may have the words.
    pub(super) may_have: Vec<String>,
    /// This holds only where all of its alarms have the words; `None` where that is never known.
    pub(super) all_have: Option<String>,
}

/// What a search means for combinations.
pub(super) fn conditions(search: &str, statement: &mut Statement) -> Conditions {
    let terms = terms(search);
    let all_have = all_have(&terms, statement);
    let words: BTreeSet<(String, bool)> = terms.into_iter().flat_map(Term::each_word).collect();
    let mut may_have = Vec::new();
    for (word, may_go_on) in words {
        // What begins with another letter, or has one, says nothing of stems.
        if stem(&word).is_none_or(|stem| stem != word && stem.len() < STEM_LETTERS) {
            continue;
        }
        let stem: String = word.chars().take(STEM_LETTERS).collect();
        // The next character behind z.
        let behind = format!("{stem}{{");
        let first = statement.bind(stem);
        let fits = if may_go_on {
            format!("s.stem >= {first} AND s.stem < {}", statement.bind(behind))
        } else {
            format!("s.stem = {first}")
        };
        may_have.push(format!(
            "(c.stems IS NULL OR c.stems > {MOST_STEMS}
             OR c.id IN (SELECT s.combination FROM combination_stems s WHERE {fits}))"
        ));
    }
    Conditions { may_have, all_have }
}

/// That all alarms of the combination `c` have the words. Of several words in a row, that is not known.
fn all_have(terms: &[Term], statement: &mut Statement) -> Option<String> {
    let words: Vec<(&str, bool)> =
        terms.iter().map(|term| term.only_word().filter(|(word, _)| is_stem(word))).collect::<Option<_>>()?;
    let conditions: Vec<String> = words
        .into_iter()
        .map(|(word, may_go_on)| {
            let pattern = format!("% {word}{}%", if may_go_on { "" } else { " " });
            format!("c.common_words LIKE {}", statement.bind(pattern))
        })
        .collect();
    (!conditions.is_empty()).then(|| format!("COALESCE({}, FALSE)", conditions.join(" AND ")))
}

/// Whether a word is its own stem.
fn is_stem(word: &str) -> bool {
    stem(word) == Some(word)
}

/// The letters from a to z that a word begins with. A word that goes on with something else has a stem only if a search for
/// words that begin with it can find it.
fn stem(word: &str) -> Option<&str> {
    let letters = word.bytes().take_while(u8::is_ascii_lowercase).count().min(STEM_LETTERS);
    let stem = word.get(..letters)?;
    (!stem.is_empty() && (stem == word || letters >= PREFIX_FROM)).then_some(stem)
}
