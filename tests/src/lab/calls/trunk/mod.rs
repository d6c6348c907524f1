//! Two PBXs joined by a SIP trunk.
//!
//! Here is the place of what is still to come: mirror PBXs, a manager's link that is cut in the middle of a call, a PBX that
//! is restarted, two links to one PBX.

mod queued;
mod transferred;

use super::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    queued::FROM_A,
    queued::FROM_A_BARE,
    queued::FROM_B,
    queued::FROM_B_BARE,
    queued::FAR_QUEUE,
    transferred::BLIND,
    transferred::ATTENDED,
    transferred::BLIND_BARE,
    transferred::HOME_AGAIN,
];
