//! What must be sent so that a member becomes as it is wished. Pure.

use ami::{Action, InvalidField};

use super::contract::{DesiredMember, ObservedMember};

/// Text at the PBX of a fixed member who left the queue in Linedesk: it can only be paused.
pub(super) const LEFT: &str = "left the queue";

/// Asterisk keeps 79 bytes of a reason; a longer wish would never seem fulfilled.
const MAX_REASON: usize = 79;

/// One action for one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Paused in the same action when it is to be paused: added and paused afterwards, a call could be offered in between.
    Add {
        paused: Option<String>,
    },
    Remove,
    Pause {
        reason: String,
    },
    Unpause,
    Penalty,
}

/// The next step towards the wish; nothing when it is fulfilled. `reasons`: whether this PBX keeps the text of a pause.
pub(super) fn next_step(
    wish: &DesiredMember,
    seen: &ObservedMember,
    penalty: Option<u32>,
    reasons: bool,
) -> Option<Step> {
    if !seen.present {
        return wish.joined.then(|| Step::Add { paused: wish.paused.as_deref().map(kept) });
    }
    if !wish.joined && !seen.fixed {
        return Some(Step::Remove);
    }
    match wished_pause(wish) {
        Some(reason) => {
            let told = reason.is_empty() || !reasons || seen.paused_reason.as_deref() == Some(reason.as_str());
            if !seen.paused || !told {
                return Some(Step::Pause { reason });
            }
        }
        None if seen.paused => return Some(Step::Unpause),
        None => {}
    }
    // The penalty of a fixed member is the PBX's configuration, not ours.
    (wish.joined && !seen.fixed && penalty.is_some_and(|penalty| penalty != wish.penalty)).then_some(Step::Penalty)
}

/// Whether everything but the text of the pause and the penalty is as wished.
pub(super) fn is_alike(wish: &DesiredMember, seen: &ObservedMember) -> bool {
    next_step(wish, seen, None, false).is_none()
}

fn wished_pause(wish: &DesiredMember) -> Option<String> {
    let left = (!wish.joined).then_some(LEFT);
    left.or(wish.paused.as_deref()).map(kept)
}

/// What Asterisk will keep of a reason, without cutting a letter in two.
fn kept(reason: &str) -> String {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].trim().to_owned()
}

impl Step {
    /// The action to send.
    pub(super) fn action(&self, wish: &DesiredMember) -> Result<Action, InvalidField> {
        let about =
            |name: &'static str| Action::new(name).with("Queue", &wish.queue)?.with("Interface", &wish.interface);
        Ok(match self {
            Self::Add { paused } => {
                let mut add = about("QueueAdd")?
                    .with("MemberName", &wish.member_name)?
                    .with_number("Penalty", wish.penalty)
                    .with_flag("Paused", paused.is_some());
                if let Some(state) = &wish.state_interface {
                    add = add.with("StateInterface", state)?;
                }
                match paused {
                    // Asterisk 22 takes it; older ones ignore the field, and a QueuePause with the reason follows.
                    Some(reason) if !reason.is_empty() => add.with("Reason", reason)?,
                    _ => add,
                }
            }
            Self::Remove => about("QueueRemove")?,
            Self::Pause { reason } => about("QueuePause")?.with_flag("Paused", true).with("Reason", reason)?,
            Self::Unpause => about("QueuePause")?.with_flag("Paused", false),
            Self::Penalty => about("QueuePenalty")?.with_number("Penalty", wish.penalty),
        })
    }

