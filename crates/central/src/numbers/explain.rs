//! The test box of an administrator: what a text means wherever it may be seen, and what would be dialled.

use serde::{Deserialize, Serialize};

use super::dial::{Dialled, NotDialable, Target, dial};
use super::permission::{Class, class_of};
use super::plan::NumberPlan;
use super::read::read;
use super::reading::{Reading, Seen};

/// A text, read in every place and dialled again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// How it is read, by place.
    pub places: Vec<Place>,
    /// What is dialled for each number that was read somewhere.
    pub outgoing: Vec<Outgoing>,
}

/// How a text is read in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The place.
    pub seen: SeenAs,
    /// The reading, with the rule that decided.
    pub reading: Reading,
    /// The number for the eye.
    pub shown: String,
}

/// [`Seen`], to be kept and sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "as")]
pub enum SeenAs {
    /// The caller's number on a trunk.
    Caller {
        /// Its name; absent: any trunk that the plan does not name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trunk: Option<String>,
    },
    /// Dialled by a phone of the house.
    Dialled,
    /// A phone of the house, or typed by a person.
    Inside,
}

/// What is dialled for a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Whom to call.
    pub target: Target,
    /// What it counts as for permissions.
    pub class: Class,
    /// What the PBX dials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialled: Option<Dialled>,
    /// Why nothing is dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<NotDialable>,
}

/// Reads a text in every place of the plan, and tells what would be dialled for what it means there.
#[must_use]
pub fn explain(plan: &NumberPlan, text: &str) -> Explanation {
    let trunks = plan.trunks.keys().map(|trunk| (SeenAs::Caller { trunk: Some(trunk.clone()) }, Seen::Caller(trunk)));
    // No trunk has an empty name.
    let others = [
        (SeenAs::Caller { trunk: None }, Seen::Caller("")),
        (SeenAs::Dialled, Seen::Dialled),
        (SeenAs::Inside, Seen::Inside),
    ];
    let places: Vec<Place> = trunks
        .chain(others)
        .map(|(seen, place)| {
            let reading = read(plan, place, text);
            Place { seen, shown: reading.number.shown(), reading }
        })
        .collect();
    let mut outgoing: Vec<Outgoing> = Vec::new();
    for target in places.iter().filter_map(|place| Target::of(&place.reading)) {
        if outgoing.iter().all(|known| known.target != target) {
            let (dialled, refused) = match dial(plan, &target) {
                Ok(dialled) => (Some(dialled), None),
                Err(refused) => (None, Some(refused)),
            };
            outgoing.push(Outgoing { class: class_of(plan, &target), target, dialled, refused });
        }
    }
    Explanation { places, outgoing }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Sends, TrunkRules};
    use super::super::presets::Preset;
    use super::super::reading::Rule;
    use super::*;

    #[test]
    fn a_text_is_told_both_ways() {
        let mut plan = Preset::Russia.plan("495".parse().ok());
        plan.trunks.insert("world".to_owned(), TrunkRules { sends: Sends::E164, ..TrunkRules::default() });
        let explanation = explain(&plan, "49 30 123456-7");
        let told: Vec<(String, Rule)> =
            explanation.places.iter().map(|place| (place.shown.clone(), place.reading.rule.clone())).collect();
        let unread = |rule| ("49 30 123456-7".to_owned(), rule);
        assert_eq!(
            told,
            [
                ("+49 30 1234567".to_owned(), Rule::StatedForm),
                unread(Rule::NoRule),
                unread(Rule::NoRule),
                unread(Rule::NoRule)
            ]
        );
        let [outgoing] = &explanation.outgoing[..] else { panic!("{explanation:?}") };
        assert_eq!(outgoing.class, Class::International);
        assert_eq!(outgoing.dialled.as_ref().unwrap().text, "81049301234567");
    }

    #[test]
    fn what_cannot_be_dialled_says_why() {
        let mut plan = Preset::Russia.plan("495".parse().ok());
        plan.international_prefixes.clear();
        let explanation = explain(&plan, "+4930123456");
        assert_eq!(explanation.outgoing[0].refused, Some(NotDialable::NoInternationalPrefix));
    }

    #[test]
    fn an_explanation_is_the_same_after_it_was_sent() {
        let plan = Preset::Germany.plan("30".parse().ok());
        for text in ["030 123456", "110", "anonymous", "+44 (0)20 7946 0000", "hello"] {
            let explanation = explain(&plan, text);
            let json = serde_json::to_string(&explanation).unwrap();
            assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), explanation, "{json}");
        }
    }
}
