//! Why a registration failed, and how long to wait before the next try.

use std::time::Duration;

use softphone_api::RegistrationProblem;

use super::super::phone::TlsFaults;

/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What an answer to REGISTER means that is not the one we want; `faults` is what is wrong with the server's certificate. Without
/// any answer pjlib puts a status of its own in its place: 408, 502 or 503.
pub(super) fn problem_of(status: u16, faults: TlsFaults) -> RegistrationProblem {
    use RegistrationProblem::{Refused, Timeout, TlsName, TlsUntrusted, UnknownAccount, Unreachable, WrongSecret};
    // A certificate that is not to be trusted says nothing by its name.
    if faults.untrusted {
        return TlsUntrusted;
    }
    if faults.name {
        return TlsName;
    }
    match status {
        401 | 403 | 407 => WrongSecret,
        404 => UnknownAccount,
        408 | 504 => Timeout,
        0 | 500..600 => Unreachable,
        _ => Refused,
    }
}

/// Whether another server may do better: not when this one has judged our name and secret, which are the same everywhere.
pub(super) fn elsewhere(problem: RegistrationProblem) -> bool {
    use RegistrationProblem::{Timeout, TlsName, TlsUntrusted, Unreachable};
    matches!(problem, Timeout | TlsName | TlsUntrusted | Unreachable)
}

/// Pause before try number `failures` + 1: doubling from 1 s to 30 s, up to a third longer or shorter, so that a hundred
/// phones do not come back in the same moment. A wrong secret is tried every 20 to 40 s and not faster: registrars ban for that.
#[must_use]
pub(super) fn pause(failures: u32, status: u16, random: u8) -> Duration {
    let base = if matches!(status, 401 | 403 | 404 | 407) {
        LONGEST_PAUSE
    } else {
        Duration::from_secs(1 << failures.saturating_sub(1).min(5)).min(LONGEST_PAUSE)
    };
    base.mul_f64(2.0 / 3.0 + f64::from(random) / 255.0 * 2.0 / 3.0)
}

pub(super) fn random() -> u8 {
    let mut byte = [128u8];
    // Without randomness there is no jitter, which is no reason not to register.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_in_bounds() {
        let table =
            [(1, 408, 1.0), (2, 503, 2.0), (3, 0, 4.0), (5, 0, 16.0), (6, 0, 30.0), (60, 0, 30.0), (1, 403, 30.0)];
        for (failures, status, base) in table {
            let (low, high) = (pause(failures, status, 0).as_secs_f64(), pause(failures, status, 255).as_secs_f64());
            assert!((low - base * 2.0 / 3.0).abs() < 0.01, "{failures} {status}: {low}");
            assert!((high - base * 4.0 / 3.0).abs() < 0.01, "{failures} {status}: {high}");
        }
    }

    #[test]
    fn why_a_registration_failed() {
        use RegistrationProblem::{Refused, Timeout, TlsName, TlsUntrusted, UnknownAccount, Unreachable, WrongSecret};
        let none = TlsFaults::default();
        let other_name = TlsFaults { name: true, untrusted: false };
        let untrusted = TlsFaults { name: false, untrusted: true };
        let both = TlsFaults { name: true, untrusted: true };
        let table = [
            (401, none, WrongSecret),
            (403, none, WrongSecret),
            (404, none, UnknownAccount),
            (408, none, Timeout),
            (503, none, Unreachable),
            (502, none, Unreachable),
            (603, none, Refused),
            (423, none, Refused),
            // A 200 OK without our contact.
            (200, none, Refused),
            (503, other_name, TlsName),
            (503, both, TlsUntrusted),
            (503, untrusted, TlsUntrusted),
        ];
        for (status, faults, problem) in table {
            assert_eq!(problem_of(status, faults), problem, "{status} {faults:?}");
            assert_eq!(elsewhere(problem), matches!(status, 408 | 502 | 503), "{status} {faults:?}");
        }
    }
}
