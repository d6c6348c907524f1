//! A customer and a queue.

mod answered;
mod left;

use super::Scenario;

pub const SCENARIOS: &[Scenario] = &[answered::AGENT_ENDS, answered::CUSTOMER_ENDS, left::ABANDONED, left::TIMEOUT];
