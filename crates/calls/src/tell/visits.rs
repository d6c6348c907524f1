//! Visits of queues. All of it is said on the caller's own channel, whose events are in order.

use super::JITTER_MS;
use super::legs::Legs;
use crate::call::{Exit, PartyIx, Visit};
use crate::note::{Note, QueueStatus, What};

pub(super) fn tell(legs: &Legs<'_>) -> Vec<Visit> {
    let mut visits = Vec::new();
    for leg in 0..legs.count() {
        if legs
            .notes(leg)
            .iter()
            .any(|note| matches!(note.what, What::JoinsQueue { .. } | What::QueueStatus(_) | What::Taken { .. }))
        {
            visits.extend(of_channel(legs, leg));
        }
    }
    visits.sort_by_key(|visit| visit.entered_ms);
    visits
}

fn of_channel(legs: &Legs<'_>, leg: usize) -> Vec<Visit> {
    let mut visits: Vec<Visit> = Vec::new();
    let Some(caller) = legs.person(leg) else { return visits };
    let pbx = legs.leg(leg).channel.pbx.0;
    // The queue that is about to be entered, from the dialplan: a full one says nothing else.
    let mut asked: Option<(String, i64)> = None;
    let mut open = false;
    // Since when nobody knows whether he still waits.
    let mut unheard: Option<i64> = None;
    let mut hung_up = false;
    // The dialplan went on from the open visit: where the queue rings for him all the same, it was a step beside it (Queue's
    // options B and b, a macro).
    let mut beside = false;
    let mut here = "";
    for Note { at, what } in legs.notes(leg) {
        let named = match what {
            What::Taken { queue, .. } | What::LeavesQueue { queue } | What::Abandons { queue } => Some(queue),
            _ => None,
        };
        // Somebody took this caller's place in the queue for him (an attended transfer to who still waits): no word of coming.
        if let Some((queue, entered_ms)) =
            asked.take_if(|(asked, _)| !open && named.is_some_and(|named| **named == **asked))
        {
            visits.push(Visit { caller, pbx, queue, entered_ms, left_ms: None, position: 0, exit: Exit::Waiting });
            open = true;
        }
        if let What::Offered { queue, .. } | What::Taken { queue, .. } = what
            && std::mem::take(&mut beside)
            && let Some(visit) = visits.last_mut().filter(|visit| visit.queue == **queue)
        {
            (visit.left_ms, visit.exit, open) = (None, Exit::Waiting, true);
        }
        if open && let Some(since) = unheard {
            match what {
                // Said of who still waits, or how he left.
                What::StillInQueue
                | What::Offered { .. }
                | What::Taken { .. }
                | What::NotTaken { .. }
                | What::Abandons { .. }
                | What::LeavesQueue { .. }
                | What::QueueStatus(_) => unheard = None,
                What::At { .. } | What::JoinsQueue { .. } | What::LeftQueueUnseen { .. } | What::Gone { .. } => {
                    close(&mut visits, &mut open, since, Exit::LostInGap);
                }
                // Nobody whom the queue rings.
                What::Dials { dest, .. } if legs.at(*dest).is_some_and(|dest| !legs.leg(dest).channel.is_offered()) => {
                    close(&mut visits, &mut open, since, Exit::LostInGap);
                }
                _ => {}
            }
        }
        match what {
            What::Unheard => unheard = unheard.or(open.then_some(*at)),
            // Hangup handlers and the extension h run after the caller is gone.
            What::At { exten, .. } if hung_up || **exten == *"h" => {}
            What::At { exten, application, data, .. } => {
                // The new place is told while Queue() still runs: the key says that it was left, whatever runs there.
                let mut keys = exten.chars();
                let exit = match (keys.next(), keys.next()) {
                    (Some(key), None) if !matches!(key, 's' | 't' | 'i') && **exten != *here => Exit::Key { key },
                    _ => Exit::Moved,
                };
                here = exten;
                let left = visits.last().filter(|_| open).map(|visit| visit.queue.clone());
                beside |= open;
                close(&mut visits, &mut open, *at, exit);
                let queue = data.split(',').next().unwrap_or_default();
                let again = left.as_deref() == Some(queue);
                asked = (**application == *"Queue" && !again).then(|| (queue.to_owned(), *at));
            }
            What::LeftQueueUnseen { .. } => close(&mut visits, &mut open, *at, Exit::LostInGap),
            What::JoinsQueue { queue, position } => {
                (unheard, beside) = (None, false);
                close(&mut visits, &mut open, *at, Exit::Moved);
                let (queue, position) = (queue.to_string(), *position);
                visits.push(Visit {
                    caller,
                    pbx,
                    queue,
                    entered_ms: *at,
                    left_ms: None,
                    position,
                    exit: Exit::Waiting,
                });
                open = true;
                asked = None;
            }
            What::Taken { dest, .. } => {
                if let Some(visit) = visits.last_mut().filter(|_| open) {
                    visit.left_ms = Some(*at);
                    visit.exit = Exit::Answered { by: dest.and_then(|dest| legs.heard(legs.at(dest)?, *at)) };
                    open = false;
                }
            }
            What::Dumped { .. } => {
                // The member took it and left before they were joined: the caller goes on waiting.
                if let Some(visit) = visits.last_mut().filter(|visit| matches!(visit.exit, Exit::Answered { .. })) {
                    visit.left_ms = None;
                    visit.exit = Exit::Waiting;
                    open = true;
                }
            }
            What::HangupRequested { .. } => hung_up = true,
            What::Abandons { .. } | What::LeavesQueue { .. } => {
                beside = false;
                // Asterisk 22 says "abandon" of a timeout and of a key too. What the caller does next tells them apart.
                if let Some(visit) = visits.last_mut().filter(|_| open) {
                    visit.left_ms.get_or_insert(*at);
                }
            }
            // Who talks with somebody since was answered; the talk is told, if by whom is.
            What::LeftQueueInGap { .. } => {
                let to_bridge = |note: &&Note| matches!(note.what, What::Enters { holding: false, .. });
                let (after, until) = (at.saturating_sub(JITTER_MS), *at + 2 * JITTER_MS);
                let met = legs.notes(leg).iter().find(|note| (after..=until).contains(&note.at) && to_bridge(note));
                match met {
                    Some(note) => {
                        let by = legs.meets(leg, note.at).filter(|by| was_asked(legs, leg, *by));
                        close(&mut visits, &mut open, *at, Exit::Answered { by });
                    }
                    None => close(&mut visits, &mut open, unheard.unwrap_or(*at), Exit::LostInGap),
                }
            }
            What::QueueStatus(status) => {
                let exit = exit_of(*status);
                if open {
                    close(&mut visits, &mut open, *at, exit);
                } else if let Some((queue, entered_ms)) = asked.take() {
                    visits.push(Visit { caller, pbx, queue, entered_ms, left_ms: Some(*at), position: 0, exit });
                }
            }
            // Who goes on in its place goes on waiting, in a visit of his own.
            What::GivesPlace { .. } => close(&mut visits, &mut open, *at, Exit::Moved),
            What::Gone { .. } => close(&mut visits, &mut open, *at, Exit::Abandoned),
            What::LostInGap { .. } => close(&mut visits, &mut open, *at, Exit::LostInGap),
            _ => {}
        }
    }
    visits
}

