//! How often somebody may try to sign in: so often from one address, and so often as one user.
//!
//! An attempt is paid for before the password is looked at, and given back if it was the right one: many at the same
//! moment gain nothing. Addresses and names that have not tried for a while are as good as new and make way; while there
//! are too many others, further ones share one account.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::peers;

/// Wrong passwords in a row from one address, and how many seconds each further one takes.
pub(crate) const FROM_ADDRESS: Rate = Rate { burst: 20, each_secs: 15 };
/// The same as one user, from wherever.
pub(crate) const AS_USER: Rate = Rate { burst: 10, each_secs: 30 };
/// Addresses and names that are told apart.
pub(crate) const MAX_TELLING: usize = 16_384;

/// So many at once, then one in so many seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) burst: i64,
    pub(crate) each_secs: i64,
}

/// Who tries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    User(String),
    /// Those for whom there is no place.
    Others,
}

/// Too many attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// Seconds until the next one.
    pub(crate) retry_secs: u32,
    /// Whether this is the first that is refused: worth a line in the audit log.
    pub(crate) is_first: bool,
}

/// Attempts of all.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// A request holds it for two look-ups; nothing waits meanwhile.
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    paid: HashMap<Key, Paid>,
    /// When it was looked last for those that are as good as new, which takes a look at all.
    swept: i64,
}

/// Until when attempts are paid for (seconds since 1970), and whether one was refused since.
#[derive(Debug, Clone, Copy, Default)]
struct Paid {
    until: i64,
    is_refused: bool,
}

impl Attempts {
    /// Pays for an attempt from `address` as the user `name`, or as nobody if that is empty.
    pub(crate) fn pay(&self, address: IpAddr, name: &str, now: i64) -> Result<(), TooMany> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = keys(address, name).map(|(key, rate)| (accounts.place(key, now), rate)).collect();
        let paid = &mut accounts.paid;
        for (key, rate) in &keys {
            let account = paid.entry(key.clone()).or_default();
            let over = account.until - now - (rate.burst - 1) * rate.each_secs;
            if over > 0 {
                let is_first = !std::mem::replace(&mut account.is_refused, true);
                return Err(TooMany { retry_secs: u32::try_from(over).unwrap_or(u32::MAX), is_first });
            }
        }
        for (key, rate) in keys {
            let account = paid.entry(key).or_default();
            *account = Paid { until: account.until.max(now) + rate.each_secs, is_refused: false };
        }
        Ok(())
    }

    /// Gives an attempt back that was no guess.
    pub(crate) fn give_back(&self, address: IpAddr, name: &str) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, rate) in keys(address, name) {
            if let Some(account) = accounts.paid.get_mut(&key) {
                account.until -= rate.each_secs;
            }
        }
    }
}

/// What an attempt is paid from.
fn keys(address: IpAddr, name: &str) -> impl Iterator<Item = (Key, Rate)> {
    let user = (!name.is_empty()).then(|| (Key::User(name.to_owned()), AS_USER));
    std::iter::once((Key::Address(peers::network(address)), FROM_ADDRESS)).chain(user)
}

impl Accounts {
    /// What stands for `key`: itself, while there is room.
    fn place(&mut self, key: Key, now: i64) -> Key {
        if self.paid.len() < MAX_TELLING || self.paid.contains_key(&key) {
            return key;
        }
        if self.swept != now {
            self.swept = now;
            self.paid.retain(|_, account| account.until > now);
        }
        if self.paid.len() < MAX_TELLING { key } else { Key::Others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const NOW: i64 = 1_767_225_600;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_user_is_guessed_at_a_few_times_and_then_slowly() {
        let attempts = Attempts::default();
        for n in 0..10 {
            assert_eq!(attempts.pay(address(n), "alice", NOW), Ok(()), "{n}");
        }
        let refused = |is_first| Err(TooMany { retry_secs: 30, is_first });
        assert_eq!(attempts.pay(address(99), "alice", NOW), refused(true));
        assert_eq!(attempts.pay(address(99), "alice", NOW), refused(false));
        assert_eq!(attempts.pay(address(99), "bob", NOW), Ok(()), "others are not held up");
        assert_eq!(attempts.pay(address(99), "alice", NOW + 30), Ok(()));
        assert_eq!(attempts.pay(address(99), "alice", NOW + 30), refused(true));
        assert_eq!(attempts.pay(address(99), "alice", NOW + 3_600), Ok(()));
    }

    #[test]
    fn an_address_guesses_at_many_users_a_few_times_and_then_slowly() {
        let attempts = Attempts::default();
        for n in 0..20 {
            assert_eq!(attempts.pay(HERE, &format!("user{n}"), NOW), Ok(()), "{n}");
        }
        let refused = attempts.pay(HERE, "another", NOW).unwrap_err();
        assert_eq!(refused.retry_secs, 15);
        assert_eq!(attempts.pay(address(1), "another", NOW), Ok(()), "the refused one cost the user nothing");
    }

    #[test]
    fn the_right_password_costs_nothing() {
        let attempts = Attempts::default();
        for n in 0..1_000 {
            assert_eq!(attempts.pay(HERE, "alice", NOW), Ok(()), "{n}");
            attempts.give_back(HERE, "alice");
        }
    }

    #[test]
    fn whoever_has_many_addresses_and_names_shares_an_account_with_others() {
        let attempts = Attempts::default();
        let tried = |n: u32| attempts.pay(address(n), &format!("user{n}"), NOW);
        assert!((0..20_000).filter(|n| tried(*n).is_err()).count() > 10_000);
        assert!(attempts.accounts.lock().unwrap().paid.len() <= MAX_TELLING + 1);
        assert_eq!(attempts.pay(HERE, "alice", NOW + 60), Ok(()), "they make way");
    }
}
