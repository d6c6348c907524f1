//! The safe face of the shim: a handle that frees itself, every call a `Result`, every callback copied and posted.
#![expect(unsafe_code, reason = "the border to pjsua2's C shim; each block says why it is sound")]

use std::ffi::{CStr, CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use pjproject_sys as sys;
use softphone_api::CallId;

use super::Event;

/// pjlib's number of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NativeAccount(i32);

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

/// What pjlib told.
#[derive(Debug)]
pub(crate) enum PhoneEvent {
    Registration {
        account: NativeAccount,
        code: u16,
        reason: String,
        contact: Option<String>,
        tls: String,
        expires_s: u32,
    },
    Incoming {
        account: NativeAccount,
        call: CallId,
        sip_call_id: String,
        number: String,
        name: String,
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
    Refused {
        code: u16,
    },
}

/// What pjlib said no with.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message} (pjlib status {status})")]
pub(crate) struct PhoneError {
    pub(crate) status: i32,
    pub(crate) os_error: i32,
    pub(crate) message: String,
}

impl PhoneError {
    /// EADDRINUSE of Linux, macOS and Windows.
    pub(crate) fn port_in_use(&self) -> bool {
        matches!(self.os_error, 98 | 48 | 10048)
    }
}

/// Everything an account needs at the border; strings are checked for NUL there.
#[derive(Debug)]
pub(crate) struct AccountSettings<'a> {
    pub(crate) id: String,
    pub(crate) registrar: String,
    pub(crate) route: String,
    pub(crate) auth_user: &'a str,
    pub(crate) password: &'a softphone_api::Secret,
    pub(crate) ca_file: &'a str,
    pub(crate) expires_s: u32,
    pub(crate) transport: softphone_api::Transport,
    pub(crate) encryption: softphone_api::command::Encryption,
}

/// A device of pjmedia's list, or of a probe; the index is only good until the next refresh.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct NativeDevice {
    pub(crate) index: i32,
    pub(crate) capture: bool,
    pub(crate) playback: bool,
    pub(crate) name: String,
    pub(crate) driver: String,
}

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

/// How to start pjlib.
#[derive(Debug, Clone)]
pub(crate) struct PhoneSettings {
    pub(crate) user_agent: String,
    pub(crate) ca_file: String,
    pub(crate) sip_port: u16,
    pub(crate) log_level: i32,
    pub(crate) sip_trace: bool,
    pub(crate) max_calls: u32,
}

/// What the callbacks get back; it outlives the phone because [`Phone`] owns both and drops the phone first.
struct Context {
    events: SyncSender<Event>,
    dropped: AtomicU64,
}

/// pjsua2, owned by one thread: not `Send`, because of the raw pointer, which is what is wanted.
pub(crate) struct Phone {
    raw: NonNull<sys::ld_phone>,
    context: Box<Context>,
}

impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phone").field("events_dropped", &self.context.dropped.load(Ordering::Relaxed)).finish()
    }
}

type Result<T> = std::result::Result<T, PhoneError>;

fn c(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| PhoneError { status: -1, os_error: 0, message: "text with a NUL in it".to_owned() })
}

