//! Rules, inbox and proposals together.

use proptest::prelude::*;

use super::*;

fn sighting(context: &str, exten: &str) -> Sighting {
    Sighting {
        pbx: PbxId(1),
        context: context.to_owned(),
        exten: exten.to_owned(),
        channel: "PJSIP/operator-a-0000001a".to_owned(),
        trunk: Some("operator-a".to_owned()),
        of_customer: false,
        at_ms: 1_000,
    }
}

fn rule(id: i64, what: What, fields: serde_json::Value) -> Rule {
    let mut json = serde_json::json!({"id": id, "pbx": 1, "meaning": {"what": what}});
    json.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(json).unwrap()
}

fn decided(rules: &Rules, sighting: &Sighting) -> Option<(What, i64)> {
    match rules.classify(sighting) {
        Verdict::Known { meaning, because } => Some((meaning.what, because.rule.0)),
        Verdict::Unknown => None,
    }
}

/// Rules of a house, for the tests that follow.
fn house() -> Rules {
    Rules::new(vec![
        rule(1, What::Trunk, serde_json::json!({"context": "from-trunk", "exten": "_X."})),
        rule(2, What::ExternalNumber, serde_json::json!({"exten": "74951234567"})),
        rule(3, What::ExternalNumber, serde_json::json!({"exten": "74951234567", "trunk": "operator-b"})),
        rule(4, What::Operator, serde_json::json!({"exten": "_1XX"})),
        rule(5, What::Menu, serde_json::json!({"context": "ivr-5"})),
        rule(6, What::Menu, serde_json::json!({"context": "ivr-*"})),
        rule(7, What::Queue, serde_json::json!({"context": "ext-queues", "exten": "_X!"})),
        rule(8, What::FeatureCode, serde_json::json!({"exten": "_*X."})),
        rule(9, What::Service, serde_json::json!({"channel": "PJSIP/intercom*"})),
        rule(10, What::Operator, serde_json::json!({"context": "from-trunk", "exten": "_15X"})),
    ])
}

#[test]
fn the_most_specific_rule_wins() {
    let rules = house();
    assert_eq!(rules.check(), []);
    for (context, exten, expected) in [
        ("from-trunk", "74991234567", Some((What::Trunk, 1))),
        // The number itself is named, whatever the context is.
        ("from-trunk", "74951234567", Some((What::ExternalNumber, 2))),
        ("anywhere", "74951234567", Some((What::ExternalNumber, 2))),
        ("internal", "105", Some((What::Operator, 4))),
        // In a menu a caller may key an extension; it is still the menu.
        ("ivr-5", "105", Some((What::Menu, 5))),
        // The context is a pattern here as the extension is there: the extension counts first.
        ("ivr-7", "105", Some((What::Operator, 4))),
        ("ivr-7", "s", Some((What::Menu, 6))),
        ("ext-queues", "700", Some((What::Queue, 7))),
        ("ext-queues", "*45", Some((What::FeatureCode, 8))),
        ("from-trunk", "150", Some((What::Operator, 10))),
        ("from-trunk", "160", Some((What::Trunk, 1))),
        ("internal", "s", None),
        ("", "", None),
    ] {
        assert_eq!(decided(&rules, &sighting(context, exten)), expected, "{context} {exten}");
    }
    let by_trunk = Sighting { trunk: Some("operator-b".to_owned()), ..sighting("from-trunk", "74951234567") };
    assert_eq!(decided(&rules, &by_trunk), Some((What::ExternalNumber, 3)));
    let no_trunk = Sighting { trunk: None, ..by_trunk };
    assert_eq!(decided(&rules, &no_trunk), Some((What::ExternalNumber, 2)));
    let door = Sighting { channel: "PJSIP/intercom-2-0000002b".to_owned(), ..sighting("doors", "s") };
    assert_eq!(decided(&rules, &door), Some((What::Service, 9)));
    let elsewhere = Sighting { pbx: PbxId(2), ..sighting("ext-queues", "700") };
    assert_eq!(decided(&rules, &elsewhere), None);
}

