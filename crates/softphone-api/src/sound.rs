//! Sound: devices, choices, tests, headsets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One sound device in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AudioDevice {
    /// Stable name, the key of a choice.
    pub name: String,
    /// What a person reads.
    pub label: String,
    /// Whether it records (else it plays).
    pub capture: bool,
    /// Whether the system prefers it.
    pub is_default: bool,
}

/// Which device to use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(tag = "use", rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// Whatever the system prefers.
    #[default]
    System,
    /// This one, by stable name.
    Device {
        /// [`AudioDevice::name`].
        name: String,
    },
}

/// Where sound comes from and goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SoundState {
    /// The choice for speaking.
    pub capture: DeviceChoice,
    /// The choice for hearing.
    pub playback: DeviceChoice,
    /// The device really used for speaking; absent: there is none, calls carry silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub capture_device: Option<AudioDevice>,
    /// The device really used for hearing; absent: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub playback_device: Option<AudioDevice>,
    /// Why there is no device or it could not be opened; empty when all is well.
    #[serde(default)]
    pub problem: String,
    /// Everything that was chosen, since version 1.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub settings: Option<Box<SoundSettings>>,
    /// The devices that would ring now; none: nothing would be heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<AudioDevice>>")]
    pub ring_devices: Vec<AudioDevice>,
    /// All devices there are now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<AudioDevice>>")]
    pub devices: Vec<AudioDevice>,
    /// The test that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub test: Option<TestState>,
}

/// Everything about sound that the person at this machine chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct SoundSettings {
    /// What the operator speaks into.
    pub capture: DeviceChoice,
    /// What the operator hears calls with.
    pub playback: DeviceChoice,
    /// What rings, all at once.
    pub ring: Vec<DeviceChoice>,
    /// Loudness of devices in per cent of their own, by [`volume_key`]; 100 where a device is not named, at most
    /// [`MOST_VOLUME`] (boost). Not of ringing.
    #[ts(as = "std::collections::HashMap<String, u16>")]
    pub volumes: BTreeMap<String, u16>,
    /// Loudness of ringing, per cent of [`RING_LIMIT_DBFS`], 0-100. It never goes above that, whatever the tone.
    pub ring_volume: u8,
    /// How it rings.
    pub ring_tone: RingTone,
    /// Takes steady noise out of what the microphone hears; absent: as the profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub noise_suppression: Option<bool>,
    /// Brings a low or loud voice to one loudness; absent: as the profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub gain_control: Option<bool>,
    /// Echo canceller; absent: as the profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub echo_cancellation: Option<bool>,
    /// A soft double beep this often while a call is on hold, seconds; 0: never.
    pub hold_reminder_s: u16,
    /// A beep when a call comes in during another.
    pub call_waiting_beep: bool,
    /// Buttons of a headset answer, end and mute.
    pub headset_buttons: bool,
}

/// Loudest ringing (peak) in dB below full scale: an ear beside a headset must not be hurt.
pub const RING_LIMIT_DBFS: i8 = -12;
/// Most that a device can be boosted to, per cent (12 dB).
pub const MOST_VOLUME: u16 = 400;

/// Key of a device in [`SoundSettings::volumes`].
#[must_use]
pub fn volume_key(name: &str, capture: bool) -> String {
    format!("{}:{name}", if capture { "in" } else { "out" })
}

impl Default for SoundSettings {
    fn default() -> Self {
        Self {
            capture: DeviceChoice::System,
            playback: DeviceChoice::System,
            ring: vec![DeviceChoice::System],
            volumes: BTreeMap::new(),
            ring_volume: 60,
            ring_tone: RingTone::Classic,
            noise_suppression: None,
            gain_control: None,
            echo_cancellation: None,
            hold_reminder_s: 45,
            call_waiting_beep: true,
            headset_buttons: true,
        }
    }
}

/// How it rings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(tag = "tone", rename_all = "kebab-case")]
pub enum RingTone {
    /// Two tones, a second on, two off.
    #[default]
    Classic,
    /// Three soft notes.
    Soft,
    /// Short and urgent.
    Bright,
    /// The person's own: a WAV file, PCM of 16 bits, at most a minute.
    File {
        /// Where it lies on this machine.
        path: String,
    },
}

/// A test for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "test", rename_all = "kebab-case")]
pub enum SoundTest {
    /// Opens the microphone and tells its level ([`crate::Event::Level`]) until it is stopped.
    Level,
    /// Plays a tone on one device.
    Tone {
        /// Which, by [`AudioDevice::name`]; absent: what calls are heard with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        device: Option<String>,
    },
    /// Rings once, as a call would.
    Ring,
    /// Records five seconds and plays them.
    RecordAndPlay,
}

/// A test that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TestState {
    /// Which.
    #[serde(flatten)]
    pub test: SoundTest,
    /// What it does now.
    pub step: TestStep,
    /// Milliseconds that this step still takes, at the time of this message; absent: until it is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub left_ms: Option<u64>,
}

/// What a test does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum TestStep {
    /// The microphone is heard.
    Listening,
    /// It is recorded.
    Recording,
    /// Something is played.
    Playing,
    /// Said by a newer softphone.
    #[serde(other)]
    Unknown,
}

/// A headset with buttons (USB HID, telephony page).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HeadsetState {
    /// What it calls itself.
    pub name: String,
    /// Its own mute is on.
    pub muted: bool,
    /// Why its buttons do nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<HeadsetProblem>,
}

/// Why the buttons of a headset do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum HeadsetProblem {
    /// We may not open it: on Linux the udev rule is missing.
    NotAllowed,
    /// Another program holds it.
    InUse,
    /// It was opened and broke off.
    Broken,
    /// Said by a newer softphone.
    #[serde(other)]
    Unknown,
}
