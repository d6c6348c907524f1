//! Sound devices: what there is, what was chosen, what is used.
//!
//! Devices come and go ([`watch`]); which of them is used follows from the choice and from what works ([`Sound::resolve`]),
//! and whatever changes, [`Loop::settle_sound`](super::Loop) brings what is open in line.

mod device;
mod open;
#[cfg(target_os = "linux")]
mod pulse;
mod resume;
mod settings;
mod watch;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use softphone_api::sound::volume_key;
use softphone_api::{AudioDevice, DeviceChoice, Media, SoundSettings, SoundState, SoundTest, TestState, TestStep};

use super::ms;
use super::phone::SoundWish;
use device::{Device, Seen};
pub(crate) use watch::Sight;

/// A device that only one can open; servers and mixers let many.
pub(super) fn is_exclusive(device: &str) -> bool {
    cfg!(target_os = "linux") && ["plughw:", "hw:", "sysdefault:"].iter().any(|prefix| device.starts_with(prefix))
}

/// How long until a device that failed is tried again when nothing else is there; longer while another works.
const RETRY: Duration = Duration::from_secs(2);
/// How often what works is interrupted for that.
const MOST_TRIES: u32 = 3;

/// A device by name and direction.
type Key = (String, bool);

#[derive(Debug)]
struct Failure {
    why: String,
    /// When it gets another chance; none: when it comes anew, is chosen, or with the next call.
    again_at: Option<Instant>,
}

pub(crate) struct Sound {
    null_audio: bool,
    pub(crate) settings: SoundSettings,
    /// A test needs sound, though no call does.
    pub(crate) wanted_by_test: bool,
    found: Vec<Device>,
    /// Whether it was looked; before that nobody knows that there is none.
    looked: bool,
    /// Why it could not be looked.
    unseen: String,
    /// Devices that did not open or broke off.
    failed: BTreeMap<Key, Failure>,
    /// How often each has failed since a call began, it came or was chosen.
    tries: BTreeMap<Key, u32>,
    /// A list that could not be handed to pjmedia while a device was being opened, and when to try again.
    waiting: Option<(Instant, Vec<Seen>)>,
    /// What is open, or being opened.
    open: Option<SoundWish>,
    number: u64,
    /// The wish with which the microphone, the loudspeaker was last changed: what is told of earlier ones is past.
    since: [u64; 2],
    /// Whether it gives, takes sound since.
    begun: [bool; 2],
    epoch: u32,
    sleep: resume::Sleep,
    refresh_at: Option<Instant>,
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

impl Sound {
    pub(crate) fn new(null_audio: bool) -> Self {
        Self {
            null_audio,
            settings: SoundSettings::default(),
            wanted_by_test: false,
            found: Vec::new(),
            looked: false,
            unseen: String::new(),
            failed: BTreeMap::new(),
            tries: BTreeMap::new(),
            waiting: None,
            open: None,
            number: 0,
            since: [0; 2],
            begun: [false; 2],
            epoch: 0,
            sleep: resume::Sleep::default(),
            refresh_at: None,
            ringing_problem: String::new(),
            test: None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.null_audio
    }

    /// Whether a microphone is open now.
    pub(crate) fn hears_us(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.capture.is_some())
    }

    /// Whether what is being opened gives and takes sound.
    pub(crate) fn has_begun(&self) -> bool {
        self.open
            .as_ref()
            .is_none_or(|open| (open.capture.is_none() || self.begun[0]) && (open.playback.is_none() || self.begun[1]))
    }

    /// The device that a choice means now: the chosen one while it is there and works, else the system's, else any that works.
    pub(crate) fn resolve(&self, choice: &DeviceChoice, capture: bool) -> Option<&Device> {
        let mut working = self.found.iter().filter(|d| d.capture == capture && !self.has_failed(d));
        let chosen = match choice {
            DeviceChoice::System => None,
            DeviceChoice::Device { name } => working.clone().find(|d| d.name == *name),
        };
        chosen.or_else(|| working.clone().find(|d| d.is_default)).or_else(|| working.next())
    }

