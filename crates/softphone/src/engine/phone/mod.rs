//! The safe face of the shim: a handle that frees itself, every call a `Result`, every callback copied and posted.
#![expect(unsafe_code, reason = "the border to pjsua2's C shim; each block says why it is sound")]

mod accounts;
mod calls;
mod events;
mod player;
mod sound;

use std::ffi::{CString, c_char, c_void};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use pjproject_sys as sys;

use super::Event;

pub(crate) use accounts::{AccountSettings, NativeAccount, Route, host_port};
pub(crate) use calls::Counters;
pub(crate) use events::{Invite, PhoneEvent, Stream, TlsFaults};
pub(crate) use player::{Note, PlayerId, Playing, Sounding, Voice};
pub(super) use sound::probe_devices;
pub(crate) use sound::{NativeDevice, SoundWish};

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
    context: ManuallyDrop<Box<Context>>,
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
            on_event: Some(events::on_event),
            on_log: Some(events::on_log),
        };
        let mut error = sys::ld_error::default();
        // SAFETY: the strings live until the call returns, and the shim copies them; the context is boxed, so it does not
        // move, and `drop` ends the phone (after which no callback comes) before the box goes.
        let raw = unsafe { sys::ld_create(&raw const config, &raw mut error) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Self { raw, context: ManuallyDrop::new(context) }),
            None => Err(PhoneError { status: error.status, os_error: error.os_error, message: text(&error.message) }),
        }
    }

    /// Events that did not fit into the queue since the start; each may be a state that we do not know.
    pub(crate) fn dropped(&self) -> u64 {
        self.context.dropped.load(Ordering::Relaxed)
    }

    /// Bytes of the heap (0: not known), pools of pjlib in use, bytes of those.
    pub(crate) fn memory(&self) -> (u64, u64, u64) {
        let mut memory = sys::ld_memory::default();
        // SAFETY: `raw` is valid until `drop`; the shim fills the struct.
        unsafe { sys::ld_memory_use(self.raw.as_ptr(), &raw mut memory) }
        (memory.heap, memory.pools, memory.pool_bytes)
    }

    /// `level`: 0–5 of pjlib.
    pub(crate) fn log_level(&self, level: i32, sip_trace: bool) {
        // SAFETY: `raw` is valid until `drop`; the shim stores numbers.
        unsafe { sys::ld_log_level(self.raw.as_ptr(), level, sip_trace) }
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
}

impl Drop for Phone {
    fn drop(&mut self) {
        // SAFETY: the only place that frees it, and `context` is not used again. When it says that it has ended no callback comes
        // any more, so `context` may go; else threads of pjlib may still tell something, and it stays.
        unsafe {
            if sys::ld_destroy(self.raw.as_ptr()) {
                ManuallyDrop::drop(&mut self.context);
            } else {
                tracing::error!("a sound device hangs; the phone ends without it");
            }
        }
    }
}
