//! Lines to other PBXs.

use ami::{Event, Message};

use crate::classify::NamePattern;

use super::{Pbx, answer, calls};

/// Both halves of a call between PBXs have the same Call-ID; whose phone it is matters to nobody.
#[test]
fn the_call_ids_of_lines_to_other_pbxs_are_asked_for() {
    let mut pbx = Pbx::new(false);
    let lines = ["PJSIP/station", "SIP/old-*"].map(|line| NamePattern::try_from(line.to_owned()).unwrap());
    let effects = pbx.machine.ask_dialogs(lines.into());
    pbx.take(effects);
    pbx.connect("06:00:00", "");
    pbx.sent.clear();
    let new = |name: &str, id: &str| {
        Message::new([("Event", "Newchannel"), ("Channel", name), ("Uniqueid", id), ("ChannelState", "0")])
    };
    for (name, id, asked) in [
        (
            "PJSIP/station-00000001",
            "1.1",
            Some("Getvar(Channel: PJSIP/station-00000001, Variable: CHANNEL(pjsip,call-id))"),
        ),
        ("SIP/old-station-00000002", "1.2", Some("Getvar(Channel: SIP/old-station-00000002, Variable: SIPCALLID)")),
        ("PJSIP/stations-00000003", "1.3", None),
    ] {
        let message = new(name, id);
        let effects = pbx.machine.event(&Event::read(&message), pbx.now);
        pbx.take(effects);
        assert_eq!(pbx.sent.first().map(|(action, _)| action.as_str()), asked, "{name}");
        if asked.is_some() {
            pbx.answer(&Ok(answer(&[("Value", "id@between")])));
        }
    }
    assert_eq!(calls(&pbx), []);
}