fn text(from: &[c_char]) -> String {
    let bytes: Vec<u8> = from.iter().take_while(|&&b| b != 0).map(|&b| b.cast_unsigned()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Turns the shim's `bool` and `ld_error` into a `Result`.
fn checked(f: impl FnOnce(*mut sys::ld_error) -> bool) -> Result<()> {
    let mut error = sys::ld_error::default();
    if f(&raw mut error) {
        return Ok(());
    }
    Err(PhoneError { status: error.status, os_error: error.os_error, message: text(&error.message) })
}

impl Phone {
    /// Starts pjlib on this thread, which owns it from now on.
    pub(crate) fn start(settings: &PhoneSettings, events: SyncSender<Event>) -> Result<Self> {
        let context = Box::new(Context { events, dropped: AtomicU64::new(0) });
        let (user_agent, ca_file) = (c(&settings.user_agent)?, c(&settings.ca_file)?);
        let config = sys::ld_config {
            user_agent: user_agent.as_ptr(),
            ca_file: ca_file.as_ptr(),
            sip_port: settings.sip_port,
            rtp_first: 40_000,
            rtp_last: 40_999,
            log_level: settings.log_level,
            sip_trace: settings.sip_trace,
            max_calls: settings.max_calls,
            context: std::ptr::from_ref::<Context>(&context).cast_mut().cast::<c_void>(),
            on_event: Some(on_event),
            on_log: Some(on_log),
        };
        let mut error = sys::ld_error::default();
        // SAFETY: the strings live until the call returns, and the shim copies them; the context is boxed, so it does not
        // move, and `drop` ends the phone (after which no callback comes) before the box goes.
        let raw = unsafe { sys::ld_create(&raw const config, &raw mut error) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Self { raw, context }),
            None => Err(PhoneError { status: error.status, os_error: error.os_error, message: text(&error.message) }),
        }
    }

    /// Events that did not fit into the queue since the start; each may be a state that we do not know.
    pub(crate) fn dropped(&self) -> u64 {
        self.context.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn refuse_calls(&self, code: u16) {
        // SAFETY: `raw` is valid until `drop`; the shim stores an atomic.
        unsafe { sys::ld_refuse_calls(self.raw.as_ptr(), i32::from(code)) }
    }

    pub(crate) fn rtp_ports(&self, (first, last): (u16, u16)) {
        // SAFETY: as above.
        unsafe { sys::ld_rtp_ports(self.raw.as_ptr(), first, last) }
    }

    pub(crate) fn codecs(&self, ids: &[&str]) -> Result<()> {
        let owned = ids.iter().map(|id| c(id)).collect::<Result<Vec<_>>>()?;
        let pointers: Vec<*const c_char> = owned.iter().map(|s| s.as_ptr()).collect();
        // SAFETY: `pointers` has as many entries as is said, each into `owned`, which lives until the call returns.
        checked(|e| unsafe { sys::ld_codecs(self.raw.as_ptr(), pointers.as_ptr(), pointers.len() as u32, e) })
    }

    pub(crate) fn account_add(&self, a: &AccountSettings<'_>) -> Result<NativeAccount> {
        let (id, registrar, route) = (c(&a.id)?, c(&a.registrar)?, c(&a.route)?);
        let (auth_user, password, ca_file) = (c(a.auth_user)?, c(a.password.expose())?, c(a.ca_file)?);
        let account = sys::ld_account {
            id: id.as_ptr(),
            registrar: registrar.as_ptr(),
            route: route.as_ptr(),
            auth_user: auth_user.as_ptr(),
            password: password.as_ptr(),
            ca_file: ca_file.as_ptr(),
            expires_s: a.expires_s,
            transport: match a.transport {
                softphone_api::Transport::Udp => sys::LD_UDP,
                softphone_api::Transport::Tcp => sys::LD_TCP,
                softphone_api::Transport::Tls => sys::LD_TLS,
            } as i32,
            srtp: match a.encryption {
                softphone_api::command::Encryption::Off => sys::LD_SRTP_OFF,
                softphone_api::command::Encryption::Sdes => sys::LD_SRTP_SDES,
                softphone_api::command::Encryption::Dtls => sys::LD_SRTP_DTLS,
            } as i32,
        };
        let mut native = -1;
        // SAFETY: all strings outlive the call; the shim copies them.
        checked(|e| unsafe { sys::ld_account_add(self.raw.as_ptr(), &raw const account, &raw mut native, e) })?;
        Ok(NativeAccount(native))
    }

    pub(crate) fn account_register(&self, account: NativeAccount, on: bool) -> Result<()> {
        // SAFETY: `raw` is valid; an unknown account is an error of the shim, not undefined.
        checked(|e| unsafe { sys::ld_account_register(self.raw.as_ptr(), account.0, on, e) })
    }

    pub(crate) fn account_remove(&self, account: NativeAccount) -> Result<()> {
        // SAFETY: as above.
        checked(|e| unsafe { sys::ld_account_remove(self.raw.as_ptr(), account.0, e) })
    }

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
        // SAFETY: `raw` is valid; an unknown call is an error of the shim. The same holds for all calls below.
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

    pub(crate) fn dtmf(&self, call: CallId, digits: &str) -> Result<()> {
        let digits = c(digits)?;
        // SAFETY: see `answer`; the string outlives the call.
        checked(|e| unsafe { sys::ld_call_dtmf(self.raw.as_ptr(), call.0, digits.as_ptr(), e) })
    }

    /// Joins the stream with the sound device, with or without our microphone.
    pub(crate) fn connect(&self, call: CallId, microphone: bool) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe { sys::ld_call_connect(self.raw.as_ptr(), call.0, microphone, e) })
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

    /// The two hear each other, or no longer.
    pub(crate) fn mix(&self, one: CallId, other: CallId, on: bool) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe { sys::ld_calls_mix(self.raw.as_ptr(), one.0, other.0, on, e) })
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

    /// What can be opened. `refresh`: pjmedia looks again, where it does that itself (not with ALSA).
    pub(crate) fn devices(&self, refresh: bool) -> Vec<NativeDevice> {
        // SAFETY: `raw` is valid; the buffer has the capacity that is said, and the shim fills at most that many.
        listed(|to, capacity| unsafe { sys::ld_devices(self.raw.as_ptr(), refresh, to, capacity) })
    }

    /// What a probe found is what may be opened from now on.
    pub(crate) fn name_devices(&self, found: &[NativeDevice]) -> Result<()> {
        let mut list = Vec::with_capacity(found.len());
        for d in found {
            let mut native =
                sys::ld_device { index: d.index, capture: d.capture, playback: d.playback, ..Default::default() };
            // One byte stays 0, the end of the text.
            let room = native.name.len() - 1;
            if d.name.len() > room || d.name.contains('\0') {
                continue;
            }
            for (to, from) in native.name.iter_mut().zip(d.name.bytes()) {
                *to = from.cast_signed();
            }
            list.push(native);
        }
        // SAFETY: see `answer`; the list has as many entries as is said, and the shim copies them.
        checked(|e| unsafe { sys::ld_name_devices(self.raw.as_ptr(), list.as_ptr(), list.len() as u32, e) })
    }

    pub(crate) fn sound_open(&self, capture: i32, playback: i32, echo: bool) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe { sys::ld_sound_open(self.raw.as_ptr(), capture, playback, echo, e) })
    }

    pub(crate) fn sound_null(&self) -> Result<()> {
        // SAFETY: see `answer`.
        checked(|e| unsafe { sys::ld_sound_null(self.raw.as_ptr(), e) })
    }

    pub(crate) fn sound_close(&self) {
        // SAFETY: see `answer`.
        unsafe { sys::ld_sound_close(self.raw.as_ptr()) }
    }
}

