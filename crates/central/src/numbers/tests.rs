//! What holds for every plan, number and text.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::plan::{DialRules, InternationalForm, LocalForm, NationalForm};
use super::*;

/// Numbers that can be, of the plan's own country and of others.
fn number_of(plan: &NumberPlan) -> impl Strategy<Value = E164> + use<> {
    let plan = plan.clone();
    let codes = prop_oneof![
        Just(None),
        prop::sample::select(vec!["1", "7", "44", "49", "33", "372", "39", "84", "852"]).prop_map(Some)
    ];
    (codes, any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[0-9]{14}").prop_filter_map(
        "a number that can be",
        move |(code, length, start, rest)| {
            let code = code.map_or_else(|| plan.country_code.to_string(), str::to_owned);
            let country = CountryCode::try_from(code.clone()).unwrap();
            let is_own = country == plan.country_code;
            let lengths = if is_own { plan.national_lengths } else { country.country().lengths };
            let lengths: Vec<usize> =
                lengths.iter().filter(|length| (7..=15).contains(&(code.len() + length))).collect();
            let starts = plan.national_starts.as_ref().filter(|_| is_own).map_or("123456789", Digits::as_str);
            let start = start.index(starts.len());
            let length = lengths.get(length.index(lengths.len().max(1)))?;
            let national = format!("{}{}", &starts[start..=start], &rest[1..*length]);
            E164::from_digits(&format!("{code}{national}")).ok().filter(|number| plan.can_be(*number))
        },
    )
}

fn dial_rules() -> impl Strategy<Value = DialRules> {
    let local = prop_oneof![Just(LocalForm::National), Just(LocalForm::Subscriber)];
    let national = prop_oneof![
        Just(NationalForm::TrunkPrefix),
        Just(NationalForm::Bare),
        Just(NationalForm::CountryCode),
        Just(NationalForm::Plus)
    ];
    let international = prop_oneof![
        Just(InternationalForm::Prefix),
        Just(InternationalForm::Plus),
        Just(InternationalForm::CountryCode)
    ];
    (option::of("[0-9]{1,2}"), local, national, international).prop_map(|(outside, local, national, international)| {
        let outside_prefix = outside.and_then(|digits| digits.parse().ok());
        DialRules { outside_prefix, local, national, international }
    })
}

fn preset() -> impl Strategy<Value = NumberPlan> {
    (prop::sample::select(Preset::ALL.to_vec()), option::of("[2-9][0-9]{1,2}"))
        .prop_map(|(preset, area)| preset.plan(area.and_then(|digits| digits.parse().ok())))
}

/// Sensible plans and such as nobody should write.
fn any_plan() -> impl Strategy<Value = NumberPlan> {
    let digits = |pattern: &'static str| option::of(pattern).prop_map(|it| it.and_then(|digits| digits.parse().ok()));
    let prefixes = vec("[0-9]{1,3}", 0..3);
    let extensions = vec(prop_oneof!["_[1-9]X{1,6}", "_[1-9X][.!]", "[0-9]{2,7}"], 0..3);
    let lengths = |most: u8| vec(1..most, 0..4).prop_map(|lengths| Lengths::of(&lengths));
    let digits = (digits("[0-9]{1,2}"), digits("[0-9]{1,4}"), digits("[0-9]{1,10}"));
    let switches = (any::<bool>(), any::<bool>());
    (preset(), dial_rules(), digits, prefixes, extensions, (lengths(13), lengths(9)), switches).prop_map(
        |(plan, dial, (trunk_prefix, area, starts), prefixes, extensions, (national, subscriber), (bare, code))| {
            NumberPlan {
                trunk_prefix,
                national_starts: starts,
                area_codes: area.into_iter().collect(),
                international_prefixes: prefixes.iter().filter_map(|prefix| prefix.parse().ok()).collect(),
                extensions: extensions.iter().filter_map(|pattern| pattern.parse().ok()).collect(),
                national_lengths: national,
                subscriber_lengths: subscriber,
                national_without_prefix: bare,
                country_code_without_plus: code,
                trunks: [("mixed".to_owned(), TrunkRules { sends: Sends::Mixed, ..TrunkRules::default() })].into(),
                dial,
                ..plan
            }
        },
    )
}

