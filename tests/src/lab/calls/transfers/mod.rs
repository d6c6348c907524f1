//! A call goes from hand to hand.

mod attended;
mod blind;

use super::Scenario;

pub const SCENARIOS: &[Scenario] = &[blind::TO_OPERATOR, attended::TO_OPERATOR];
