//! The headset's own thread: looks for devices when they may have changed, opens the one that fits, carries reports
//! between it and its [`Session`]. A device that hangs or breaks holds up this thread and nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use softphone_api::{HeadsetProblem, HeadsetState};
use tokio::sync::watch;

use super::bus::{Bus, NotOpened, Port, Woken};
use super::choice;
use super::controls::Controls;
use super::session::{Action, Effects, Line, Session};

/// What the phone wants of the thread; the last one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What the phone does.
    pub line: Line,
    /// Buttons are heard at all.
    pub is_enabled: bool,
    /// What the sound devices of calls are called.
    pub sounds: Arc<[String]>,
    /// How many actions of the headset are done or were refused.
    pub done: u64,
}

impl Default for Wish {
    fn default() -> Self {
        Self { line: Line::default(), is_enabled: true, sounds: Arc::default(), done: 0 }
    }
}

/// What the thread tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Another headset, another state, or none.
    State(Option<HeadsetState>),
    /// A button; counted in [`Wish::done`] when it is done.
    Action(Action),
}

/// A device that has just come may not be ours yet for a moment: its rights are set after it appears.
const AGAIN_SOON: Duration = Duration::from_secs(1);
/// A program that lets go of a device tells nobody.
const AGAIN: Duration = Duration::from_secs(2);
/// One that breaks each time is tried less and less often, down to once a minute.
const MOST_PATIENCE: u32 = 30;

/// See the module.
pub struct Worker<B: Bus, T> {
    bus: B,
    wishes: watch::Receiver<Wish>,
    tell: T,
    wish: Wish,
    open: Option<Open<B::Port>>,
    refused: Option<Refused>,
    told: Option<HeadsetState>,
    asked: u64,
}

struct Open<P> {
    place: String,
    name: String,
    port: P,
    session: Session,
}

struct Refused {
    name: String,
    why: NotOpened,
    tries: u32,
    again: Instant,
}

impl<B: Bus, T> std::fmt::Debug for Worker<B, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("told", &self.told).finish_non_exhaustive()
    }
}

impl<B: Bus, T: FnMut(Told)> Worker<B, T> {
    /// Nothing is opened yet.
    pub fn new(bus: B, wishes: watch::Receiver<Wish>, tell: T) -> Self {
        let wish = wishes.borrow().clone();
        Self { bus, wishes, tell, wish, open: None, refused: None, told: None, asked: 0 }
    }

    /// Runs until the phone is gone.
    pub fn run(mut self) {
        self.look(Instant::now());
        loop {
            self.tell_state();
            let at_most = self.refused.as_ref().map(|refused| refused.again.saturating_duration_since(Instant::now()));
            let woken = self.bus.wait(self.open.as_mut().map(|open| &mut open.port), at_most);
            if !self.woken(woken, Instant::now()) {
                break;
            }
        }
        self.close();
    }

    /// False when the phone is gone.
    fn woken(&mut self, woken: Woken, now: Instant) -> bool {
        let mut looks = woken.by_change || self.refused.as_ref().is_some_and(|refused| refused.again <= now);
        if woken.by_device {
            looks |= !self.read(now);
        }
        match self.wishes.has_changed() {
            Ok(true) => {
                let wish = self.wishes.borrow_and_update().clone();
                let before = std::mem::replace(&mut self.wish, wish);
                looks |= (before.is_enabled, &before.sounds) != (self.wish.is_enabled, &self.wish.sounds);
                self.phone_changed(now);
            }
            Ok(false) => {}
            Err(_) => return false,
        }
        if looks {
            self.look(now);
        }
        true
    }

