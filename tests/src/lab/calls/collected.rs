//! The real collector beside the PBXs: `linedesk-central`, linked to them by wires that can be cut, and the calls that it stores.

use std::fmt::Write as _;

use ::calls::Call;
use anyhow::{Context, Result, ensure};

use super::{Hall, Scenario, Site};
use crate::lab::{Central, Lab, Relay, SHORT, sip_password, until};

/// Central, which only watches the PBXs of a hall.
#[derive(Debug)]
pub struct Collected {
    /// The process.
    pub central: Central,
    relays: Vec<(Site, Relay)>,
}

impl Collected {
    /// Starts it under a name of its own; when this is done, all links stand.
    pub async fn start(lab: &Lab, name: &str, hall: &Hall, scenarios: &[&Scenario]) -> Result<Self> {
        Self::start_by(lab, name, hall, scenarios, 1, false).await
    }

    /// The same with so many links to each PBX; the PBXs may be mirrors of each other.
    pub async fn start_by(
        lab: &Lab,
        name: &str,
        hall: &Hall,
        scenarios: &[&Scenario],
        links: usize,
        mirrors: bool,
    ) -> Result<Self> {
        let mut relays = Vec::new();
        for (site, house) in hall.houses() {
            for _ in 0..links {
                relays.push((site, Relay::to(house.pbx.ami()).await?));
            }
        }
        let central = Central::start_as(lab, name, &house(&relays, scenarios, mirrors)).await?;
        let collected = Self { central, relays };
        collected.linked().await?;
        Ok(collected)
    }

    /// Cuts the wires to PBXs.
    pub fn cut(&self, sites: &[Site]) {
        self.wires(sites).for_each(Relay::cut);
    }

    /// And joins them again.
    pub fn mend(&self, sites: &[Site]) {
        self.wires(sites).for_each(Relay::mend);
    }

    /// Cuts one of several links to a PBX, counted from 0.
    pub fn cut_link(&self, site: Site, link: usize) {
        self.wires(&[site]).skip(link).take(1).for_each(Relay::cut);
    }

    fn wires(&self, sites: &[Site]) -> impl Iterator<Item = &Relay> {
        self.relays.iter().filter(|(of, _)| sites.contains(of)).map(|(_, relay)| relay)
    }

    /// Waits until all PBXs are heard by all links.
    pub async fn linked(&self) -> Result<()> {
        self.healthy("all PBXs are heard", |health| {
            let mut pbxs = health["pbxs"].as_object()?.values();
            let stands = |pbx: &serde_json::Value| {
                pbx["links"].as_array().is_some_and(|links| links.iter().all(|link| link["up"] == true))
            };
            (pbxs.len() > 0 && pbxs.all(stands)).then_some(())
        })
        .await
    }

    /// The calls that are stored, the earliest first. Nobody calls anybody any more, and all that the PBXs said up to now is told:
    /// whatever central still holds is waited for.
    pub async fn calls(&self, hall: &Hall) -> Result<Vec<Call>> {
        self.caught_up(hall).await?;
        self.healthy("all calls are stored", |health| {
            let stored = |calls: &serde_json::Value| calls["live"] == 0 && calls["waiting_for_database"] == 0;
            let calls = health["calls"].as_object()?;
            (!calls.is_empty() && calls.values().all(stored)).then_some(())
        })
        .await?;
        self.stored().await
    }

    /// Waits until all that the PBXs say up to now has come.
    pub async fn caught_up(&self, hall: &Hall) -> Result<()> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let now_ms = i64::try_from(now.as_millis())?;
        for (_, house) in hall.houses() {
            house.mark("all", "told").await?;
        }
        self.healthy("the PBXs are heard", |health| {
            let heard = |pbx: &serde_json::Value| pbx["up"] == true && pbx["as_of_ms"].as_i64() >= Some(now_ms);
            let pbxs = health["pbxs"].as_object()?;
            (!pbxs.is_empty() && pbxs.values().all(heard)).then_some(())
        })
        .await
    }

    /// The calls that are stored by now.
    pub async fn stored(&self) -> Result<Vec<Call>> {
        let listed = self.central.run(&["call", "list", "2000-01-01", "2100-01-01", "--json"], "").await?;
        let call = |line: &str| -> Result<Call> {
            let stored: serde_json::Value = serde_json::from_str(line)?;
            ensure!(stored["revision"] == 1, "it was told twice: {line}");
            Ok(serde_json::from_value(stored["call"].clone())?)
        };
        listed.lines().map(|line| call(line).with_context(|| format!("not a stored call: {line}"))).collect()
    }

    async fn healthy(&self, what: &str, right: impl Fn(&serde_json::Value) -> Option<()>) -> Result<()> {
        let mut last = serde_json::Value::Null;
        let found = until(what, SHORT, async || {
            last = self.central.health().await.ok()?;
            right(&last)
        });
        found.await.with_context(|| format!("central was last: {last}"))
    }
}

