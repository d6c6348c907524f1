//! A scenario's hold on the people in it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::hall::House;
use super::told::{self, Begin, Person, Step, Visit};
use super::{Hall, Kind, Scenario, Site, Told};
use crate::lab::{AmiEvent, Call, Login, Phone, SHORT, Version, Who, sip_password};

/// What a scenario plays on. It notes what happens, and tells it in the end.
#[derive(Debug)]
pub struct Stage {
    scenario: &'static Scenario,
    hall: Arc<Hall>,
    begin: Begin,
    phones: Mutex<Vec<(&'static str, Site, Arc<Phone>)>>,
    visits: Mutex<Vec<Visit>>,
    hung_up: Mutex<Vec<(i64, String)>>,
    steps: Mutex<Vec<Step>>,
    outcome: Mutex<String>,
}

impl Stage {
    /// For a test that does something else with the people of a scenario.
    pub fn open(scenario: &'static Scenario, hall: &Arc<Hall>) -> Arc<Self> {
        Arc::new(Self {
            scenario,
            hall: hall.clone(),
            begin: Begin::now(),
            phones: Mutex::default(),
            visits: Mutex::default(),
            hung_up: Mutex::default(),
            steps: Mutex::default(),
            outcome: Mutex::default(),
        })
    }

    /// Plays a scenario to its end, when everybody has hung up.
    pub async fn play(scenario: &'static Scenario, hall: &Arc<Hall>) -> Result<Told> {
        let stage = Self::open(scenario, hall);
        for house in stage.houses() {
            house.mark(scenario.name, "begin").await?;
        }
        let played = (scenario.play)(stage.clone()).await;
        let told = stage.tell();
        played.with_context(|| format!("{}; up to then: {}", scenario.name, steps(&told)))?;
        for phone in stage.everybody() {
            if let Some(leg) = phone.legs().into_iter().find(|leg| leg.end.is_none()) {
                bail!("{}: {} is still in the call {}", scenario.name, leg.phone, leg.call_id);
            }
            phone.unregister().await?;
        }
        for house in stage.houses() {
            house.mark(scenario.name, "end").await?;
        }
        Ok(stage.tell())
    }

    /// A phone of PBX A, registered.
    pub async fn operator(&self, index: u8) -> Result<Arc<Phone>> {
        self.operator_at(Site::A, index).await
    }

    /// A phone of a PBX, registered, and known to be there by whatever queue may ring it.
    pub async fn operator_at(&self, site: Site, index: u8) -> Result<Arc<Phone>> {
        self.registered(site, index, self.scenario.phone(site, index)).await
    }

    /// A phone of PBX A, registered at PBX B by the same number.
    pub async fn twin(&self, index: u8) -> Result<Arc<Phone>> {
        self.registered(Site::B, index, self.scenario.phone(Site::A, index)).await
    }

    async fn registered(&self, site: Site, index: u8, number: String) -> Result<Arc<Phone>> {
        let at = format!("127.{}.{}.{index}:5060", site.digit(), self.scenario.number).parse()?;
        let login = Login { user: number.clone(), password: sip_password(&number) };
        let name = format!("Operator {number}");
        let pbx = &self.house(site)?.pbx;
        let mark = pbx.tap().mark();
        let phone = Phone::register(pbx.sip(), at, login, &name).await?;
        // The answer to a REGISTER comes before the PBX has told itself, and a queue that takes the phone for unplugged sends
        // its customers away.
        let device = format!("PJSIP/{number}");
        let is_member = self.scenario.is_member(site, index);
        let there = |event: &AmiEvent| match is_member {
            true => event.is("QueueMemberStatus") && event.has("MemberName", &name) && event.has("Status", "1"),
            false => event.is("DeviceStateChange") && event.has("Device", &device) && event.has("State", "NOT_INUSE"),
        };
        pbx.tap().event_after(mark, SHORT, &format!("{number} is seen to be there"), there).await?;
        Ok(self.enter("operator", site, phone))
    }

    /// Somebody outside who calls PBX A: +7 495 1SS-00-0n.
    pub fn customer(&self, index: u8) -> Arc<Phone> {
        self.customer_of(Site::A, index)
    }

    /// Somebody outside who calls a PBX.
    pub fn customer_of(&self, site: Site, index: u8) -> Arc<Phone> {
        self.outside(site, "+7495", &format!("Customer {index}"), index)
    }

    /// Somebody outside who is called from PBX A: +7 812 1SS-00-0n.
    pub fn subscriber(&self, index: u8) -> Arc<Phone> {
        self.outside(Site::A, "+7812", "", index)
    }

    fn outside(&self, site: Site, area: &str, name: &str, index: u8) -> Arc<Phone> {
        let number = format!("{area}1{:02}{index:04}", self.scenario.number);
        let house = self.house(site).expect("a scenario has customers only where it says that it needs the PBX");
        self.enter("outside", site, house.world.number(Who::new(&number, name)))
    }

