//! What pjlib tells: its callbacks come on its own threads, are copied, translated and posted.
#![expect(unsafe_code, reason = "the border to pjsua2's C shim; each block says why it is sound")]

use std::ffi::{CStr, c_char, c_void};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use pjproject_sys as sys;
use softphone_api::CallId;

use super::super::Event;
use super::super::calls::Invitation;
use super::{Context, NativeAccount, PlayerId, Playing};

/// State of an INVITE session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invite {
    Calling,
    Incoming,
    Early,
    Connecting,
    Confirmed,
    Disconnected,
}

/// State of a call's sound stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    None,
    Active,
    HeldByUs,
    HeldThere,
    Broken,
}

/// What is wrong with a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TlsFaults {
    /// It is for another name.
    pub(crate) name: bool,
    /// It is not to be trusted, whatever its name: unknown authority, expired, revoked, …
    pub(crate) untrusted: bool,
}

/// What pjlib told.
#[derive(Debug)]
pub(crate) enum PhoneEvent {
    Registration {
        account: NativeAccount,
        /// As [`super::Phone::account_go`] returned it.
        number: u64,
        code: u16,
        reason: String,
        contact: Option<String>,
        tls: String,
        faults: TlsFaults,
        expires_s: u32,
        /// It answers what took the registration back.
        goodbye: bool,
    },
    Incoming {
        account: NativeAccount,
        call: CallId,
        invitation: Invitation,
    },
    State {
        call: CallId,
        invite: Invite,
        code: u16,
        reason: String,
        /// The Reason header.
        why: String,
    },
    Media {
        call: CallId,
        stream: Stream,
    },
    Probe {
        call: CallId,
        code: u16,
    },
    /// Requests from others than our servers were dropped, so many in all.
    Stranger {
        count: u32,
        address: String,
    },
    /// How our REFER fares; `over`: nothing comes after it.
    Transfer {
        call: CallId,
        code: u16,
        over: bool,
    },
    /// The answer to an INFO that carried a digit.
    Digit {
        call: CallId,
        code: u16,
    },
    /// The other side says whom to call instead.
    Redirected {
        call: CallId,
        uri: String,
    },
    Refused {
        code: u16,
    },
    Player {
        player: PlayerId,
        playing: Playing,
    },
    /// A sound device of this index was opened (`why` is empty), could not be, or is lost.
    Sound {
        number: u64,
        index: i32,
        capture: bool,
        why: String,
    },
    /// The answer to [`super::Phone::ask`]; 408, 502 or 503 when there is none.
    Asked {
        number: u64,
        code: u16,
    },
    /// A TCP or TLS connection to a server has ended.
    Disconnected {
        from: Option<SocketAddr>,
    },
}

/// SAFETY: for the caller: `text` must be NULL or a NUL-terminated string that lives until the return.
unsafe fn owned(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by the contract of this function.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

pub(super) extern "C" fn on_event(context: *mut c_void, event: *const sys::ld_event) {
    // A panic must not cross into C++; a lost event is counted and logged by the engine.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the shim hands back the context given to ld_create, alive until ld_destroy returned (see `Phone`), and
        // an event that lives until this callback returns. The context is only read; its parts are Sync.
        let (context, e) = unsafe { (&*context.cast::<Context>(), &*event) };
        // SAFETY: the shim's events carry NUL-terminated strings until the return.
        let (first, second, third) = unsafe { (owned(e.text), owned(e.text2), owned(e.text3)) };
        // SAFETY: as above.
        let headers = unsafe { owned(e.headers) };
        let Some(event) = translate(e, first, second, third, headers) else { return };
        if context.events.try_send(Event::Phone(event)).is_err() {
            context.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }));
}