    fn has_failed(&self, d: &Device) -> bool {
        self.failed.contains_key(&(d.name.clone(), d.capture))
    }

    /// The device of this name, if it is there.
    pub(crate) fn device(&self, name: &str, capture: bool) -> Option<&Device> {
        self.found.iter().find(|d| d.capture == capture && d.name == name)
    }

    pub(crate) fn devices(&self) -> Vec<AudioDevice> {
        self.found.iter().map(Device::public).collect()
    }

    /// Loudness of a device, per cent.
    pub(crate) fn volume(&self, device: &Device) -> u16 {
        self.settings.volumes.get(&volume_key(&device.name, device.capture)).copied().unwrap_or(100)
    }

    /// What calls need of the devices that there are.
    fn wish(&self, media: &Media) -> SoundWish {
        let (capture, playback) = if self.null_audio {
            (None, None)
        } else {
            (self.resolve(&self.settings.capture, true), self.resolve(&self.settings.playback, false))
        };
        let target = |d: Option<&Device>| d.map(|d| (d.index, d.epoch));
        SoundWish {
            capture: target(capture),
            playback: target(playback),
            capture_percent: capture.map_or(100, |d| self.volume(d)),
            playback_percent: playback.map_or(100, |d| self.volume(d)),
            echo: self.settings.echo_cancellation.unwrap_or(media.echo_cancellation),
            noise: self.settings.noise_suppression.unwrap_or(media.noise_suppression),
            gain: self.settings.gain_control.unwrap_or(media.gain_control),
            exclusive: [capture, playback].into_iter().flatten().any(|d| is_exclusive(&d.name)),
        }
    }

    /// Takes over a list; a device that went and came back is another one and gets another chance. `index` is of pjmedia.
    fn take(&mut self, seen: Vec<Seen>, index: impl Fn(&Seen) -> Option<i32>) {
        let mut found: Vec<Device> = Vec::with_capacity(seen.len());
        for s in seen {
            let Some(index) = index(&s) else { continue };
            let before = self.found.iter().find(|d| d.capture == s.capture && d.name == s.name && d.id == s.id);
            let epoch = before.map_or_else(
                || {
                    self.epoch += 1;
                    self.epoch
                },
                |d| d.epoch,
            );
            let (capture, is_default, id) = (s.capture, s.is_default, s.id);
            found.push(Device { index, name: s.name, label: s.label, capture, is_default, id, epoch });
        }
        let is_same = |(name, capture): &Key| {
            let id = |list: &[Device]| list.iter().find(|d| d.name == *name && d.capture == *capture).map(|d| d.id);
            id(&found).is_some() && id(&found) == id(&self.found)
        };
        self.failed.retain(|key, _| is_same(key));
        self.tries.retain(|key, _| is_same(key));
        self.found = found;
        self.looked = true;
    }

    /// What has failed gets another chance.
    fn forgive(&mut self) {
        self.failed.clear();
        self.tries.clear();
    }

    /// A device did not open or broke off. It is not tried again at once; and while another works, which a try would
    /// interrupt, only a few times and ever later.
    fn fail(&mut self, name: String, capture: bool, why: String, now: Instant) {
        let tries = self.tries.entry((name.clone(), capture)).or_default();
        *tries += 1;
        let again_at = (*tries <= MOST_TRIES).then(|| now + RETRY * 2_u32.pow(*tries));
        self.failed.insert((name, capture), Failure { why, again_at });
        for (capture, choice) in [(true, &self.settings.capture), (false, &self.settings.playback)] {
            if self.resolve(choice, capture).is_none() {
                for (_, failure) in self.failed.iter_mut().filter(|((_, of), _)| *of == capture) {
                    failure.again_at = Some(failure.again_at.map_or(now + RETRY, |at| at.min(now + RETRY)));
                }
            }
        }
    }

    /// Every device is opened anew and gets another chance.
    fn begin_anew(&mut self) {
        self.forgive();
        for d in &mut self.found {
            self.epoch += 1;
            d.epoch = self.epoch;
        }
    }