#[test]
fn a_verdict_says_why() {
    let Verdict::Known { because, .. } = house().classify(&sighting("ivr-5", "105")) else { panic!("known") };
    let expected = Because {
        rule: RuleId(5),
        context: Fit::Exact,
        exten: Fit::Any,
        trunk: Fit::Any,
        channel: Fit::Any,
        tied: Vec::new(),
        passed_over: vec![RuleId(4), RuleId(6)],
    };
    assert_eq!(because, expected);
}

#[test]
fn rules_hold_from_their_first_moment_to_before_their_last() {
    let rules = Rules::new(vec![
        rule(1, What::Queue, serde_json::json!({"exten": "700", "valid_to_ms": 1_000})),
        rule(2, What::Menu, serde_json::json!({"exten": "700", "valid_from_ms": 1_000, "valid_to_ms": 2_000})),
    ]);
    assert_eq!(rules.check(), []);
    for (at_ms, expected) in [
        (i64::MIN, Some((What::Queue, 1))),
        (999, Some((What::Queue, 1))),
        (1_000, Some((What::Menu, 2))),
        (1_999, Some((What::Menu, 2))),
        (2_000, None),
    ] {
        assert_eq!(decided(&rules, &Sighting { at_ms, ..sighting("internal", "700") }), expected, "{at_ms}");
    }
}

#[test]
fn equal_rules_are_told() {
    let rules = Rules::new(vec![
        rule(7, What::Queue, serde_json::json!({"exten": "700"})),
        rule(3, What::Menu, serde_json::json!({"exten": "700", "valid_from_ms": 500})),
        rule(4, What::Queue, serde_json::json!({"exten": "700"})),
        rule(5, What::Menu, serde_json::json!({"exten": "800", "valid_from_ms": 500, "valid_to_ms": 500})),
        rule(6, What::Queue, serde_json::json!({"exten": "_X!", "context": "a*"})),
        rule(8, What::Menu, serde_json::json!({"exten": "_X!", "context": "*b"})),
    ]);
    let contradict = |first, second| RuleProblem::Contradict { first: RuleId(first), second: RuleId(second) };
    assert_eq!(rules.check(), [RuleProblem::NeverHolds { rule: RuleId(5) }, contradict(7, 3), contradict(3, 4)]);
    let tied = |sighting| match rules.classify(&sighting) {
        Verdict::Known { because, .. } => (because.rule.0, because.tied),
        Verdict::Unknown => panic!("known"),
    };
    // The administrator's order decides, and the other is named; one that says the same is not.
    assert_eq!(tied(sighting("internal", "700")), (7, vec![RuleId(3)]));
    assert_eq!(tied(sighting("ab", "1")), (6, vec![RuleId(8)]));
}

#[test]
fn the_inbox_counts_and_gives_examples() {
    let mut inbox = Inbox::new(100);
    for (at_ms, channel) in [
        (50, "PJSIP/a-00000001"),
        (10, "PJSIP/a-00000002"),
        (90, "PJSIP/b-00000003"),
        (60, "PJSIP/c-00000004"),
        (70, "PJSIP/d-00000005"),
    ] {
        inbox.note(&Sighting { at_ms, channel: channel.to_owned(), ..sighting("odd", "700") }.into());
    }
    let entries: Vec<&Entry> = inbox.entries().collect();
    let [entry] = entries[..] else { panic!("{entries:?}") };
    assert_eq!((entry.count, entry.first_ms, entry.last_ms), (5, 10, 90));
    let channels: Vec<&str> = entry.examples.iter().map(|example| example.channel.as_str()).collect();
    assert_eq!(channels, ["PJSIP/a", "PJSIP/b", "PJSIP/c"]);
}

#[test]
fn many_numbers_of_one_context_are_gathered_by_their_shape() {
    let mut inbox = Inbox::new(1_000);
    for number in 0..500 {
        inbox.note(&sighting("outside", &format!("8495{number:07}")).into());
        inbox.note(&sighting("outside", &format!("+7495{number:07}")).into());
        inbox.note(&sighting("short", &number.to_string()).into());
    }
    let of = |context: &str| inbox.entries().filter(|entry| entry.context == context).collect::<Vec<_>>();
    let shapes: Vec<(&str, u64)> = of("outside")
        .iter()
        .filter(|entry| !entry.exten.is_exact())
        .map(|entry| (entry.exten.as_str(), entry.count))
        .collect();
    assert_eq!(shapes, [("_+XXXXXXXXXXX", 490), ("_8XXXXXXXXXX", 490)]);
    assert_eq!(of("outside").len(), 22);
    assert_eq!(of("short").len(), 500);
    assert_eq!(of("outside").iter().map(|entry| entry.count).sum::<u64>(), 1_000);
    assert_eq!(inbox.forgotten(), 0);
}

