//! A call goes from hand to hand.

mod attended;
mod attended_refused;
mod blind;
mod blind_back;
mod chained;
mod lost;

use super::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    blind::TO_OPERATOR,
    blind::TO_QUEUE,
    blind::OUTSIDE,
    blind::BY_CUSTOMER,
    blind_back::UNANSWERED,
    blind_back::REFUSED,
    blind::BY_KEYS,
    blind::REDIRECT,
    attended::TO_OPERATOR,
    attended::TO_QUEUE,
    attended::TO_WAITING_QUEUE,
    attended::OUTSIDE,
    attended::BY_CUSTOMER,
    attended::HAND_OVER,
    attended_refused::REFUSED,
    attended_refused::UNANSWERED,
    attended_refused::BY_KEYS,
    chained::BLIND_THEN_ATTENDED,
    chained::ATTENDED_TWICE,
    attended::WHILE_RINGING,
    lost::ON_HOLD,
    lost::WHILE_RINGING,
];