/// Opens each of ALSA's devices for a moment to see what it can. Plugins stay loaded, so not in the softphone's process.
pub(super) fn probe_devices() -> Vec<NativeDevice> {
    // SAFETY: needs no phone; the buffer has the capacity that is said, and the shim fills at most that many.
    listed(|to, capacity| unsafe { sys::ld_probe_devices(to, capacity) })
}

fn listed(fill: impl FnOnce(*mut sys::ld_device, u32) -> u32) -> Vec<NativeDevice> {
    let mut found = vec![sys::ld_device::default(); 128];
    let n = fill(found.as_mut_ptr(), found.len() as u32);
    found.truncate(n as usize);
    found
        .iter()
        .map(|d| NativeDevice {
            index: d.index,
            capture: d.capture,
            playback: d.playback,
            name: text(&d.name),
            driver: text(&d.driver),
        })
        .collect()
}

impl Drop for Phone {
    fn drop(&mut self) {
        // SAFETY: the only place that frees it; no callback comes after it returns, so `context` may go then.
        unsafe { sys::ld_destroy(self.raw.as_ptr()) }
    }
}

/// SAFETY: for the caller: `text` must be NULL or a NUL-terminated string that lives until the return.
unsafe fn owned(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by the contract of this function.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

extern "C" fn on_event(context: *mut c_void, event: *const sys::ld_event) {
    // A panic must not cross into C++; a lost event is counted and logged by the engine.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the shim hands back the context given to ld_create, alive until ld_destroy returned (see `Phone`), and
        // an event that lives until this callback returns. The context is only read; its parts are Sync.
        let (context, e) = unsafe { (&*context.cast::<Context>(), &*event) };
        // SAFETY: the shim's events carry NUL-terminated strings until the return.
        let (first, second, third) = unsafe { (owned(e.text), owned(e.text2), owned(e.text3)) };
        let Some(event) = translate(e, first, second, third) else { return };
        if context.events.try_send(Event::Phone(event)).is_err() {
            context.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }));
}

fn translate(e: &sys::ld_event, first: String, second: String, third: String) -> Option<PhoneEvent> {
    let code = u16::try_from(e.code).unwrap_or(0);
    let (call, account) = (CallId(e.call), NativeAccount(e.account));
    Some(match e.kind.cast_unsigned() {
        sys::LD_EVENT_REGISTRATION => PhoneEvent::Registration {
            account,
            code,
            reason: first,
            contact: Some(second).filter(|c| !c.is_empty()),
            tls: third,
            expires_s: if e.expires_s == u32::MAX { 0 } else { e.expires_s },
        },
        sys::LD_EVENT_INCOMING => {
            PhoneEvent::Incoming { account, call, sip_call_id: first, number: second, name: third }
        }
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
        sys::LD_EVENT_REFUSED => PhoneEvent::Refused { code },
        _ => return None,
    })
}

extern "C" fn on_log(_context: *mut c_void, level: i32, text: *const c_char, length: u32) {
    let _ = catch_unwind(|| {
        if text.is_null() {
            return;
        }
        // SAFETY: the shim gives a pointer and the number of bytes behind it, alive until the return.
        let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length as usize) };
        crate::logging::pjlib(level, &String::from_utf8_lossy(bytes));
    });
}
