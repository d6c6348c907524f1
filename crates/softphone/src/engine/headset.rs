//! The headset beside the engine: what its thread tells, and what it is told.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use softphone_api::{HeadsetState, SoundState};

use super::{Event, Loop, Options};
use crate::headset::worker::{Told, Wish};
use crate::headset::{Headset, simulated};

#[derive(Default)]
pub(crate) struct HeadsetLink {
    thread: Option<Headset>,
    state: Option<HeadsetState>,
    wish: Wish,
}

impl HeadsetLink {
    /// Without sound devices there is no headset either, unless a test brings one.
    pub(crate) fn start(options: &Options, events: SyncSender<Event>) -> Self {
        if options.null_audio && simulated().is_none() {
            return Self::default();
        }
        let tell = move |told| {
            if events.try_send(Event::Headset(told)).is_err() {
                tracing::error!("the engine takes no more events; what the headset said is lost");
            }
        };
        let thread = Headset::start(tell)
            .inspect_err(|error| {
                tracing::error!("headset buttons do nothing, because no thread can be started: {error}")
            })
            .ok();
        Self { thread, ..Self::default() }
    }

    pub(crate) fn state(&self) -> Option<HeadsetState> {
        self.state.clone()
    }
}

/// Buttons are heard unless the person at this machine has switched that off.
fn are_buttons_wanted(sound: &SoundState) -> bool {
    sound.settings.as_ref().is_none_or(|settings| settings.headset_buttons)
}

/// What the devices of calls are called, by the sound server and to people.
fn names(sound: &SoundState) -> impl Iterator<Item = &str> {
    let used = [&sound.capture_device, &sound.playback_device].into_iter().flatten();
    used.flat_map(|device| [device.name.as_str(), device.label.as_str()])
}

impl Loop {
    pub(super) fn headset_event(&mut self, told: Told) {
        match told {
            Told::State(state) => {
                self.headset.state.clone_from(&state);
                self.emit(softphone_api::Event::Headset { headset: state });
            }
            Told::Action(action) => {
                tracing::info!(?action, "the headset asks");
                if let Err(e) = self.headset_asks(action) {
                    tracing::info!(code = ?e.code, "what the headset asks is not done: {}", e.message);
                }
                self.headset.wish.done += 1;
                self.tell_headset_anew();
            }
        }
    }

    /// After whatever happened: the headset is told when it matters to it.
    pub(super) fn tell_headset(&mut self) {
        if self.headset.thread.is_none() {
            return;
        }
        let sound = self.sound.state();
        let line = self.line(sound.test.is_some());
        let wish = &self.headset.wish;
        let is_known = line == wish.line
            && are_buttons_wanted(&sound) == wish.is_enabled
            && names(&sound).eq(wish.sounds.iter().map(String::as_str));
        if !is_known {
            self.tell_headset_anew();
        }
    }

    fn tell_headset_anew(&mut self) {
        let sound = self.sound.state();
        let line = self.line(sound.test.is_some());
        let sounds: Arc<[String]> = names(&sound).map(str::to_owned).collect();
        let link = &mut self.headset;
        link.wish = Wish { line, is_enabled: are_buttons_wanted(&sound), sounds, done: link.wish.done };
        if let Some(thread) = &link.thread {
            thread.wish(link.wish.clone());
        }
    }
}
