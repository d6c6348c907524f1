//! Calls that cross from one PBX to another. The dialled channel on the first and the calling channel on the second are one leg
//! between them; where no header and no Call-ID say so, numbers and time do, and the join is marked as probable.

use super::{Assembly, Channel, LINGER_MS, PbxIx};
use crate::call::{Directory, JoinReason, Who};
use crate::note::{ChannelIx, What};

/// Between the dial on one PBX and the new channel on the other, with what the clocks may be apart. A header and a Call-ID have come
/// by then too, so that nothing is decided before.
const WITHIN_MS: i64 = 3_000;

/// A channel between two PBXs whose other end is not known yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loose {
    ix: ChannelIx,
    pbx: PbxIx,
    began: i64,
    /// As far as is known by now: before 12 it is said a moment after the begin.
    calls_in: bool,
}

impl Assembly {
    /// Finds the two ends of calls between PBXs among the channels that are new since the last time.
    pub(super) fn join_across(&mut self, now_ms: i64, directory: &dyn Directory) {
        for ix in std::mem::take(&mut self.fresh) {
            let Some(channel) = self.channel(ix).filter(|channel| !channel.settled) else { continue };
            if directory.who(channel.pbx, channel.endpoint()) != Who::OtherPbx {
                continue;
            }
            if channel.calls_in().is_none() {
                continue;
            }
            let began = channel.notes.first().map_or(0, |note| note.at);
            self.loose.push(Loose { ix, pbx: channel.pbx, began, calls_in: false });
        }
        if self.loose.is_empty() {
            return;
        }
        let known = |end: &Loose| self.channels.contains_key(&end.ix);
        let mut loose: Vec<Loose> = std::mem::take(&mut self.loose).into_iter().filter(known).collect();
        for end in &mut loose {
            end.calls_in = self.channel(end.ix).and_then(Channel::calls_in) == Some(true);
        }
        // Whose time is over, and who is gone and about to be told.
        let told = |channel: &Channel| channel.gone && channel.last_at() + LINGER_MS <= now_ms;
        let due = |end: &&Loose| end.began + WITHIN_MS < now_ms || self.channel(end.ix).is_some_and(told);
        let due: Vec<Loose> = loose.iter().filter(due).copied().collect();
        let mut pairs: Vec<(Loose, Loose)> = Vec::new();
        for end in &due {
            // Only where each is the only one for the other: two that fit equally well are left apart, and can be joined by a person.
            let [other] = self.others(end, &loose)[..] else { continue };
            let [back] = self.others(&other, &loose)[..] else { continue };
            if back.ix == end.ix {
                pairs.push(if end.calls_in { (other, *end) } else { (*end, other) });
            }
        }
        let settled = due.iter().chain(pairs.iter().flat_map(|(out, other)| [out, other]));
        for ix in settled.map(|end| end.ix).collect::<Vec<_>>() {
            self.settle(ix);
        }
        self.loose = loose.into_iter().filter(|end| self.channel(end.ix).is_some_and(|end| !end.settled)).collect();
        for (out, other) in pairs {
            self.join(out.ix, other.ix, JoinReason::NumberAndTime, other.began);
        }
    }

    /// It is decided which is the other end of this channel, or that there is none.
    pub(super) fn settle(&mut self, ix: ChannelIx) {
        if let Some(channel) = self.channels.get_mut(&ix)
            && !std::mem::replace(&mut channel.settled, true)
        {
            self.journal.settled(ix);
        }
    }

    /// Ends that may be the other one of this.
    fn others(&self, end: &Loose, loose: &[Loose]) -> Vec<Loose> {
        let fits = |other: &&Loose| {
            let (out, other) = if end.calls_in { (**other, *end) } else { (*end, **other) };
            !out.calls_in
                && other.calls_in
                && other.pbx != out.pbx
                && (other.began - out.began).abs() <= WITHIN_MS
                && self.fits(out.ix, other.ix)
        };
        loose.iter().filter(fits).copied().collect()
    }

    /// Whether the number that one dialled is where the other arrived, the callers are the same, and nothing says that they are
    /// different calls.
    fn fits(&self, out: ChannelIx, other: ChannelIx) -> bool {
        let (Some(out_channel), Some(in_channel)) = (self.channel(out), self.channel(other)) else { return false };
        if out_channel.group == in_channel.group || self.differ(out_channel, in_channel) {
            return false;
        }
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
        let is_number = |number: &&str| number.chars().any(|c| c.is_ascii_digit());
        let shown = out_channel.notes.iter().rev().find_map(|note| match &note.what {
            What::ConnectedTo { number, .. } => number.as_deref().filter(is_number),
            _ => None,
        });
        let caller = in_channel.notes.iter().find_map(|note| match &note.what {
            What::Caller { number, .. } => number.as_deref().filter(is_number),
            _ => None,
        });
        dialled
            && match (shown, caller) {
                (Some(shown), Some(caller)) => same_digits(shown, caller),
                // A line may hide the caller's number; it does not make one up.
                (_, None) => true,
                (None, Some(_)) => false,
            }
    }

    /// Whether both have a header or a Call-ID, and not the same: then they are different calls for certain.
    fn differ(&self, one: &Channel, two: &Channel) -> bool {
        let keys = |channel: &Channel, reason: JoinReason| -> Vec<Box<str>> {
            // The header names the whole call, a Call-ID only its own dialog.
            let group = self.groups.get(channel.group).filter(|_| reason == JoinReason::CallHeader);
            let channels = group.into_iter().flat_map(|group| &group.channels).filter_map(|ix| self.channel(*ix));
            let keys = channels.chain([channel]).flat_map(|channel| &channel.keys);
            keys.filter(|(of, _)| *of == reason).map(|(_, value)| value.clone()).collect()
        };
        [JoinReason::CallHeader, JoinReason::SipCallId].into_iter().any(|reason| {
            let (one, two) = (keys(one, reason), keys(two, reason));
            !one.is_empty() && !two.is_empty() && !one.iter().any(|value| two.contains(value))
        })
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
