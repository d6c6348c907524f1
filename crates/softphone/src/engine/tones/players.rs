//! The players that are open, and the devices they play on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use softphone_api::DeviceChoice;

use super::super::Loop;
use super::super::phone::{PlayerId, Playing, Sounding};
use super::super::sound::is_exclusive;

/// A device is closed within one of its buffers; one that hangs is not waited for.
const CLOSES_WITHIN: Duration = Duration::from_millis(300);

/// A sound server may take its time with one, while the next call rings already.
const MOST_CLOSING: usize = 2;

/// A device that has not opened by then counts as failed, though it may still; Bluetooth takes two seconds.
const OPENS_WITHIN: Duration = Duration::from_secs(4);

/// What a player is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Ring,
    Test,
    /// A line that refuses.
    Line,
}

#[derive(Debug)]
struct Player {
    purpose: Purpose,
    device: String,
    stopped: bool,
    /// Until when it must have opened; none: it has.
    opens_until: Option<Instant>,
}

/// A device that plays, as it is known now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) index: i32,
    pub(super) name: String,
}

#[derive(Debug, Default)]
pub(super) struct Players(BTreeMap<PlayerId, Player>);

impl Players {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.values().filter(|p| !p.stopped).filter_map(|p| p.opens_until).min()
    }

    /// Those that were not stopped.
    pub(super) fn of(&self, purpose: Purpose) -> impl Iterator<Item = (PlayerId, &str)> {
        let of = self.0.iter().filter(move |(_, p)| p.purpose == purpose && !p.stopped);
        of.map(|(id, p)| (*id, p.device.as_str()))
    }

    /// Whether it plays there, or cannot be begun there: a card is still held by the last player, or players hang in it.
    pub(super) fn is_on(&self, purpose: Purpose, device: &str) -> bool {
        let there = self.0.values().filter(|p| p.purpose == purpose && p.device == device);
        let closing = there.clone().filter(|p| p.stopped).count();
        there.clone().any(|p| !p.stopped) || closing >= if is_exclusive(device) { 1 } else { MOST_CLOSING }
    }
}

impl Loop {
    pub(super) fn output(&self, choice: &DeviceChoice) -> Option<Output> {
        self.sound.resolve(choice, false).map(|d| Output { index: d.index, name: d.name.clone() })
    }

    /// Returns at once; false when not even that could be begun.
    pub(super) fn play_on(&mut self, output: &Output, purpose: Purpose, sounding: Sounding<'_>) -> bool {
        match self.phone.play(output.index, sounding) {
            Ok(id) => {
                let opens_until = Some(Instant::now() + OPENS_WITHIN);
                let player = Player { purpose, device: output.name.clone(), stopped: false, opens_until };
                self.tones.players.0.insert(id, player);
                true
            }
            Err(e) => {
                tracing::warn!(device = output.name, "playing: {e}");
                false
            }
        }
    }

    pub(super) fn stop_players(&mut self, mut which: impl FnMut(Purpose, &str) -> bool) {
        for (id, player) in &mut self.tones.players.0 {
            if !player.stopped && which(player.purpose, &player.device) {
                player.stopped = true;
                tracing::debug!(device = player.device, purpose = ?player.purpose, "a player is stopped");
                self.phone.stop_player(*id);
            }
        }
    }

    /// A call's device is about to be opened: whatever plays on a card that only one can open is closed first.
    pub(in super::super) fn free_exclusive_devices(&mut self) {
        self.stop_players(|_, device| is_exclusive(device));
        for (id, player) in self.tones.players.0.iter().filter(|(_, p)| is_exclusive(&p.device)) {
            if !self.phone.await_player(*id, CLOSES_WITHIN) {
                tracing::warn!(device = player.device, "a sound device does not close");
            }
        }
    }

    /// A sound server that hangs tells nobody.
    pub(super) fn give_up_players(&mut self, now: Instant) {
        let is_late = |p: &Player| !p.stopped && p.opens_until.is_some_and(|until| until <= now);
        let late: Vec<PlayerId> = self.tones.players.0.iter().filter(|(_, p)| is_late(p)).map(|(id, _)| *id).collect();
        for id in late {
            self.phone.stop_player(id);
            self.player_failed(id, "it does not open: its sound server does not answer");
        }
    }

    fn player_failed(&mut self, id: PlayerId, why: &str) {
        let Some(player) = self.tones.players.0.get_mut(&id) else { return };
        // What is stopped while it opens may fail, and harms nobody.
        if std::mem::replace(&mut player.stopped, true) {
            return;
        }
        let (purpose, device) = (player.purpose, player.device.clone());
        tracing::warn!(device, ?purpose, "a sound device does not play: {why}");
        match purpose {
            Purpose::Ring => self.does_not_ring_on(&device, why),
            Purpose::Test => self.test_failed(&device, why),
            Purpose::Line => {}
        }
    }

    pub(in super::super) fn player_told(&mut self, id: PlayerId, playing: Playing) {
        let Some(player) = self.tones.players.0.get_mut(&id) else { return };
        let (purpose, device) = (player.purpose, player.device.clone());
        match playing {
            // It was given up, and opens too late.
            Playing::Heard if player.stopped => {}
            Playing::Heard => {
                player.opens_until = None;
                tracing::debug!(device, ?purpose, "a player is heard");
                if purpose == Purpose::Ring {
                    self.rings_on(&device);
                }
            }
            Playing::Failed(why) => self.player_failed(id, &why),
            Playing::Ended => {
                tracing::debug!(device, ?purpose, "a player is closed");
                self.tones.players.0.remove(&id);
                self.phone.forget_player(id);
            }
        }
    }
}