    /// Opens what should be open, and closes what should not.
    fn look(&mut self, now: Instant) {
        if !self.wish.is_enabled {
            self.refused = None;
            self.close();
            return;
        }
        let mut headsets = Vec::new();
        for found in self.bus.list() {
            match Controls::read(&found.descriptor) {
                Ok(Some(controls)) => headsets.push((found, controls)),
                Ok(None) => {}
                Err(error) => tracing::debug!("{} is left alone: {error}", found.name),
            }
        }
        let best = choice::best(headsets.iter().map(|(found, _)| found.name.as_str()), &self.wish.sounds);
        let Some((found, controls)) = best.map(|index| headsets.swap_remove(index)) else {
            self.refused = None;
            self.close();
            return;
        };
        if self.open.as_ref().is_some_and(|open| (&open.place, &open.name) == (&found.place, &found.name)) {
            return;
        }
        self.close();
        match self.bus.open(&found) {
            Ok(port) => {
                tracing::info!("the headset {} is opened", found.name);
                let (session, effects) = Session::open(controls, self.wish.line, now);
                self.open = Some(Open { place: found.place, name: found.name, port, session });
                if self.carry_out(effects) {
                    self.refused = None;
                } else {
                    self.broken(now);
                }
            }
            Err(why) => {
                let tries = self.refused.as_ref().filter(|before| before.name == found.name).map_or(1, |r| r.tries + 1);
                if tries == 2 {
                    tracing::warn!(?why, "the headset {} cannot be opened; its buttons do nothing", found.name);
                }
                let again = now + if tries == 1 { AGAIN_SOON } else { AGAIN };
                self.refused = Some(Refused { name: found.name, why, tries, again });
            }
        }
    }

    /// False when the device has gone.
    fn read(&mut self, now: Instant) -> bool {
        let Some(open) = &mut self.open else { return true };
        // A headset's reports have a handful of bytes; what is behind these says nothing of telephony.
        let mut report = [0; 256];
        let effects = match open.port.read(&mut report) {
            Ok(length) => open.session.device(&report[..length.min(report.len())], now),
            Err(error) => {
                tracing::info!("the headset {} is gone: {error}", open.name);
                self.open = None;
                return false;
            }
        };
        if !self.carry_out(effects) {
            self.broken(now);
        }
        true
    }

    fn phone_changed(&mut self, now: Instant) {
        let is_settled = self.wish.done >= self.asked;
        let Some(open) = &mut self.open else { return };
        let effects = open.session.phone(self.wish.line, is_settled, now);
        if !self.carry_out(effects) {
            self.broken(now);
        }
    }

    /// False when the device does not take its reports.
    fn carry_out(&mut self, effects: Effects) -> bool {
        for action in effects.actions {
            self.asked += 1;
            (self.tell)(Told::Action(action));
        }
        let Some(open) = &mut self.open else { return true };
        for report in effects.write {
            if let Err(error) = open.port.write(&report) {
                tracing::warn!("the headset {} does not take a report: {error}", open.name);
                return false;
            }
        }
        true
    }

    /// It was opened and does not work: closed, and tried again later.
    fn broken(&mut self, now: Instant) {
        if let Some(open) = self.open.take() {
            let tries = self.refused.as_ref().filter(|before| before.name == open.name).map_or(2, |r| r.tries + 1);
            let again = now + AGAIN * tries.min(MOST_PATIENCE);
            self.refused = Some(Refused { name: open.name, why: NotOpened::Broken, tries, again });
        }
    }

    fn close(&mut self) {
        if let Some(mut open) = self.open.take() {
            for report in open.session.close() {
                // It may have gone already.
                let _ = open.port.write(&report);
            }
        }
    }

