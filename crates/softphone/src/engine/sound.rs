//! Sound devices: what there is, what was chosen, what is open.

use std::time::Instant;

use softphone_api::{AudioDevice, CommandErrorCode, DeviceChoice, Reply, SoundState, SoundTest, TestState, TestStep};

use super::phone::NativeDevice;
use super::{Done, Loop, ms, refuse};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Nothing: the microphone is never held idle.
    Closed,
    /// A clock without a device; calls carry silence.
    Null,
    Devices {
        capture: i32,
        playback: i32,
        echo: bool,
    },
}

pub(crate) struct Sound {
    null_audio: bool,
    found: Vec<NativeDevice>,
    capture: DeviceChoice,
    playback: DeviceChoice,
    open: Open,
    problem: String,
    /// Why nothing would be heard of a call that rings.
    ringing_problem: String,
    /// The test that runs, for the state.
    test: Option<TestShown>,
}

/// A test as the state shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TestShown {
    pub(super) test: SoundTest,
    pub(super) step: TestStep,
    pub(super) until: Option<Instant>,
}

pub(super) fn name_of(d: &NativeDevice) -> String {
    if d.driver == "ALSA" || d.driver.is_empty() { d.name.clone() } else { format!("{}: {}", d.driver, d.name) }
}

impl Sound {
    pub(crate) fn new(null_audio: bool) -> Self {
        Self {
            null_audio,
            found: Vec::new(),
            capture: DeviceChoice::System,
            playback: DeviceChoice::System,
            open: Open::Closed,
            problem: String::new(),
            ringing_problem: String::new(),
            test: None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.null_audio
    }

    /// Whether a microphone is open now.
    pub(crate) fn hears_us(&self) -> bool {
        matches!(self.open, Open::Devices { .. })
    }

    /// What the system prefers: the device named so, else the sound server, else the first.
    fn preferred(&self, capture: bool) -> Option<&NativeDevice> {
        let mut fit = self.found.iter().filter(|d| if capture { d.capture } else { d.playback });
        let first = fit.clone().next();
        for wanted in ["default", "pulse", "pipewire"] {
            if let Some(d) = fit.clone().find(|d| d.name == wanted) {
                return Some(d);
            }
        }
        fit.next().or(first)
    }

    pub(super) fn resolve(&self, choice: &DeviceChoice, capture: bool) -> Option<&NativeDevice> {
        match choice {
            DeviceChoice::System => self.preferred(capture),
            DeviceChoice::Device { name } => self
                .found
                .iter()
                .find(|d| (if capture { d.capture } else { d.playback }) && name_of(d) == *name)
                // The choice is kept; until the device is back the system's is used.
                .or_else(|| self.preferred(capture)),
        }
    }

    fn public(&self, d: &NativeDevice, capture: bool) -> AudioDevice {
        AudioDevice {
            name: name_of(d),
            label: name_of(d),
            capture,
            is_default: self.preferred(capture).is_some_and(|p| p.index == d.index),
        }
    }

    pub(crate) fn devices(&self) -> Vec<AudioDevice> {
        let mut all = Vec::new();
        for d in &self.found {
            if d.capture {
                all.push(self.public(d, true));
            }
            if d.playback {
                all.push(self.public(d, false));
            }
        }
        all
    }

    pub(crate) fn state(&self) -> SoundState {
        let silent = self.null_audio || self.open == Open::Null;
        let device = |choice, capture| {
            if silent { None } else { self.resolve(choice, capture).map(|d| self.public(d, capture)) }
        };
        let (capture_device, playback_device) = (device(&self.capture, true), device(&self.playback, false));
        let problem = if self.null_audio {
            "started with --null-audio: calls carry silence".to_owned()
        } else if !self.problem.is_empty() {
            self.problem.clone()
        } else if capture_device.is_none() && playback_device.is_none() {
            "there is no sound device: connect a headset, or start the sound server".to_owned()
        } else if capture_device.is_none() {
            "there is no microphone: callers cannot hear you; connect a headset".to_owned()
        } else if playback_device.is_none() {
            "there is no loudspeaker: you cannot hear callers; connect a headset".to_owned()
        } else {
            self.ringing_problem.clone()
        };
        SoundState {
            capture: self.capture.clone(),
            playback: self.playback.clone(),
            capture_device,
            playback_device,
            problem,
            settings: None,
            ring_devices: Vec::new(),
            devices: Vec::new(),
            test: self.test.as_ref().map(|shown| TestState {
                test: shown.test.clone(),
                step: shown.step,
                left_ms: shown.until.map(|at| ms(at.saturating_duration_since(Instant::now()))),
            }),
        }
    }
}

impl Loop {
    pub(super) fn look_for_devices(&mut self, refresh: bool) {
        if self.sound.null_audio {
            return;
        }
        let before = self.sound.state();
        // The list must not be rebuilt under an open device.
        let refresh = refresh && !matches!(self.sound.open, Open::Devices { .. });
        let probed = if refresh && cfg!(target_os = "linux") { self.probe_devices() } else { Ok(()) };
        self.sound.found = self.phone.devices(refresh);
        if let Err(e) = probed {
            tracing::warn!("looking for sound devices: {e:#}");
            self.sound.problem = format!("the sound devices could not be listed ({e:#}): restart the sound server");
        } else if refresh {
            self.sound.problem.clear();
        }
        self.tell_sound(&before);
    }

