//! A call as a text that a person reads at a glance; tests compare it, and so may whoever looks for a fault.

use std::fmt::{Display, Formatter, Result};

use crate::call::{Call, Direction, EndedBy, Exit, JoinReason, MoveKind, Outcome, PartyIx, Who};

impl JoinReason {
    /// For a person.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::LocalHalves => "two halves of a Local channel",
            Self::Dial => "one dialled the other",
            Self::Bridge => "they were in one bridge",
            Self::Linkedid => "Asterisk gives them one linkedid",
            Self::AttendedTransfer => "an attended transfer",
            Self::BlindTransfer => "a blind transfer",
            Self::Pickup => "one took the ringing call of the other",
            Self::Parking => "one took the other from the parking lot",
            Self::Masquerade => "one goes on as the other",
            Self::CallHeader => "the same call id in a SIP header",
            Self::SipCallId => "the same SIP Call-ID",
            Self::NumberAndTime => "numbers and times fit (probable, not sure)",
        }
    }
}

/// Times in it are seconds since the call began; what goes on has `…`.
impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let direction = match self.direction {
            Direction::Incoming => "incoming",
            Direction::Outgoing => "outgoing",
            Direction::Internal => "internal",
        };
        let originated = if self.originated { " by click" } else { "" };
        let dialled = self.dialled.as_deref().unwrap_or("nothing");
        writeln!(f, "{direction} call{originated} from {} to {dialled}", self.name(self.caller))?;
        for visit in &self.visits {
            write!(f, "  queue {} at {}: ", visit.queue, self.since(visit.entered_ms))?;
            let waited = self.span(visit.entered_ms, visit.left_ms);
            match visit.exit {
                Exit::Waiting => writeln!(f, "waits")?,
                Exit::Answered { by } => writeln!(f, "answered by {} after {waited}", self.someone(by))?,
                Exit::Abandoned => writeln!(f, "given up after {waited}")?,
                Exit::Timeout => writeln!(f, "timeout after {waited}")?,
                Exit::Key { key } => writeln!(f, "left by key {key} after {waited}")?,
                Exit::Full => writeln!(f, "full")?,
                Exit::Empty => writeln!(f, "empty")?,
                Exit::LeftEmpty => writeln!(f, "everybody left after {waited}")?,
                Exit::Continued => writeln!(f, "went on after {waited}")?,
                Exit::Moved => writeln!(f, "taken out after {waited}")?,
                Exit::LostInGap => writeln!(f, "lost in a gap after {waited}")?,
            }
        }
        for attempt in &self.attempts {
            let outcome = match attempt.outcome {
                Outcome::Ringing => "rings",
                Outcome::Answered => "answered",
                Outcome::NotAnswered => "not answered",
                Outcome::Declined => "declined",
                Outcome::Unreachable => "unreachable",
                Outcome::Elsewhere => "answered elsewhere",
                Outcome::GivenUp => "given up",
                Outcome::Forwarded => "forwarded",
                Outcome::LostInGap => "lost in a gap",
            };
            let queue = attempt.visit.map_or_else(String::new, |visit| format!(" for {}", self.visits[visit].queue));
            let whom = attempt.party.map_or_else(|| attempt.interface.clone(), |party| self.name(party));
            let time = self.span(attempt.began_ms, attempt.ended_ms);
            let back = match attempt.back_from {
                Some(party) => format!(", back from {}", self.name(party)),
                None if attempt.back => ", back".to_owned(),
                None => String::new(),
            };
            writeln!(f, "  try {whom}{queue} at {}: {outcome} after {time}{back}", self.since(attempt.began_ms))?;
        }
        for talk in &self.talks {
            let names: Vec<String> = talk.parties.iter().map(|party| self.name(*party)).collect();
            let time = self.span(talk.began_ms, talk.ended_ms);
            let recorded = if talk.recorded { ", recorded" } else { "" };
            writeln!(f, "  talk {} at {}: {time}{recorded}", names.join(" + "), self.since(talk.began_ms))?;
            for hold in &talk.holds {
                let time = self.span(hold.began_ms, hold.ended_ms);
                writeln!(f, "    hold by {} at {}: {time}", self.name(hold.by), self.since(hold.began_ms))?;
            }
        }
        for listen in &self.listens {
            let time = self.span(listen.began_ms, listen.ended_ms);
            writeln!(f, "  {} listens at {}: {time}", self.name(listen.by), self.since(listen.began_ms))?;
        }
        for moved in &self.moves {
            let kind = match moved.kind {
                MoveKind::Blind => "blind transfer",
                MoveKind::Attended => "attended transfer",
                MoveKind::Pickup => "pickup",
                MoveKind::Park => "park",
                MoveKind::Unpark => "unpark",
                MoveKind::ParkTimeout => "back from parking",
                MoveKind::Forward => "forward",
            };
            let number = moved.number.as_deref().map_or_else(String::new, |number| format!(" ({number})"));
            let failed = if moved.success { "" } else { ": failed" };
            writeln!(
                f,
                "  {kind} at {} by {}: {} to {}{number}{failed}",
                self.since(moved.at_ms),
                self.someone(moved.by),
                self.someone(moved.who),
                self.someone(moved.to)
            )?;
        }
        let steps: Vec<String> = self
            .steps
            .iter()
            .map(|step| {
                let keys = if step.keys.is_empty() { String::new() } else { format!(" [{}]", step.keys) };
                format!("{}@{}{keys}", step.exten, step.context)
            })
            .collect();
        if !steps.is_empty() {
            writeln!(f, "  way {}", steps.join(", "))?;
        }
        for attribute in &self.attributes {
            writeln!(f, "  {} = {}", attribute.name, attribute.value.replace('\n', ", "))?;
        }
        let by = match self.ended_by {
            EndedBy::Nobody => "goes on".to_owned(),
            EndedBy::Party { party } => format!("ended by {}", self.name(party)),
            EndedBy::Pbx => "ended by the PBX".to_owned(),
            EndedBy::LostInGap => "lost in a gap".to_owned(),
            EndedBy::Unknown => "ended, who knows by whom".to_owned(),
        };
        let seconds = |ms: i64| format!("{:.1} s", ms as f64 / 1000.0);
        writeln!(
            f,
            "  {by}; waited {}, talked {}, connected {}, in all {}",
            seconds(self.waited_ms),
            seconds(self.talked_ms),
            seconds(self.connected_ms),
            self.span(self.began_ms, self.ended_ms)
        )
    }
}

impl Call {
    /// A party as people name it.
    fn name(&self, party: PartyIx) -> String {
        let party = &self.parties[party];
        let number = party.number.as_deref().unwrap_or("anonymous");
        match party.who {
            Who::Phone => number.to_owned(),
            Who::Trunk | Who::OtherPbx | Who::Unknown => format!("{number} (line)"),
        }
    }

    fn someone(&self, party: Option<PartyIx>) -> String {
        party.map_or_else(|| "nobody".to_owned(), |party| self.name(party))
    }

    fn since(&self, at: i64) -> String {
        format!("{:.1}", (at - self.began_ms) as f64 / 1000.0)
    }

    fn span(&self, from: i64, to: Option<i64>) -> String {
        to.map_or_else(|| "…".to_owned(), |to| format!("{:.1} s", (to - from) as f64 / 1000.0))
    }
}
