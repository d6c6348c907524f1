//! Customers of lost calls on their way back to the queue: first in line, then redirected, then the dead leg is hung up.

use ami::{Action, AmiError, InvalidField};

use super::contract::Returned;

/// Higher than anybody sets by hand; Queue() serves the highest first.
const FIRST_IN_LINE: i64 = 1_000_000;

/// How long the customer may take from Redirect to the queue.
const ARRIVAL_MS: i64 = 5_000;

/// Where a customer stood when he entered the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) queue: String,
    pub(super) context: String,
    pub(super) exten: String,
    /// Of the Queue() application itself.
    pub(super) priority: i64,
}

/// What to do for one lost call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Channel of the dead phone.
    pub(super) dead: String,
    /// Its endpoint.
    pub(super) endpoint: Option<String>,
    /// When it answered.
    pub(super) answered_ms: Option<i64>,
    /// The customer's channel and its id; nothing when he is not to be moved.
    pub(super) customer: Result<Customer, String>,
}

/// The customer of a lost call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Customer {
    pub(super) channel: String,
    pub(super) uniqueid: String,
    pub(super) entry: Entry,
    /// He was not answered yet and stands in the queue as before.
    pub(super) still_waits: bool,
}

impl Plan {
    /// Whether somebody is to be moved into the queue.
    pub(super) fn moves(&self) -> bool {
        self.customer.as_ref().is_ok_and(|customer| !customer.still_waits)
    }
}

/// What was sent last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Priority,
    Redirect,
    HangUp,
}

#[derive(Debug)]
struct Journey {
    sip_call_id: String,
    plan: Plan,
    deadline_ms: i64,
}

/// All journeys of this link.
#[derive(Debug, Default)]
pub(super) struct Journeys {
    under_way: Vec<Journey>,
}

/// What is to be done next.
#[derive(Debug, PartialEq)]
pub(super) enum Move {
    Send(String, Stage, Action),
    Done(Returned),
}

impl Journeys {
    /// Begins for one call.
    pub(super) fn begin(&mut self, sip_call_id: String, plan: Result<Plan, String>, now_ms: i64) -> Vec<Move> {
        let plan = match plan {
            Ok(plan) => plan,
            Err(why) => return vec![Move::Done(Returned { sip_call_id, outcome: Err(why) })],
        };
        let outcome = match &plan.customer {
            Ok(customer) if customer.still_waits => Some(Ok(customer.entry.queue.clone())),
            Ok(_) => None,
            Err(why) => Some(Err(why.clone())),
        };
        if let Some(outcome) = outcome {
            let mut moves = hang_up(&sip_call_id, &plan.dead);
            moves.push(Move::Done(Returned { sip_call_id, outcome }));
            return moves;
        }
        let moves = self.send(&sip_call_id, &plan, Stage::Priority);
        self.under_way.push(Journey { sip_call_id, plan, deadline_ms: now_ms + ARRIVAL_MS });
        moves
    }

    /// The answer to what was sent.
    pub(super) fn answered(&mut self, sip_call_id: &str, stage: Stage, answer: Result<(), AmiError>) -> Vec<Move> {
        let Some(journey) = self.under_way.iter().find(|journey| journey.sip_call_id == sip_call_id) else {
            return Vec::new();
        };
        let plan = journey.plan.clone();
        match (stage, answer) {
            // Without the priority he is the last in line, which is better than in silence.
            (Stage::Priority, _) => self.send(sip_call_id, &plan, Stage::Redirect),
            (Stage::Redirect, Ok(())) => hang_up(sip_call_id, &plan.dead),
            (Stage::Redirect, Err(error)) => {
                let mut moves = hang_up(sip_call_id, &plan.dead);
                moves.extend(self.finish(sip_call_id, Err(error.to_string())));
                moves
            }
            // The PBX may have hung the dead leg up by itself.
            (Stage::HangUp, _) => Vec::new(),
        }
    }

    /// A customer entered a queue.
    pub(super) fn joined(&mut self, uniqueid: &str, queue: &str) -> Vec<Move> {
        let here =
            |journey: &&Journey| journey.plan.customer.as_ref().is_ok_and(|customer| customer.uniqueid == uniqueid);
        let Some(id) = self.under_way.iter().find(here).map(|journey| journey.sip_call_id.clone()) else {
            return Vec::new();
        };
        self.finish(&id, Ok(queue.to_owned()))
    }

    /// A customer hung up on the way.
    pub(super) fn gone(&mut self, uniqueid: &str) -> Vec<Move> {
        let here =
            |journey: &&Journey| journey.plan.customer.as_ref().is_ok_and(|customer| customer.uniqueid == uniqueid);
        let Some(id) = self.under_way.iter().find(here).map(|journey| journey.sip_call_id.clone()) else {
            return Vec::new();
        };
        self.finish(&id, Err("the customer hung up".to_owned()))
    }

    pub(super) fn tick(&mut self, now_ms: i64) -> Vec<Move> {
        let late: Vec<String> = self
            .under_way
            .iter()
            .filter(|journey| journey.deadline_ms <= now_ms)
            .map(|journey| journey.sip_call_id.clone())
            .collect();
        late.iter().flat_map(|id| self.finish(id, Err("the customer did not arrive in the queue".to_owned()))).collect()
    }

    /// The link is away.
    pub(super) fn lost(&mut self) -> Vec<Move> {
        let all: Vec<String> = self.under_way.iter().map(|journey| journey.sip_call_id.clone()).collect();
        all.iter().flat_map(|id| self.finish(id, Err("the link to the PBX was lost meanwhile".to_owned()))).collect()
    }

    fn finish(&mut self, sip_call_id: &str, outcome: Result<String, String>) -> Vec<Move> {
        self.under_way.retain(|journey| journey.sip_call_id != sip_call_id);
        vec![Move::Done(Returned { sip_call_id: sip_call_id.to_owned(), outcome })]
    }

    fn send(&mut self, sip_call_id: &str, plan: &Plan, stage: Stage) -> Vec<Move> {
        let Ok(customer) = &plan.customer else { return Vec::new() };
        let action = match stage {
            Stage::Priority => priority(customer),
            Stage::Redirect => redirect(customer),
            Stage::HangUp => Action::new("Hangup").with("Channel", &plan.dead),
        };
        match action {
            Ok(action) => vec![Move::Send(sip_call_id.to_owned(), stage, action)],
            Err(error) => self.finish(sip_call_id, Err(error.to_string())),
        }
    }
}

fn hang_up(sip_call_id: &str, dead: &str) -> Vec<Move> {
    // A channel name with a line end cannot come out of our own parser.
    Action::new("Hangup")
        .with("Channel", dead)
        .map(|action| vec![Move::Send(sip_call_id.to_owned(), Stage::HangUp, action)])
        .unwrap_or_default()
}

fn priority(customer: &Customer) -> Result<Action, InvalidField> {
    let set = Action::new("Setvar").with("Channel", &customer.channel)?.with("Variable", "QUEUE_PRIO")?;
    Ok(set.with_number("Value", FIRST_IN_LINE))
}

fn redirect(customer: &Customer) -> Result<Action, InvalidField> {
    let entry = &customer.entry;
    let go = Action::new("Redirect").with("Channel", &customer.channel)?.with("Context", &entry.context)?;
    Ok(go.with("Exten", &entry.exten)?.with_number("Priority", entry.priority))
}
