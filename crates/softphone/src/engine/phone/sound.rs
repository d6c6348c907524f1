//! Sound at the border: devices, and who hears whom.
#![expect(unsafe_code, reason = "the border to pjsua2's C shim; each block says why it is sound")]

use pjproject_sys as sys;
use softphone_api::CallId;

use super::{Phone, Result, checked, text};

/// A device of pjmedia's list, or of a probe; the index is only good until the next refresh.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct NativeDevice {
    pub(crate) index: i32,
    pub(crate) capture: bool,
    pub(crate) playback: bool,
    pub(crate) name: String,
    pub(crate) driver: String,
}

/// What calls are spoken into and heard with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SoundWish {
    /// Index and epoch of the device: another epoch opens it anew. None: calls carry silence.
    pub(crate) capture: Option<(i32, u32)>,
    pub(crate) playback: Option<(i32, u32)>,
    pub(crate) capture_percent: u16,
    pub(crate) playback_percent: u16,
    pub(crate) echo: bool,
    pub(crate) noise: bool,
    pub(crate) gain: bool,
    /// Only one can open the card: what was open before is closed first. Else it is heard until the new device is.
    pub(crate) exclusive: bool,
}

impl Phone {
    /// What can be opened. `refresh`: pjmedia looks again, where it does that itself (not with ALSA).
    pub(crate) fn devices(&self, refresh: bool) -> Vec<NativeDevice> {
        // SAFETY: `raw` is valid; the buffer has the capacity that is said, and the shim fills at most that many.
        listed(|to, capacity| unsafe { sys::ld_devices(self.raw.as_ptr(), refresh, to, capacity) })
    }

    /// These are what may be opened from now on; one that was named before keeps its index. Refused while one is being opened.
    pub(crate) fn name_devices(&self, names: &[&str]) -> Result<()> {
        let mut list = Vec::with_capacity(names.len());
        for name in names {
            let mut native = sys::ld_device { capture: true, playback: true, ..Default::default() };
            // One byte stays 0, the end of the text.
            let room = native.name.len() - 1;
            if name.len() > room || name.contains('\0') {
                tracing::warn!(device = name, "the name of a sound device is too long");
                continue;
            }
            for (to, from) in native.name.iter_mut().zip(name.bytes()) {
                *to = from.cast_signed();
            }
            list.push(native);
        }
        // SAFETY: see `answer` in calls.rs; the list has as many entries as is said, and the shim copies them.
        checked(|e| unsafe { sys::ld_name_devices(self.raw.as_ptr(), list.as_ptr(), list.len() as u32, e) })
    }

    /// Opens and changes what is wished, later; [`super::PhoneEvent::Sound`] tells what became of it. `number` grows.
    pub(crate) fn sound_want(&self, wish: &SoundWish, number: u64) {
        let (capture, capture_epoch) = wish.capture.unwrap_or((-1, 0));
        let (playback, playback_epoch) = wish.playback.unwrap_or((-1, 0));
        let native = sys::ld_sound {
            capture,
            playback,
            capture_epoch,
            playback_epoch,
            capture_percent: wish.capture_percent,
            playback_percent: wish.playback_percent,
            echo: wish.echo,
            noise: wish.noise,
            gain: wish.gain,
            exclusive: wish.exclusive,
        };
        // SAFETY: `raw` is valid until `drop`; the shim copies the wish.
        unsafe { sys::ld_sound_want(self.raw.as_ptr(), &raw const native, number) }
    }

    pub(crate) fn sound_close(&self) {
        // SAFETY: `raw` is valid until `drop`.
        unsafe { sys::ld_sound_close(self.raw.as_ptr()) }
    }

    /// Joins the stream with the sound device, with or without our microphone.
    pub(crate) fn connect(&self, call: CallId, microphone: bool) -> Result<()> {
        // SAFETY: see `answer` in calls.rs.
        checked(|e| unsafe { sys::ld_call_connect(self.raw.as_ptr(), call.0, microphone, e) })
    }

    /// The two hear each other, or no longer.
    pub(crate) fn mix(&self, one: CallId, other: CallId, on: bool) -> Result<()> {
        // SAFETY: see `answer` in calls.rs.
        checked(|e| unsafe { sys::ld_calls_mix(self.raw.as_ptr(), one.0, other.0, on, e) })
    }
}

/// Opens each of ALSA's devices for a moment to see what it can. Plugins stay loaded, so not in the softphone's process.
pub(in super::super) fn probe_devices() -> Vec<NativeDevice> {
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
