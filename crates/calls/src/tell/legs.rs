//! The channels of a call in an order of their own, and who is behind each.

use rustc_hash::FxHashMap;

use super::JITTER_MS;
use crate::assembly::{Assembly, Channel, Group, PbxIx};
use crate::call::{Directory, Party, PartyIx, Who};
use crate::note::{ChannelIx, Note, What};

/// Local channels may be chained (queue → follow-me → phone); more than this is a loop.
const MAX_HOPS: usize = 8;

/// What happens at once at two PBXs may be told to be so far apart.
const APART_MS: i64 = 500;

/// What is compared of an end of a leg between PBXs; there may be thousands.
struct End<'a> {
    leg: usize,
    pbx: PbxIx,
    began: i64,
    call_id: Option<&'a str>,
}

/// Channels that are no people: parts of Asterisk itself.
const TECHNICAL: [&str; 13] = [
    "Local/",
    "CBAnn/",
    "CBRec/",
    "Announcer/",
    "Recorder/",
    "Bridge/",
    "Surrogate/",
    "Snoop/",
    "Message/",
    "AsyncGoto/",
    "Parked/",
    "Transfered/",
    "MulticastRTP/",
];

/// A channel of the call.
pub(super) struct Leg<'a> {
    pub(super) ix: ChannelIx,
    pub(super) channel: &'a Channel,
    /// Name at the begin: a masquerade renames.
    pub(super) endpoint: &'a str,
    pub(super) party: Option<PartyIx>,
    /// Who dialled it.
    pub(super) dialled_by: Option<usize>,
    /// Whom it dialled, and when.
    dials: Vec<(i64, usize)>,
    /// The other half of a Local channel.
    pub(super) half: Option<usize>,
}

/// All of them.
pub(super) struct Legs<'a> {
    legs: Vec<Leg<'a>>,
    of: FxHashMap<ChannelIx, usize>,
    /// Who took the call that rang at a channel.
    pickers: FxHashMap<usize, usize>,
    pub(super) parties: Vec<Party>,
}

impl<'a> Legs<'a> {
    pub(super) fn of(assembly: &'a Assembly, group: &'a Group, directory: &dyn Directory) -> Option<Self> {
        let mut channels: Vec<(ChannelIx, &Channel)> =
            group.channels.iter().filter_map(|ix| Some((*ix, assembly.channel(*ix)?))).collect();
        // PBXs in the order in which they came in, then Asterisk's own order.
        let mut first: FxHashMap<u32, i64> = FxHashMap::default();
        for (_, channel) in &channels {
            let began = first.entry(channel.pbx.0).or_insert(i64::MAX);
            *began = (*began).min(began_of(channel));
        }
        channels.sort_by_cached_key(|(_, channel)| {
            let of_pbx = first.get(&channel.pbx.0).copied().unwrap_or_default();
            (of_pbx, channel.pbx.0, order(&channel.uniqueid), channel.uniqueid.clone())
        });
        let legs: Vec<Leg<'_>> = channels
            .into_iter()
            .map(|(ix, channel)| Leg {
                ix,
                channel,
                endpoint: channel.endpoint(),
                party: None,
                dialled_by: None,
                dials: Vec::new(),
                half: None,
            })
            .collect();
        let of = legs.iter().enumerate().map(|(at, leg)| (leg.ix, at)).collect();
        let mut legs = Self { legs, of, pickers: FxHashMap::default(), parties: Vec::new() };
        legs.relate(assembly, directory);
        legs.gather(directory);
        (!legs.parties.is_empty()).then_some(legs)
    }

