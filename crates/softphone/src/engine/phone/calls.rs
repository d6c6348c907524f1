//! Calls at the border.
#![expect(unsafe_code, reason = "the border to pjsua2's C shim; each block says why it is sound")]

use std::ffi::c_char;

use pjproject_sys as sys;
use softphone_api::CallId;

use super::{NativeAccount, Phone, Result, c, checked, text};

/// Counters of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    pub(crate) encrypted: bool,
    pub(crate) codec: String,
    pub(crate) clock_rate: u32,
    pub(crate) rx_packets: u32,
    pub(crate) tx_packets: u32,
    pub(crate) rx_lost: u32,
    pub(crate) rx_discarded: u32,
    pub(crate) tx_lost: u32,
    pub(crate) rx_jitter_us: u32,
    pub(crate) rtt_us: u32,
    pub(crate) buffer_delay_ms: u32,
}

impl Phone {
    /// Returns our number of the call and its SIP Call-ID.
    pub(crate) fn make(
        &self,
        account: NativeAccount,
        uri: &str,
        headers: &[(String, String)],
    ) -> Result<(CallId, String)> {
        let uri = c(uri)?;
        let owned = headers.iter().flat_map(|(n, v)| [c(n), c(v)]).collect::<Result<Vec<_>>>()?;
        let pointers: Vec<*const c_char> = owned.iter().map(|s| s.as_ptr()).collect();
        let mut call = 0;
        let mut sip_call_id: [c_char; sys::LD_CALL_ID as usize] = [0; sys::LD_CALL_ID as usize];
        // SAFETY: `pointers` has two entries for each header, into `owned`; the Call-ID buffer has the size that the
        // header file names; the shim writes at most that much, with a NUL.
        checked(|e| unsafe {
            sys::ld_call_make(
                self.raw.as_ptr(),
                account.0,
                uri.as_ptr(),
                pointers.as_ptr(),
                headers.len() as u32,
                &raw mut call,
                sip_call_id.as_mut_ptr(),
                e,
            )
        })?;
        Ok((CallId(call), text(&sip_call_id)))
    }

    pub(crate) fn answer(&self, call: CallId, code: u16) -> Result<()> {
        // SAFETY: `raw` is valid; an unknown call is an error of the shim. The same holds for all below, and in sound.rs.
        checked(|e| unsafe { sys::ld_call_answer(self.raw.as_ptr(), call.0, i32::from(code), e) })
    }

    /// `code` 0: whatever fits the call's state (CANCEL, BYE, 603).
    pub(crate) fn hang_up(&self, call: CallId, code: u16) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe { sys::ld_call_hangup(self.raw.as_ptr(), call.0, i32::from(code), e) })
    }

    pub(crate) fn hold(&self, call: CallId, on: bool) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe {
            if on {
                sys::ld_call_hold(self.raw.as_ptr(), call.0, e)
            } else {
                sys::ld_call_unhold(self.raw.as_ptr(), call.0, e)
            }
        })
    }

    /// One digit by RFC 4733.
    pub(crate) fn dtmf(&self, call: CallId, digit: char) -> Result<()> {
        let digit = c(&digit.to_string())?;
        // SAFETY: see `answer`; the string outlives the call.
        checked(|e| unsafe { sys::ld_call_dtmf(self.raw.as_ptr(), call.0, digit.as_ptr(), e) })
    }

    /// One digit by SIP INFO; told about by `PhoneEvent::Digit`.
    pub(crate) fn dtmf_info(&self, call: CallId, digit: char, ms: u32) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe { sys::ld_call_dtmf_info(self.raw.as_ptr(), call.0, digit as c_char, ms, e) })
    }

    /// One digit as sound, and the silence after it.
    pub(crate) fn tone(&self, call: CallId, digit: char, ms: u32, pause_ms: u32) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe { sys::ld_call_tone(self.raw.as_ptr(), call.0, digit as c_char, ms, pause_ms, e) })
    }

    /// No further digit comes. False: one still sounds, and goes on unless it is to be cut off.
    pub(crate) fn tone_end(&self, call: CallId, cut: bool) -> bool {
        // SAFETY: see `answer`.
        unsafe { sys::ld_call_tone_end(self.raw.as_ptr(), call.0, cut) }
    }

    /// After `PhoneEvent::Redirected`: go there, or try the next one that the redirection names.
    pub(crate) fn redirect(&self, call: CallId, follow: bool) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe { sys::ld_call_redirect(self.raw.as_ptr(), call.0, follow, e) })
    }

    /// The other side is to call `uri` instead.
    pub(crate) fn transfer(&self, call: CallId, uri: &str) -> Result<()> {
        let uri = c(uri)?;
        // SAFETY: see `answer`; the string outlives the call.
        checked(|e| unsafe { sys::ld_call_transfer(self.raw.as_ptr(), call.0, uri.as_ptr(), e) })
    }

    /// The other side takes our place in the call `other`.
    pub(crate) fn transfer_into(&self, call: CallId, other: CallId) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe { sys::ld_call_transfer_into(self.raw.as_ptr(), call.0, other.0, e) })
    }

    pub(crate) fn probe(&self, call: CallId) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe { sys::ld_call_probe(self.raw.as_ptr(), call.0, e) })
    }

    pub(crate) fn counters(&self, call: CallId) -> Option<Counters> {
        let mut s = sys::ld_stats::default();
        // SAFETY: see `answer`; the shim fills the struct when it returns true.
        if !unsafe { sys::ld_call_stats(self.raw.as_ptr(), call.0, &raw mut s) } {
            return None;
        }
        Some(Counters {
            encrypted: s.encrypted,
            codec: text(&s.codec),
            clock_rate: s.clock_rate,
            rx_packets: s.rx_packets,
            tx_packets: s.tx_packets,
            rx_lost: s.rx_lost,
            rx_discarded: s.rx_discarded,
            tx_lost: s.tx_lost,
            rx_jitter_us: s.rx_jitter_us,
            rtt_us: s.rtt_us,
            buffer_delay_ms: s.buffer_delay_ms,
        })
    }

    /// Levels of the last frame: microphone, what the call brings.
    pub(crate) fn levels(&self, call: CallId) -> Option<(u8, u8)> {
        let (mut microphone, mut heard) = (0, 0);
        // SAFETY: see `answer`; the shim writes both when it returns true.
        let told = unsafe { sys::ld_call_levels(self.raw.as_ptr(), call.0, &raw mut microphone, &raw mut heard) };
        let level = |l: u32| u8::try_from(l).unwrap_or(u8::MAX);
        told.then(|| (level(microphone), level(heard)))
    }

    /// Forgets a call that ended a while ago; not at once, because a callback of it may still be running.
    pub(crate) fn forget(&self, call: CallId) {
        // SAFETY: see `answer`.
        unsafe { sys::ld_call_free(self.raw.as_ptr(), call.0) }
    }
}
