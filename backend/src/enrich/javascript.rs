//! The part of JavaScript that answers are written in: an array of objects of literals.
//!
//! JSON is a subset of it. Beyond that, keys may be bare words, texts may stand in any quotes, commas may trail, and
//! quotes that nobody escaped within a text are understood where what follows them leaves no doubt.

/// How deep values may be nested.
const MAX_DEPTH: usize = 32;

/// The members of an object, in their order.
pub(super) type Members = Vec<(String, Value)>;

/// Reads an array of objects.
///
/// # Errors
/// What was expected, where, and what was found there.
pub(super) fn read(text: &str) -> Result<Vec<Members>, String> {
    Parser { text, at: 0 }.array()
}

/// A value of which only texts and numbers are of interest.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(f64),
    /// An array, an object, `true`, `false`, `null` or `undefined`.
    Other,
}

/// Where the parser is in the answer.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

/// What a text in quotes is part of, which says what may follow its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The value of a key: quotes that nobody escaped are understood from what follows them.
    Member,
    /// A key, or an element of an array.
    Elsewhere,
}

impl Parser<'_> {
    fn array(mut self) -> Result<Vec<Members>, String> {
        self.expect('[')?;
        let mut objects = Vec::new();
        while !self.takes(']') {
            let mut members = Members::new();
            self.members(0, |key, value| members.push((key, value)))?;
            objects.push(members);
            if !self.takes(',') {
                self.expect(']')?;
                break;
            }
        }
        // Some answers end with a semicolon.
        while self.takes(';') {}
        if self.peek().is_some() {
            return Err(self.problem("the end"));
        }
        Ok(objects)
    }

    /// Reads an object and hands out its members.
    fn members(&mut self, depth: usize, mut member: impl FnMut(String, Value)) -> Result<(), String> {
        self.expect('{')?;
        while !self.takes('}') {
            let key = self.key()?;
            self.expect(':')?;
            let value = self.value(depth, Place::Member)?;
            member(key, value);
            if !self.takes(',') {
                return self.expect('}');
            }
        }
        Ok(())
    }

    fn key(&mut self) -> Result<String, String> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote, Place::Elsewhere),
            _ => {
                let word = self.word();
                if word.is_empty() { Err(self.problem("a key")) } else { Ok(word.to_owned()) }
            }
        }
    }

    fn value(&mut self, depth: usize, place: Place) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        match self.peek() {
            Some(quote @ ('"' | '\'' | '`')) => Ok(Value::Text(self.quoted(quote, place)?)),
            Some('{') => self.members(depth + 1, |_, _| {}).map(|()| Value::Other),
            Some('[') => self.elements(depth + 1).map(|()| Value::Other),
            _ => self.literal(),
        }
    }

    fn elements(&mut self, depth: usize) -> Result<(), String> {
        self.expect('[')?;
        while !self.takes(']') {
            self.value(depth, Place::Elsewhere)?;
            if !self.takes(',') {
                return self.expect(']');
            }
        }
        Ok(())
    }

    /// A number or a word such as `null`.
    fn literal(&mut self) -> Result<Value, String> {
        let start = self.at;
        let word = self.word();
        match word {
            "true" | "false" | "null" | "undefined" | "NaN" => Ok(Value::Other),
            _ => match word.parse() {
                Ok(number) => Ok(Value::Number(number)),
                Err(_) => {
                    self.at = start;
                    Err(self.problem("a value"))
                }
            },
        }
    }

    /// Letters, digits and what else stands in names and numbers, as far as it goes.
    fn word(&mut self) -> &str {
        self.skip_blank();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn quoted(&mut self, quote: char, place: Place) -> Result<String, String> {
        self.expect(quote)?;
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                '\\' => self.escape(&mut text)?,
                c if c == quote && (place == Place::Elsewhere || self.member_ends_here()) => return Ok(text),
                c => text.push(c),
            }
        }
        Err(format!("a text in quotes has no end: {}", excerpt(&text)))
    }

    /// Whether what follows can only come after the value of a member: the end of the object, or a comma and a key.
    fn member_ends_here(&self) -> bool {
        let rest = self.text[self.at..].trim_start();
        let Some(after_comma) = rest.strip_prefix(',') else {
            return rest.is_empty() || rest.starts_with('}');
        };
        let next = after_comma.trim_start();
        if next.starts_with('}') {
            return true;
        }
        let after_key = match next.chars().next() {
            Some(quote @ ('"' | '\'')) => next[1..].split_once(quote).map(|(_, rest)| rest),
            _ => next.find(|c: char| !is_word(c)).filter(|end| *end > 0).map(|end| &next[end..]),
        };
        after_key.is_some_and(|rest| rest.trim_start().starts_with(':'))
    }

    fn escape(&mut self, text: &mut String) -> Result<(), String> {
        let Some(c) = self.next() else { return Err("it ends within an escape".to_owned()) };
        match c {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'v' => text.push('\u{b}'),
            '0' => text.push('\0'),
            'x' => text.push(char::from_u32(self.hex(2)?).unwrap_or(char::REPLACEMENT_CHARACTER)),
            'u' => text.push(self.unicode()?),
            // A line that goes on in the next.
            '\n' => {}
            other => text.push(other),
        }
        Ok(())
    }

    /// After `\u`: four digits, a pair of such, or digits in braces.
    fn unicode(&mut self) -> Result<char, String> {
        if self.text[self.at..].starts_with('{') {
            let rest = &self.text[self.at + 1..];
            let digits =
                rest.split_once('}').map(|(digits, _)| digits).ok_or_else(|| self.problem("an escape"))?;
            let code = u32::from_str_radix(digits, 16).map_err(|_| self.problem("hexadecimal digits"))?;
            self.at += digits.len() + 2;
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let unit = self.hex(4)?;
        if (0xd800..0xdc00).contains(&unit) && self.text[self.at..].starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let low = self.hex(4)?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self, digits: usize) -> Result<u32, String> {
        let number = self
            .text
            .get(self.at..self.at + digits)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.problem("hexadecimal digits"))?;
        self.at += digits;
        Ok(number)
    }

    fn next(&mut self) -> Option<char> {
        let c = self.text[self.at..].chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_blank(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_blank();
        self.text[self.at..].chars().next()
    }

    fn takes(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.takes(wanted) { Ok(()) } else { Err(self.problem(&format!("{wanted:?}"))) }
    }

    fn problem(&self, expected: &str) -> String {
        format!("expected {expected} at byte {} but found {:?}", self.at, excerpt(&self.text[self.at..]))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '-' | '+')
}

/// The beginning of a text, short enough for a log.
fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}
