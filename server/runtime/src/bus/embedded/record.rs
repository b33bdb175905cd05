//! The form in which events lie in the log: rows of about [`ROW_BYTES`], each with a checksum.
//!
//! What the engine costs is paid once for each row, not for each event. A row is the smallest piece that is given back,
//! and the most that a damaged spot on the disk can take along.
//!
//! A row's bytes: the CRC-32 of what follows (4 bytes); then for each event its receipt time in this process in
//! nanoseconds (8), its length (4) and its JSON. All numbers are little-endian.

use bytes::{Buf, Bytes};
use dsiem_core::time::ReceiptTime;

use crate::bus::Message;

/// A row is closed once it has this many bytes.
const ROW_BYTES: usize = 60 * 1024;

/// What an event takes beside its JSON.
pub(super) const HEADER_BYTES: usize = 12;

/// Before the first event.
const CHECKSUM_BYTES: usize = 4;

/// Some events as the log has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The number of the first of them.
    pub(super) first: u64,
    /// How many, at least one.
    pub(super) count: u64,
    /// See the file's head.
    pub(super) bytes: Vec<u8>,
}

impl Row {
    /// The number of its last event.
    pub(super) fn last(&self) -> u64 {
        self.first + self.count - 1
    }
}

/// A row that is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a row of the event log is damaged")]
pub(super) struct Damaged;

/// The rows of `messages`, which get the numbers from `first` on.
pub(super) fn encode<'a>(messages: impl IntoIterator<Item = &'a Message>, first: u64) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut next = first;
    for message in messages {
        if rows.last().is_none_or(|row| row.bytes.len() >= ROW_BYTES) {
            let mut bytes = Vec::with_capacity(ROW_BYTES + 4 * 1024);
            bytes.extend_from_slice(&[0; CHECKSUM_BYTES]);
            rows.push(Row { first: next, count: 0, bytes });
        }
        if let Some(row) = rows.last_mut() {
            put(&mut row.bytes, message);
            row.count += 1;
            next += 1;
        }
    }
    for row in &mut rows {
        let (checksum, events) = row.bytes.split_at_mut(CHECKSUM_BYTES);
        checksum.copy_from_slice(&crc32fast::hash(events).to_le_bytes());
    }
    rows
}

fn put(bytes: &mut Vec<u8>, message: &Message) {
    // The bus takes no event that is larger than a megabyte.
    let length = u32::try_from(message.payload.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&message.received.nanos().to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&message.payload);
}

/// The `count` events of a row. They share its memory.
pub(super) fn decode(bytes: Vec<u8>, count: u64) -> Result<Vec<Message>, Damaged> {
    let mut rest = Bytes::from(bytes);
    let checksum = rest.try_get_u32_le().map_err(|_| Damaged)?;
    if crc32fast::hash(&rest) != checksum {
        return Err(Damaged);
    }
    let mut messages = Vec::new();
    while !rest.is_empty() {
        messages.push(take(&mut rest).ok_or(Damaged)?);
    }
    if messages.len() as u64 == count { Ok(messages) } else { Err(Damaged) }
}

fn take(rest: &mut Bytes) -> Option<Message> {
    let received = ReceiptTime::from_nanos(rest.try_get_i64_le().ok()?);
    let length = rest.try_get_u32_le().ok()? as usize;
    (length <= rest.len()).then(|| Message { payload: rest.split_to(length), received })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(size: usize, time: i64) -> Message {
        Message { payload: Bytes::from(vec![b'x'; size]), received: ReceiptTime::from_nanos(time) }
    }

    #[test]
    fn events_come_back_as_they_were_in_rows_of_a_fair_size() {
        let messages: Vec<_> = (0..1_000).map(|index| message(500 + index % 7, index as i64 - 3)).collect();
        let rows = encode(&messages, 42);
        let events = ROW_BYTES / 512 + 1;
        assert_eq!(rows.len(), 1_000_usize.div_ceil(events), "{events} events a row");
        let mut next = 42;
        let mut back = Vec::new();
        for row in rows {
            assert_eq!(row.first, next);
            next = row.last() + 1;
            back.extend(decode(row.bytes, row.count).unwrap());
        }
        assert_eq!(next, 1_042);
        assert_eq!(back, messages);
    }

    #[test]
    fn empty_events_and_large_ones_are_no_exception() {
        let messages = [message(0, 1), message(1024 * 1024, 2), message(0, 3)];
        let rows = encode(&messages, 1);
        assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(encode(&[], 1), []);
    }

    #[test]
    fn any_changed_or_missing_byte_is_seen() {
        let row = encode(&[message(20, 1), message(3, 2)], 1).remove(0);
        for index in 0..row.bytes.len() {
            let mut changed = row.bytes.clone();
            changed[index] ^= 4;
            assert_eq!(decode(changed, 2), Err(Damaged), "byte {index}");
            assert_eq!(decode(row.bytes[..index].to_vec(), 2), Err(Damaged), "cut at {index}");
        }
        assert_eq!(decode(row.bytes, 3), Err(Damaged), "another count");
    }
}