/// A rule is found by what a number is, and whose it is is not told.
#[test]
fn customers_numbers_are_kept_by_their_shape() {
    let mut inbox = Inbox::new(100);
    let dialled = |exten: &str| Sighting { of_customer: true, ..sighting("internal", exten) };
    for exten in
        ["89161234567", "89031112233", "+79161234567", "9*89161234567", "1234567", "olga.petrova", "от89161234567"]
    {
        inbox.note(&dialled(exten).into());
    }
    let told = |entry: &Entry| format!("{} {} {}", entry.exten.as_str(), entry.count, entry.examples[0].exten);
    assert_eq!(
        inbox.entries().map(told).collect::<Vec<_>>(),
        [
            "* 2 XXXXXXXXXXXX",
            "_+7XXXXXXXXXX 1 +7916XXXXXXX",
            "_8XXXXXXXXXX 2 8916XXXXXXX",
            "_9*8XXXXXXXXXX 1 9*8916XXXXXXX",
            "_XXXXXXX 1 XXXXXXX",
        ]
    );
    let kept = serde_json::to_string(&inbox.entries().collect::<Vec<_>>()).unwrap();
    assert!(!["1234567", "1112233", "olga"].iter().any(|theirs| kept.contains(theirs)), "{kept}");
    // The way out of the house is known by now, but for what is no number.
    let out = |id, exten: &str| rule(id, What::Trunk, serde_json::json!({"exten": exten}));
    let rules = Rules::new(vec![out(1, "_8NXXXXXXXXX"), out(2, "_+7ZXXXXXXXXX"), out(3, "_9*8."), out(4, "_XXXXXXX")]);
    assert_eq!((inbox.settle(&rules), inbox.entries().count()), (4, 1));
}

/// What was kept before customers' numbers were told from others, or was not known to be one.
#[test]
fn a_customer_is_forgotten_and_counted_on() {
    let mut inbox = Inbox::new(100);
    let dahdi = Sighting { channel: "DAHDI/i1/89161234567-3".to_owned(), ..sighting("span", "700") };
    let seen = [
        sighting("internal", "89161234567"),
        sighting("internal", "89162222222"),
        Sighting { of_customer: true, ..sighting("internal", "89163333333") },
        dahdi,
        sighting("of-89161234567", "s"),
    ];
    seen.into_iter().for_each(|sighting| inbox.note(&sighting.into()));
    let theirs = |text: &str| text == "89161234567";
    assert_eq!(inbox.forget(&theirs), 3);
    let told = |entry: &Entry| format!("{} {} {}", entry.context, entry.exten.as_str(), entry.count);
    assert_eq!(
        inbox.entries().map(told).collect::<Vec<_>>(),
        ["internal 89162222222 1", "internal _8XXXXXXXXXX 2", "span 700 1"]
    );
    assert_eq!(inbox.forgotten(), 1);
    let kept = serde_json::to_string(&inbox.entries().collect::<Vec<_>>()).unwrap();
    assert!(!kept.contains("1234567"), "{kept}");
    assert_eq!(inbox.forget(&theirs), 0);
}