    fn relate(&mut self, assembly: &Assembly, directory: &dyn Directory) {
        for at in 0..self.legs.len() {
            for note in self.notes(at) {
                if let What::PicksUp { target } = note.what
                    && let Some(target) = self.of.get(&target)
                {
                    self.pickers.entry(*target).or_insert(at);
                }
            }
            let half = assembly.other_half(self.legs[at].ix).and_then(|half| self.of.get(&half).copied());
            self.legs[at].half = half;
            let dials: Vec<(i64, usize)> = self
                .notes(at)
                .iter()
                .filter_map(|note| match note.what {
                    What::Dials { dest, .. } | What::Offered { dest, .. } => {
                        Some((note.at, self.of.get(&dest).copied()?))
                    }
                    _ => None,
                })
                .collect();
            for (_, dest) in &dials {
                self.legs[*dest].dialled_by.get_or_insert(at);
            }
            self.legs[at].dials = dials;
        }
        self.pair(directory);
    }

    fn end(&self, leg: usize) -> End<'a> {
        let call_id = self.notes(leg).iter().find_map(|note| match &note.what {
            What::SipCallId(id) => Some(&**id),
            _ => None,
        });
        End { leg, pbx: self.legs[leg].channel.pbx, began: self.began(leg), call_id }
    }

    /// The two ends of a leg between PBXs are like the two halves of a Local channel: one was dialled, the other dials on.
    fn pair(&mut self, directory: &dyn Directory) {
        let between = |leg: &Leg<'_>| directory.who(leg.channel.pbx, leg.endpoint) == Who::OtherPbx;
        let ends: Vec<usize> = (0..self.legs.len()).filter(|at| between(&self.legs[*at])).collect();
        let (ins, outs): (Vec<usize>, Vec<usize>) = ends.into_iter().partition(|at| self.calls_in(*at));
        let mut free: Vec<End<'_>> = ins.into_iter().map(|at| self.end(at)).collect();
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for out in outs.into_iter().map(|at| self.end(at)) {
            let fits = |(_, other): &(usize, &End<'_>)| {
                other.pbx != out.pbx && out.call_id.zip(other.call_id).is_none_or(|(one, two)| one == two)
            };
            let nearest = free.iter().enumerate().filter(fits).min_by_key(|(_, other)| (other.began - out.began).abs());
            if let Some((place, _)) = nearest {
                pairs.push((out.leg, free.remove(place).leg));
            }
        }
        for (out, other) in pairs {
            self.legs[out].half = Some(other);
            self.legs[other].half = Some(out);
        }
    }

    /// One party for each phone, and one for each line.
    fn gather(&mut self, directory: &dyn Directory) {
        for at in 0..self.legs.len() {
            let Leg { channel, endpoint, .. } = self.legs[at];
            if TECHNICAL.iter().any(|kind| endpoint.starts_with(kind)) || endpoint.is_empty() {
                continue;
            }
            let who = directory.who(channel.pbx, endpoint);
            // Who it is stands at its other end, where that was found.
            if who == Who::OtherPbx && self.legs[at].half.is_some() {
                continue;
            }
            let object = directory.object(channel.pbx);
            let known = self.parties.iter().position(|party| {
                let same = party.who == who && party.endpoint == endpoint;
                who == Who::Phone && same && directory.object(PbxIx(party.pbx)) == object
            });
            let (number, name) = self.number(at, who);
            let party = known.unwrap_or_else(|| {
                self.parties.push(Party {
                    who,
                    pbx: channel.pbx.0,
                    endpoint: endpoint.to_owned(),
                    number: None,
                    name: None,
                    sip_call_ids: Vec::new(),
                    channels: Vec::new(),
                });
                self.parties.len() - 1
            });
            self.legs[at].party = Some(party);
            let party = &mut self.parties[party];
            party.number = party.number.take().or(number);
            party.name = party.name.take().or(name);
            party.channels.push(channel.uniqueid.to_string());
            for note in &channel.notes {
                if let What::SipCallId(id) = &note.what {
                    party.sip_call_ids.push(id.to_string());
                }
            }
        }
    }

    /// Number and name of whoever is at a channel, as it was told first.
    fn number(&self, at: usize, who: Who) -> (Option<String>, Option<String>) {
        let said = self.notes(at).iter().find_map(|note| match &note.what {
            What::Caller { number, name } => Some((number.as_deref(), name.as_deref())),
            _ => None,
        });
        let (number, name) = said.unwrap_or_default();
        let number = match self.dialled_out(at).filter(|_| who == Who::Trunk) {
            Some(out) if number.is_none_or(|said| !same_end(said, out)) => Some(out),
            _ => number,
        };
        let own = || self.legs[at].endpoint.split_once('/').map(|(_, name)| name.to_owned());
        let number = number.map(str::to_owned).or_else(|| own().filter(|_| who == Who::Phone));
        (number, name.map(str::to_owned))
    }

    /// The number that was dialled over a line: where the house's own number leads outside, a call shows only that one.
    fn dialled_out(&self, at: usize) -> Option<&'a str> {
        let caller = self.legs[at].dialled_by?;
        let dialled = self.notes(caller).iter().find_map(|note| match &note.what {
            What::Dials { dest, dialled } if self.at(*dest) == Some(at) => Some(&**dialled),
            _ => None,
        })?;
        let (_, last) = dialled.rsplit_once('/').unwrap_or(("", dialled));
        let last = last.strip_prefix("sip:").unwrap_or(last);
        let number = last.split_once('@').map_or(last, |(number, _)| number);
        let digits = number.strip_prefix('+').unwrap_or(number);
        let is_number = digits.len() >= 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_number.then_some(number)
    }

    pub(super) fn count(&self) -> usize {
        self.legs.len()
    }

    pub(super) fn leg(&self, at: usize) -> &Leg<'a> {
        &self.legs[at]
    }

    pub(super) fn at(&self, ix: ChannelIx) -> Option<usize> {
        self.of.get(&ix).copied()
    }

    pub(super) fn notes(&self, at: usize) -> &'a [Note] {
        &self.legs[at].channel.notes
    }

    /// Notes of a channel from one of its own on; where another goes on in its place, then that one's.
    pub(super) fn onward(&self, at: usize, from: usize) -> Vec<(usize, &'a Note)> {
        let mut onward: Vec<(usize, &'a Note)> = Vec::new();
        let (mut here, mut since) = (Some(at), i64::MIN);
        while let Some(at) = here.take() {
            let skipped = if onward.is_empty() { from } else { 0 };
            for note in self.notes(at).iter().skip(skipped).filter(|note| note.at >= since) {
                onward.push((at, note));
                if let What::GivesPlace { to } = note.what {
                    (here, since) = (self.at(to).filter(|to| onward.iter().all(|(at, _)| at != to)), note.at);
                    break;
                }
            }
        }
        onward
    }

    pub(super) fn party(&self, at: usize) -> Option<PartyIx> {
        self.legs[at].party
    }

    /// Who acts through a channel: itself, or who reached it through Local channels; of a Local channel that nobody dialled
    /// (click-to-call) whom its other half reached.
    pub(super) fn person(&self, at: usize) -> Option<PartyIx> {
        let mut here = at;
        for _ in 0..MAX_HOPS {
            let leg = &self.legs[here];
            if leg.party.is_some() {
                return leg.party;
            }
            let by = leg.dialled_by.or_else(|| self.legs[leg.half?].dialled_by);
            match by {
                Some(by) => here = by,
                None => break,
            }
        }
        let half = self.legs[here].half?;
        let there = [here, half].map(|half| self.answerer(half, i64::MAX));
        there.into_iter().flatten().find_map(|leg| self.party(leg))
    }

    /// Who is in the same bridge as a channel shortly after a moment, through Local channels.
    pub(super) fn meets(&self, at: usize, moment: i64) -> Option<PartyIx> {
        let bridge_of = |leg: usize| {
            let notes = self.notes(leg).iter().take_while(|note| note.at <= moment + JITTER_MS);
            notes.fold(None, |inside, note| match &note.what {
                What::Enters { bridge, holding: false } => Some(&**bridge),
                What::Leaves { .. } | What::Gone { .. } | What::LostInGap { .. } => None,
                _ => inside,
            })
        };
        let here = bridge_of(at)?;
        let pbx = self.legs[at].channel.pbx;
        let beside = (0..self.legs.len()).filter(|leg| *leg != at && self.legs[*leg].channel.pbx == pbx);
        beside.filter(|leg| bridge_of(*leg) == Some(here)).find_map(|leg| self.heard(leg, moment + JITTER_MS))
    }

    /// Whom the others in its bridge hear through a channel: itself; through the near half of a Local channel whom that was dialled
    /// to, through its far half who dialled.
    pub(super) fn heard(&self, at: usize, moment: i64) -> Option<PartyIx> {
        let leg = &self.legs[at];
        if leg.party.is_none() && leg.dialled_by.is_some() {
            return self.party(self.answerer(at, moment)?);
        }
        self.person(at)
    }

    /// The channel that answered of those that are reached by dialling this one, else the first of them; whoever picked the call up
    /// answered it.
    pub(super) fn answerer(&self, at: usize, moment: i64) -> Option<usize> {
        let reached = self.reached(at);
        let up = |leg: &usize| self.notes(*leg).iter().any(|note| note.what == What::Up && note.at <= moment);
        let answered = reached.iter().copied().find(up).or(reached.first().copied())?;
        let picker = reached.iter().find_map(|leg| self.picked_up_by(*leg));
        Some(picker.unwrap_or(answered))
    }

    /// Channels of people that are reached by dialling this one, through Local channels.
    pub(super) fn reached(&self, at: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open = vec![(at, 0)];
        while let Some((at, hops)) = open.pop() {
            let leg = &self.legs[at];
            if leg.party.is_some() {
                found.push(at);
            } else if let Some(half) = leg.half.filter(|_| hops < MAX_HOPS) {
                let dials = self.legs[half].dials.iter().filter(|(began, _)| self.carries(at, *began));
                open.extend(dials.map(|(_, dest)| (*dest, hops + 1)));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a dial only carries another on: its caller is the far half of a Local channel that somebody dialled, and that
    /// was not answered yet. What the far half dials later is a transfer.
    pub(super) fn is_relay(&self, at: usize, began: i64) -> bool {
        self.legs[at].half.is_some_and(|half| self.legs[half].dialled_by.is_some() && self.carries(half, began))
    }

    /// Whether what was dialled is a queue: at another PBX, or behind a Local channel. Whom that rings is its own matter.
    pub(super) fn leads_to_queue(&self, at: usize) -> bool {
        let half = self.legs[at].half.filter(|_| self.legs[at].party.is_none());
        half.is_some_and(|half| self.notes(half).iter().any(|note| matches!(note.what, What::JoinsQueue { .. })))
    }

    /// Whether a Local channel was still on its way to be answered.
    fn carries(&self, at: usize, moment: i64) -> bool {
        let up = self.notes(at).iter().find(|note| note.what == What::Up);
        up.is_none_or(|up| moment <= up.at + JITTER_MS)
    }

    /// The channel that began the call: the first of a person that called in, else the first of a person.
    pub(super) fn caller(&self) -> usize {
        let people = || (0..self.legs.len()).filter(|at| self.legs[*at].party.is_some());
        let undialled = |at: &usize| self.legs[*at].dialled_by.is_none();
        let first = people().next().unwrap_or_default();
        let began = |at: usize| began_of(self.legs[at].channel);
        // A click-to-call begins with a channel that nobody dialled, before anybody calls in.
        let callers = people().filter(undialled);
        callers.min_by_key(|at| (!self.calls_in(*at) && began(*at) > began(first), *at)).unwrap_or(first)
    }

    /// Who took the call that rang there.
    pub(super) fn picked_up_by(&self, at: usize) -> Option<usize> {
        self.pickers.get(&at).copied()
    }

    /// Whether what a channel did in the dialplan at a moment was the way of a person's call: its own, or that of a Local channel
    /// that carries the call on after a transfer, or that was made for it.
    pub(super) fn is_way_of(&self, at: usize, person: usize, moment: i64) -> bool {
        let leg = &self.legs[at];
        if at == person || leg.party.is_some() || self.person(at) != self.legs[person].party {
            return at == person;
        }
        let Some(half) = leg.half else { return false };
        match (leg.dialled_by, self.legs[half].dialled_by) {
            (None, None) => leg.channel.name.ends_with(";1"),
            // The clocks of two PBXs are compared less exactly than one PBX is in order.
            (None, Some(_)) if self.legs[half].channel.pbx != leg.channel.pbx => !self.carries(half, moment - APART_MS),
            (None, Some(_)) => !self.carries(half, moment),
            _ => false,
        }
    }

    /// The number that a Local channel was made for: `Local/13802@transfers-1;1` → `13802`.
    pub(super) fn local_number(&self, at: usize) -> Option<&'a str> {
        self.legs[at].endpoint.strip_prefix("Local/")?.split_once('@').map(|(number, _)| number)
    }

    /// Whom a channel dialled last before a moment.
    pub(super) fn dialled_before(&self, at: usize, moment: i64) -> Option<usize> {
        self.legs[at].dials.iter().rev().find(|(began, _)| *began <= moment).map(|(_, dest)| *dest)
    }

    pub(super) fn calls_in(&self, at: usize) -> bool {
        // Of one that was there before we looked: who waits or dials has called, unless somebody dialled it.
        self.legs[at].channel.calls_in().unwrap_or_else(|| {
            let acts = |note: &Note| match &note.what {
                What::JoinsQueue { .. } | What::Dials { .. } => true,
                // One that was dialled runs no dialplan but that of its end.
                What::At { exten, .. } => **exten != *"h",
                _ => false,
            };
            self.legs[at].dialled_by.is_none() && self.notes(at).iter().any(acts)
        })
    }

    pub(super) fn began(&self, at: usize) -> i64 {
        began_of(self.legs[at].channel)
    }

    /// When a channel was gone, and how.
    pub(super) fn gone(&self, at: usize) -> Option<(i64, &What)> {
        let gone = |note: &&Note| matches!(note.what, What::Gone { .. } | What::LostInGap { .. });
        self.notes(at).iter().rev().find(gone).map(|note| (note.at, &note.what))
    }

    pub(super) fn cause(&self, at: usize) -> Option<u32> {
        match self.gone(at)?.1 {
            What::Gone { cause } => cause.filter(|cause| *cause > 0),
            _ => None,
        }
    }

    /// When the last channel was gone; nothing while one is there.
    pub(super) fn ended(&self) -> Option<i64> {
        let ends: Option<Vec<i64>> = (0..self.legs.len()).map(|at| self.gone(at).map(|(at_ms, _)| at_ms)).collect();
        ends?.into_iter().max()
    }
}

/// Whether two numbers may be one, written in two ways: with a prefix for the line, or for the country.
fn same_end(one: &str, two: &str) -> bool {
    let ends =
        |one: &str, two: &str| !one.is_empty() && two.ends_with(one.get(one.len().saturating_sub(7)..).unwrap_or(one));
    ends(one, two) || ends(two, one)
}

fn began_of(channel: &Channel) -> i64 {
    channel.notes.first().map_or(i64::MAX, |note| note.at)
}

/// `lab-1795323409.33` → (1795323409, 33): compared as numbers, since 9 comes before 10.
fn order(uniqueid: &str) -> (u64, u64) {
    let own = uniqueid.rsplit_once('-').map_or(uniqueid, |(_, own)| own);
    let (seconds, counter) = own.split_once('.').unwrap_or((own, ""));
    (seconds.parse().unwrap_or(u64::MAX), counter.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{order, same_end};

    #[test]
    fn a_prefix_makes_no_other_number() {
        assert!(same_end("88121234567", "+78121234567"));
        assert!(same_end("12345", "912345"));
        assert!(!same_end("5180", "+78121180001"));
        assert!(!same_end("", "101") && !same_end("Никто", "101"));
    }

    #[test]
    fn ids_are_compared_as_numbers() {
        let mut ids = ["lab-100.10", "lab-100.9", "99.100", "lab-b-100.11", "odd"];
        ids.sort_by_key(|id| order(id));
        assert_eq!(ids, ["99.100", "lab-100.9", "lab-100.10", "lab-b-100.11", "odd"]);
    }
}
