//! Reads many events from front to back, as long as nothing is wrong with any.
//!
//! What is wrong with one event can only be told with the text of that event, and finding where each one ends in an array
//! is half the work of reading it. Nearly all requests hold nothing but valid events, so they are read without looking
//! for the ends, and in one draft for all.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

use super::draft::{Draft, Fill};
use super::{CheckedEvent, Reader};

/// Reads the array in `text` and hands each event to `take`, in order. Whether it is an array of valid events and `take`
/// wanted all of them; if not, what was taken has no meaning.
pub fn check_array<'a>(text: &'a str, take: impl FnMut(CheckedEvent<'a>) -> bool) -> bool {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_seq(Array(take)).is_ok() && deserializer.end().is_ok()
}

/// Reads the lines of `text` that are not blank, as [`check_array`] does the elements of an array.
pub fn check_lines<'a>(text: &'a str, mut take: impl FnMut(CheckedEvent<'a>) -> bool) -> bool {
    let mut draft = Draft::default();
    text.split('\n')
        .map(str::trim_ascii)
        .filter(|line| !line.is_empty())
        .all(|line| draft.read(line).is_ok() && Reader::new(&mut draft).event().is_ok_and(&mut take))
}

struct Array<F>(F);

impl<'de: 'a, 'a, F: FnMut(CheckedEvent<'a>) -> bool> Visitor<'de> for Array<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let mut draft = Draft::default();
        while seq.next_element_seed(Element(&mut draft))?.is_some() {
            let taken = Reader::new(&mut draft).event().is_ok_and(|event| (self.0)(event));
            if !taken {
                return Err(A::Error::custom("not all are taken"));
            }
        }
        Ok(())
    }
}

struct Element<'d, 'a>(&'d mut Draft<'a>);

impl<'de: 'a, 'a> DeserializeSeed<'de> for Element<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Fill(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    fn event(id: &str, more: &str) -> String {
        format!(
            r#"{{"event_id":"{id}","timestamp":"2024-03-01T10:00:00Z","sensor":"s","plugin_id":1,"plugin_sid":2,
            "src_ip":"10.0.0.1","dst_ip":"::1"{more}}}"#
        )
    }

    fn wire(event: &CheckedEvent<'_>) -> String {
        let mut out = Vec::new();
        event.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_event_is_what_it_is_by_itself() {
        let texts = [
            event("first", r#","title":"a \"b\"","custom_data1":"x","src_port":80,"custom_label3":"l""#),
            event("second", ""),
            event("third", r#","unknown":[1,{"a":2}],"rcvd_time":5,"TITLE":"t""#),
        ];
        let array = format!(" [{} , {}\n,{}] ", texts[0], texts[1], texts[2]);
        let mut taken = Vec::new();
        assert!(check_array(&array, |event| {
            taken.push(wire(&event));
            true
        }));
        assert_eq!(
            taken,
            texts.each_ref().map(|text| wire(&check(text).unwrap())),
            "nothing stays of the one before"
        );
        assert!(check_array("[]", |_| unreachable!()));
    }

    #[test]
    fn lines_are_read_like_elements() {
        let lines =
            [event("first", r#","title":"t""#), event("second", "")].map(|text| text.replace('\n', ""));
        let mut taken = Vec::new();
        assert!(check_lines(&format!("\n{}\r\n  \n{}", lines[0], lines[1]), |event| {
            taken.push(wire(&event));
            true
        }));
        assert_eq!(taken, lines.each_ref().map(|text| wire(&check(text).unwrap())));
        for (text, wanted) in
            [("5", true), ("{}", true), (&*format!("{}\nx", lines[0]), true), (&lines[0], false)]
        {
            assert!(!check_lines(text, |_| wanted), "{text}");
        }
        assert!(check_lines("\n \n", |_| unreachable!()));
    }

    #[test]
    fn anything_that_is_wrong_is_noticed() {
        let good = event("e", "");
        let bad = event("", "");
        let unreadable = event("e", r#","src_port":1e999"#);
        for text in [
            "",
            "{}",
            "5",
            "[",
            "[5]",
            "[null]",
            "[[]]",
            "[{}]",
            &good,
            &format!("[{good}"),
            &format!("[{good},]"),
            &format!("[{good}]x"),
            &format!("[{good},{bad}]"),
            &format!("[{unreadable}]"),
            &format!("[{}]", &good[..good.len() - 1]),
        ] {
            assert!(!check_array(text, |_| true), "{text}");
        }
        assert!(!check_array(&format!("[{good}]"), |_| false), "or not wanted");
    }
}
