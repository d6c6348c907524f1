//! What the steps of a call through the dialplan are, by the rules of their time. Nothing of it is stored with the call: a rule that
//! was missing, and is written with the date from which it was true, tells past calls too.

use calls::Call;
use calls::call::Step;
use central_api::PbxId;

use super::at_pbx::{Directory, Known};
use super::{named, pbx_id};
use crate::classify::{Sighting, Verdict};

/// By what a caller came: the same at each step of the way.
#[derive(Debug, Clone)]
pub(crate) struct CameBy {
    /// Where.
    pub(crate) pbx: PbxId,
    /// The channel, as rules name it.
    pub(crate) channel: String,
    /// The trunk, where that is known.
    pub(crate) trunk: Option<String>,
}

impl Directory {
    /// By what the caller of a call came.
    pub(crate) fn came_by(&self, call: &Call) -> Option<CameBy> {
        let caller = call.parties.get(call.caller)?;
        let pbx = pbx_id(calls::PbxIx(caller.pbx));
        let trunk = match self.find(pbx, &caller.endpoint) {
            Some(Known::Line(line, _)) => self.line(line).map(|line| line.trunk().to_owned()),
            _ => None,
        };
        // A span of analogue lines has the number that was dialled in each of its names.
        let channel = named(&caller.endpoint).unwrap_or_else(|| caller.endpoint.clone());
        Some(CameBy { pbx, channel, trunk })
    }

    /// The caller's way, and what each step of it is.
    #[must_use]
    pub fn way<'c>(&self, call: &'c Call) -> Vec<(&'c Step, Verdict)> {
        let Some(CameBy { pbx, channel, trunk }) = self.came_by(call) else { return Vec::new() };
        let sighting = |step: &Step| Sighting {
            pbx,
            context: step.context.clone(),
            exten: step.exten.clone(),
            channel: channel.clone(),
            trunk: trunk.clone(),
            of_customer: false,
            at_ms: step.at_ms,
        };
        call.steps.iter().map(|step| (step, self.classify(&sighting(step)))).collect()
    }
}
