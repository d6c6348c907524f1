//! The words by which reports ask: the same as in the contract, and never changed, since rows of years hold them.

use calls::JoinReason;
use calls::call::{Direction, EndedBy, Exit, MoveKind, Outcome, Who};

use crate::store::StoreError;

/// A value that stands in a column as one word.
pub trait Word: Sized {
    /// The word.
    fn word(&self) -> &'static str;
    /// Back.
    fn of(word: &str) -> Option<Self>;
}

/// What a column says.
///
/// # Errors
/// When it is no word that this program knows.
pub fn read<T: Word>(word: &str) -> Result<T, StoreError> {
    T::of(word).ok_or_else(|| StoreError::Row(word.to_owned()))
}

macro_rules! words {
    ($type:ident: $($variant:ident = $word:literal,)*) => {
        impl Word for $type {
            fn word(&self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
            fn of(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words! { Direction:
    Incoming = "incoming", Outgoing = "outgoing", Internal = "internal",
}
words! { Who:
    Phone = "phone", Trunk = "trunk", OtherPbx = "other_pbx", Unknown = "unknown",
}
words! { Outcome:
    Ringing = "ringing", Answered = "answered", NotAnswered = "not_answered", Declined = "declined",
    Unreachable = "unreachable", Elsewhere = "elsewhere", GivenUp = "given_up", Forwarded = "forwarded",
    LostInGap = "lost_in_gap",
}
words! { MoveKind:
    Blind = "blind", Attended = "attended", Pickup = "pickup", Park = "park", Unpark = "unpark",
    ParkTimeout = "park_timeout", Forward = "forward",
}
words! { JoinReason:
    LocalHalves = "local_halves", Dial = "dial", Bridge = "bridge", Linkedid = "linkedid",
    AttendedTransfer = "attended_transfer", BlindTransfer = "blind_transfer", Pickup = "pickup", Parking = "parking",
    Masquerade = "masquerade", CallHeader = "call_header", SipCallId = "sip_call_id",
    NumberAndTime = "number_and_time",
}

/// An exit as columns: word, key, party.
pub fn of_exit(exit: Exit) -> (&'static str, Option<char>, Option<usize>) {
    match exit {
        Exit::Waiting => ("waiting", None, None),
        Exit::Answered { by } => ("answered", None, by),
        Exit::Abandoned => ("abandoned", None, None),
        Exit::Timeout => ("timeout", None, None),
        Exit::Key { key } => ("key", Some(key), None),
        Exit::Full => ("full", None, None),
        Exit::Empty => ("empty", None, None),
        Exit::LeftEmpty => ("left_empty", None, None),
        Exit::Continued => ("continued", None, None),
        Exit::Moved => ("moved", None, None),
        Exit::LostInGap => ("lost_in_gap", None, None),
    }
}

/// Back.
///
/// # Errors
/// When it is no exit that this program knows.
pub fn exit(word: &str, key: Option<char>, by: Option<usize>) -> Result<Exit, StoreError> {
    Ok(match (word, key) {
        ("waiting", _) => Exit::Waiting,
        ("answered", _) => Exit::Answered { by },
        ("abandoned", _) => Exit::Abandoned,
        ("timeout", _) => Exit::Timeout,
        ("key", Some(key)) => Exit::Key { key },
        ("full", _) => Exit::Full,
        ("empty", _) => Exit::Empty,
        ("left_empty", _) => Exit::LeftEmpty,
        ("continued", _) => Exit::Continued,
        ("moved", _) => Exit::Moved,
        ("lost_in_gap", _) => Exit::LostInGap,
        _ => return Err(StoreError::Row(word.to_owned())),
    })
}

/// Who ended a call as columns: word, party.
pub fn of_ended_by(by: EndedBy) -> (&'static str, Option<usize>) {
    match by {
        EndedBy::Nobody => ("nobody", None),
        EndedBy::Party { party } => ("party", Some(party)),
        EndedBy::Pbx => ("pbx", None),
        EndedBy::LostInGap => ("lost_in_gap", None),
        EndedBy::Unknown => ("unknown", None),
    }
}

/// Back.
///
/// # Errors
/// When it is nobody that this program knows.
pub fn ended_by(word: &str, party: Option<usize>) -> Result<EndedBy, StoreError> {
    Ok(match (word, party) {
        ("nobody", _) => EndedBy::Nobody,
        ("party", Some(party)) => EndedBy::Party { party },
        ("pbx", _) => EndedBy::Pbx,
        ("lost_in_gap", _) => EndedBy::LostInGap,
        ("unknown", _) => EndedBy::Unknown,
        _ => return Err(StoreError::Row(word.to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word that the contract has and the column has otherwise would be found by nobody.
    #[test]
    fn words_are_those_of_the_contract() {
        for word in ["not_answered", "given_up", "elsewhere", "lost_in_gap", "ringing"] {
            let outcome: Outcome = serde_json::from_str(&format!("\"{word}\"")).unwrap();
            assert_eq!((outcome.word(), Outcome::of(word)), (word, Some(outcome)));
        }
        for exit in [Exit::LeftEmpty, Exit::Key { key: '#' }, Exit::Answered { by: Some(3) }, Exit::LostInGap] {
            let (word, key, by) = of_exit(exit);
            assert_eq!(serde_json::to_value(exit).unwrap()["how"], word);
            assert_eq!(super::exit(word, key, by).unwrap(), exit);
        }
        for by in [EndedBy::Nobody, EndedBy::Party { party: 1 }, EndedBy::Pbx, EndedBy::LostInGap, EndedBy::Unknown] {
            let (word, party) = of_ended_by(by);
            assert_eq!(serde_json::to_value(by).unwrap()["by"], word);
            assert_eq!(ended_by(word, party).unwrap(), by);
        }
        assert_eq!(serde_json::to_value(Who::OtherPbx).unwrap(), Who::OtherPbx.word());
        assert_eq!(serde_json::to_value(MoveKind::ParkTimeout).unwrap(), MoveKind::ParkTimeout.word());
        assert_eq!(serde_json::to_value(JoinReason::NumberAndTime).unwrap(), JoinReason::NumberAndTime.word());
        assert_eq!(serde_json::to_value(Direction::Internal).unwrap(), Direction::Internal.word());
        assert!(read::<Who>("nobody").is_err());
    }
}
