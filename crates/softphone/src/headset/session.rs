//! An opened headset: what its buttons mean while the phone is so, and what its lamps must show. Pure: reports and the
//! phone's state come in with the time, actions and reports go out.
//!
//! - The hook lamp is lit while any call is there, on hold too: some headsets answer a dark lamp with "on the hook", which
//!   would end the call that was to be held.
//! - Ringing is shown only while no call runs, so that a press in a call always means that call. A second call is taken at
//!   the screen.
//! - Mute has one truth, the call's. A headset that keeps a state is told; one that was muted before a call makes the call
//!   begin muted, because nobody would be heard anyway.

use std::time::{Duration, Instant};

use super::controls::{Button, Controls, Lamp, Lit, Style};
use super::switch::{Switch, Turn};

/// Nobody means what began this short ago: a press as the caller hangs up must not answer the next.
const SETTLE: Duration = Duration::from_millis(300);
/// As with the key on the screen: who presses twice to answer does not mean to hang up.
const ANSWERED: Duration = Duration::from_secs(1);
/// A pulse of the mute button this soon after our lamp is the headset's own doing.
const MUTE_ECHO: Duration = Duration::from_millis(200);

/// What the phone does, as far as a headset shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line {
    /// A call waits for an answer.
    pub ringing: bool,
    /// A call runs, or is being made.
    pub talking: bool,
    /// A call is on hold.
    pub held: bool,
    /// The microphone is off for the call that runs, or for the one on hold.
    pub muted: bool,
    /// A test of sound runs.
    pub testing: bool,
}

impl Line {
    fn has_call(self) -> bool {
        self.talking || self.held
    }

    fn lit(self) -> Lit {
        Lit {
            off_hook: self.has_call(),
            ring: self.ringing && !self.talking,
            mute: self.muted && self.has_call(),
            hold: self.held && !self.talking,
        }
    }

    /// Whether a press means something else than before.
    fn is_alike(self, other: Self) -> bool {
        (self.ringing, self.talking, self.held) == (other.ringing, other.talking, other.held)
    }
}

/// What a button asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Answer the call that rings longest.
    Answer,
    /// End the call that runs.
    HangUp,
    /// Refuse the call that rings longest.
    Refuse,
    /// Microphone off or on for the call that runs.
    Mute(bool),
    /// End the test of sound.
    StopTest,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// For the phone, in order.
    pub actions: Vec<Action>,
    /// For the device, in order.
    pub write: Vec<Vec<u8>>,
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    controls: Controls,
    line: Line,
    changed: Instant,
    /// When the call that runs began to.
    began: Instant,
    hook: Switch,
    mute: Switch,
    /// What each button without a state said last.
    down: Vec<Button>,
    /// Reports as last written.
    shown: Vec<Vec<u8>>,
    /// Asked of the phone, not done yet.
    mute_wanted: Option<bool>,
    /// When the lamp of mute last changed without the headset.
    mute_lamp: Option<Instant>,
}

impl Session {
    /// A headset was opened; its lamps are set, whatever they were.
    #[must_use]
    pub fn open(controls: Controls, line: Line, now: Instant) -> (Self, Effects) {
        let style = |button| controls.buttons.iter().find(|c| c.what == button).map_or(Style::Press, |c| c.style);
        let hook = Switch::new(style(Button::Hook), controls.has(Lamp::OffHook) || controls.has(Lamp::OnLine));
        let mute = Switch::new(style(Button::Mute), controls.has(Lamp::Mute) || controls.has(Lamp::Microphone));
        let mut session = Self {
            controls,
            line,
            changed: now,
            began: now,
            hook,
            mute,
            down: Vec::new(),
            shown: Vec::new(),
            mute_wanted: None,
            mute_lamp: None,
        };
        let mut effects = Effects::default();
        session.show(&mut effects);
        if line.has_call() {
            session.hook.written(true, now);
            session.mute.written(line.muted, now);
        }
        (session, effects)
    }

    /// The phone has changed. `is_settled`: all that the headset asked for is done or was refused, so where it differs from
    /// the phone it is told again.
    pub fn phone(&mut self, line: Line, is_settled: bool, now: Instant) -> Effects {
        let mut effects = Effects::default();
        let before = std::mem::replace(&mut self.line, line);
        if !line.is_alike(before) {
            self.changed = now;
        }
        if line.talking && !before.talking {
            self.began = now;
        }
        let (was, lit) = (before.lit(), line.lit());
        let by_headset = self.mute_wanted.is_some();
        if is_settled || self.mute_wanted == Some(line.muted) {
            self.mute_wanted = None;
        }
        let begins = lit.off_hook && !was.off_hook;
        if begins && self.mute.state() == Some(true) && !line.muted {
            self.want_mute(true, &mut effects);
        }
        if lit.off_hook != was.off_hook {
            self.hook.written(lit.off_hook, now);
        }
        if lit.mute != was.mute {
            self.mute.written(lit.mute, now);
            if !by_headset {
                self.mute_lamp = Some(now);
            }
        }
        self.show(&mut effects);
        if is_settled && effects.actions.is_empty() {
            self.agree(&mut effects, now);
        }
        effects
    }

