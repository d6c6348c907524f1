//! Reachability and restarts, seen by a manager user of the safe classes.

use ami::AmiError;
use central_api::Reachability::{self, NotRegistered, Reachable, Unknown};

use super::super::contract::{PbxEvent, WatchedEndpoint};
use super::{Pbx, answer, member, settled, talking, wish};

fn watch(pbx: &mut Pbx, endpoints: &[&str]) {
    let watched =
        |name: &&str| WatchedEndpoint { endpoint: (*name).to_owned(), interface: format!("Local/{name}@operators/n") };
    let effects = pbx.machine.watch(endpoints.iter().map(watched).collect());
    pbx.take(effects);
}

/// Answers Getvar as Asterisk does, what is not there with an empty value, until nothing more is asked.
fn getvars(pbx: &mut Pbx, values: &[(&str, &str)]) {
    while let Some((action, then)) = pbx.sent.pop() {
        let variable = action.strip_prefix("Getvar(Variable: ").and_then(|rest| rest.strip_suffix(')'));
        let variable = variable.unwrap_or_else(|| panic!("{action}"));
        let value = values.iter().find(|(name, _)| *name == variable).map_or("", |(_, value)| value);
        let effects = pbx.machine.answer(&then, Ok(answer(&[("Variable", variable), ("Value", value)])), pbx.now);
        pbx.take(effects);
    }
}

/// Answers the first look: a phone with one contact.
pub(super) fn registered(pbx: &mut Pbx, endpoint: &str) {
    let contact = format!("PJSIP_AOR({endpoint},contact)");
    let uri = format!("sip:{endpoint}@10.0.0.9:5080");
    getvars(
        pbx,
        &[(&contact, "x;@aa"), ("PJSIP_CONTACT(x;@aa,uri)", &uri), ("PJSIP_CONTACT(x;@aa,status)", "Reachable")],
    );
}

/// A softphone that was started again takes the place of the dead one.
pub(super) fn registers_anew(pbx: &mut Pbx, endpoint: &str) {
    for (port, status) in [(5090, "NonQualified"), (5080, "Removed")] {
        assert!(pbx.sent.is_empty(), "while the old contact may still be rung");
        pbx.say(&format!(
            "Event: ContactStatus\nURI: sip:{endpoint}@10.0.0.9:{port}\nContactStatus: {status}\nAOR: {endpoint}\n\
             EndpointName: {endpoint}\n\n"
        ));
    }
}

#[test]
fn a_phone_that_stays_away_does_not_keep_its_customer() {
    let mut pbx = talking();
    let effects = pbx.machine.return_to_queue(vec!["id@phone".to_owned()], pbx.now);
    pbx.take(effects);
    pbx.later(1_400);
    assert!(pbx.sent().is_empty());
    pbx.later(100);
    assert!(pbx.sent()[0].starts_with("Setvar("));
}

#[test]
fn a_phone_that_is_there_again_already_is_not_waited_for() {
    let mut pbx = talking();
    pbx.now += 100;
    registers_anew(&mut pbx, "1003");
    let effects = pbx.machine.return_to_queue(vec!["id@phone".to_owned()], pbx.now);
    pbx.take(effects);
    assert!(pbx.sent()[0].starts_with("Setvar("));
}

#[test]
fn a_customer_who_is_held_is_not_forgotten_with_the_link() {
    let mut pbx = talking();
    let effects = pbx.machine.return_to_queue(vec!["id@phone".to_owned()], pbx.now);
    pbx.take(effects);
    pbx.lose();
    assert!(pbx.returned[0].outcome.is_err());
}

fn endpoints(pbx: &mut Pbx) -> Vec<(String, Reachability)> {
    let reports = std::mem::take(&mut pbx.reports).into_iter();
    reports
        .filter_map(|event| match event {
            PbxEvent::Endpoint { endpoint, state, .. } => Some((endpoint, state)),
            _ => None,
        })
        .collect()
}