#[test]
fn a_full_inbox_forgets_what_was_quiet_for_longest_and_says_so() {
    let mut inbox = Inbox::new(2);
    for (context, at_ms) in [("a", 10), ("b", 20), ("a", 40), ("c", 30)] {
        inbox.note(&Sighting { at_ms, ..sighting(context, "s") }.into());
    }
    let contexts: Vec<&str> = inbox.entries().map(|entry| entry.context.as_str()).collect();
    assert_eq!((contexts, inbox.forgotten()), (vec!["a", "c"], 1));
    let kept: Vec<Entry> = inbox.entries().cloned().collect();
    let json = serde_json::to_string(&kept).unwrap();
    let kept: Vec<Entry> = serde_json::from_str(&json).unwrap();
    assert_eq!(Inbox::kept(kept.clone(), 1, 2), inbox);
    // A smaller one keeps the latest.
    let smaller = Inbox::kept(kept, 1, 1);
    assert_eq!(
        (smaller.entries().map(|entry| entry.context.as_str()).collect::<Vec<_>>(), smaller.forgotten()),
        (vec!["a"], 2)
    );
}

#[test]
fn what_rules_know_by_now_leaves_the_inbox() {
    let mut inbox = Inbox::new(10);
    inbox.note(&sighting("ext-queues", "700").into());
    inbox.note(&sighting("ext-queues", "s").into());
    inbox.note(&Sighting { at_ms: 1, ..sighting("ivr-1", "s") }.into());
    let rules = Rules::new(vec![
        rule(1, What::Queue, serde_json::json!({"context": "ext-queues", "exten": "_X!"})),
        rule(2, What::Menu, serde_json::json!({"context": "ivr-*", "valid_from_ms": 500})),
    ]);
    assert_eq!(inbox.settle(&rules), 1);
    let left: Vec<(&str, &str)> = inbox.entries().map(|entry| (entry.context.as_str(), entry.exten.as_str())).collect();
    assert_eq!(left, [("ext-queues", "s"), ("ivr-1", "s")]);

    // One example that is still unknown keeps the entry.
    inbox.note(&Sighting { channel: "PJSIP/intercom-0000000a".to_owned(), ..sighting("ext-queues", "s") }.into());
    let door = rule(3, What::Service, serde_json::json!({"channel": "PJSIP/intercom"}));
    assert_eq!(inbox.settle(&Rules::new(vec![door])), 0);
}

#[test]
fn the_rules_in_the_manual_are_read() {
    let manual = include_str!("../../../../docs/admin/classification.md");
    let text = manual.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let said = crate::apply::parse("manual", text).unwrap().classification;
    let rules = (1..).zip(said).map(|(id, said)| Rule {
        id: RuleId(id),
        pbx: PbxId(1),
        context: said.context,
        exten: said.exten,
        trunk: said.trunk,
        channel: said.channel,
        meaning: Meaning { what: said.what, id: None },
        valid_from_ms: said.valid_from.map(|from| from.0),
        valid_to_ms: said.valid_to.map(|to| to.0),
    });
    let rules = Rules::new(rules.collect());
    assert_eq!(rules.check(), []);
    let at_ms = 1_772_323_200_000;
    let number = Sighting { at_ms, ..sighting("from-trunk", "74951234567") };
    assert_eq!(decided(&rules, &number), Some((What::ExternalNumber, 2)));
    assert_eq!(decided(&rules, &Sighting { at_ms: at_ms - 1, ..number }), None);
    assert_eq!(decided(&rules, &sighting("ext-queues", "700")), Some((What::Queue, 1)));
    assert_eq!(decided(&rules, &sighting("ivr-1", "s")), Some((What::Menu, 3)));
    // A misspelt line is refused.
    assert!(crate::apply::parse("manual", &text.replace("context", "contxt")).is_err());
}

/// Context and extension, and what is proposed of it: what, context, extension.
type Row = (&'static str, &'static str, Option<(What, &'static str, &'static str)>);

fn proposed(rows: &[Row]) {
    let mut inbox = Inbox::new(1_000);
    for (context, exten, _) in rows {
        inbox.note(&sighting(context, exten).into());
    }
    let proposals = propose(inbox.entries());
    for (context, exten, expected) in rows {
        let of = proposals.iter().filter(|it| it.examples.iter().any(|example| example.exten == *exten));
        let mut of = of.filter(|it| it.context.matches(context) && it.exten.matches(exten));
        let found = of.next().map(|it| (it.what, it.context.as_str(), it.exten.as_str()));
        assert_eq!(found, *expected, "{context} {exten}: {proposals:?}");
    }
    // Whoever takes all of them has nothing left of what they were about.
    let known: usize = rows.iter().filter(|(_, _, expected)| expected.is_some()).count();
    let rules = proposals.into_iter().enumerate().map(|(id, it)| it.into_rule(RuleId(id as i64))).collect();
    assert_eq!(inbox.settle(&Rules::new(rules)), known);
}

