//! The configuration of a PBX with the offices of all scenarios, from the templates in tests/lab/asterisk/calls/.

use super::{Kind, Member, Office, Queue, Scenario, Site};
use crate::lab::sip_password;

/// Files for a PBX; what is not among them is as in the office of the other tests.
pub fn files(site: Site, kind: Kind, scenarios: &[&Scenario]) -> Vec<(&'static str, String)> {
    let all = |part: &dyn Fn(&Scenario) -> String| scenarios.iter().map(|scenario| part(scenario)).collect::<String>();
    let fields = [
        ("@PBX@", site.word().to_owned()),
        // Most PBXs have none; with one, each Uniqueid begins with it.
        ("@SYSTEM@", if site == Site::B { "systemname = b".to_owned() } else { String::new() }),
        ("@OWN@", site.digit().to_string()),
        ("@OTHER@", site.other().digit().to_string()),
        ("@OTHER_ADDRESS@", site.other().address().to_string()),
        ("@PHONES@", all(&|scenario| phones(site, scenario))),
        ("@HINTS@", all(&|scenario| hints(site, scenario))),
        ("@QUEUES@", all(&|scenario| queues(site, kind, scenario))),
        ("@NUMBERS@", all(&|scenario| numbers(site, kind, scenario))),
        ("@CONTEXTS@", all(&|scenario| filled(scenario, scenario.office.contexts))),
        ("@LOTS@", all(&lot)),
        ("@LOT_INCLUDES@", all(&|scenario| include(scenario))),
    ];
    [
        ("asterisk.conf", include_str!("../../../lab/asterisk/calls/asterisk.conf")),
        ("confbridge.conf", include_str!("../../../lab/asterisk/calls/confbridge.conf")),
        ("extensions.conf", include_str!("../../../lab/asterisk/calls/extensions.conf")),
        ("features.conf", include_str!("../../../lab/asterisk/calls/features.conf")),
        ("manager.conf", include_str!("../../../lab/asterisk/calls/manager.conf")),
        ("pjsip.conf", include_str!("../../../lab/asterisk/calls/pjsip.conf")),
        ("queues.conf", include_str!("../../../lab/asterisk/calls/queues.conf")),
        ("res_parking.conf", include_str!("../../../lab/asterisk/calls/res_parking.conf")),
        ("rtp.conf", include_str!("../../../lab/asterisk/calls/rtp.conf")),
    ]
    .into_iter()
    .map(|(name, template)| {
        (name, fields.iter().fold(template.to_owned(), |text, (field, value)| text.replace(field, value)))
    })
    .collect()
}

impl Scenario {
    /// Number of a phone.
    pub fn phone(&self, site: Site, index: u8) -> String {
        format!("{}{:02}{index:02}", site.digit(), self.number)
    }

    /// Number of a queue, counted from 1.
    pub fn queue(&self, index: usize) -> String {
        format!("7{:02}{index}", self.number)
    }

    /// Its name: that of the scenario, and from the second on with its count.
    pub fn queue_name(&self, index: usize) -> String {
        if index == 1 { self.name.to_owned() } else { format!("{}-{index}", self.name) }
    }

    /// Whether a queue of the phone's own PBX rings it.
    pub fn is_member(&self, site: Site, phone: u8) -> bool {
        let wanted = [Member::Phone(phone), Member::Hint(phone), Member::Twin(phone)];
        self.queues(site).any(|(_, queue)| queue.members.iter().any(|member| wanted.contains(member)))
    }

    /// Numbers of all its phones at a PBX.
    pub fn phone_numbers(&self, site: Site) -> impl Iterator<Item = String> {
        self.phones(site).map(|(_, number)| number)
    }

    fn phones(&self, site: Site) -> impl Iterator<Item = (u8, String)> {
        let Office { phones, phones_b, twins, .. } = self.office;
        let (own, twins) = if site == Site::A { (phones, 0) } else { (phones_b, twins) };
        let own = (1..=own).map(move |index| (index, self.phone(site, index)));
        own.chain((1..=twins).map(|index| (index, self.phone(Site::A, index))))
    }

    fn queues(&self, site: Site) -> impl Iterator<Item = (usize, &Queue)> {
        self.office
            .queues
            .iter()
            .zip(1..)
            .filter(move |(queue, _)| queue.site == site)
            .map(|(queue, index)| (index, queue))
    }
}

fn filled(scenario: &Scenario, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    text.replace("{ss}", &format!("{:02}", scenario.number)).replace("{name}", scenario.name) + "\n"
}