/// Who has a phone of a scenario.
#[derive(Debug)]
pub struct Holder {
    /// Whose first phone at PBX A.
    pub scenario: &'static str,
    /// What people read.
    pub name: &'static str,
    /// Or on the desk.
    pub is_softphone: bool,
}

/// All of them; the other phones are nobody's.
pub const HOLDERS: [Holder; 3] = [
    Holder { scenario: "answered-customer-ends", name: "Anna Orlova", is_softphone: true },
    Holder { scenario: "answered-agent-ends", name: "Boris Lebedev", is_softphone: false },
    Holder { scenario: "mirrored-phone", name: "Clara Weiss", is_softphone: true },
];

impl Holder {
    fn number(&self, scenario: &Scenario) -> Option<String> {
        (scenario.name == self.scenario).then(|| scenario.phone(Site::A, 1))
    }

    fn toml(&self, number: &str) -> String {
        let Self { scenario, name, is_softphone } = self;
        let kind = match is_softphone {
            true => format!("softphone\", secret = \"{}", sip_password(number)),
            false => "desk-phone".to_owned(),
        };
        format!(
            "\n[[user]]\nusername = \"{scenario}\"\ndisplay_name = \"{name}\"\npassword = \"{scenario}-password\"\n\
             phone = [{{ pbx = \"a\", number = \"{number}\", kind = \"{kind}\" }}]\n"
        )
    }
}

/// The house as an administrator describes it: two PBXs with a line between them, and all phones.
fn house(relays: &[(Site, Relay)], scenarios: &[&Scenario], mirrors: bool) -> String {
    const USER: &str = "host = \"127.0.0.1\"\nusername = \"linedesk\"\nsecret = \"linedesk-ami\"\n";
    let mut text = "[tenant]\nname = \"Scenarios\"\n".to_owned();
    if mirrors {
        // The same number is the same phone only by the same plan.
        text += "\n[[number-plan]]\nname = \"house\"\npreset = \"russia\"\narea_code = \"495\"\nextensions = [\"_XXXXX\"]\n";
    }
    for site in Site::BOTH {
        let mut ports = relays.iter().filter(|(of, _)| *of == site).map(|(_, relay)| relay.at().port());
        let Some(port) = ports.next() else { continue };
        let more = match (mirrors, site) {
            (false, _) => "",
            (true, Site::A) => "number_plan = \"house\"\n",
            (true, Site::B) => "number_plan = \"house\"\nmirror_of = \"a\"\n",
        };
        let (name, other) = (site.word(), site.other());
        let _ = write!(
            text,
            "\n[[pbx]]\nname = \"{name}\"\nport = {port}\n{USER}{more}\n[[pbx.line]]\nname = \"world\"\nendpoint = \"PJSIP/trunk\"\n"
        );
        for port in ports {
            let _ = write!(text, "\n[[pbx.link]]\nport = {port}\n{USER}");
        }
        if relays.iter().any(|(site, _)| *site == other) {
            let to = other.word();
            let _ =
                write!(text, "\n[[pbx.line]]\nname = \"station\"\nendpoint = \"PJSIP/station\"\nto_pbx = \"{to}\"\n");
        }
        for scenario in scenarios {
            for number in scenario.phone_numbers(site) {
                let holder = HOLDERS.iter().find(|holder| holder.number(scenario).is_some_and(|own| own == number));
                if let Some(holder) = holder {
                    // At a mirror it is the same phone.
                    if site == Site::A {
                        text += &holder.toml(&number);
                    }
                    if site == Site::A || mirrors {
                        continue;
                    }
                }
                let _ = write!(text, "\n[[phone]]\npbx = \"{name}\"\nnumber = \"{number}\"\n");
            }
        }
    }
    if scenarios.iter().any(|scenario| scenario.name == "menu-background") {
        text += "\n[[classification]]\npbx = \"a\"\ncontext = \"menu-*\"\nwhat = \"menu\"\n";
    }
    for (field, personal) in [("Number", true), ("Queue", false), ("Reason", false)] {
        let _ = write!(
            text,
            "\n[[attribute]]\nname = \"{field}\"\ntitles = {{ en = \"{field}\" }}\nsource = \"user-event CallbackRequest.{field}\"\n\
             personal = {personal}\n"
        );
    }
    text
}