    pub(crate) fn state(&self) -> SoundState {
        let used = |choice, capture| {
            if self.null_audio { None } else { self.resolve(choice, capture).map(Device::public) }
        };
        let capture_device = used(&self.settings.capture, true);
        let playback_device = used(&self.settings.playback, false);
        let mut ring_devices: Vec<AudioDevice> = Vec::new();
        for device in self.settings.ring.iter().filter_map(|choice| used(choice, false)) {
            if !ring_devices.contains(&device) {
                ring_devices.push(device);
            }
        }
        SoundState {
            capture: self.settings.capture.clone(),
            playback: self.settings.playback.clone(),
            problem: self.problem(capture_device.is_some(), playback_device.is_some()),
            capture_device,
            playback_device,
            settings: Some(Box::new(self.settings.clone())),
            ring_devices,
            devices: self.devices(),
            test: self.test.as_ref().map(|shown| TestState {
                test: shown.test.clone(),
                step: shown.step,
                left_ms: shown.until.map(|at| ms(at.saturating_duration_since(Instant::now()))),
            }),
        }
    }

    fn problem(&self, speaks: bool, hears: bool) -> String {
        if self.null_audio {
            return "started with --null-audio: calls carry silence".to_owned();
        }
        if !self.looked && self.unseen.is_empty() {
            return String::new();
        }
        if !self.unseen.is_empty() {
            return format!("the sound devices could not be listed ({}): restart the sound server", self.unseen);
        }
        if let Some(((name, capture), Failure { why, .. })) = self.failed.first_key_value() {
            let what = if *capture { "microphone" } else { "loudspeaker" };
            let label = self.device(name, *capture).map_or(name.as_str(), |d| &d.label);
            let now = if if *capture { speaks } else { hears } { "another is used" } else { "calls carry silence" };
            return format!("the {what} {label} does not work ({why}), {now}: connect it again, or choose another");
        }
        match (speaks, hears) {
            (true, true) => self.ringing_problem.clone(),
            (false, false) => {
                "there is no sound device, calls carry silence: connect a headset, or start the sound server".to_owned()
            }
            (false, true) => "there is no microphone: callers cannot hear you; connect a headset".to_owned(),
            (true, false) => "there is no loudspeaker: you cannot hear callers; connect a headset".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, capture: bool, is_default: bool, id: u32) -> Seen {
        Seen { name: name.into(), label: name.to_uppercase(), native: name.into(), capture, is_default, id }
    }

    fn with(list: Vec<Seen>) -> Sound {
        let mut sound = Sound::new(false);
        take(&mut sound, list);
        sound
    }

    fn take(sound: &mut Sound, list: Vec<Seen>) {
        sound.take(list, |s| Some(i32::try_from(s.id).unwrap()));
    }

    fn named(name: &str) -> DeviceChoice {
        DeviceChoice::Device { name: name.into() }
    }

    fn hears(sound: &Sound, choice: &DeviceChoice) -> Option<String> {
        sound.resolve(choice, false).map(|d| d.name.clone())
    }

    #[test]
    fn cards_are_exclusive_and_servers_are_not() {
        for name in ["default", "pulse", "pulse:DEVICE=headset", "pipewire"] {
            assert!(!is_exclusive(name), "{name}");
        }
        assert_eq!(is_exclusive("plughw:CARD=PCH,DEV=0"), cfg!(target_os = "linux"));
    }

    #[test]
    fn no_card_is_said() {
        assert_eq!(Sound::new(false).state().problem, "", "not looked yet");
        assert!(with(vec![]).state().problem.contains("no sound device"));
        assert!(with(vec![seen("spk", false, true, 1)]).state().problem.contains("no microphone"));
        assert!(with(vec![seen("mic", true, true, 1)]).state().problem.contains("no loudspeaker"));
    }

    #[test]
    fn the_chosen_then_the_systems_then_any() {
        let mut sound =
            with(vec![seen("desk", false, false, 1), seen("hall", false, true, 2), seen("head", false, false, 3)]);
        assert_eq!(hears(&sound, &named("head")).unwrap(), "head");
        assert_eq!(hears(&sound, &DeviceChoice::System).unwrap(), "hall");
        for (broken, next) in [("head", Some("hall")), ("hall", Some("desk")), ("desk", None)] {
            sound.fail(broken.into(), false, "gone".into(), Instant::now());
            assert_eq!(hears(&sound, &named("head")).as_deref(), next);
        }
        assert!(sound.state().problem.contains("does not work (gone)"), "{}", sound.state().problem);
    }

    #[test]
    fn a_choice_is_kept_while_its_device_is_away() {
        let mut sound = with(vec![seen("mic", true, true, 1)]);
        sound.settings.capture = named("headset");
        let state = sound.state();
        assert_eq!(state.capture, named("headset"));
        assert_eq!(state.capture_device.unwrap().name, "mic");
        take(&mut sound, vec![seen("mic", true, true, 1), seen("headset", true, false, 2)]);
        assert_eq!(sound.state().capture_device.unwrap().name, "headset");
    }

    #[test]
    fn what_has_failed_is_tried_again_but_interrupts_what_works_only_a_few_times() {
        let mut sound = with(vec![seen("head", false, true, 1), seen("hall", false, false, 2)]);
        let now = Instant::now();
        let in_seconds =
            |sound: &Sound, name: &str| sound.failed[&(name.to_owned(), false)].again_at.map(|at| (at - now).as_secs());
        for again in [Some(4), Some(8), Some(16), None] {
            sound.fail("head".into(), false, "it has stopped".into(), now);
            assert_eq!(in_seconds(&sound, "head"), again);
        }
        sound.fail("hall".into(), false, "it has stopped".into(), now);
        assert_eq!((in_seconds(&sound, "head"), in_seconds(&sound, "hall")), (Some(2), Some(2)), "nothing works");
    }

    #[test]
    fn a_device_that_came_back_is_another_one() {
        let mut sound = with(vec![seen("head", false, false, 1), seen("hall", false, true, 2)]);
        let epoch = |sound: &Sound, name: &str| sound.device(name, false).unwrap().epoch;
        let (head, hall) = (epoch(&sound, "head"), epoch(&sound, "hall"));
        sound.fail("head".into(), false, "it has gone".into(), Instant::now());
        sound.fail("hall".into(), false, "it has gone".into(), Instant::now());
        take(&mut sound, vec![seen("head", false, false, 3), seen("hall", false, true, 2)]);
        assert_ne!(epoch(&sound, "head"), head);
        assert_eq!(epoch(&sound, "hall"), hall);
        assert_eq!(sound.failed.keys().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["hall"]);
    }

    #[test]
    fn after_a_sleep_everything_is_opened_anew() {
        let mut sound = with(vec![seen("head", true, true, 1), seen("head", false, true, 2)]);
        sound.fail("head".into(), false, "it has stopped".into(), Instant::now());
        let before = sound.wish(&Media::default());
        sound.begin_anew();
        let after = sound.wish(&Media::default());
        assert_eq!((before.playback, after.playback.map(|(index, _)| index)), (None, Some(2)));
        assert!(before.capture != after.capture && before.capture.map(|c| c.0) == after.capture.map(|c| c.0));
    }

    #[test]
    fn a_persons_wish_goes_before_the_profile() {
        let mut sound = with(vec![seen("head", true, true, 1), seen("head", false, true, 2)]);
        let media = Media { noise_suppression: true, ..Media::default() };
        let wish = sound.wish(&media);
        assert_eq!((wish.echo, wish.noise, wish.gain, wish.capture_percent), (true, true, false, 100));
        sound.settings.echo_cancellation = Some(false);
        sound.settings.noise_suppression = Some(false);
        sound.settings.gain_control = Some(true);
        sound.settings.volumes = [("in:head".into(), 150)].into();
        let wish = sound.wish(&media);
        assert_eq!((wish.echo, wish.noise, wish.gain, wish.capture_percent), (false, false, true, 150));
        assert_eq!(wish.playback_percent, 100);
    }
}
