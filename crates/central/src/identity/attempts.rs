//! How often somebody may try a password. Pure: time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;

/// Wrong passwords that cost nothing.
const FREE: u32 = 5;
/// First wait; it doubles with each further wrong password.
const FIRST_WAIT_MS: i64 = 30_000;
/// Longest wait, and how long attempts are remembered.
const LONGEST_WAIT_MS: i64 = 15 * 60_000;
/// Remembered at most.
const REMEMBERED: usize = 10_000;

/// Must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// So many seconds.
    pub seconds: u32,
}

/// By user name and address: one address cannot lock an operator out for all others.
#[derive(Debug, Default)]
pub struct Attempts {
    known: HashMap<(String, IpAddr), (u32, i64)>,
}

impl Attempts {
    /// Counts an attempt as wrong until [`Attempts::right`] says otherwise, so that attempts at the same time count too.
    ///
    /// # Errors
    /// When one has to wait first.
    pub fn begin(&mut self, username: &str, from: IpAddr, now_ms: i64) -> Result<(), Wait> {
        if self.known.len() >= REMEMBERED {
            self.known.retain(|_, (_, last)| now_ms - *last < LONGEST_WAIT_MS);
            if self.known.len() >= REMEMBERED {
                // Somebody tries names by the thousand; what he gains by this is the free attempts again.
                self.known.clear();
            }
        }
        let (count, last) = self.known.entry((username.to_owned(), from)).or_insert((0, now_ms));
        if now_ms - *last >= LONGEST_WAIT_MS {
            *count = 0;
        }
        if *count >= FREE {
            let doubled = FIRST_WAIT_MS << (*count - FREE).min(10);
            let left = *last + doubled.min(LONGEST_WAIT_MS) - now_ms;
            if left > 0 {
                return Err(Wait { seconds: u32::try_from((left + 999) / 1000).unwrap_or(u32::MAX) });
            }
        }
        *count += 1;
        *last = now_ms;
        Ok(())
    }

    /// The password was right.
    pub fn right(&mut self, username: &str, from: IpAddr) {
        self.known.remove(&(username.to_owned(), from));
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempts, Wait};
    use std::net::{IpAddr, Ipv4Addr};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn five_are_free_then_the_wait_doubles() {
        let mut attempts = Attempts::default();
        for _ in 0..5 {
            assert_eq!(attempts.begin("anna", HERE, 0), Ok(()));
        }
        assert_eq!(attempts.begin("anna", HERE, 1_000), Err(Wait { seconds: 29 }));
        assert_eq!(attempts.begin("anna", THERE, 1_000), Ok(()), "another address");
        assert_eq!(attempts.begin("olga", HERE, 1_000), Ok(()), "another name");
        assert_eq!(attempts.begin("anna", HERE, 30_000), Ok(()));
        assert_eq!(attempts.begin("anna", HERE, 31_000), Err(Wait { seconds: 59 }));
        assert_eq!(attempts.begin("anna", HERE, 30_000 + 15 * 60_000), Ok(()), "forgotten");
    }

    #[test]
    fn the_right_password_forgets_the_wrong_ones() {
        let mut attempts = Attempts::default();
        for _ in 0..20 {
            attempts.begin("anna", HERE, 0).unwrap();
            attempts.right("anna", HERE);
        }
    }
}
