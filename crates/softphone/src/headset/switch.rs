//! One control with a state that both sides set: the hook, the mute. What is a press, and what only the echo of our lamp?

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::controls::Style;

/// A headset says within this what our lamp made of it; the figure of common ones is below 200 ms.
const ECHO: Duration = Duration::from_secs(1);
/// Who lets go within this has pressed a button, not moved a switch.
const PRESS: Duration = Duration::from_millis(700);
/// Writes that may be unanswered.
const MOST_ECHOES: usize = 4;

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Pressed: to the other state.
    Toggle,
    /// Put into this state.
    To(bool),
}

#[derive(Debug)]
pub(super) struct Switch {
    style: Style,
    /// A lamp of ours moves it.
    follows: bool,
    raw: bool,
    /// What the device thinks: what it said, or what we told it later.
    device: bool,
    pressed: Option<Press>,
    written: VecDeque<(bool, Instant)>,
}

#[derive(Debug, Clone, Copy)]
struct Press {
    at: Instant,
    had_effect: bool,
}

impl Switch {
    pub(super) fn new(style: Style, follows: bool) -> Self {
        Self { style, follows, raw: false, device: false, pressed: None, written: VecDeque::new() }
    }

    /// What the device thinks; `None` when it has no state.
    pub(super) fn state(&self) -> Option<bool> {
        matches!(self.style, Style::State | Style::Unsure).then_some(self.device)
    }

    /// Whether it thinks otherwise, and a lamp can tell it.
    pub(super) fn strays_from(&self, on: bool) -> bool {
        self.follows && self.state() == Some(!on)
    }

    /// We have written its lamp.
    pub(super) fn written(&mut self, on: bool, now: Instant) {
        if !self.follows {
            return;
        }
        self.device = on;
        if self.written.len() == MOST_ECHOES {
            self.written.pop_front();
        }
        self.written.push_back((on, now));
    }

    /// It has said this.
    pub(super) fn said(&mut self, value: i32, now: Instant) -> Option<Turn> {
        let on = value != 0;
        let before = std::mem::replace(&mut self.raw, on);
        match self.style {
            Style::Press => (on && !before).then_some(Turn::Toggle),
            Style::Steps => on.then_some(Turn::To(value > 0)),
            Style::State => self.moved(on, now),
            Style::Unsure => self.unsure(before, on, now),
        }
    }

    fn moved(&mut self, on: bool, now: Instant) -> Option<Turn> {
        if on == self.device || self.is_late_echo(on, now) {
            return None;
        }
        self.device = on;
        // A state that we cannot set is soon another than ours: then each move is a press.
        Some(if self.follows { Turn::To(on) } else { Turn::Toggle })
    }

    /// The echo of a write that another has overtaken: a call ended, the next was answered at once, and only now the
    /// headset says that it hung up. Taken for a press, it would hang up the new one.
    fn is_late_echo(&mut self, on: bool, now: Instant) -> bool {
        self.written.retain(|(_, at)| now.saturating_duration_since(*at) < ECHO);
        let overtaken = self.written.len().saturating_sub(1);
        let Some(echoed) = self.written.iter().take(overtaken).position(|(value, _)| *value == on) else {
            return false;
        };
        self.written.drain(..=echoed);
        true
    }

    /// Declared as a button, used by many for a switch. Whoever answers by a button lets it go in the next moment, which
    /// must not hang up; so a quick release shows that it is a button.
    fn unsure(&mut self, before: bool, on: bool, now: Instant) -> Option<Turn> {
        if on && !before {
            let turn = self.moved(true, now);
            self.pressed = Some(Press { at: now, had_effect: turn.is_some() });
            return turn;
        }
        let quick = self.pressed.take().filter(|press| now.saturating_duration_since(press.at) < PRESS);
        if let Some(press) = quick.filter(|_| before && !on) {
            self.style = Style::Press;
            return (!press.had_effect).then_some(Turn::Toggle);
        }
        self.moved(on, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        switch: Switch,
        start: Instant,
    }

    impl Bench {
        fn new(style: Style, follows: bool) -> Self {
            Self { switch: Switch::new(style, follows), start: Instant::now() }
        }
        fn said(&mut self, at_ms: u64, value: i32) -> Option<Turn> {
            self.switch.said(value, self.start + Duration::from_millis(at_ms))
        }
        fn written(&mut self, at_ms: u64, on: bool) {
            self.switch.written(on, self.start + Duration::from_millis(at_ms));
        }
    }

    #[test]
    fn an_echo_is_no_press() {
        let mut hook = Bench::new(Style::State, true);
        hook.written(0, true);
        assert_eq!(hook.said(50, 1), None);
        assert_eq!(hook.said(5_000, 0), Some(Turn::To(false)));
        // One that does not echo is where we told it to be all the same.
        hook.written(6_000, true);
        assert_eq!(hook.said(9_000, 0), Some(Turn::To(false)));
    }

    #[test]
    fn a_late_echo_is_no_press_and_a_later_press_is_one() {
        let mut hook = Bench::new(Style::State, true);
        hook.written(0, true);
        hook.written(10_000, false);
        hook.written(10_200, true);
        assert_eq!(hook.said(10_300, 0), None, "the echo of the end before");
        assert_eq!(hook.said(10_400, 1), None);
        assert_eq!(hook.said(12_000, 0), Some(Turn::To(false)));
    }

    #[test]
    fn an_old_write_hides_no_press() {
        let mut hook = Bench::new(Style::State, true);
        hook.written(0, false);
        hook.written(200, true);
        assert_eq!(hook.said(1_500, 0), Some(Turn::To(false)));
    }

    #[test]
    fn a_button_in_disguise_is_found_out() {
        let mut hook = Bench::new(Style::Unsure, true);
        assert_eq!(hook.said(0, 1), Some(Turn::To(true)));
        hook.written(20, true);
        assert_eq!(hook.said(180, 0), None, "let go, not hung up");
        assert_eq!(hook.said(60_000, 1), Some(Turn::Toggle));
        assert_eq!(hook.said(60_100, 0), None);
        // Found out by a press that said nothing new: it counts when it is let go.
        let mut hook = Bench::new(Style::Unsure, true);
        hook.written(0, true);
        assert_eq!(hook.said(9_000, 1), None);
        assert_eq!(hook.said(9_150, 0), Some(Turn::Toggle));
    }

    #[test]
    fn a_switch_in_disguise_stays_a_switch() {
        let mut hook = Bench::new(Style::Unsure, true);
        assert_eq!(hook.said(0, 1), Some(Turn::To(true)));
        hook.written(20, true);
        assert_eq!(hook.said(30_000, 0), Some(Turn::To(false)));
        hook.written(30_020, false);
        assert_eq!(hook.said(90_000, 1), Some(Turn::To(true)));
    }

    #[test]
    fn without_a_lamp_each_move_is_a_press() {
        let mut hook = Bench::new(Style::State, false);
        hook.written(0, true);
        assert_eq!(hook.said(10, 1), Some(Turn::Toggle));
        assert_eq!(hook.said(20, 1), None);
        assert_eq!(hook.said(30, 0), Some(Turn::Toggle));
    }

    #[test]
    fn steps_and_presses() {
        let mut mute = Bench::new(Style::Steps, true);
        assert_eq!([1, 0, -1].map(|value| mute.said(0, value)), [Some(Turn::To(true)), None, Some(Turn::To(false))]);
        let mut mute = Bench::new(Style::Press, true);
        assert_eq!([1, 1, 0, 1].map(|value| mute.said(0, value)), [Some(Turn::Toggle), None, None, Some(Turn::Toggle)]);
    }
}
