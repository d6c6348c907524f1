//! Why a registration failed, and how long to wait before the next try.

use std::time::Duration;

use softphone_api::RegistrationProblem;

/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What an answer to REGISTER means that is not the one we want; `tls` is what pjlib said about the server's certificate or
/// connection. Without any answer pjlib puts a status of its own in its place: 408, 502 or 503.
pub(super) fn problem_of(status: u16, tls: &str) -> RegistrationProblem {
    use RegistrationProblem::{Refused, Timeout, TlsName, TlsUntrusted, UnknownAccount, Unreachable, WrongSecret};
    // The words of pj_ssl_cert_get_verify_status_strings, all that were found joined by commas; the names come after them.
    let (faults, _) = tls.split_once(" (certificate is for ").unwrap_or((tls, ""));
    if faults.contains("identity does not match") && !faults.contains(", ") {
        return TlsName;
    }
    if faults.to_lowercase().contains("certificate") {
        return TlsUntrusted;
    }
    match status {
        401 | 403 | 407 => WrongSecret,
        404 => UnknownAccount,
        408 | 504 => Timeout,
        0 | 500..600 => Unreachable,
        _ => Refused,
    }
}

/// Pause before try number `failures` + 1: doubling from 1 s to 30 s, up to a third longer or shorter, so that a hundred
/// phones do not come back in the same moment. A wrong secret is not tried faster than every 30 s: registrars ban for that.
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
        let other_name = "The server identity does not match to any identities specified in the certificate";
        let names = " (certificate is for pbx.example, 192.0.2.1)";
        let table = [
            (401, String::new(), WrongSecret),
            (403, String::new(), WrongSecret),
            (404, String::new(), UnknownAccount),
            (408, String::new(), Timeout),
            (503, String::new(), Unreachable),
            (502, String::new(), Unreachable),
            (603, String::new(), Refused),
            (423, String::new(), Refused),
            // A 200 OK without our contact.
            (200, String::new(), Refused),
            (503, format!("{other_name}{names}"), TlsName),
            (503, format!("The certificate is untrusted, {other_name}{names}"), TlsUntrusted),
            (503, format!("The certificate has expired or not yet valid{names}"), TlsUntrusted),
            (503, "SSL certificate verification error (PJSIP_TLS_ECERTVERIF)".to_owned(), TlsUntrusted),
            (503, "Connection refused".to_owned(), Unreachable),
        ];
        for (status, tls, problem) in table {
            assert_eq!(problem_of(status, &tls), problem, "{status} {tls}");
        }
    }
}