fn with_number<P: Strategy<Value = NumberPlan>>(plan: P) -> impl Strategy<Value = (NumberPlan, E164)> {
    plan.prop_flat_map(|plan| (Just(plan.clone()), number_of(&plan)))
}

const PLACES: [Seen<'static>; 5] =
    [Seen::Caller("city"), Seen::Caller("mixed"), Seen::Called("city"), Seen::Dialled, Seen::Inside];

proptest! {
    /// The promise of the module: nobody else is called.
    #[test]
    fn what_is_dialled_is_read_as_the_number_that_was_meant((plan, number) in with_number(any_plan())) {
        if let Ok(dialled) = dial(&plan, &Target::External(number)) {
            let reading = read(&plan, Seen::Dialled, &dialled.text);
            prop_assert_eq!(reading.number.e164, Some(number), "{:?} {:?}", dialled, reading);
        }
    }

    /// And somebody is: a plan of a preset dials all numbers that can be, whatever form its PBX wants, as long as nothing is
    /// wrong with it.
    #[test]
    fn a_plan_without_errors_dials_every_number((plan, number) in with_number((preset(), dial_rules()).prop_map(|(plan, dial)| {
        NumberPlan { dial, national_without_prefix: true, country_code_without_plus: true, ..plan }
    }))) {
        let sound = plan.check().iter().all(|problem| problem.severity() == Severity::Warning);
        let dialled = dial(&plan, &Target::External(number));
        // Where numbers have many lengths, one without prefix can be another with country code; that is refused, not dialled.
        let lengths = plan.national_lengths.iter().count();
        let one_length = lengths == 1 || matches!(plan.dial.national, NationalForm::TrunkPrefix | NationalForm::Plus);
        if sound && one_length {
            prop_assert!(dialled.is_ok(), "{} {:?} {:?}", number, dialled, plan);
        }
    }

    #[test]
    fn presets_dial_and_read_every_number_back((plan, number) in with_number(preset())) {
        let dialled = dial(&plan, &Target::External(number)).unwrap();
        for seen in [Seen::Dialled, Seen::Inside, Seen::Caller("city")] {
            prop_assert_eq!(read(&plan, seen, &dialled.text).number.e164, Some(number), "{:?}", dialled);
        }
    }

    #[test]
    fn e164_is_read_as_itself_in_every_place((plan, number) in with_number(any_plan())) {
        for seen in PLACES {
            for text in [number.to_string(), number.grouped(), format!("tel:{number}"), format!("sip:%2B{}@host", number.digits())] {
                let reading = read(&plan, seen, &text);
                prop_assert_eq!(reading.number.e164, Some(number), "{:?} {} {:?}", seen, text, reading);
            }
        }
    }

    #[test]
    fn any_text_is_read_and_no_digit_is_made_up(plan in any_plan(), text in "(.{0,60}|\\PC{0,300}|[+0-9 ()*#-]{0,24}|(sip|tel):[0-9+%2B;=@<>-]{0,40}|tel:[0-9]{4,8};phone-context=[+]7[0-9]{0,4})") {
        let put = format!("{}{}", plan.country_code, plan.area_codes.first().map_or("", Digits::as_str));
        for seen in PLACES {
            let reading = read(&plan, seen, &text);
            prop_assert!(reading.number.raw.chars().count() <= 64 && reading.digits.len() <= 40 && reading.others.len() <= MOST_OTHERS);
            prop_assert!(reading.number.kind == Kind::External || reading.number.e164.is_none());
            let numbers = reading.number.e164.into_iter().chain(reading.others.iter().filter_map(|other| other.e164));
            for number in numbers {
                prop_assert!(comes_from(number, &reading.digits, &text, &put), "{} {} {:?}", text, number, reading);
            }
            let _ = (reading.number.shown(), reading.number.masked(), Target::of(&reading).map(|target| dial(&plan, &target)));
        }
        let _ = explain(&plan, &text);
    }

    #[test]
    fn a_masked_number_shows_at_most_four_digits_of_a_customer(plan in any_plan(), text in "(.{0,40}|[+0-9 ()-]{0,20})") {
        for seen in PLACES {
            let number = read(&plan, seen, &text).number;
            if number.kind == Kind::External {
                let shown = number.masked().chars().filter(|sign| sign.is_numeric()).count();
                prop_assert!(shown <= 4, "{:?}", number.masked());
            }
        }
    }

    #[test]
    fn a_plan_is_the_same_after_it_was_written_down(plan in any_plan()) {
        let json = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(&serde_json::from_str::<NumberPlan>(&json).unwrap(), &plan);
        let toml = toml::to_string(&plan).unwrap();
        prop_assert_eq!(&toml::from_str::<NumberPlan>(&toml).unwrap(), &plan);
    }
}

/// Whether the number ends as the text's digits do, and begins with what a rule of the plan puts there, or with other digits of
/// the text (a country code before a trunk prefix that was left out, a context).
fn comes_from(number: E164, digits: &str, text: &str, put: &str) -> bool {
    let number = number.digits();
    (0..number.len()).map(|at| number.split_at(at)).any(|(head, tail)| {
        digits.ends_with(tail) && (put.starts_with(head) || digits.contains(head) || text.contains(head))
    })
}

#[test]
fn forms_of_dialling() {
    let form = |local, national, international, outside: &str| DialRules {
        outside_prefix: outside.parse().ok(),
        local,
        national,
        international,
    };
    let usual = || form(LocalForm::National, NationalForm::TrunkPrefix, InternationalForm::Prefix, "");
    let local = || form(LocalForm::Subscriber, NationalForm::TrunkPrefix, InternationalForm::Plus, "9");
    let bare = || form(LocalForm::National, NationalForm::Bare, InternationalForm::Prefix, "");
    let code = || form(LocalForm::National, NationalForm::CountryCode, InternationalForm::CountryCode, "");
    for (rules, number, text, taken) in [
        (usual(), "+74951234567", "84951234567", Form::National),
        (usual(), "+78001234567", "88001234567", Form::National),
        (usual(), "+4930123456", "8104930123456", Form::International),
        (local(), "+74951234567", "91234567", Form::Subscriber),
        (local(), "+74991234567", "984991234567", Form::National),
        (local(), "+4930123456", "9+4930123456", Form::International),
        // The local form is an extension of this house.
        (DialRules { outside_prefix: None, ..local() }, "+74952000000", "84952000000", Form::National),
        (bare(), "+74951234567", "4951234567", Form::National),
        (code(), "+74951234567", "74951234567", Form::National),
        (code(), "+4930123456", "4930123456", Form::International),
        (code(), "+84951234567", "84951234567", Form::International),
    ] {
        let extensions = vec!["_2XXXXXX".parse().unwrap()];
        let plan = NumberPlan { dial: rules, extensions, ..Preset::Russia.plan("495".parse().ok()) };
        let dialled = dial(&plan, &Target::External(number.parse().unwrap())).unwrap();
        assert_eq!((dialled.text.as_str(), dialled.form), (text, taken), "{number}");
    }
}

#[test]
fn short_numbers_are_dialled_as_they_are() {
    let mut plan = Preset::Russia.plan(None);
    plan.extensions = vec!["_2XX".parse().unwrap(), "reception".parse().unwrap()];
    plan.dial.outside_prefix = "9".parse().ok();
    plan.services[0].without_outside_prefix = true;
    for (target, text, class) in [
        (Target::Extension("201".to_owned()), "201", Class::Internal),
        (Target::Extension("reception".to_owned()), "reception", Class::Internal),
        (Target::Service("112".to_owned()), "112", Class::Emergency),
        (Target::Service("103".to_owned()), "9103", Class::Emergency),
        (Target::Service("100".to_owned()), "9100", Class::Service),
    ] {
        let dialled = dial(&plan, &target).unwrap();
        assert_eq!(dialled, Dialled { text: text.to_owned(), form: Form::Short, class }, "{target:?}");
    }
    for target in
        [Target::Extension("301".to_owned()), Target::Extension(String::new()), Target::Service("500".to_owned())]
    {
        assert_eq!(dial(&plan, &target), Err(NotDialable::NoShortNumber), "{target:?}");
    }
}

#[test]
fn what_would_reach_somebody_else_is_not_dialled() {
    // 8 10 49 30 12345 is eleven digits, as 8 and a number of the country would be.
    let mut plan = Preset::Russia.plan(None);
    plan.national_starts = None;
    let number = "+71049301234".parse().unwrap();
    let refused = dial(&plan, &Target::External(number));
    let prefix = "810".parse().unwrap();
    let by = Rule::InternationalPrefix { prefix };
    assert_eq!(refused, Err(NotDialable::MeansSomethingElse { text: "81049301234".to_owned(), by }));
    assert_eq!(dial(&Preset::Russia.plan(None), &Target::External(number)), Err(NotDialable::NoSuchNumber));
}

#[test]
fn masked_numbers() {
    let plan = Preset::Russia.plan("495".parse().ok());
    for (text, masked) in [
        ("84951234567", "•••• 4567"),
        ("Ivan 84951234567", "•••• 4567"),
        ("12345", "••••"),
        ("112", "112"),
        ("anonymous", "anonymous"),
    ] {
        assert_eq!(read(&plan, Seen::Caller("city"), text).number.masked(), masked);
    }
}

const MANUAL: &str = include_str!("../../../../docs/admin/numbers.md");

/// The plans that stand in the manual.
fn plans_of_the_manual() -> Vec<NumberPlan> {
    let texts = MANUAL.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let plan = |text: &str| match text.starts_with("[[") {
        true => crate::apply::parse("manual", text).map(|input| input.plans[0].plan.clone()),
        false => toml::from_str::<crate::store::PlanInput>(text).map(|input| input.plan).map_err(Into::into),
    };
    texts.map(|text| plan(text).unwrap_or_else(|error| panic!("{error}\n{text}"))).collect()
}

#[test]
fn the_plans_in_the_manual_have_no_problems() {
    let plans = plans_of_the_manual();
    assert_eq!(plans.len(), 3);
    for plan in plans {
        assert_eq!(plan.check(), [], "{plan:?}");
    }
}

/// Each text in the manual's table of readings is read by the rule that stands beside it, as the number that does.
#[test]
fn the_readings_in_the_manual_are_so() {
    let plan = &plans_of_the_manual()[0];
    let table =
        MANUAL.split("## What goes in, what comes out").nth(1).and_then(|rest| rest.split("\n\n").nth(2)).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(2).map(|line| line.split('|').map(str::trim).collect()).collect();
    assert!(rows.len() > 15, "{table}");
    let mut text_of_row_above = "";
    for row in rows {
        let [_, texts, shown, rule, _] = row[..] else { panic!("{row:?}") };
        let quoted: Vec<&str> = texts.split('`').skip(1).step_by(2).collect();
        let seen = match texts {
            texts if texts.contains("`operator-a`") => Seen::Caller("operator-a"),
            texts if texts.contains("`operator-b`") => Seen::Caller("operator-b"),
            texts if texts.contains("`branch`") => Seen::Caller("branch"),
            _ => Seen::Caller("any"),
        };
        let mut texts_read = 0;
        let shown: Vec<&str> = shown.split(", ").collect();
        for (place, text) in quoted.iter().filter(|text| !plan.trunks.contains_key(**text)).enumerate() {
            // What is abbreviated in the table is read whole in other tests.
            let text = if text.contains('…') { continue } else { *text };
            texts_read += 1;
            let reading = read(plan, seen, text);
            assert_eq!(
                serde_json::to_value(&reading.rule).unwrap()["is"],
                rule.trim_matches('`'),
                "{text} {reading:?}"
            );
            if let Some(number) = reading.number.e164 {
                let expected = if shown.len() == quoted.len() { shown[place] } else { shown[0] };
                assert!(expected.starts_with(&number.grouped()), "{text} {expected} {number:?}");
            }
            text_of_row_above = text;
        }
        if texts_read == 0 {
            assert!(texts.starts_with("the same"), "{row:?}");
            let reading = read(plan, seen, text_of_row_above);
            assert_eq!(serde_json::to_value(&reading.rule).unwrap()["is"], rule.trim_matches('`'));
            assert_eq!(reading.number.shown(), shown[0]);
        }
    }
}
