//! What happened in one call of one phone, by the wire.

use std::time::Instant;

use crate::lab::sip::Hearing;

/// One call, as this phone had it.
#[derive(Debug, Clone)]
pub struct Leg {
    /// Number of the phone.
    pub phone: String,
    /// SIP Call-ID.
    pub call_id: String,
    /// Whether it was called.
    pub incoming: bool,
    /// The number that was dialled; for a call that came, who calls (P-Asserted-Identity, else From).
    pub far: String,
    /// Name of who calls.
    pub far_name: String,
    /// The INVITE.
    pub began: Instant,
    /// It rang, here or there (180 or 183).
    pub ringing: Option<Instant>,
    /// 200 to the INVITE.
    pub answered: Option<Instant>,
    /// When this phone held the other side, from and to.
    pub holds: Vec<(Instant, Option<Instant>)>,
    /// When the PBX said that this phone is held (it does only where `moh_passthrough` is on).
    pub held: Vec<(Instant, Option<Instant>)>,
    /// Keys that were pressed.
    pub keys: Vec<(Instant, String)>,
    /// What it asked of the PBX by REFER.
    pub transfers: Vec<Transfer>,
    /// Who calls or is talked with, as the PBX said it last (P-Asserted-Identity of requests within the call).
    pub shown: Option<String>,
    /// The end.
    pub end: Option<End>,
    /// Whose marks were heard.
    pub heard: Vec<Hearing>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Instant,
    /// Whether this phone ended it: hung up, gave up, or refused.
    pub by_us: bool,
    /// SIP status of a call that was never answered.
    pub status: Option<u16>,
    /// The Reason header of BYE or CANCEL (RFC 3326), e.g. `SIP;cause=200;text="Call completed elsewhere"`.
    pub reason: Option<String>,
}

/// A REFER and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// When it was asked.
    pub at: Instant,
    /// To which number.
    pub to: String,
    /// Whether it joins two calls (Replaces).
    pub attended: bool,
    /// Answer to the REFER itself.
    pub accepted: Option<u16>,
    /// Final word of the NOTIFY that followed (RFC 3515), or nothing when the call ended without one.
    pub result: Option<(Instant, u16)>,
}

impl Leg {
    /// One that begins now.
    pub fn new(phone: &str, call_id: &str, incoming: bool, far: &str, far_name: &str) -> Self {
        Self {
            phone: phone.to_owned(),
            call_id: call_id.to_owned(),
            incoming,
            far: far.to_owned(),
            far_name: far_name.to_owned(),
            began: Instant::now(),
            ringing: None,
            answered: None,
            holds: Vec::new(),
            held: Vec::new(),
            keys: Vec::new(),
            transfers: Vec::new(),
            shown: None,
            end: None,
            heard: Vec::new(),
        }
    }

    /// Whether it is up now.
    pub fn is_up(&self) -> bool {
        self.answered.is_some() && self.end.is_none()
    }
}

/// Notes that something is (or is no longer) so, from now on.
pub(super) fn mark(intervals: &mut Vec<(Instant, Option<Instant>)>, now_so: bool) {
    let open = intervals.last_mut().filter(|(_, to)| to.is_none());
    match (open, now_so) {
        (None, true) => intervals.push((Instant::now(), None)),
        (Some((_, to)), false) => *to = Some(Instant::now()),
        _ => {}
    }
}
