//! Rules of classification have dates: saying something new ends what was said before, and a file that is taken again changes
//! nothing.

use crate::classify::{Meaning, Rule, RuleId};

/// What is said of some places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// What they are.
    pub meaning: Meaning,
    /// From when on; absent: always, where nothing was said of them before, else from now on.
    pub from_ms: Option<i64>,
    /// Until when; absent: until something else is said.
    pub to_ms: Option<i64>,
}

/// What is to be done to the rules for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// This rule ends then.
    End(RuleId, i64),
    /// This rule says another thing, or ends otherwise.
    Mend(RuleId, Meaning, Option<i64>),
    /// A new rule.
    Begin(Said),
}

/// Steps that lead from the rules of the very same places to what is said now.
#[must_use]
pub fn steps(there: &[Rule], said: &Said, now_ms: i64) -> Vec<Step> {
    let repeated = || there.iter().find(|rule| rule.holds_at(now_ms) && rule.meaning == said.meaning);
    let from = match (said.from_ms, there) {
        (Some(from), _) => Some(from),
        (None, []) => None,
        (None, _) => repeated().map_or(Some(now_ms), |rule| rule.valid_from_ms),
    };
    let next =
        there.iter().filter_map(|rule| rule.valid_from_ms).filter(|start| from.is_none_or(|from| *start > from)).min();
    let until = |to: Option<i64>| match (to, next) {
        (Some(to), Some(next)) => Some(to.min(next)),
        (to, next) => to.or(next),
    };
    if let Some(rule) = there.iter().find(|rule| rule.valid_from_ms == from) {
        let to = if said.to_ms.is_some() { until(said.to_ms) } else { rule.valid_to_ms };
        let same = rule.meaning == said.meaning && rule.valid_to_ms == to;
        return if same { Vec::new() } else { vec![Step::Mend(rule.id, said.meaning, to)] };
    }
    let mut steps = Vec::new();
    // `None` is before every moment.
    let before = there.iter().filter(|rule| rule.valid_from_ms < from).max_by_key(|rule| rule.valid_from_ms);
    if let (Some(before), Some(from)) = (before, from)
        && before.valid_to_ms.is_none_or(|to| to > from)
    {
        steps.push(Step::End(before.id, from));
    }
    steps.push(Step::Begin(Said { meaning: said.meaning, from_ms: from, to_ms: until(said.to_ms) }));
    steps
}

#[cfg(test)]
mod tests {
    use central_api::PbxId;
    use proptest::prelude::*;

    use super::*;
    use crate::classify::{NamePattern, What};
    use crate::numbers::Pattern;

    const KINDS: [What; 3] = [What::Queue, What::Menu, What::Service];

    fn meaning(kind: usize) -> Meaning {
        Meaning { what: KINDS[kind], id: None }
    }

    fn carry_out(rules: &mut Vec<Rule>, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::End(id, to) => rules.iter_mut().find(|rule| rule.id == id).unwrap().valid_to_ms = Some(to),
                Step::Mend(id, meaning, to) => {
                    let rule = rules.iter_mut().find(|rule| rule.id == id).unwrap();
                    (rule.meaning, rule.valid_to_ms) = (meaning, to);
                }
                Step::Begin(said) => rules.push(Rule {
                    id: RuleId(i64::try_from(rules.len()).unwrap()),
                    pbx: PbxId(1),
                    context: NamePattern::anything(),
                    exten: Pattern::anything(),
                    trunk: NamePattern::anything(),
                    channel: NamePattern::anything(),
                    meaning: said.meaning,
                    valid_from_ms: said.from_ms,
                    valid_to_ms: said.to_ms,
                }),
            }
        }
    }

    fn say(rules: &mut Vec<Rule>, kind: usize, from_ms: Option<i64>, to_ms: Option<i64>, now_ms: i64) {
        let steps = steps(rules, &Said { meaning: meaning(kind), from_ms, to_ms }, now_ms);
        carry_out(rules, &steps);
    }

    fn at(rules: &[Rule], at_ms: i64) -> Vec<What> {
        rules.iter().filter(|rule| rule.holds_at(at_ms)).map(|rule| rule.meaning.what).collect()
    }

    #[test]
    fn what_is_new_ends_what_was_before() {
        let mut rules = Vec::new();
        say(&mut rules, 0, None, None, 100);
        assert_eq!(at(&rules, i64::MIN), [What::Queue], "always was so");
        say(&mut rules, 1, None, None, 200);
        assert_eq!([at(&rules, 199), at(&rules, 200)], [[What::Queue], [What::Menu]]);
        // A mistake of the past, found late.
        say(&mut rules, 2, Some(150), None, 300);
        assert_eq!(
            [at(&rules, 149), at(&rules, 150), at(&rules, 199), at(&rules, 200)].concat(),
            [KINDS[0], KINDS[2], KINDS[2], KINDS[1]]
        );
        say(&mut rules, 1, None, Some(400), 350);
        assert_eq!(at(&rules, 400), []);
        assert_eq!(at(&rules, 399), [What::Menu]);
    }

    proptest! {
        #[test]
        fn no_moment_has_two_rules_and_twice_is_once(
            sayings in prop::collection::vec((0_usize..3, prop::option::of(0_i64..50), prop::option::of(1_i64..30)), 1..8)
        ) {
            let mut rules = Vec::new();
            for (number, (kind, from, lasts)) in sayings.into_iter().enumerate() {
                let now = 10 * i64::try_from(number).unwrap();
                let to = lasts.map(|lasts| from.unwrap_or(now).max(now) + lasts);
                say(&mut rules, kind, from, to, now);
                let once = rules.clone();
                say(&mut rules, kind, from, to, now);
                prop_assert_eq!(&rules, &once);
                for moment in -1..200 {
                    prop_assert!(at(&rules, moment).len() <= 1, "{} {:?}", moment, rules);
                }
            }
        }
    }
}