    /// The device has sent these bytes: one report, or several behind each other.
    pub fn device(&mut self, bytes: &[u8], now: Instant) -> Effects {
        let mut effects = Effects::default();
        let mut rest = bytes;
        while let Some(said) = self.controls.pressed(rest) {
            for (button, value) in said.values {
                self.said(button, value, now, &mut effects);
            }
            rest = said.rest;
        }
        effects
    }

    /// What makes all lamps dark, before the device is closed.
    #[must_use]
    pub fn close(&self) -> Vec<Vec<u8>> {
        let dark = self.controls.reports(Lit::default());
        dark.into_iter().filter(|report| !self.shown.contains(report)).collect()
    }

    /// Whether the headset itself is muted, as far as it says.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.mute.state().unwrap_or_else(|| self.line.lit().mute)
    }

    fn said(&mut self, button: Button, value: i32, now: Instant, effects: &mut Effects) {
        match button {
            Button::Hook => {
                if let Some(turn) = self.hook.said(value, now) {
                    self.hook_turned(turn, now, effects);
                }
            }
            Button::Mute => {
                if let Some(turn) = self.mute.said(value, now) {
                    self.mute_turned(turn, now, effects);
                }
            }
            Button::Drop | Button::Refuse | Button::Flash | Button::Redial | Button::LineBusy => {
                let was_down = self.down.contains(&button);
                self.down.retain(|down| *down != button);
                if value != 0 {
                    self.down.push(button);
                    if !was_down && !self.is_too_soon(now) {
                        effects.actions.extend(self.meant_by(button));
                    }
                }
            }
        }
    }

    fn meant_by(&self, button: Button) -> Option<Action> {
        match button {
            Button::Drop if self.line.talking => Some(Action::HangUp),
            Button::Drop | Button::Refuse if self.line.ringing => Some(Action::Refuse),
            _ => None,
        }
    }

    fn is_too_soon(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.changed) < SETTLE
            || self.line.talking && now.saturating_duration_since(self.began) < ANSWERED
    }

    fn hook_turned(&mut self, turn: Turn, now: Instant, effects: &mut Effects) {
        let line = self.line;
        let action = if self.is_too_soon(now) {
            None
        } else if line.talking {
            (turn != Turn::To(true)).then_some(Action::HangUp)
        } else if line.ringing {
            // On the hook is an answer only where a call on hold keeps the headset off it.
            (turn != Turn::To(false) || line.held).then_some(Action::Answer)
        } else {
            // Never ends a call on hold: who waits there must not be lost by a slip of the thumb.
            (line.testing && !line.held).then_some(Action::StopTest)
        };
        match action {
            Some(action) => effects.actions.push(action),
            None => self.agree(effects, now),
        }
    }

    fn mute_turned(&mut self, turn: Turn, now: Instant, effects: &mut Effects) {
        if !self.line.talking {
            return;
        }
        let muted = self.mute_wanted.unwrap_or(self.line.muted);
        let wanted = match turn {
            Turn::To(on) => on,
            Turn::Toggle => {
                let lamp = self.mute_lamp.take();
                if lamp.is_some_and(|at| now.saturating_duration_since(at) < MUTE_ECHO) {
                    return;
                }
                !muted
            }
        };
        if wanted != muted {
            self.want_mute(wanted, effects);
        }
    }

    fn want_mute(&mut self, muted: bool, effects: &mut Effects) {
        self.mute_wanted = Some(muted);
        effects.actions.push(Action::Mute(muted));
    }

    /// Writes what has changed.
    fn show(&mut self, effects: &mut Effects) {
        let reports = self.controls.reports(self.line.lit());
        effects.write.extend(reports.iter().filter(|report| !self.shown.contains(report)).cloned());
        self.shown = reports;
    }

    /// Tells the headset again, where it thinks otherwise.
    fn agree(&mut self, effects: &mut Effects, now: Instant) {
        let lit = self.line.lit();
        let hook_differs = self.hook.strays_from(lit.off_hook);
        // Between calls its mute is its own.
        let mute_differs = lit.off_hook && self.mute.strays_from(lit.mute);
        if hook_differs {
            self.hook.written(lit.off_hook, now);
        }
        if mute_differs {
            self.mute.written(lit.mute, now);
        }
        for report in self.shown.iter().filter(|_| hook_differs || mute_differs) {
            if !effects.write.contains(report) {
                effects.write.push(report.clone());
            }
        }
    }
}
