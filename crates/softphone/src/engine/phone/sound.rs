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

impl Phone {
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
        // SAFETY: see `answer` in calls.rs; the list has as many entries as is said, and the shim copies them.
        checked(|e| unsafe { sys::ld_name_devices(self.raw.as_ptr(), list.as_ptr(), list.len() as u32, e) })
    }

    pub(crate) fn sound_open(&self, capture: i32, playback: i32, echo: bool) -> Result<()> {
        // SAFETY: see `answer` in calls.rs.
        checked(|e| unsafe { sys::ld_sound_open(self.raw.as_ptr(), capture, playback, echo, e) })
    }

    pub(crate) fn sound_null(&self) -> Result<()> {
        // SAFETY: see `answer` in calls.rs.
        checked(|e| unsafe { sys::ld_sound_null(self.raw.as_ptr(), e) })
    }

    pub(crate) fn sound_close(&self) {
        // SAFETY: see `answer` in calls.rs.
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
