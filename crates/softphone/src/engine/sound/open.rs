//! Sound in the loop: devices that come and go, what is opened when, and what is told of it.

use std::time::{Duration, Instant};

use softphone_api::{CommandErrorCode, DeviceChoice, Event, Reply, SoundSettings, SoundState};

use super::super::calls::CallState;
use super::super::tones::check_ring_tone;
use super::super::{Done, Loop, refuse};
use super::device::Seen;
use super::settings::check;
use super::{Sight, TestShown, resume, watch};

/// A list that came while a device was being opened.
const SOON: Duration = Duration::from_millis(100);
/// Where nobody tells of devices, untried.
#[cfg(not(target_os = "linux"))]
const REFRESH: Duration = Duration::from_secs(2);

impl Loop {
    /// Begins to watch devices.
    pub(in super::super) fn watch_devices(&mut self, events: std::sync::mpsc::SyncSender<super::super::Event>) {
        if self.sound.null_audio {
            return;
        }
        watch::spawn(events);
        #[cfg(not(target_os = "linux"))]
        self.refresh_devices();
    }

    /// Waits for a list of the devices that there are now, when there is none yet.
    pub(in super::super) fn look_for_devices(&mut self) {
        if self.sound.null_audio || self.sound.looked {
            return;
        }
        #[cfg(target_os = "linux")]
        self.devices_seen(watch::look());
        #[cfg(not(target_os = "linux"))]
        self.refresh_devices();
    }

    pub(in super::super) fn devices_seen(&mut self, sight: Sight) {
        let before = self.sound.state();
        match sight {
            Sight::Devices(seen) => {
                self.sound.unseen.clear();
                self.take_devices(seen);
            }
            Sight::Failed(why) => {
                tracing::warn!("looking for sound devices: {why}");
                self.sound.unseen = why;
            }
        }
        self.sound_changed(&before);
    }

    fn take_devices(&mut self, seen: Vec<Seen>) {
        if let Err(e) = self.phone.name_devices(&seen.iter().map(|s| s.native.as_str()).collect::<Vec<_>>()) {
            // One is being opened by its place in the list.
            tracing::debug!("sound devices wait: {e}");
            self.sound.waiting = Some((Instant::now() + SOON, seen));
            return;
        }
        let natives = self.phone.devices(false);
        self.sound.waiting = None;
        self.sound.take(seen, |s| natives.iter().find(|n| n.name == s.native).map(|n| n.index));
        tracing::info!(devices = self.sound.found.len(), "sound devices");
    }

    /// Untried: pjmedia lists the devices itself, which it cannot while one is open.
    #[cfg(not(target_os = "linux"))]
    fn refresh_devices(&mut self) {
        self.sound.refresh_at = Some(Instant::now() + REFRESH);
        if self.sound.open.is_some() {
            return;
        }
        let before = self.sound.state();
        let natives = self.phone.devices(true);
        let mut seen = Vec::new();
        for n in &natives {
            let name = format!("{}: {}", n.driver, n.name);
            for capture in [true, false] {
                if if capture { n.capture } else { n.playback } {
                    let is_default = !seen.iter().any(|s: &Seen| s.capture == capture);
                    let (label, native) = (n.name.clone(), name.clone());
                    seen.push(Seen { name: name.clone(), label, native, capture, is_default, id: 0 });
                }
            }
        }
        self.sound
            .take(seen, |s| natives.iter().find(|n| format!("{}: {}", n.driver, n.name) == s.native).map(|n| n.index));
        self.sound_changed(&before);
    }

    pub(in super::super) fn choose_devices(&mut self, capture: DeviceChoice, playback: DeviceChoice) -> Done {
        self.set_sound(SoundSettings { capture, playback, ..self.sound.settings.clone() })
    }

    pub(in super::super) fn set_sound(&mut self, settings: SoundSettings) -> Done {
        check(&settings).map_err(|why| refuse(CommandErrorCode::BadArgument, why))?;
        if settings.ring_tone != self.sound.settings.ring_tone {
            check_ring_tone(&settings.ring_tone)?;
        }
        let before = self.sound.state();
        let chosen =
            (&settings.capture, &settings.playback) != (&self.sound.settings.capture, &self.sound.settings.playback);
        self.sound.settings = settings;
        if chosen {
            self.sound.forgive();
        }
        self.ring_anew();
        self.sound_changed(&before);
        Ok(Reply::Done)
    }

