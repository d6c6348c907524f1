//! A customer and a queue.

mod answered;
mod attempts;
mod left;
mod several;

pub use attempts::RINGALL_MINUTES;

use super::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    answered::AGENT_ENDS,
    answered::CUSTOMER_ENDS,
    left::ABANDONED,
    left::ABANDONED_SHORT,
    left::TIMEOUT,
    left::BY_KEY,
    left::FULL,
    left::EMPTY_AT_ENTRY,
    left::EMPTY_WHILE_WAITING,
    attempts::THEN_ANOTHER,
    attempts::DECLINED,
    attempts::RINGALL,
    several::SECOND_QUEUE,
    several::TWO_QUEUES,
    several::OPERATOR_BUSY,
    answered::FREEPBX,
    attempts::RINGALL_ANSWERED,
];
