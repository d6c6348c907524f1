use super::super::generated::{NOON_MS, any_call, outgoing_call, queue_call};
use super::*;
use proptest::prelude::*;

fn apart(call: &Call, text: &str, kind: Text) -> String {
    Numbers::of(call).apart(text, kind, |_| Some(7)).into_owned()
}

#[test]
fn numbers_hide_in_dial_strings() {
    let mut call = outgoing_call(NOON_MS, "79001234567");
    call.parties.push(super::super::generated::party(Who::Trunk, "PJSIP/alice", "alice", ""));
    for (text, stored) in [
        ("79001234567", "‹7›"),
        ("+79001234567", "‹7›"),
        ("89001234567", "‹7›"),
        ("PJSIP/79001234567@trunk-1", "PJSIP/‹7›@trunk-1"),
        ("PJSIP/trunk-1/sip:79001234567@10.0.0.1:5060", "PJSIP/trunk-1/sip:‹7›@10.0.0.1:5060"),
        ("PJSIP/79009999999@trunk-74951880000", "PJSIP/‹7›@trunk-74951880000"),
        ("Local/79001234567@from-internal/n", "Local/‹7›@from-internal/n"),
        ("_79001234567-out", "_‹7›-out"),
        ("PJSIP/alice@trunk-1", "PJSIP/‹7›@trunk-1"),
        ("PJSIP/1001", "PJSIP/1001"),
        ("1001", "1001"),
        ("700", "700"),
        ("s", "s"),
        ("", ""),
        ("‹5›", "‹›5›"),
    ] {
        assert_eq!(apart(&call, text, Text::Dialled), stored);
    }
    // What the house named may look like a number and is none, unless it ends like one that the call has.
    for (text, stored) in [
        ("order 1234567890", "order 1234567890"),
        ("call 8-900, 89001234567", "call 8-900, ‹7›"),
        ("trunk-74951880000", "trunk-74951880000"),
    ] {
        assert_eq!(apart(&call, text, Text::Named), stored);
    }
}

#[test]
fn numbers_of_the_house_stay() {
    let mut call = queue_call(NOON_MS, "+79001234567", "Ivan", 1, true);
    call.parties[1].number = Some("74951880001".to_owned());
    assert_eq!(apart(&call, "74951880000", Text::Dialled), "74951880000", "what the customer dialled");
    assert_eq!(apart(&call, "PJSIP/74951880001", Text::Dialled), "PJSIP/74951880001");
    assert_eq!(apart(&call, "PJSIP/74951880002@x", Text::Dialled), "PJSIP/‹7›@x");
    let mut inside = call.clone();
    inside.direction = Direction::Internal;
    inside.dialled = Some("1002".to_owned());
    assert_eq!(apart(&inside, "1002", Text::Dialled), "1002");
    // Short, and outside all the same: who dials out dials it.
    let emergency = outgoing_call(NOON_MS, "112");
    assert_eq!(apart(&emergency, "PJSIP/112@trunk-1", Text::Dialled), "PJSIP/‹7›@trunk-1");
}

#[test]
fn numbers_compare_by_their_digits() {
    for (number, folded_as) in [
        ("+7 (495) 123-45-67", Some("74951234567")),
        ("74951234567", Some("74951234567")),
        ("Alice", Some("alice")),
        ("+", Some("+")),
        ("", None),
    ] {
        assert_eq!(folded(number).as_deref(), folded_as);
    }
    assert_eq!(folded(&"1".repeat(100)).map(|digits| digits.len()), Some(64));
}

proptest! {
    /// Every text of a call comes back, and what is stored of it holds no number of an outside party.
    #[test]
    fn what_is_taken_apart_is_filled_in_again(call in any_call()) {
        let numbers = Numbers::of(&call);
        let texts = call.attempts.iter().map(|attempt| &attempt.interface).chain(call.steps.iter().map(|step| &step.exten));
        for text in texts.chain(&call.dialled) {
            let mut taken = Vec::new();
            let stored = numbers.apart(text, Text::Dialled, |number| {
                taken.push(number);
                i64::try_from(taken.len() - 1).ok()
            });
            let text_of = |id: i64| usize::try_from(id).ok().and_then(|id| taken.get(id).copied());
            prop_assert_eq!(&filled(&stored, text_of), text);
            // A sign that divides words, so that what stood beside a number makes no new one.
            let kept = filled(&stored, |_| Some("/"));
            // The sign of a place that was taken apart is no number, whoever is called so.
            let theirs = numbers.theirs.iter().filter(|their| !numbers.ours.contains(their) && !their.contains(OPEN));
            for their in theirs {
                prop_assert!(!tokens(&kept).any(|token| token == *their), "{their} in {stored}");
            }
        }
    }
}