    /// Whether what is seen can be the effect of this step.
    pub(super) fn explains(&self, seen: &ObservedMember) -> bool {
        match self {
            Self::Add { paused } => {
                let other_reason = seen.paused_reason.is_some() && seen.paused_reason != *paused;
                seen.present && seen.paused == paused.is_some() && !other_reason
            }
            Self::Remove => !seen.present,
            Self::Pause { reason } => {
                seen.present && seen.paused && seen.paused_reason.as_ref().is_none_or(|seen| seen == reason)
            }
            Self::Unpause => seen.present && !seen.paused,
            Self::Penalty => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LEFT, Step, next_step};
    use crate::pbx::contract::{DesiredMember, ObservedMember};

    fn wish(joined: bool, paused: Option<&str>) -> DesiredMember {
        DesiredMember {
            queue: "support".to_owned(),
            interface: "Local/1003@operators/n".to_owned(),
            state_interface: Some("PJSIP/1003".to_owned()),
            member_name: "Anna".to_owned(),
            penalty: 2,
            joined,
            paused: paused.map(str::to_owned),
        }
    }

    fn seen(present: bool, fixed: bool, paused: Option<&str>) -> ObservedMember {
        let paused_reason = paused.filter(|text| !text.is_empty()).map(str::to_owned);
        ObservedMember { present, fixed, paused: paused.is_some(), paused_reason }
    }

    #[test]
    fn wish_and_sight_decide_the_step() {
        let absent = seen(false, false, None);
        let pause = |reason: &str| Some(Step::Pause { reason: reason.to_owned() });
        let add = |reason: Option<&str>| Some(Step::Add { paused: reason.map(str::to_owned) });
        let table = [
            // joined, wished pause; seen; step
            (true, None, absent.clone(), add(None)),
            (true, Some("Lunch"), absent.clone(), add(Some("Lunch"))),
            (false, None, absent.clone(), None),
            (false, Some("Lunch"), absent, None),
            (true, None, seen(true, false, None), None),
            (true, None, seen(true, false, Some("Lunch")), Some(Step::Unpause)),
            (true, Some("Lunch"), seen(true, false, None), pause("Lunch")),
            (true, Some("Lunch"), seen(true, false, Some("Lunch")), None),
            (true, Some("Lunch"), seen(true, false, Some("")), pause("Lunch")),
            (true, Some("Lunch"), seen(true, false, Some("Dinner")), pause("Lunch")),
            (true, Some(""), seen(true, false, Some("Dinner")), None),
            (false, None, seen(true, false, None), Some(Step::Remove)),
            (false, Some("Lunch"), seen(true, false, Some("Lunch")), Some(Step::Remove)),
            // Fixed members: leaving is a pause with our text, joining takes it away.
            (false, None, seen(true, true, None), pause(LEFT)),
            (false, Some("Lunch"), seen(true, true, Some("Lunch")), pause(LEFT)),
            (false, None, seen(true, true, Some(LEFT)), None),
            (true, None, seen(true, true, Some(LEFT)), Some(Step::Unpause)),
            (true, Some("Lunch"), seen(true, true, Some(LEFT)), pause("Lunch")),
            (true, None, seen(true, true, None), None),
        ];
        for (joined, paused, seen, expected) in table {
            let penalty = seen.present.then_some(2);
            assert_eq!(
                next_step(&wish(joined, paused), &seen, penalty, true),
                expected,
                "{joined} {paused:?} {seen:?}"
            );
        }
    }

    #[test]
    fn a_pbx_that_keeps_no_reasons_is_not_asked_for_ever() {
        assert_eq!(next_step(&wish(true, Some("Lunch")), &seen(true, false, Some("")), Some(2), false), None);
    }

    #[test]
    fn a_penalty_is_set_for_dynamic_members_only() {
        assert_eq!(next_step(&wish(true, None), &seen(true, false, None), Some(0), true), Some(Step::Penalty));
        assert_eq!(next_step(&wish(true, None), &seen(true, true, None), Some(0), true), None);
    }

    #[test]
    fn a_paused_member_is_added_paused() {
        let wish = wish(true, Some("Lunch"));
        let step = next_step(&wish, &seen(false, false, None), None, true).unwrap();
        let action = step.action(&wish).unwrap();
        assert_eq!(
            (action.name(), action.get("Paused"), action.get("Reason")),
            ("QueueAdd", Some("true"), Some("Lunch"))
        );
        assert_eq!(action.get("StateInterface"), Some("PJSIP/1003"));
    }

    #[test]
    fn a_long_reason_is_cut_as_asterisk_cuts_it() {
        let long = "обед".repeat(40);
        let step = next_step(&wish(true, Some(&long)), &seen(true, false, None), Some(2), true).unwrap();
        let Step::Pause { reason } = &step else { panic!("{step:?}") };
        assert!(reason.len() <= 79 && long.starts_with(reason.as_str()), "{reason}");
        assert_eq!(next_step(&wish(true, Some(&long)), &seen(true, false, Some(reason)), Some(2), true), None);
    }

    #[test]
    fn a_wish_with_a_line_end_is_never_sent() {
        assert!(Step::Pause { reason: "a\r\nAction: Logoff".to_owned() }.action(&wish(true, None)).is_err());
    }
}
