//! A call goes from hand to hand.

mod attended;
mod attended_refused;
mod blind;
mod blind_back;
mod by_customer;
mod chained;
mod hand_over;
mod lost;

use super::{Member, Office, Queue, Scenario};

/// The colleague is found by a queue of her own.
const SECOND_QUEUE: Office =
    Office { queues: &[Queue::PLAIN, Queue { members: &[Member::Phone(2)], ..Queue::PLAIN }], ..Office::QUEUE };

pub const SCENARIOS: &[Scenario] = &[
    blind::TO_OPERATOR,
    blind::TO_QUEUE,
    blind::OUTSIDE,
    by_customer::BLIND,
    by_customer::BLIND_TO_QUEUE,
    by_customer::BLIND_OUTSIDE,
    blind_back::UNANSWERED,
    blind_back::REFUSED,
    blind::BY_KEYS,
    blind::REDIRECT,
    attended::TO_OPERATOR,
    attended::TO_QUEUE,
    attended::TO_WAITING_QUEUE,
    attended::OUTSIDE,
    by_customer::ATTENDED,
    by_customer::ATTENDED_TO_QUEUE,
    by_customer::ATTENDED_OUTSIDE,
    hand_over::TO_OPERATOR,
    hand_over::TO_QUEUE,
    hand_over::OUTSIDE,
    attended_refused::REFUSED,
    attended_refused::UNANSWERED,
    attended_refused::BY_KEYS,
    chained::BLIND_THEN_ATTENDED,
    chained::ATTENDED_TWICE,
    attended::WHILE_RINGING,
    lost::ON_HOLD,
    lost::WHILE_RINGING,
];