    fn enter(&self, role: &'static str, site: Site, phone: Phone) -> Arc<Phone> {
        let phone = Arc::new(phone);
        self.phones.lock().expect("no holder panics").push((role, site, phone.clone()));
        phone
    }

    /// Number of a queue, counted from 1.
    pub fn queue(&self, index: usize) -> String {
        self.scenario.queue(index)
    }

    /// A number with the scenario's two digits in it: `5{ss}1`.
    pub fn number(&self, pattern: &str) -> String {
        pattern.replace("{ss}", &format!("{:02}", self.scenario.number))
    }

    /// PBX and world of a site.
    pub fn house(&self, site: Site) -> Result<&House> {
        match site {
            Site::A => Ok(&self.hall.a),
            Site::B => self.hall.b.as_ref().context("the scenario does not say that it needs PBX B"),
        }
    }

    /// How queues ring.
    pub fn kind(&self) -> Kind {
        self.hall.kind
    }

    /// Time passes in which nobody does anything: people wait or talk.
    pub async fn passes(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    /// Notes what somebody does.
    pub fn step(&self, what: impl Into<String>) {
        let step = Step { at: self.begin.to(Instant::now()), what: what.into() };
        self.steps.lock().expect("no holder panics").push(step);
    }

    /// Says how it ended.
    pub fn outcome(&self, how: &str) {
        *self.outcome.lock().expect("no holder panics") = how.to_owned();
    }

    /// Somebody calls a queue; gives the call when the queue has taken it.
    pub async fn join(&self, who: &Phone, queue: usize) -> Result<Call> {
        self.step(format!("{} calls queue {}", who.number(), self.queue(queue)));
        let call = who.dial(&self.queue(queue)).await?;
        call.answered().await?;
        Ok(call)
    }

    /// Notes that a wait in a queue is over now. It began when the queue took the call.
    pub fn left(&self, call: &Call, queue: usize, how: &'static str, by: Option<&Phone>) {
        let from = call.leg().answered.unwrap_or(self.begin.instant);
        self.waited(call, queue, from, Instant::now(), how, by);
    }

    /// Notes a wait in a queue.
    pub fn waited(&self, call: &Call, queue: usize, from: Instant, to: Instant, how: &'static str, by: Option<&Phone>) {
        let visit = Visit {
            who: call.leg().phone,
            queue: self.scenario.queue_name(queue),
            from: self.begin.to(from),
            to: self.begin.to(to),
            how,
            by: by.map(|phone| phone.number().to_owned()),
        };
        self.visits.lock().expect("no holder panics").push(visit);
    }

    /// Somebody rings a while and answers a customer of a queue; both hear each other.
    pub async fn takes(&self, operator: &Phone, customer: &Call, queue: usize) -> Result<Call> {
        let call = operator.rings().await?;
        self.passes(600).await;
        self.step(format!("{} answers", operator.number()));
        let at = call.answer().await?;
        let from = customer.leg().answered.unwrap_or(self.begin.instant);
        self.waited(customer, queue, from, at, "answered", Some(operator));
        self.meet(customer, &call).await?;
        Ok(call)
    }

    /// A customer calls the first queue, and an operator answers.
    pub async fn connects(&self, customer: &Phone, operator: &Phone) -> Result<(Call, Call)> {
        let call = self.join(customer, 1).await?;
        let answered = self.takes(operator, &call, 1).await?;
        Ok((call, answered))
    }

    /// Somebody calls somebody who answers, and both hear each other.
    pub async fn calls(&self, one: &Phone, number: &str, other: &Phone) -> Result<(Call, Call)> {
        self.step(format!("{} calls {number}", one.number()));
        let call = one.dial(number).await?;
        let answered = self.answers(other).await?;
        self.meet(&call, &answered).await?;
        Ok((call, answered))
    }

    /// Somebody rings a while and answers.
    pub async fn answers(&self, who: &Phone) -> Result<Call> {
        let call = who.rings().await?;
        self.passes(500).await;
        self.step(format!("{} answers", who.number()));
        call.answer().await?;
        Ok(call)
    }

    /// Waits until two hear each other.
    pub async fn meet(&self, one: &Call, other: &Call) -> Result<()> {
        let (a, b) = (one.leg().phone, other.leg().phone);
        tokio::try_join!(one.hears(&b), other.hears(&a)).with_context(|| format!("{a} and {b} are not connected"))?;
        self.step(format!("{a} and {b} hear each other"));
        Ok(())
    }

    /// Somebody hangs up, and the PBX ends the calls of the others.
    pub async fn ends(&self, who: &Call, others: &[&Call]) -> Result<()> {
        let phone = who.leg().phone;
        self.step(format!("{phone} hangs up"));
        self.hung_up.lock().expect("no holder panics").push((self.begin.to(Instant::now()), phone));
        who.hang_up().await?;
        for other in others {
            let end = other.ended().await?;
            if end.by_us {
                bail!("{} was to be hung up by the PBX", other.leg().phone);
            }
        }
        Ok(())
    }

    /// Somebody holds the other side.
    pub async fn holds(&self, call: &Call) -> Result<()> {
        self.step(format!("{} holds", call.leg().phone));
        call.hold().await
    }

    /// Somebody comes back to the other side.
    pub async fn resumes(&self, call: &Call, other: &Call) -> Result<()> {
        self.step(format!("{} resumes", call.leg().phone));
        call.resume().await?;
        self.meet(call, other).await
    }

    /// Somebody sends the other side on to a number, by the phone (REFER).
    pub async fn sends_on(&self, call: &Call, number: &str) -> Result<()> {
        self.step(format!("{} transfers to {number}", call.leg().phone));
        let status = call.transfer(number).await?;
        ensure!(status < 300, "the PBX does not transfer: {status}");
        Ok(())
    }

    /// Somebody joins the other sides of two calls, by the phone (REFER with Replaces), and is out of both.
    pub async fn joins(&self, call: &Call, asked: &Call, one: &Call, other: &Call) -> Result<()> {
        self.step(format!("{} joins {} and {}", call.leg().phone, one.leg().phone, other.leg().phone));
        let status = call.transfer_to(asked).await?;
        ensure!(status < 300, "the PBX does not transfer: {status}");
        self.meet(one, other).await?;
        call.ended().await?;
        asked.ended().await?;
        Ok(())
    }

    /// An action as a person at a panel does it, at PBX A.
    pub async fn asks(&self, action: &str, fields: &[(&str, &str)]) -> Result<()> {
        self.hall.a.pbx.tap().action(action, fields).await.map(drop)
    }

    /// Somebody parks the other side in the scenario's lot; gives the place.
    pub async fn parks(&self, call: &Call) -> Result<String> {
        let tap = self.hall.a.pbx.tap();
        let mark = tap.mark();
        self.sends_on(call, &self.number("8{ss}0")).await?;
        let lot = self.number("lot-{ss}");
        let wanted = |event: &AmiEvent| event.is("ParkedCall") && event.has("Parkinglot", &lot);
        let parked = tap.event_after(mark, SHORT, "the call is parked", wanted).await?;
        Ok(parked.get("ParkingSpace").context("a parked call has a place")?.to_owned())
    }

    /// The channel of a registered phone that is in a call at PBX A.
    pub async fn phone_channel(&self, phone: &Phone) -> Result<String> {
        let start = format!("PJSIP/{}-", phone.number());
        self.channels(|event| event.get("Channel").is_some_and(|channel| channel.starts_with(&start))).await
    }

    /// The channel of somebody outside who called PBX A.
    pub async fn channel_of(&self, who: &Phone) -> Result<String> {
        let of_trunk = |channel: &str| channel.starts_with("PJSIP/trunk-");
        self.channels(|event| event.has("CallerIDNum", who.number()) && event.get("Channel").is_some_and(of_trunk))
            .await
    }

    async fn channels(&self, wanted: impl Fn(&AmiEvent) -> bool) -> Result<String> {
        let channels = self.hall.a.pbx.tap().action("CoreShowChannels", &[]).await?;
        let channel = channels.iter().find(|channel| wanted(channel)).and_then(|channel| channel.get("Channel"));
        Ok(channel.context("there is no such channel")?.to_owned())
    }

    fn houses(&self) -> impl Iterator<Item = &House> {
        let needs_b = self.scenario.office.needs_b();
        self.hall.houses().filter(move |(site, _)| *site == Site::A || needs_b).map(|(_, house)| house)
    }

    fn everybody(&self) -> Vec<Arc<Phone>> {
        self.phones.lock().expect("no holder panics").iter().map(|(_, _, phone)| phone.clone()).collect()
    }

    fn tell(&self) -> Told {
        let phones = self.phones.lock().expect("no holder panics");
        let person = |(role, site, phone): &(&'static str, Site, Arc<Phone>)| Person {
            number: phone.number().to_owned(),
            name: phone.who().name.clone(),
            role,
            pbx: site.word(),
        };
        let mut legs: Vec<_> = phones.iter().flat_map(|(_, _, phone)| self.begin.legs(phone)).collect();
        legs.sort_by_key(|leg| leg.began);
        Told {
            scenario: self.scenario.name.to_owned(),
            story: self.scenario.story.to_owned(),
            version: if self.hall.version == Version::V16 { "16" } else { "22" },
            kind: self.hall.kind.word(),
            began_at: self.begin.absolute(),
            took: self.begin.to(Instant::now()),
            people: phones.iter().map(person).collect(),
            talks: told::talks(&legs),
            legs,
            visits: self.visits.lock().expect("no holder panics").clone(),
            hung_up: self.hung_up.lock().expect("no holder panics").clone(),
            steps: self.steps.lock().expect("no holder panics").clone(),
            outcome: self.outcome.lock().expect("no holder panics").clone(),
        }
    }
}

fn steps(told: &Told) -> String {
    told.steps.iter().map(|step| format!("{} ms {}", step.at, step.what)).collect::<Vec<_>>().join("; ")
}