/// Whether a queue rang somebody for a caller: who talks with him later may have been handed the call by who was.
fn was_asked(legs: &Legs<'_>, leg: usize, party: PartyIx) -> bool {
    let mut own = (0..legs.count()).filter(|leg| legs.party(*leg) == Some(party));
    if own.any(|leg| legs.notes(leg).iter().any(|note| note.what == What::RungByQueue)) {
        return true;
    }
    let reaches = |dest: usize| legs.reached(dest).into_iter().any(|leg| legs.party(leg) == Some(party));
    legs.notes(leg).iter().any(|note| match note.what {
        What::Offered { dest, .. } => legs.at(dest).is_some_and(reaches),
        _ => false,
    })
}

fn exit_of(status: QueueStatus) -> Exit {
    match status {
        QueueStatus::Timeout => Exit::Timeout,
        QueueStatus::Full => Exit::Full,
        QueueStatus::JoinEmpty => Exit::Empty,
        QueueStatus::LeaveEmpty => Exit::LeftEmpty,
        QueueStatus::Continue => Exit::Continued,
        QueueStatus::Withdrawn => Exit::Moved,
    }
}

fn close(visits: &mut [Visit], open: &mut bool, at: i64, exit: Exit) {
    if std::mem::take(open)
        && let Some(visit) = visits.last_mut()
    {
        visit.left_ms.get_or_insert(at);
        visit.exit = exit;
    }
}