    fn tell_state(&mut self) {
        let problem = |refused: &Refused| match refused.why {
            NotOpened::NotAllowed => HeadsetProblem::NotAllowed,
            NotOpened::InUse => HeadsetProblem::InUse,
            NotOpened::Broken => HeadsetProblem::Broken,
        };
        let open = self.open.as_ref().map(|open| HeadsetState {
            name: open.name.clone(),
            muted: open.session.is_muted(),
            problem: None,
        });
        let refused = self.refused.as_ref().filter(|refused| refused.tries > 1);
        let state = open.or_else(|| {
            refused.map(|refused| HeadsetState {
                name: refused.name.clone(),
                muted: false,
                problem: Some(problem(refused)),
            })
        });
        if state != self.told {
            self.told.clone_from(&state);
            (self.tell)(Told::State(state));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::JoinHandle;

    use super::*;
    use crate::headset::bus::Found;

    /// Telephony, no ids: in hook (state), mute (press); out off-hook, ring, mute.
    const PLAIN: &[u8] = &[
        0x05, 0x0B, 0x09, 0x05, 0xA1, 0x01, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0x20, 0x81, 0x22,
        0x09, 0x2F, 0x81, 0x06, 0x95, 0x06, 0x81, 0x03, 0x05, 0x08, 0x95, 0x01, 0x09, 0x17, 0x91, 0x22, 0x09, 0x18,
        0x91, 0x22, 0x09, 0x09, 0x91, 0x22, 0x95, 0x05, 0x91, 0x03, 0xC0,
    ];
    const PATIENCE: Duration = Duration::from_secs(5);

    enum Script {
        Devices(Vec<(&'static str, Result<(), NotOpened>)>),
        Says(&'static [u8]),
        Unplugged,
        Deaf,
        Phone,
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Seen {
        Told(Told),
        Opened(String),
        Wrote(Vec<u8>),
    }

    struct Desk {
        script: Receiver<Script>,
        devices: BTreeMap<&'static str, Result<(), NotOpened>>,
        said: VecDeque<Option<&'static [u8]>>,
        seen: Sender<Seen>,
        deaf: std::rc::Rc<std::cell::Cell<bool>>,
    }

    struct Plug {
        said: Option<Option<&'static [u8]>>,
        seen: Sender<Seen>,
        deaf: std::rc::Rc<std::cell::Cell<bool>>,
    }

    impl Bus for Desk {
        type Port = Plug;

        fn list(&mut self) -> Vec<Found> {
            let found = |name: &&str| Found { place: (*name).into(), name: (*name).into(), descriptor: PLAIN.to_vec() };
            self.devices.keys().map(found).collect()
        }

        fn open(&mut self, found: &Found) -> Result<Plug, NotOpened> {
            self.devices[found.name.as_str()]?;
            self.seen.send(Seen::Opened(found.name.clone())).unwrap();
            Ok(Plug { said: None, seen: self.seen.clone(), deaf: self.deaf.clone() })
        }

        fn wait(&mut self, port: Option<&mut Plug>, at_most: Option<Duration>) -> Woken {
            let next = match at_most {
                Some(at_most) => self.script.recv_timeout(at_most).ok(),
                None => self.script.recv().ok(),
            };
            let mut woken = Woken::default();
            match next {
                Some(Script::Devices(devices)) => {
                    self.devices = devices.into_iter().collect();
                    woken.by_change = true;
                }
                Some(Script::Says(report)) => self.said.push_back(Some(report)),
                Some(Script::Unplugged) => {
                    self.devices.clear();
                    self.said.push_back(None);
                }
                Some(Script::Deaf) => self.deaf.set(true),
                Some(Script::Phone) | None => woken.by_phone = true,
            }
            if let (Some(said), Some(port)) = (self.said.pop_front(), port) {
                port.said = Some(said);
                woken.by_device = true;
            }
            woken
        }
    }

    impl Port for Plug {
        fn read(&mut self, report: &mut [u8]) -> io::Result<usize> {
            match self.said.take() {
                Some(Some(bytes)) => {
                    report[..bytes.len()].copy_from_slice(bytes);
                    Ok(bytes.len())
                }
                Some(None) => Err(io::ErrorKind::NotFound.into()),
                None => Ok(0),
            }
        }

        fn write(&mut self, report: &[u8]) -> io::Result<()> {
            if self.deaf.get() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.seen.send(Seen::Wrote(report.to_vec())).map_err(io::Error::other)
        }
    }

    /// A worker in its thread, and both its ends.
    struct Bench {
        script: Sender<Script>,
        seen: Receiver<Seen>,
        wishes: Option<watch::Sender<Wish>>,
        thread: Option<JoinHandle<()>>,
    }

    impl Bench {
        fn start(devices: Vec<(&'static str, Result<(), NotOpened>)>) -> Self {
            let (script, to_play) = channel();
            let (sees, seen) = channel();
            let (wishes, wished) = watch::channel(Wish::default());
            let thread = std::thread::spawn(move || {
                let bus = Desk {
                    script: to_play,
                    devices: devices.into_iter().collect(),
                    said: VecDeque::new(),
                    seen: sees.clone(),
                    deaf: std::rc::Rc::default(),
                };
                Worker::new(bus, wished, move |told| sees.send(Seen::Told(told)).unwrap()).run();
            });
            Self { script, seen, wishes: Some(wishes), thread: Some(thread) }
        }

        fn next(&self) -> Seen {
            self.seen.recv_timeout(PATIENCE).unwrap()
        }

        fn play(&self, script: Script) {
            self.script.send(script).unwrap();
        }

        fn wish(&self, change: impl FnOnce(&mut Wish)) {
            self.wishes.as_ref().unwrap().send_modify(change);
            self.play(Script::Phone);
        }

        fn opened(&self, name: &str) {
            assert_eq!(self.next(), Seen::Opened(name.into()));
            assert_eq!(self.next(), Seen::Wrote(vec![0, 0]));
            assert_eq!(self.next(), state(name, None));
        }

        /// The phone is gone; everything that was still done.
        fn end(mut self) -> Vec<Seen> {
            self.wishes = None;
            self.play(Script::Phone);
            self.thread.take().unwrap().join().unwrap();
            self.seen.try_iter().collect()
        }
    }

    fn state(name: &str, problem: Option<HeadsetProblem>) -> Seen {
        Seen::Told(Told::State(Some(HeadsetState { name: name.into(), muted: false, problem })))
    }

    #[test]
    fn it_comes_is_heard_and_goes() {
        let bench = Bench::start(Vec::new());
        bench.play(Script::Devices(vec![("Jabra", Ok(()))]));
        bench.opened("Jabra");
        bench.wish(|wish| wish.line.ringing = true);
        assert_eq!(bench.next(), Seen::Wrote(vec![0, 0b010]));
        bench.play(Script::Unplugged);
        assert_eq!(bench.next(), Seen::Told(Told::State(None)));
        bench.play(Script::Devices(vec![("Jabra", Ok(()))]));
        assert_eq!(bench.next(), Seen::Opened("Jabra".into()));
        assert_eq!(bench.next(), Seen::Wrote(vec![0, 0b010]), "it still rings");
        assert_eq!(bench.next(), state("Jabra", None));
        assert_eq!(bench.end(), [Seen::Wrote(vec![0, 0])], "nothing rings on after the phone");
    }

    #[test]
    fn a_mute_that_was_refused_is_taken_back() {
        let bench = Bench::start(vec![("Jabra", Ok(()))]);
        bench.opened("Jabra");
        bench.wish(|wish| wish.line.talking = true);
        assert_eq!(bench.next(), Seen::Wrote(vec![0, 0b001]));
        bench.play(Script::Says(&[0b11]));
        assert_eq!(bench.next(), Seen::Told(Told::Action(Action::Mute(true))));
        bench.wish(|wish| (wish.line.muted, wish.done) = (true, 1));
        assert_eq!(bench.next(), Seen::Wrote(vec![0, 0b101]));
        assert_eq!(
            bench.next(),
            Seen::Told(Told::State(Some(HeadsetState { name: "Jabra".into(), muted: true, problem: None })))
        );
        bench.end();
    }

    #[test]
    fn switched_off_it_is_closed() {
        let bench = Bench::start(vec![("Jabra", Ok(()))]);
        bench.opened("Jabra");
        bench.wish(|wish| wish.line.ringing = true);
        assert_eq!(bench.next(), Seen::Wrote(vec![0, 0b010]));
        bench.wish(|wish| wish.is_enabled = false);
        assert_eq!(bench.next(), Seen::Wrote(vec![0, 0]));
        assert_eq!(bench.next(), Seen::Told(Told::State(None)));
        bench.wish(|wish| wish.is_enabled = true);
        assert_eq!(bench.next(), Seen::Opened("Jabra".into()));
        bench.end();
    }

    #[test]
    fn the_chosen_sound_device_chooses_the_headset() {
        let bench = Bench::start(vec![("Jabra EVOLVE 20", Ok(())), ("Plantronics Blackwire", Ok(()))]);
        bench.opened("Jabra EVOLVE 20");
        bench.wish(|wish| wish.sounds = ["Blackwire Mono".to_owned()].into());
        bench.opened("Plantronics Blackwire");
        bench.end();
    }

    #[test]
    fn why_it_cannot_be_opened_is_told_when_it_stays_so() {
        for (why, problem) in [
            (NotOpened::NotAllowed, HeadsetProblem::NotAllowed),
            (NotOpened::InUse, HeadsetProblem::InUse),
            (NotOpened::Broken, HeadsetProblem::Broken),
        ] {
            let bench = Bench::start(vec![("Jabra", Err(why))]);
            // The second try is what tells.
            bench.play(Script::Devices(vec![("Jabra", Err(why))]));
            assert_eq!(bench.next(), state("Jabra", Some(problem)));
            bench.play(Script::Devices(vec![("Jabra", Ok(()))]));
            bench.opened("Jabra");
            bench.end();
        }
    }

    #[test]
    fn one_that_takes_no_report_is_broken() {
        let bench = Bench::start(vec![("Jabra", Ok(()))]);
        bench.opened("Jabra");
        bench.play(Script::Deaf);
        bench.wish(|wish| wish.line.ringing = true);
        assert_eq!(bench.next(), state("Jabra", Some(HeadsetProblem::Broken)));
        bench.end();
    }
}