    fn probe_devices(&self) -> anyhow::Result<()> {
        Ok(self.phone.name_devices(&super::probe::ask()?)?)
    }

    pub(super) fn choose_devices(&mut self, capture: DeviceChoice, playback: DeviceChoice) -> Done {
        self.look_for_devices(true);
        for (choice, is_capture) in [(&capture, true), (&playback, false)] {
            if let DeviceChoice::Device { name } = choice
                && (name.is_empty() || name.len() > 256 || name.contains(char::is_control))
            {
                let what = if is_capture { "microphone" } else { "loudspeaker" };
                return Err(refuse(CommandErrorCode::BadArgument, format!("{name:?} cannot be the name of a {what}")));
            }
        }
        let before = self.sound.state();
        self.sound.capture = capture;
        self.sound.playback = playback;
        self.sound.problem.clear();
        self.tell_sound(&before);
        self.reopen_sound();
        Ok(Reply::Done)
    }

    /// Opens sound when a stream needs it and it is not open as wished.
    pub(super) fn open_sound(&mut self) {
        if self.sound.found.is_empty() && self.sound.open == Open::Closed {
            // A headset or a sound server that came after our start.
            self.look_for_devices(true);
        }
        let before = self.sound.state();
        let capture = self.sound.resolve(&self.sound.capture, true).map(|d| d.index);
        let playback = self.sound.resolve(&self.sound.playback, false).map(|d| d.index);
        let wished = match (self.sound.null_audio, capture, playback) {
            (false, Some(capture), Some(playback)) => {
                Open::Devices { capture, playback, echo: self.media.echo_cancellation }
            }
            // pjmedia opens both ways or none, so one that is missing means a clock without a device.
            _ => Open::Null,
        };
        if self.sound.open == wished {
            return;
        }
        self.free_exclusive_devices();
        let opened = match wished {
            Open::Devices { capture, playback, echo } => match self.phone.sound_open(capture, playback, echo) {
                Ok(()) => {
                    self.sound.problem.clear();
                    wished
                }
                Err(e) => {
                    tracing::warn!("opening the sound device: {e}");
                    self.sound.problem =
                        format!("the sound device could not be opened ({}): choose another", e.message);
                    Open::Null
                }
            },
            other => other,
        };
        if opened == Open::Null
            && self.sound.open != Open::Null
            && let Err(e) = self.phone.sound_null()
        {
            tracing::error!("starting the clock without a device: {e}");
        }
        self.sound.open = opened;
        self.tell_sound(&before);
    }

    pub(super) fn close_sound(&mut self) {
        if self.sound.open != Open::Closed {
            self.phone.sound_close();
            let before = self.sound.state();
            self.sound.open = Open::Closed;
            self.tell_sound(&before);
        }
    }

    /// After a change of devices or echo canceller in a call.
    pub(super) fn reopen_sound(&mut self) {
        if self.sound.open != Open::Closed {
            self.open_sound();
        }
    }

    /// A call rings where nobody hears it, or no longer does.
    pub(super) fn tell_ringing_problem(&mut self, problem: String) {
        if self.sound.ringing_problem != problem {
            let before = self.sound.state();
            self.sound.ringing_problem = problem;
            self.tell_sound(&before);
        }
    }

    pub(super) fn show_test(&mut self, test: Option<TestShown>) {
        if self.sound.test != test {
            self.sound.test = test;
            self.emit(softphone_api::Event::Sound { sound: self.sound.state() });
        }
    }

    fn tell_sound(&mut self, before: &SoundState) {
        let now = self.sound.state();
        if now != *before {
            self.emit(softphone_api::Event::Sound { sound: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(index: i32, name: &str, capture: bool, playback: bool) -> NativeDevice {
        NativeDevice { index, capture, playback, name: name.into(), driver: "ALSA".into() }
    }

    #[test]
    fn no_card_is_said() {
        let sound = Sound::new(false);
        assert!(sound.state().problem.contains("no sound device"));
        let mut sound = Sound::new(false);
        sound.found = vec![device(0, "hw:0", false, true)];
        assert!(sound.state().problem.contains("no microphone"));
    }

    #[test]
    fn a_choice_is_kept_while_its_device_is_away() {
        let mut sound = Sound::new(false);
        sound.found = vec![device(0, "hw:0", true, true), device(1, "default", true, true)];
        sound.capture = DeviceChoice::Device { name: "headset".into() };
        let state = sound.state();
        assert_eq!(state.capture, DeviceChoice::Device { name: "headset".into() });
        assert_eq!(state.capture_device.unwrap().name, "default");
        sound.found.push(device(2, "headset", true, true));
        assert_eq!(sound.state().capture_device.unwrap().name, "headset");
    }
}
