//! The numbers of a balance at one moment, and what several such looks say together.
//!
//! The numbers are counted by different threads and cannot be read at one moment, so that under load they are held to
//! what may be on its way between two of them, and exactly as soon as nothing moves.

/// How far a balance may seem to be off while its numbers move.
pub const MOVING: u64 = 100_000;

/// The numbers of a balance, as near to one moment as can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// What came in.
    pub incoming: u64,
    /// All that is known to have become of it.
    pub outgoing: u64,
    /// What is on its way.
    pub in_flight: i64,
}

impl Look {
    /// How many more came in than are known of; below 0, fewer.
    #[must_use]
    pub fn missing(self) -> i64 {
        let known = i64::try_from(self.outgoing).unwrap_or(i64::MAX).saturating_add(self.in_flight);
        i64::try_from(self.incoming).unwrap_or(i64::MAX).saturating_sub(known)
    }
}

/// What was seen of a balance so far.
#[derive(Debug, Default)]
pub struct Checked {
    last: Option<Look>,
}

impl Checked {
    /// Takes the next look; whether the balance holds as far as can be told.
    pub fn holds(&mut self, look: Look) -> bool {
        let still = self.last.replace(look) == Some(look);
        if still { look.missing() == 0 } else { look.missing().unsigned_abs() <= MOVING }
    }
}
