//! What texts are read as, plan by plan.

use super::super::plan::TrunkRules;
use super::super::presets::Preset;
use super::super::{Number, NumberPlan};
use super::*;

/// Text, number in E.164 or kind, rule.
type Row = (&'static str, &'static str, &'static str);

fn house(preset: Preset, area: &str) -> NumberPlan {
    let mut plan = preset.plan(area.parse().ok());
    plan.extensions = vec!["_2XX".parse().unwrap(), "reception".parse().unwrap()];
    plan
}

fn moscow() -> NumberPlan {
    let mut plan = house(Preset::Russia, "495");
    plan.own_numbers = vec!["+74950000000".parse().unwrap()];
    plan.no_number = vec!["0".to_owned(), "Скрыт".to_owned()];
    let trunk = |trunk: TrunkRules| trunk;
    plan.trunks = [
        ("e164", trunk(TrunkRules { sends: Sends::E164, ..TrunkRules::default() })),
        ("bare", trunk(TrunkRules { sends: Sends::National, ..TrunkRules::default() })),
        ("mixed", trunk(TrunkRules { sends: Sends::Mixed, ..TrunkRules::default() })),
        ("plus", trunk(TrunkRules { plus_by_mistake: true, ..TrunkRules::default() })),
        ("branch", trunk(TrunkRules { extensions: true, own_number_means_none: false, ..TrunkRules::default() })),
    ]
    .map(|(name, trunk)| (name.to_owned(), trunk))
    .into();
    plan
}

fn told(reading: &Reading) -> (String, String) {
    let Number { e164, kind, .. } = &reading.number;
    let kind = serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned();
    let rule = serde_json::to_value(&reading.rule).unwrap()["is"].as_str().unwrap().to_owned();
    (e164.map_or(kind, |number| number.to_string()), rule)
}

fn reads(plan: &NumberPlan, seen: Seen<'_>, rows: &[Row]) {
    for (text, number, rule) in rows {
        let reading = read(plan, seen, text);
        assert_eq!(told(&reading), ((*number).to_owned(), (*rule).to_owned()), "{seen:?} {text:?}: {reading:?}");
    }
}

#[test]
fn callers_in_moscow() {
    reads(
        &moscow(),
        Seen::Caller("city"),
        &[
            ("84951234567", "+74951234567", "trunk-prefix"),
            ("74951234567", "+74951234567", "country-code"),
            ("4951234567", "+74951234567", "national"),
            ("1234567", "+74951234567", "local"),
            ("+74951234567", "+74951234567", "plus"),
            ("+7 (495) 123-45-67", "+74951234567", "plus"),
            ("+7 8 495 123-45-67", "+74951234567", "trunk-prefix-left-out"),
            ("88001234567", "+78001234567", "trunk-prefix"),
            ("8001234567", "+78001234567", "national"),
            ("8104930123456", "+4930123456", "international-prefix"),
            ("8-10-44-20-7946-0000", "+442079460000", "international-prefix"),
            ("81012125551234", "+12125551234", "international-prefix"),
            ("+4930123456", "+4930123456", "plus"),
            ("+44 (0)20 7946 0000", "+442079460000", "trunk-prefix-left-out"),
            ("+39 06 12345678", "+390612345678", "plus"),
            ("sip:%2B74951234567@10.0.0.1;user=phone", "+74951234567", "plus"),
            ("tel:1234567;phone-context=+7", "+74951234567", "local"),
            ("tel:1234567;phone-context=+7812", "+78121234567", "phone-context"),
            ("tel:1234567;phone-context=+49", "external", "foreign-context"),
            ("tel:1234567;phone-context=pbx.example", "+74951234567", "local"),
            ("٨٤٩٥١٢٣٤٥٦٧", "+74951234567", "trunk-prefix"),
            ("112", "service", "service"),
            ("101", "service", "service"),
            ("900", "external", "no-rule"),
            ("201", "external", "no-rule"),
            ("0000000000", "external", "no-rule"),
            ("123456789012", "external", "no-rule"),
            ("1-800-FLOWERS", "external", "other-signs"),
            ("84951234567,105", "external", "other-signs"),
            ("+7495123456", "external", "no-rule"),
            // Estonia had no numbers so long when the table was made; it says by itself that it is one.
            ("+372123456789", "+372123456789", "unusual-length"),
            ("810372123456789", "+372123456789", "unusual-length"),
        ],
    );
}

#[test]
fn nobody_is_spelt_in_many_ways() {
    for text in [
        "",
        " ",
        "-",
        "+",
        "()",
        "unknown",
        "Unknown",
        "<unknown>",
        "ANONYMOUS",
        "asterisk",
        "restricted",
        "private",
        "Unavailable",
        "sip:anonymous@anonymous.invalid",
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
        "0",
        "скрыт",
    ] {
        reads(&moscow(), Seen::Caller("city"), &[(text, "anonymous", "no-number")]);
    }
}

#[test]
fn an_own_number_as_the_caller_is_nobody() {
    let plan = moscow();
    for text in ["+74950000000", "84950000000", "0000000"] {
        reads(&plan, Seen::Caller("city"), &[(text, "anonymous", "own-number")]);
    }
    // A branch of the house calls with its own number; a customer dials it.
    reads(&plan, Seen::Caller("branch"), &[("84950000000", "+74950000000", "trunk-prefix")]);
    reads(&plan, Seen::Called("city"), &[("84950000000", "+74950000000", "trunk-prefix")]);
    reads(&plan, Seen::Inside, &[("84950000000", "+74950000000", "trunk-prefix")]);
}

#[test]
fn trunks_have_quirks() {
    let plan = moscow();
    reads(
        &plan,
        Seen::Caller("e164"),
        &[
            ("4930123456", "+4930123456", "stated-form"),
            ("74951234567", "+74951234567", "stated-form"),
            ("84951234567", "+84951234567", "stated-form"),
            ("4951234567", "+4951234567", "stated-form"),
            ("1234567", "+74951234567", "local"),
        ],
    );
    reads(
        &plan,
        Seen::Caller("bare"),
        &[("4951234567", "+74951234567", "stated-form"), ("4930123456", "+74930123456", "stated-form")],
    );
    reads(
        &plan,
        Seen::Caller("mixed"),
        &[
            ("4930123456", "external", "ambiguous"),
            ("84951234567", "external", "ambiguous"),
            ("74951234567", "+74951234567", "stated-form"),
            ("442079460000", "+442079460000", "stated-form"),
        ],
    );
    reads(
        &plan,
        Seen::Caller("plus"),
        &[
            ("+84951234567", "+74951234567", "plus-by-mistake"),
            ("+8104930123456", "+4930123456", "plus-by-mistake"),
            ("+4951234567", "+74951234567", "plus-by-mistake"),
            ("+74951234567", "+74951234567", "plus-by-mistake"),
            ("+442079460000", "+442079460000", "plus"),
        ],
    );
    reads(&plan, Seen::Caller("branch"), &[("201", "extension", "extension"), ("reception", "extension", "extension")]);
}

#[test]
fn a_plus_by_mistake_is_told_where_it_cannot_be_known() {
    let plan = moscow();
    // A number of Vietnam, by what is written. That it may not be is told beside it.
    let reading = read(&plan, Seen::Caller("city"), "+84951234567");
    assert_eq!(told(&reading), ("+84951234567".to_owned(), "plus".to_owned()));
    let other = OtherReading { kind: Kind::External, e164: "+74951234567".parse().ok(), rule: Rule::PlusByMistake };
    assert_eq!(reading.others, [other]);
    // No country has the code 89, and none begins with 0.
    reads(&plan, Seen::Caller("city"), &[("+89161234567", "+79161234567", "plus-by-mistake")]);
    reads(
        &house(Preset::Germany, "30"),
        Seen::Caller("city"),
        &[("+030123456", "+4930123456", "plus-by-mistake"), ("+0044 20 79460000", "+442079460000", "plus-by-mistake")],
    );
}

#[test]
fn both_ways_are_told_when_two_rules_of_one_weight_differ() {
    let reading = read(&moscow(), Seen::Caller("mixed"), "4930123456");
    assert_eq!(reading.number.e164, None);
    let numbers: Vec<String> = reading.others.iter().filter_map(|other| other.e164).map(|it| it.to_string()).collect();
    assert_eq!(numbers, ["+4930123456", "+74930123456"]);

    // Local numbers of seven digits, and numbers of the country of seven.
    let mut plan = moscow();
    plan.national_lengths = crate::numbers::Lengths::of(&[7, 10]);
    reads(&plan, Seen::Caller("city"), &[("3234567", "external", "ambiguous"), ("1234567", "+74951234567", "local")]);
}

#[test]
fn inside_the_house() {
    let plan = moscow();
    for seen in [Seen::Inside, Seen::Dialled] {
        reads(
            &plan,
            seen,
            &[
                ("201", "extension", "extension"),
                ("sip:201@pbx.example", "extension", "extension"),
                ("reception", "extension", "extension"),
                ("Reception", "external", "other-signs"),
                ("84951234567", "+74951234567", "trunk-prefix"),
                ("112", "service", "service"),
                ("*72", "external", "no-rule"),
                ("+201", "external", "no-rule"),
            ],
        );
    }
    let both = NumberPlan { extensions: vec!["_1XX".parse().unwrap()], ..plan };
    let reading = read(&both, Seen::Inside, "112");
    assert_eq!(told(&reading), ("extension".to_owned(), "extension".to_owned()));
    assert_eq!(reading.others.iter().map(|other| other.kind).collect::<Vec<_>>(), [Kind::Service]);
}

#[test]
fn a_prefix_gets_a_line_to_the_outside() {
    let mut plan = moscow();
    plan.dial.outside_prefix = "9".parse().ok();
    reads(
        &plan,
        Seen::Dialled,
        &[
            ("984951234567", "+74951234567", "trunk-prefix"),
            ("91234567", "+74951234567", "local"),
            ("9112", "service", "service"),
            ("112", "service", "service"),
            ("9+74951234567", "+74951234567", "plus"),
            ("+74951234567", "+74951234567", "plus"),
            ("8+74951234567", "external", "no-rule"),
            ("84951234567", "external", "no-rule"),
            ("9161234567", "external", "no-rule"),
            ("201", "extension", "extension"),
        ],
    );
    reads(
        &plan,
        Seen::Inside,
        &[
            ("84951234567", "+74951234567", "trunk-prefix"),
            ("984951234567", "+74951234567", "trunk-prefix"),
            ("9161234567", "+79161234567", "national"),
            ("91234567", "+74951234567", "local"),
        ],
    );
    // What came by a trunk has no prefix of ours.
    reads(&plan, Seen::Caller("city"), &[("984951234567", "external", "no-rule")]);
}

#[test]
fn callers_in_berlin() {
    reads(
        &house(Preset::Germany, "30"),
        Seen::Caller("city"),
        &[
            ("030123456", "+4930123456", "trunk-prefix"),
            ("0176 12345678", "+4917612345678", "trunk-prefix"),
            ("123456", "+4930123456", "local"),
            ("+49 (0)30 123456", "+4930123456", "trunk-prefix-left-out"),
            ("0049 30 123456", "+4930123456", "international-prefix"),
            ("00 49 (0) 30 123456", "+4930123456", "trunk-prefix-left-out"),
            ("00 44 20 7946 0000", "+442079460000", "international-prefix"),
            ("110", "service", "service"),
            ("116117", "service", "service"),
        ],
    );
}

#[test]
fn callers_in_london() {
    reads(
        &house(Preset::UnitedKingdom, "20"),
        Seen::Caller("city"),
        &[
            ("020 7946 0000", "+442079460000", "trunk-prefix"),
            ("7946 0000", "+442079460000", "local"),
            ("442079460000", "+442079460000", "country-code"),
            ("2079460000", "external", "no-rule"),
            ("+44 (0) 7700 900123", "+447700900123", "trunk-prefix-left-out"),
            ("999", "service", "service"),
        ],
    );
}

#[test]
fn callers_in_new_york() {
    reads(
        &house(Preset::UnitedStates, "212"),
        Seen::Caller("city"),
        &[
            ("(212) 555-1234", "+12125551234", "national"),
            ("1-212-555-1234", "+12125551234", "trunk-prefix"),
            ("+1.212.555.1234", "+12125551234", "plus"),
            ("555-1234", "+12125551234", "local"),
            ("011 49 30 123456", "+4930123456", "international-prefix"),
            ("1125551234", "external", "no-rule"),
            ("911", "service", "service"),
            ("411", "service", "service"),
        ],
    );
}

#[test]
fn a_plan_of_a_country_alone_reads_what_has_a_plus() {
    let plan = NumberPlan::of_country("372".to_owned().try_into().unwrap());
    reads(
        &plan,
        Seen::Caller("any"),
        &[
            ("+372 600 1234", "+3726001234", "plus"),
            ("+49 30 123456", "+4930123456", "plus"),
            ("6001234", "external", "no-rule"),
        ],
    );
}

#[test]
fn a_long_text_is_cut_and_not_read() {
    let reading = read(&moscow(), Seen::Inside, &"Ы1".repeat(1_000));
    assert_eq!(told(&reading), ("external".to_owned(), "too-long".to_owned()));
    assert_eq!((reading.number.raw.chars().count(), reading.digits.len()), (64, 0));
}
