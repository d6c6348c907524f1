//! What happens to a call of ours before the answer: it rings, it waits, it is sent on to somebody else.

use softphone_api::{CallDirection, CallId, Progress};

use super::super::Loop;
use super::{CallState, Invite, Stream};

/// Enough for a colleague's deputy's deputy; more is a circle that somebody made.
const MOST_HOPS: usize = 5;

/// What is remembered of redirections.
#[derive(Debug, Default)]
pub(super) struct Redirections {
    /// Where it was sent to, one after the other.
    followed: Vec<String>,
    /// Why the last one was not followed.
    pub(super) refused: Option<&'static str>,
}

impl CallState {
    /// What a provisional answer, or sound before the answer, says.
    pub(super) fn goes_forward(&mut self, code: u16) {
        if self.direction != CallDirection::Outgoing || self.invite != Invite::Early {
            return;
        }
        let is_heard = self.stream == Stream::Active;
        self.progress = match code {
            181 => Some(Progress::Forwarded),
            182 => Some(Progress::Queued),
            _ if is_heard => Some(Progress::EarlyMedia),
            180 => Some(Progress::Ringing),
            _ => self.progress,
        };
    }
}

/// Whether a redirection (3xx) to this URI may be followed: only to somebody at the server that we trust already, never in a
/// circle, and not for ever. Else whoever can answer a call of ours could make this phone call whomever he likes.
fn follow(uri: &str, ours: &[String], followed: &[String]) -> Result<String, &'static str> {
    let bare = uri.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(uri, |(bare, _)| bare).trim();
    let lower = bare.to_ascii_lowercase();
    let rest =
        lower.strip_prefix("sip:").or(lower.strip_prefix("sips:")).ok_or("redirected to what is no SIP address")?;
    if rest.contains(['?', '"', '<', ' ']) {
        return Err("redirected with headers of somebody else");
    }
    let (user, place) = rest.split_once('@').ok_or("redirected to nobody in particular")?;
    let place = place.split(';').next().unwrap_or_default();
    let host = match place.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    };
    if user.is_empty() || !ours.iter().any(|name| name.trim_matches(['[', ']']).eq_ignore_ascii_case(host)) {
        return Err("redirected to another server");
    }
    let target = format!("{user}@{host}");
    if followed.contains(&target) {
        return Err("redirected in a circle");
    }
    // Whom we called ourselves is the first of them.
    if followed.len() > MOST_HOPS {
        return Err("redirected too often");
    }
    Ok(target)
}

impl Loop {
    /// The other side says whom to call instead; pjsip waits for our word.
    pub(in super::super) fn redirected(&mut self, id: CallId, uri: &str) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let ours = self.accounts.get(&call.account).map(|account| account.places()).unwrap_or_default();
        if call.redirections.followed.is_empty() {
            // Back to whom we called first is a circle, too.
            call.redirections.followed.extend(call.dialled.clone());
        }
        let verdict = follow(uri, &ours, &call.redirections.followed);
        let goes = verdict.is_ok();
        match verdict {
            Ok(target) => {
                call.redirections.followed.push(target);
                call.redirections.refused = None;
                call.progress = Some(Progress::Forwarded);
                tracing::info!(call = id.0, "the call is sent on to somebody else");
            }
            Err(why) => {
                call.redirections.refused = Some(why);
                tracing::warn!(call = id.0, "{why}: not followed");
            }
        }
        if let Err(e) = self.phone.redirect(id, goes) {
            tracing::warn!(call = id.0, "after a redirection: {e}");
            let _ = self.phone.hang_up(id, 0);
        }
        if goes {
            self.emit_call(id);
        }
    }
}

/// Who is called, as [`follow`] names him.
pub(super) fn place_of(uri: &str) -> Option<String> {
    let lower = uri.to_ascii_lowercase();
    let rest = lower.strip_prefix("sip:").or(lower.strip_prefix("sips:"))?;
    let (user, place) = rest.split_once('@')?;
    Some(format!("{user}@{}", place.split([';', ':']).next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_call_may_be_sent_on_to() {
        let ours = ["pbx.example".to_owned(), "192.0.2.1".to_owned(), "[2001:db8::1]".to_owned()];
        let followed = ["700@pbx.example".to_owned()];
        for (uri, result) in [
            ("sip:701@pbx.example", Ok("701@pbx.example")),
            ("<sip:701@PBX.example:5060;transport=tcp>", Ok("701@pbx.example")),
            ("\"Boris\" <sip:1002@192.0.2.1>", Ok("1002@192.0.2.1")),
            ("sips:anna@pbx.example", Ok("anna@pbx.example")),
            ("sip:1@[2001:db8::1]:5060", Ok("1@2001:db8::1")),
            ("sip:700@pbx.example;x=y", Err("redirected in a circle")),
            ("sip:701@evil.example", Err("redirected to another server")),
            ("sip:701@pbx.example.evil.example", Err("redirected to another server")),
            ("sip:pbx.example", Err("redirected to nobody in particular")),
            ("sip:@pbx.example", Err("redirected to another server")),
            ("tel:+74951234567", Err("redirected to what is no SIP address")),
            ("http://pbx.example/", Err("redirected to what is no SIP address")),
            ("sip:701@pbx.example?Replaces=1", Err("redirected with headers of somebody else")),
            ("", Err("redirected to what is no SIP address")),
        ] {
            assert_eq!(follow(uri, &ours, &followed), result.map(str::to_owned), "{uri}");
        }
        let many: Vec<String> = (0..=MOST_HOPS).map(|i| format!("{i}@pbx.example")).collect();
        assert!(follow("sip:9@pbx.example", &ours, &many[1..]).is_ok());
        assert_eq!(follow("sip:9@pbx.example", &ours, &many), Err("redirected too often"));
    }
}