const REGISTERED: [(&str, &str); 6] = [
    ("PJSIP_ENDPOINT(101,aors)", "101"),
    ("PJSIP_AOR(101,contact)", "101;@aa"),
    ("PJSIP_CONTACT(101;@aa,uri)", "sip:101@10.0.0.9;ob"),
    ("PJSIP_CONTACT(101;@aa,status)", "Reachable"),
    ("PJSIP_ENDPOINT(102,aors)", "102"),
    ("PJSIP_AOR(102,max_contacts)", "1"),
];

#[test]
fn phones_are_asked_about_at_a_new_link_and_when_they_are_new() {
    let mut pbx = Pbx::new(false);
    watch(&mut pbx, &["101"]);
    assert!(pbx.sent().is_empty());
    assert_eq!(endpoints(&mut pbx), [("101".to_owned(), Unknown)]);
    pbx.connect("06:00:00", "");
    getvars(&mut pbx, &REGISTERED);
    assert_eq!(endpoints(&mut pbx), [("101".to_owned(), Reachable)]);

    watch(&mut pbx, &["101", "102"]);
    assert!(pbx.sent.iter().all(|(action, _)| action.contains("102")), "{:?}", pbx.sent);
    getvars(&mut pbx, &REGISTERED);
    assert_eq!(endpoints(&mut pbx), [("102".to_owned(), Unknown), ("102".to_owned(), NotRegistered)]);

    // Live changes come by events.
    pbx.say("Event: ContactStatus\nURI: sip:101@10.0.0.9;ob\nContactStatus: Removed\nAOR: 101\nEndpointName: 101\n\n");
    assert_eq!(endpoints(&mut pbx), [("101".to_owned(), NotRegistered)]);
    assert!(pbx.sent().is_empty());

    // What no event tells is found within a minute.
    pbx.later(60_000);
    getvars(&mut pbx, &REGISTERED);
    assert_eq!(endpoints(&mut pbx), [("101".to_owned(), Reachable)]);

    pbx.lose();
    assert_eq!(endpoints(&mut pbx), [("101".to_owned(), Unknown), ("102".to_owned(), Unknown)]);
}

#[test]
fn the_link_does_not_wait_for_answers_about_phones() {
    let mut pbx = Pbx::new(true);
    watch(&mut pbx, &["101"]);
    pbx.wish(vec![wish("dyn", super::LOCAL, true, None)]);
    pbx.connect("06:00:00", &member("dyn", super::LOCAL, "dynamic", None));
    assert_eq!(pbx.link(), (true, false));
    assert_eq!(pbx.sent(), ["Getvar(Variable: PJSIP_ENDPOINT(101,aors))"]);
    pbx.later(20_000);
}

#[test]
fn a_restart_is_known_by_the_uptime_when_the_start_is_not_told() {
    for (uptime_s, restarted) in [(130, false), (3, true)] {
        let refused =
            || Err(AmiError::Refused { action: "CoreStatus".to_owned(), why: "Permission denied".to_owned() });
        let queues = member("dyn", super::LOCAL, "dynamic", None);
        let mut pbx = Pbx::new(true);
        pbx.connect_with(100, refused(), &queues);
        assert_eq!(pbx.link(), (true, false));
        pbx.lose();
        pbx.link();
        pbx.later(30_000);
        pbx.connect_with(uptime_s, refused(), &queues);
        assert_eq!(pbx.link(), (true, restarted), "up for {uptime_s} s");
    }
}

#[test]
fn events_of_other_phones_are_nothing_to_us() {
    let mut pbx = settled();
    pbx.reports.clear();
    pbx.say("Event: ContactStatus\nURI: sip:9@10.0.0.9\nContactStatus: Reachable\nAOR: 9\nEndpointName: 9\n\n");
    assert_eq!((endpoints(&mut pbx), pbx.sent()), (Vec::new(), Vec::new()));
}
