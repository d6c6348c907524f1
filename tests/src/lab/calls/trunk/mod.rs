//! Two PBXs joined by a SIP trunk.

mod mirrored;
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
    mirrored::TWICE,
];
