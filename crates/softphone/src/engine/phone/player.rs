//! Players and the operator's ear at the border.
#![expect(unsafe_code, reason = "the border to pjsua2's C shim; each block says why it is sound")]

use std::time::Duration;

use pjproject_sys as sys;

use super::{Phone, Result, checked};

/// A player, until it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PlayerId(u64);

impl PlayerId {
    pub(super) fn of(event: &sys::ld_event) -> Self {
        Self(event.call)
    }
}

/// What became of a player.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Playing {
    /// It is heard.
    Heard,
    /// Its device could not be opened, went away or hangs.
    Failed(String),
    /// Its device is closed: [`Phone::forget_player`]. Comes once for each, and last.
    Ended,
}

/// What is played on a device: 48 kHz, one channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sounding<'a> {
    pub(crate) samples: &'a [i16],
    /// With it, over and over again, after so many samples of silence.
    pub(crate) pause: Option<u32>,
    /// Factor for the samples.
    pub(crate) gain: f32,
}

/// One step of a tone that only the operator hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) hz: u16,
    pub(crate) on_ms: u16,
    pub(crate) off_ms: u16,
    /// Amplitude, 1-32767.
    pub(crate) peak: u16,
}

/// The two voices in the operator's ear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// What a line says: it rings there.
    Line,
    /// A beep of ours.
    Beep,
}

fn in_4096ths(gain: f32) -> u32 {
    // A gain above 16 would be a mistake, and nobody's ear should hear it.
    (gain.clamp(0.0, 16.0) * 4096.0).round() as u32
}

fn number(voice: Voice) -> i32 {
    let number = match voice {
        Voice::Line => sys::LD_EAR_LINE,
        Voice::Beep => sys::LD_EAR_BEEP,
    };
    number.cast_signed()
}

impl Phone {
    /// Returns at once; the device is opened by a thread of the player's own.
    pub(crate) fn play(&self, device: i32, sounding: Sounding<'_>) -> Result<PlayerId> {
        let mut player = 0;
        let (samples, count) = (sounding.samples.as_ptr(), sounding.samples.len() as u32);
        let (pause, repeat) = (sounding.pause.unwrap_or(0), sounding.pause.is_some());
        let gain = in_4096ths(sounding.gain);
        // SAFETY: see `answer` in calls.rs; the samples are as many as is said, and the shim copies them.
        checked(|e| unsafe {
            sys::ld_player_start(self.raw.as_ptr(), device, samples, count, pause, repeat, gain, &raw mut player, e)
        })?;
        Ok(PlayerId(player))
    }

    pub(crate) fn set_player_gain(&self, player: PlayerId, gain: f32) {
        // SAFETY: see `answer` in calls.rs; an unknown player is ignored.
        unsafe { sys::ld_player_gain(self.raw.as_ptr(), player.0, in_4096ths(gain)) }
    }

    /// [`Playing::Ended`] follows when its device is closed.
    pub(crate) fn stop_player(&self, player: PlayerId) {
        // SAFETY: as above.
        unsafe { sys::ld_player_stop(self.raw.as_ptr(), player.0) }
    }

    /// Waits until the device of a stopped player is closed; false: it is not yet.
    pub(crate) fn await_player(&self, player: PlayerId, most: Duration) -> bool {
        let ms = u32::try_from(most.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: as above.
        unsafe { sys::ld_player_await(self.raw.as_ptr(), player.0, ms) }
    }

    pub(crate) fn forget_player(&self, player: PlayerId) {
        // SAFETY: as above; one that has not ended is kept by the shim.
        unsafe { sys::ld_player_free(self.raw.as_ptr(), player.0) }
    }

    /// Only the operator hears it, as long as sound is open.
    pub(crate) fn play_in_ear(&self, voice: Voice, notes: &[Note], repeat: bool) -> Result<()> {
        let tones: Vec<sys::ld_tone> = notes
            .iter()
            .map(|note| sys::ld_tone {
                frequency: note.hz,
                second_frequency: 0,
                on_ms: note.on_ms,
                off_ms: note.off_ms,
                peak: note.peak,
            })
            .collect();
        // SAFETY: see `answer` in calls.rs; the tones are as many as is said, and the shim copies them.
        checked(|e| unsafe {
            sys::ld_ear_play(self.raw.as_ptr(), number(voice), tones.as_ptr(), tones.len() as u32, repeat, e)
        })
    }

    pub(crate) fn hush_ear(&self, voice: Voice) {
        // SAFETY: see `answer` in calls.rs.
        unsafe { sys::ld_ear_stop(self.raw.as_ptr(), number(voice)) }
    }

    /// Listens to the open microphone and keeps its first `record` samples.
    pub(crate) fn listen(&self, record: u32) -> Result<()> {
        // SAFETY: see `answer` in calls.rs.
        checked(|e| unsafe { sys::ld_listen_start(self.raw.as_ptr(), record, e) })
    }

    pub(crate) fn listen_no_more(&self) {
        // SAFETY: see `answer` in calls.rs.
        unsafe { sys::ld_listen_stop(self.raw.as_ptr()) }
    }

    /// Loudest sample since the last time; none came: `None`.
    pub(crate) fn microphone_peak(&self) -> Option<u16> {
        // SAFETY: see `answer` in calls.rs.
        u16::try_from(unsafe { sys::ld_listen_peak(self.raw.as_ptr()) }).ok()
    }

    pub(crate) fn recorded(&self, most: usize) -> Vec<i16> {
        let mut samples = vec![0; most];
        // SAFETY: see `answer` in calls.rs; the shim writes at most as many as there is room for.
        let count = unsafe { sys::ld_listen_recorded(self.raw.as_ptr(), samples.as_mut_ptr(), most as u32) };
        samples.truncate(count as usize);
        samples
    }
}