#[test]
fn proposals_for_freepbx() {
    proposed(&[
        ("ext-queues", "700", Some((What::Queue, "ext-queues", "_X!"))),
        ("ext-queues", "701", Some((What::Queue, "ext-queues", "_X!"))),
        ("ext-queues", "700**", Some((What::FeatureCode, "ext-queues", "700**"))),
        ("from-did-direct", "101", Some((What::Operator, "from-did-direct*", "_X!"))),
        ("from-queue", "102", Some((What::Operator, "from-queue*", "_X!"))),
        ("from-queue-exten-only", "103", Some((What::Operator, "from-queue*", "_X!"))),
        ("ivr-3", "s", Some((What::Menu, "ivr-*", "*"))),
        ("from-trunk", "74951234567", Some((What::ExternalNumber, "from-trunk*", "74951234567"))),
        ("ext-did-0002", "74951234568", Some((What::ExternalNumber, "ext-did*", "74951234568"))),
        ("app-blackhole", "hangup", Some((What::Passage, "app-blackhole", "*"))),
        ("app-speeddial", "1", Some((What::FeatureCode, "app-*", "*"))),
        ("app-pickup", "*8", Some((What::FeatureCode, "app-pickup", "*8"))),
        ("macro-dialout-trunk", "s-ANSWER", Some((What::Trunk, "macro-dialout-trunk*", "*"))),
        ("macro-user-callerid", "s2", Some((What::Passage, "macro-*", "*"))),
        ("ext-group", "600", None),
        ("from-internal", "104", None),
        ("from-internal", "h", Some((What::Passage, "*", "h"))),
    ]);
}

#[test]
fn proposals_for_mikopbx() {
    proposed(&[
        ("SIP-TRUNK-1-incoming", "74951234567", Some((What::ExternalNumber, "*-incoming", "74951234567"))),
        ("internal-incoming", "2001", Some((What::Passage, "internal-incoming", "*"))),
        ("internal-users", "201", Some((What::Operator, "internal-users", "_X!"))),
        ("ivr-2002", "s", Some((What::Menu, "ivr-*", "*"))),
        ("SIP-TRUNK-1-4-outgoing", "84951234569", Some((What::Trunk, "*-outgoing", "*"))),
        ("conference-rooms", "900", Some((What::Service, "conference-rooms", "*"))),
        ("all_peers", "202", Some((What::Passage, "all_peers", "*"))),
        // A queue, a menu or a phone: nobody can tell.
        ("internal", "2003", None),
    ]);
}

#[test]
fn proposals_by_words() {
    proposed(&[
        ("my-queues", "700", Some((What::Queue, "my-queues", "_X!"))),
        ("main-menu", "s", Some((What::Menu, "main-menu", "*"))),
        ("from-trunk", "4951234567", Some((What::ExternalNumber, "from-trunk", "4951234567"))),
        ("operators", "101", Some((What::Operator, "operators", "_X!"))),
        ("outbound-msk", "84951234567", Some((What::Trunk, "outbound-msk", "*"))),
        ("default", "s", None),
    ]);
}

#[test]
fn dialects_are_told_by_their_contexts() {
    for (contexts, dialect) in [
        (&["ext-queues", "from-internal", "macro-dial"][..], Dialect::FreePbx),
        (&["internal", "internal-users", "SIP-1-incoming", "ivr-1"], Dialect::MikoPbx),
        (&["from-trunk", "operators"], Dialect::Plain),
        (&[], Dialect::Plain),
    ] {
        assert_eq!(dialect_of(contexts.iter().copied()), dialect, "{contexts:?}");
    }
}

