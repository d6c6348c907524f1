//! Whose a party of a call is: the person who held the phone when the party came into the call, whatever became of it later.

use calls::PbxIx;
use calls::call::{Call, PartyIx};
use central_api::{PhoneId, UserId};

use super::{Directory, Known, LongAgo, pbx_id};

/// Who a party of a call is to the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// A phone of the house, from this moment of the call on; who held it then is told by its assignments.
    Phone(PhoneId, i64),
    /// A person whom the queue rings under a name of its own.
    Member(UserId),
    /// Nobody of the house.
    Outside,
}

impl Directory {
    /// What is behind a party of a call.
    #[must_use]
    pub fn behind(&self, call: &Call, party: PartyIx) -> Behind {
        let Some(there) = call.parties.get(party) else { return Behind::Outside };
        match self.find(pbx_id(PbxIx(there.pbx)), &there.endpoint) {
            Some(Known::Phone(phone)) => Behind::Phone(phone, came_ms(call, party)),
            Some(Known::Member(user)) => Behind::Member(user),
            Some(Known::Line(..)) | None => Behind::Outside,
        }
    }

    /// The operator whose call it is at this party. Nobody: the phone was nobody's then, or is none. One who signs in or out during
    /// the call changes nothing: it belongs to whoever it began with.
    ///
    /// # Errors
    /// When it is too long ago for the directory; [`Store::operator`](crate::store::Store::operator) knows then.
    pub fn operator(&self, call: &Call, party: PartyIx) -> Result<Option<UserId>, LongAgo> {
        match self.behind(call, party) {
            Behind::Phone(phone, at_ms) => Ok(self.holder(phone, at_ms)?.map(|held| held.user)),
            Behind::Member(user) => Ok(Some(user)),
            Behind::Outside => Ok(None),
        }
    }
}

/// When a party came into its call: called, rung, or put through.
fn came_ms(call: &Call, party: PartyIx) -> i64 {
    let rung = call.attempts.iter().filter(|attempt| attempt.party == Some(party)).map(|attempt| attempt.began_ms);
    let talks = call.talks.iter().filter(|talk| talk.parties.contains(&party)).map(|talk| talk.began_ms);
    let listens = call.listens.iter().filter(|listen| listen.by == party).map(|listen| listen.began_ms);
    let calls = (party == call.caller).then_some(call.began_ms);
    rung.chain(talks).chain(listens).chain(calls).min().unwrap_or(call.began_ms)
}
