//! Calls that cross from one PBX to another. The dialled channel on the first and the calling channel on the second are one leg
//! between them; where no header and no Call-ID say so, numbers and time do, and the join is marked as probable.

use super::{Assembly, PbxIx};
use crate::call::{Directory, JoinReason, Who};
use crate::note::{ChannelIx, What};

/// Between the dial on one PBX and the new channel on the other, with what the clocks may be apart.
const WITHIN_MS: i64 = 3_000;

/// A channel between two PBXs whose other end is not known yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loose {
    ix: ChannelIx,
    pbx: PbxIx,
    began: i64,
    calls_in: bool,
}

impl Assembly {
    /// Finds the two ends of calls between PBXs among the channels that are new since the last time.
    pub(super) fn join_across(&mut self, directory: &dyn Directory) {
        for ix in std::mem::take(&mut self.fresh) {
            let Some(channel) = self.channel(ix) else { continue };
            if directory.who(channel.pbx, channel.endpoint()) != Who::OtherPbx {
                continue;
            }
            let calls_in = channel.notes.iter().any(|note| note.what == What::Born { calls_in: true });
            let began = channel.notes.first().map_or(0, |note| note.at);
            self.loose.push(Loose { ix, pbx: channel.pbx, began, calls_in });
        }
        if self.loose.is_empty() {
            return;
        }
        let loose = std::mem::take(&mut self.loose);
        let latest = loose.iter().map(|end| end.began).max().unwrap_or_default();
        let mut taken: Vec<ChannelIx> = Vec::new();
        for out in loose.iter().filter(|end| !end.calls_in) {
            let fits = |other: &&Loose| {
                other.calls_in
                    && other.pbx != out.pbx
                    && (other.began - out.began).abs() <= WITHIN_MS
                    && !taken.contains(&other.ix)
                    && self.fits(out.ix, other.ix)
            };
            let best = loose.iter().filter(fits).min_by_key(|other| ((other.began - out.began).abs(), other.ix));
            if let Some(other) = best.copied() {
                taken.extend([out.ix, other.ix]);
                self.join(out.ix, other.ix, JoinReason::NumberAndTime, other.began);
            }
        }
        // What found nobody in time never will.
        let open = |end: &Loose| {
            !taken.contains(&end.ix) && end.began + WITHIN_MS >= latest && self.channels.contains_key(&end.ix)
        };
        self.loose = loose.into_iter().filter(open).collect();
    }

    /// Whether the number that one dialled is where the other arrived, and the callers are the same.
    fn fits(&self, out: ChannelIx, other: ChannelIx) -> bool {
        let (Some(out_channel), Some(in_channel)) = (self.channel(out), self.channel(other)) else { return false };
        let arrived = in_channel.notes.iter().find_map(|note| match &note.what {
            What::At { exten, .. } => Some(&**exten),
            _ => None,
        });
        let Some(arrived) = arrived.filter(|exten| exten.len() > 1) else { return false };
        let Some(group) = self.groups.get(out_channel.group) else { return false };
        let mut dialled = group.channels.iter().filter_map(|ix| self.channel(*ix)).flat_map(|channel| &channel.notes);
        let dialled = dialled.any(|note| match &note.what {
            What::Dials { dest, dialled } => *dest == out && names(dialled, arrived),
            What::Offered { dest, interface, .. } => *dest == out && names(interface, arrived),
            _ => false,
        });
        let shown = out_channel.notes.iter().rev().find_map(|note| match &note.what {
            What::ConnectedTo { number, .. } => number.as_deref(),
            _ => None,
        });
        let caller = in_channel.notes.iter().find_map(|note| match &note.what {
            What::Caller { number, .. } => number.as_deref(),
            _ => None,
        });
        dialled && shown.zip(caller).is_none_or(|(shown, caller)| same_digits(shown, caller))
    }
}

/// Whether a number stands in a dial string such as `PJSIP/28101@station` or `station/sip:28101@10.0.0.2`.
fn names(dialled: &str, number: &str) -> bool {
    dialled.split(|c: char| !(c.is_alphanumeric() || c == '+' || c == '*' || c == '#')).any(|part| part == number)
}

/// Two PBXs write a number in their own ways; the last seven digits are the subscriber's.
fn same_digits(one: &str, two: &str) -> bool {
    let tail = |number: &str| {
        let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
        digits[digits.len().saturating_sub(7)..].to_vec()
    };
    tail(one) == tail(two)
}

#[cfg(test)]
mod tests {
    use super::{names, same_digits};

    #[test]
    fn a_number_is_found_as_a_whole() {
        assert!(names("PJSIP/28101@station", "28101"));
        assert!(names("station/sip:+74951234567@10.0.0.2", "+74951234567"));
        assert!(!names("PJSIP/281011@station", "28101"));
    }

    #[test]
    fn the_last_seven_digits_count() {
        assert!(same_digits("+7 495 123-45-67", "84951234567"));
        assert!(same_digits("101", "101"));
        assert!(!same_digits("101", "1101"));
    }
}