fn phones(site: Site, scenario: &Scenario) -> String {
    let options = |index| scenario.office.phone_options.iter().filter(move |(phone, _)| *phone == index);
    scenario
        .phones(site)
        .map(|(index, number)| {
            let extra: Vec<&str> = options(index).map(|(_, lines)| *lines).collect();
            include_str!("../../../lab/asterisk/calls/phone.conf")
                .replace("@NUMBER@", &number)
                .replace("@PASSWORD@", &sip_password(&number))
                .replace("@SCENARIO@", &format!("{:02}", scenario.number))
                .replace("@EXTRA@", &extra.join("\n"))
        })
        .collect()
}

fn hints(site: Site, scenario: &Scenario) -> String {
    let hinted =
        scenario.queues(site).any(|(_, queue)| queue.members.iter().any(|member| matches!(member, Member::Hint(_))));
    let line = |(_, number): (u8, String)| format!("exten => {number},hint,PJSIP/{number}\n");
    if hinted { scenario.phones(site).map(line).collect() } else { String::new() }
}

fn queues(site: Site, kind: Kind, scenario: &Scenario) -> String {
    scenario
        .queues(site)
        .map(|(index, queue)| {
            let members: String = queue.members.iter().map(|member| interface(site, kind, scenario, *member)).collect();
            let (name, strategy) = (scenario.queue_name(index), queue.strategy);
            let options = filled(scenario, queue.options);
            format!("[{name}](queue)\nstrategy = {strategy}\n{options}{members}\n")
        })
        .collect()
}

fn interface(site: Site, kind: Kind, scenario: &Scenario, member: Member) -> String {
    let own = |index| scenario.phone(site, index);
    let far = |index| scenario.phone(site.other(), index);
    let (number, interface, state) = match (member, kind) {
        (Member::Phone(index), Kind::Pjsip) => {
            (own(index), format!("PJSIP/{}", own(index)), format!("PJSIP/{}", own(index)))
        }
        (Member::Twin(index), _) => {
            let number = scenario.phone(Site::A, index);
            let interface = match kind {
                Kind::Pjsip => format!("PJSIP/{number}"),
                Kind::Local => format!("Local/{number}@twins/n"),
            };
            (number.clone(), interface, format!("PJSIP/{number}"))
        }
        (Member::Phone(index), Kind::Local) => {
            (own(index), format!("Local/{}@operators/n", own(index)), format!("PJSIP/{}", own(index)))
        }
        (Member::Hint(index), _) => {
            (own(index), format!("Local/{}@from-queue/n", own(index)), format!("hint:{}@ext-local", own(index)))
        }
        // Nobody here knows the state of a phone over there, and one that is invalid would never be rung. A device that is
        // unknown is.
        (Member::Across(index) | Member::AcrossBare(index), Kind::Pjsip) => {
            (far(index), format!("PJSIP/{}@station", far(index)), format!("Custom:far-{}", far(index)))
        }
        (Member::Across(index), Kind::Local) => {
            (far(index), format!("Local/{}@station/n", far(index)), format!("Custom:far-{}", far(index)))
        }
        (Member::AcrossBare(index), Kind::Local) => {
            (far(index), format!("Local/0{}@station/n", far(index)), format!("Custom:far-{}", far(index)))
        }
    };
    format!("member => {interface},0,Operator {number},{state}\n")
}

fn numbers(site: Site, kind: Kind, scenario: &Scenario) -> String {
    let queues = scenario.queues(site).map(|(index, queue)| {
        let across = queue.members.iter().any(|member| matches!(member, Member::Across(_)));
        // Local members get the header where their Local channel dials.
        let header = if across && kind == Kind::Pjsip { "b(linedesk-call^s^1)" } else { "" };
        let mut steps = vec!["Answer()".to_owned()];
        steps.extend(across.then(|| "Gosub(cross,s,1)".to_owned()));
        let (name, arguments, timeout) = (scenario.queue_name(index), queue.arguments, queue.timeout);
        steps.push(format!("Queue({name},{arguments}{header},,,{timeout})"));
        steps.extend(queue.after.iter().map(|step| filled(scenario, step).trim_end().to_owned()));
        steps.push("Hangup()".to_owned());
        let number = scenario.queue(index);
        let lines = steps.iter().zip(1..).map(|(step, priority)| format!("exten => {number},{priority},{step}\n"));
        lines.collect::<String>()
    });
    queues.collect::<String>() + &filled(scenario, scenario.office.numbers)
}

fn lot(scenario: &Scenario) -> String {
    let number = scenario.number;
    scenario.office.lot.map_or_else(String::new, |seconds| {
        format!(
            "[lot-{number:02}]\ncontext = lot-{number:02}\nparkext = 8{number:02}0\nparkext_exclusive = yes\nparkpos = 8{number:02}1-8{number:02}3\n\
             parkingtime = {seconds}\nfindslot = first\ncomebacktoorigin = yes\ncomebackdialtime = 10\n\n"
        )
    })
}

fn include(scenario: &Scenario) -> String {
    scenario.office.lot.map_or_else(String::new, |_| format!("include => lot-{:02}\n", scenario.number))
}