fn translate(e: &sys::ld_event, first: String, second: String, third: String, headers: String) -> Option<PhoneEvent> {
    let code = u16::try_from(e.code).unwrap_or(0);
    let (call, account) = (CallId(e.call), NativeAccount(e.account));
    Some(match e.kind.cast_unsigned() {
        sys::LD_EVENT_REGISTRATION => PhoneEvent::Registration {
            account,
            number: e.call,
            code,
            reason: first,
            contact: Some(second).filter(|c| !c.is_empty()),
            tls: third,
            faults: TlsFaults {
                name: e.state.cast_unsigned() & sys::LD_TLS_NAME != 0,
                untrusted: e.state.cast_unsigned() & sys::LD_TLS_UNTRUSTED != 0,
            },
            expires_s: if e.expires_s == u32::MAX { 0 } else { e.expires_s },
            goodbye: e.goodbye,
        },
        sys::LD_EVENT_INCOMING => PhoneEvent::Incoming {
            account,
            call,
            invitation: Invitation { sip_call_id: first, number: second, name: third, headers },
        },
        sys::LD_EVENT_CALL_STATE => PhoneEvent::State {
            call,
            invite: match e.state.cast_unsigned() {
                sys::LD_CALL_CALLING => Invite::Calling,
                sys::LD_CALL_INCOMING => Invite::Incoming,
                sys::LD_CALL_EARLY => Invite::Early,
                sys::LD_CALL_CONNECTING => Invite::Connecting,
                sys::LD_CALL_CONFIRMED => Invite::Confirmed,
                sys::LD_CALL_DISCONNECTED => Invite::Disconnected,
                _ => return None,
            },
            code,
            reason: first,
            why: second,
        },
        sys::LD_EVENT_CALL_MEDIA => PhoneEvent::Media {
            call,
            stream: match e.state.cast_unsigned() {
                sys::LD_MEDIA_ACTIVE => Stream::Active,
                sys::LD_MEDIA_LOCAL_HOLD => Stream::HeldByUs,
                sys::LD_MEDIA_REMOTE_HOLD => Stream::HeldThere,
                sys::LD_MEDIA_ERROR => Stream::Broken,
                _ => Stream::None,
            },
        },
        sys::LD_EVENT_PROBE => PhoneEvent::Probe { call, code },
        sys::LD_EVENT_STRANGER => PhoneEvent::Stranger { count: e.code.unsigned_abs(), address: first },
        sys::LD_EVENT_TRANSFER => PhoneEvent::Transfer { call, code, over: e.state != 0 },
        sys::LD_EVENT_DIGIT => PhoneEvent::Digit { call, code },
        sys::LD_EVENT_REDIRECTED => PhoneEvent::Redirected { call, uri: first },
        sys::LD_EVENT_REFUSED => PhoneEvent::Refused { code },
        sys::LD_EVENT_PLAYER => PhoneEvent::Player {
            player: PlayerId::of(e),
            playing: match e.state.cast_unsigned() {
                sys::LD_PLAYER_PLAYING => Playing::Heard,
                sys::LD_PLAYER_FAILED => Playing::Failed(first),
                sys::LD_PLAYER_ENDED => Playing::Ended,
                _ => return None,
            },
        },
        sys::LD_EVENT_SOUND => PhoneEvent::Sound {
            number: e.call,
            index: e.account,
            capture: e.state == 1,
            why: match (e.code, first.is_empty()) {
                (0, _) => String::new(),
                (_, true) => format!("error {}", e.code),
                (_, false) => first,
            },
        },
        sys::LD_EVENT_ASKED => PhoneEvent::Asked { number: e.call, code },
        sys::LD_EVENT_CONNECTION => PhoneEvent::Disconnected { from: first.parse().ok() },
        _ => return None,
    })
}

pub(super) extern "C" fn on_log(_context: *mut c_void, level: i32, text: *const c_char, length: u32) {
    let _ = catch_unwind(|| {
        if text.is_null() {
            return;
        }
        // SAFETY: the shim gives a pointer and the number of bytes behind it, alive until the return.
        let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length as usize) };
        crate::logging::pjlib(level, &String::from_utf8_lossy(bytes));
    });
}