#[test]
fn proposals_of_two_pbxs_are_apart() {
    let mut inbox = Inbox::new(10);
    inbox.note(&sighting("ext-queues", "700").into());
    inbox.note(&Sighting { pbx: PbxId(2), ..sighting("my-queues", "700") }.into());
    let told: Vec<(i64, Why)> = propose(inbox.entries()).iter().map(|it| (it.pbx.0, it.why)).collect();
    assert_eq!(told, [(1, Why::FreePbx), (2, Why::Word)]);
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let name = || prop_oneof![Just("*".to_owned()), "[ab]{1,2}[*]?", "[*][ab]"];
    let exten = prop_oneof![Just("*".to_owned()), "[12]{1,2}", "_[12X]{1,2}[.!]?"];
    let what = prop::sample::select(vec![What::Queue, What::Menu, What::Operator]);
    let valid = (prop::option::of(0..20i64), prop::option::of(0..20i64));
    (name(), exten, name(), name(), what, valid).prop_map(|(context, exten, trunk, channel, what, (from, to))| {
        let fields = serde_json::json!({"context": context, "exten": exten, "trunk": trunk, "channel": channel});
        Rule { valid_from_ms: from, valid_to_ms: to, ..rule(0, what, fields) }
    })
}

fn any_sighting() -> impl Strategy<Value = Sighting> {
    ("[ab]{0,2}", "[12]{0,3}", "[ab]{0,2}", prop::option::of("[ab]{1,2}"), 0..20i64).prop_map(
        |(context, exten, channel, trunk, at_ms)| Sighting {
            pbx: PbxId(1),
            context,
            exten,
            channel,
            trunk,
            of_customer: false,
            at_ms,
        },
    )
}

proptest! {
    #[test]
    fn the_order_of_rules_matters_only_between_equals(rules in prop::collection::vec(any_rule(), 0..8), sighting in any_sighting(), turn in 0..8usize) {
        let numbered: Vec<Rule> = rules.into_iter().enumerate().map(|(id, rule)| Rule { id: RuleId(id as i64), ..rule }).collect();
        let mut turned = numbered.clone();
        turned.rotate_left(turn.min(numbered.len()));
        let verdict = Rules::new(numbered.clone()).classify(&sighting);
        match (verdict, Rules::new(turned).classify(&sighting)) {
            (Verdict::Known { meaning, because }, Verdict::Known { meaning: after, .. }) => {
                prop_assert!(meaning == after || !because.tied.is_empty());
                let rule = &numbered[usize::try_from(because.rule.0).unwrap()];
                prop_assert!(rule.holds_at(sighting.at_ms) && rule.exten.matches(&sighting.exten) && rule.context.matches(&sighting.context));
            }
            (before, after) => prop_assert_eq!(before, after),
        }
    }

    #[test]
    fn what_is_known_stays_known_with_one_rule_more(rules in prop::collection::vec(any_rule(), 0..8), more in any_rule(), sighting in any_sighting()) {
        let known = Rules::new(rules.clone()).classify(&sighting) != Verdict::Unknown;
        let with_more = Rules::new(rules.into_iter().chain([more]).collect()).classify(&sighting) != Verdict::Unknown;
        prop_assert!(!known || with_more);
    }

    #[test]
    fn the_inbox_is_bounded_and_counts_everything(seen in prop::collection::vec((".{0,100}", "(.{0,100}|[0-9+]{0,16})", any::<i64>()), 0..40), most in 0..12usize) {
        let mut inbox = Inbox::new(most);
        for (context, exten, at_ms) in &seen {
            inbox.note(&Sighting { at_ms: *at_ms, ..sighting(context, exten) }.into());
        }
        prop_assert!(inbox.entries().count() <= most.max(1));
        let counted: u64 = inbox.entries().map(|entry| entry.count).sum();
        prop_assert_eq!(counted + inbox.forgotten(), seen.len() as u64);
        for entry in inbox.entries() {
            prop_assert!(entry.first_ms <= entry.last_ms && entry.context.len() <= 80);
            prop_assert!((1..=MOST_EXAMPLES).contains(&entry.examples.len()));
            prop_assert!(entry.examples.iter().all(|example| example.exten.len() <= 80));
        }
        let _ = propose(inbox.entries());
        let json = serde_json::to_string(&inbox.entries().collect::<Vec<_>>()).unwrap();
        let kept: Vec<Entry> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&Inbox::kept(kept, inbox.forgotten(), most), &inbox);
    }
}