    /// Opens, changes or closes sound, as calls, tests, devices and choices want it. Whatever of these has changed, call this.
    pub(in super::super) fn settle_sound(&mut self) {
        if self.calls.is_empty() && !self.sound.wanted_by_test {
            if self.sound.open.take().is_some() {
                self.phone.sound_close();
            }
            return;
        }
        if self.sound.open.is_none() {
            // A device that failed in the last call may work in this one.
            let before = self.sound.state();
            self.sound.begin_anew();
            self.tell_sound(&before);
        }
        let wish = self.sound.wish(&self.media);
        if self.calls.values().all(CallState::rings) && !self.sound.wanted_by_test && wish.exclusive {
            // It rings on that card, and only one can open it.
            return;
        }
        if self.sound.open.as_ref() == Some(&wish) {
            return;
        }
        self.sound.number += 1;
        let open = self.sound.open.as_ref();
        if open.is_none_or(|open| open.capture != wish.capture) {
            self.sound.since[0] = self.sound.number;
            self.sound.begun[0] = false;
        }
        if open.is_none_or(|open| open.playback != wish.playback) {
            self.sound.since[1] = self.sound.number;
            self.sound.begun[1] = false;
        }
        self.free_exclusive_devices();
        self.phone.sound_want(&wish, self.sound.number);
        self.sound.open = Some(wish);
    }

    /// What became of a device that was to be opened, or that it is lost; `why` is empty when sound has begun to flow.
    pub(in super::super) fn sound_told(&mut self, number: u64, index: i32, capture: bool, why: String) {
        let Some(open) = self.sound.open.as_ref() else { return };
        let used = if capture { open.capture } else { open.playback };
        if number < self.sound.since[usize::from(!capture)] || used.is_none_or(|(used, _)| used != index) {
            return;
        }
        let before = self.sound.state();
        let is_it = |d: &super::Device| d.capture == capture && d.index == index;
        let Some(d) = self.sound.found.iter_mut().find(|d| is_it(d)) else { return };
        if why.is_empty() {
            tracing::info!(device = %d.name, capture, "sound device open");
            self.sound.begun[usize::from(!capture)] = true;
            self.answer_when_heard();
            return;
        }
        tracing::warn!(device = %d.name, capture, "sound device lost: {why}");
        self.sound.epoch += 1;
        d.epoch = self.sound.epoch;
        let name = d.name.clone();
        self.sound.fail(name, capture, why, Instant::now());
        self.sound_changed(&before);
    }

    pub(in super::super) fn sound_deadline(&self) -> Option<Instant> {
        let again =
            self.sound.failed.values().filter_map(|failure| failure.again_at).filter(|_| self.sound.open.is_some());
        let waiting = self.sound.waiting.as_ref().map(|(at, _)| *at);
        again.chain(waiting).chain(self.sound.refresh_at).min()
    }

    pub(in super::super) fn tick_sound(&mut self, now: Instant) {
        if let Some((with_sleep, without)) = resume::clocks()
            && let Some(slept) = self.sound.sleep.since_last(with_sleep, without)
            && self.sound.open.is_some()
        {
            // Drivers and servers lose a stream in their sleep without a word.
            tracing::info!(slept_s = slept.as_secs(), "the machine has slept: sound is opened anew");
            let before = self.sound.state();
            self.sound.begin_anew();
            self.sound_changed(&before);
        }
        if let Some((_, seen)) = self.sound.waiting.take_if(|(at, _)| *at <= now) {
            let before = self.sound.state();
            self.take_devices(seen);
            self.sound_changed(&before);
        }
        let is_due = |failure: &super::Failure| failure.again_at.is_some_and(|at| at <= now);
        if self.sound.open.is_some() && self.sound.failed.values().any(is_due) {
            let before = self.sound.state();
            self.sound.failed.retain(|_, failure| !is_due(failure));
            self.sound_changed(&before);
        }
        #[cfg(not(target_os = "linux"))]
        if self.sound.refresh_at.is_some_and(|at| at <= now) {
            self.refresh_devices();
        }
    }

    /// Brings what is open in line, and tells what is different.
    fn sound_changed(&mut self, before: &SoundState) {
        self.settle_sound();
        self.tell_sound(before);
    }

    /// A call rings where nobody hears it, or no longer does.
    pub(in super::super) fn tell_ringing_problem(&mut self, problem: String) {
        if self.sound.ringing_problem != problem {
            let before = self.sound.state();
            self.sound.ringing_problem = problem;
            self.tell_sound(&before);
        }
    }

    pub(in super::super) fn show_test(&mut self, test: Option<TestShown>) {
        if self.sound.test != test {
            self.sound.test = test;
            self.emit(Event::Sound { sound: Box::new(self.sound.state()) });
        }
    }

    fn tell_sound(&mut self, before: &SoundState) {
        let now = self.sound.state();
        if now != *before {
            self.emit(Event::Sound { sound: Box::new(now) });
        }
    }
}
