//! The engine: one thread that owns pjsua2, one loop over one closed [`Event`].
//!
//! Commands come in by a bounded channel, callbacks of pjlib's threads by the same one, so everything happens in one
//! order. No lock of ours exists here, so none can be held across a call into pjsua2. State goes out as numbered events.

mod accounts;
mod calls;
mod headset;
mod network;
mod phone;
pub mod probe;
mod sound;
mod tones;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use softphone_api::{AccountId, CallId, Command, CommandError, CommandErrorCode, Media, Outcome, Reply, Snapshot};
use tokio::sync::mpsc;

use accounts::{AccountState, Answer};
use calls::{CallState, Undecided};
use headset::HeadsetLink;
use network::{Network, NetworkEvent};
use phone::{NativeAccount, Phone, PhoneError, PhoneEvent, PhoneSettings};
use sound::Sound;
use tones::Tones;

/// Events of pjlib and commands that may wait. A shell asks one thing at a time and pjlib tells a handful a second, so a
/// full queue means that the engine hangs; commands are then refused and lost callbacks are counted.
const QUEUE: usize = 1024;
/// Ringing, held and talking calls together.
pub const MAX_CALLS: u32 = 8;
/// How long a call's object outlives its end, because a callback of pjlib may still be running in it.
const FORGET_AFTER: Duration = Duration::from_secs(3);

/// How to start the engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Local SIP port; 0: any free one.
    pub sip_port: u16,
    /// Never open a sound device; calls carry silence.
    pub null_audio: bool,
    /// Whole SIP messages in the log (digests masked).
    pub sip_trace: bool,
    /// Milliseconds that an unattached engine without a call lives on; `None`: for ever (console).
    pub unattached_idle: Option<Duration>,
    /// A talking call without RTP for this long is probed, and ended when nobody answers the probe; `None`: never.
    pub media_timeout: Option<Duration>,
    /// For measuring: calls do not hold each other.
    pub all_talk: bool,
}

/// Everything that can happen to the engine.
#[derive(Debug)]
pub(crate) enum Event {
    /// pjlib told something.
    Phone(PhoneEvent),
    /// The headset's thread told something.
    Headset(crate::headset::worker::Told),
    /// The network told something.
    Network(NetworkEvent),
    /// A client asks.
    Request { client: u64, id: u64, command: Box<Command> },
    /// A client is there and wants the whole state.
    Attach { client: u64 },
    /// What sound devices there are now.
    Sound(sound::Sight),
    /// Nobody is there.
    Detach,
    /// A ring tone is there, or cannot be had.
    RingTone { number: u64, tone: Result<crate::ring_tone::Tone, crate::ring_tone::WavError> },
    /// End: at once, hanging up.
    Stop,
}

/// Everything that the engine tells the hub, in order.
#[derive(Debug)]
pub enum Out {
    /// For whoever is attached.
    Event {
        /// One more than the last.
        number: u64,
        /// UTC, ms since the Unix epoch.
        at_ms: i64,
        /// What.
        event: softphone_api::Event,
    },
    /// The answer to a request.
    Response {
        /// Of which client.
        client: u64,
        /// Which request.
        id: u64,
        /// It.
        result: Outcome,
    },
    /// The state for a client that attaches; later events have greater numbers.
    Snapshot {
        /// For which client.
        client: u64,
        /// It.
        snapshot: Box<Snapshot>,
    },
    /// The engine has ended; nothing comes after it.
    Ended,
}

/// The way into the engine.
#[derive(Debug)]
pub struct Engine {
    events: SyncSender<Event>,
    thread: JoinHandle<()>,
}

/// Starts the thread. pjlib itself starts inside it; when it cannot, the error is returned.
///
/// # Errors
/// What pjlib said, or that no thread could be made.
pub fn spawn(options: Options, out: mpsc::Sender<Out>) -> anyhow::Result<Engine> {
    let (events, inbox) = sync_channel(QUEUE);
    let (started, is_started) = sync_channel(1);
    let to_self = events.clone();
    let thread = std::thread::Builder::new().name("engine".into()).stack_size(1 << 20).spawn(move || {
        crate::crash::watch_this_thread();
        match Loop::start(&options, to_self, out) {
            Ok(mut engine) => {
                let _ = started.send(Ok(()));
                engine.run(&inbox);
                let out = engine.out.clone();
                // pjlib ends here: it unregisters and joins its threads.
                drop(engine);
                let _ = out.blocking_send(Out::Ended);
            }
            Err(e) => {
                let _ = started.send(Err(e));
            }
        }
    })?;
    match is_started.recv() {
        Ok(Ok(())) => Ok(Engine { events, thread }),
        Ok(Err(e)) => Err(anyhow::anyhow!("pjlib did not start: {e}")),
        Err(_) => Err(anyhow::anyhow!("the engine's thread ended while it started")),
    }
}

impl Engine {
    fn post(&self, event: Event) -> bool {
        self.events.try_send(event).is_ok()
    }

    /// Passes a request on; false when the engine does not take any more.
    #[must_use]
    pub fn request(&self, client: u64, id: u64, command: Command) -> bool {
        self.post(Event::Request { client, id, command: Box::new(command) })
    }

    /// A client is there; [`Out::Snapshot`] follows.
    #[must_use]
    pub fn attach(&self, client: u64) -> bool {
        self.post(Event::Attach { client })
    }

    /// Nobody is there any more.
    pub fn detach(&self) {
        self.surely(Event::Detach);
    }

    /// Hang up, unregister, end.
    pub fn stop(&self) {
        self.surely(Event::Stop);
    }

    /// For what must not be lost: a full queue is waited for, elsewhere, for whoever says it has other things to do.
    fn surely(&self, event: Event) {
        let Err(TrySendError::Full(event)) = self.events.try_send(event) else { return };
        let events = self.events.clone();
        if let Err(e) = std::thread::Builder::new().name("patience".into()).spawn(move || events.send(event)) {
            tracing::error!("the engine does not hear what it must: {e}");
        }
    }

    /// Waits for the thread; after [`Out::Ended`] this is at once.
    pub fn join(self) {
        drop(self.events);
        if self.thread.join().is_err() {
            tracing::error!("the engine's thread panicked");
        }
    }
}

pub(crate) fn utc_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

pub(crate) fn ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

/// Why the engine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Not,
    /// When the last call is over.
    WhenIdle,
    Now,
}

pub(crate) struct Loop {
    phone: Phone,
    out: mpsc::Sender<Out>,
    number: u64,
    accounts: BTreeMap<AccountId, AccountState>,
    /// Accounts that are no longer wanted but carry a call.
    retired: Vec<NativeAccount>,
    /// Accounts that are wanted and could not be made.
    unmade: BTreeMap<AccountId, softphone_api::Registration>,
    calls: BTreeMap<CallId, CallState>,
    /// Ended, and it is not known yet how.
    undecided: Vec<Undecided>,
    forget: Vec<(Instant, CallId)>,
    media: Media,
    network: Network,
    sound: Sound,
    headset: HeadsetLink,
    tones: Tones,
    events: SyncSender<Event>,
    attached: bool,
    idle_since: Option<Instant>,
    ending: Ending,
    unattached_idle: Option<Duration>,
    media_timeout: Option<Duration>,
    all_talk: bool,
    dropped: u64,
}

type Done = Result<Reply, CommandError>;

pub(crate) fn refuse(code: CommandErrorCode, message: impl Into<String>) -> CommandError {
    CommandError { code, message: message.into() }
}

impl From<PhoneError> for CommandError {
    fn from(e: PhoneError) -> Self {
        refuse(if e.port_in_use() { CommandErrorCode::PortInUse } else { CommandErrorCode::Engine }, e.message)
    }
}

impl Loop {
    fn start(options: &Options, events: SyncSender<Event>, out: mpsc::Sender<Out>) -> Result<Self, PhoneError> {
        let settings = PhoneSettings {
            user_agent: format!("Linedesk/{}", env!("CARGO_PKG_VERSION")),
            ca_file: crate::platform::system_ca_file(),
            sip_port: options.sip_port,
            log_level: 3,
            sip_trace: options.sip_trace,
            max_calls: MAX_CALLS,
        };
        let network = Network::new(events.clone());
        let phone = Phone::start(&settings, events.clone())?;
        // Until somebody is there to hear it ring.
        phone.refuse_calls(480);
        let mut engine = Self {
            phone,
            out,
            number: 0,
            accounts: BTreeMap::new(),
            retired: Vec::new(),
            unmade: BTreeMap::new(),
            calls: BTreeMap::new(),
            undecided: Vec::new(),
            forget: Vec::new(),
            media: Media::default(),
            network,
            sound: Sound::new(options.null_audio),
            headset: HeadsetLink::default(),
            tones: Tones::default(),
            events,
            attached: false,
            idle_since: Some(Instant::now()),
            ending: Ending::Not,
            unattached_idle: options.unattached_idle,
            media_timeout: options.media_timeout,
            all_talk: options.all_talk,
            dropped: 0,
        };
        engine.apply_codecs()?;
        engine.phone.dscp(engine.media.sip_dscp, engine.media.rtp_dscp);
        engine.watch_devices(engine.events.clone());
        engine.headset = HeadsetLink::start(options, engine.events.clone());
        engine.tell_headset();
        Ok(engine)
    }

    fn run(&mut self, inbox: &Receiver<Event>) {
        while !self.is_over() {
            let wait =
                self.next_deadline().map_or(Duration::from_secs(60), |at| at.saturating_duration_since(Instant::now()));
            match inbox.recv_timeout(wait) {
                Ok(event) => self.handle(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.tick(Instant::now());
            crate::crash::calls_are(self.calls.len());
            self.tell_headset();
        }
        self.end_all(inbox);
        self.unregister_all();
        self.await_unregistered(inbox);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Phone(e) => self.phone_event(e),
            Event::Headset(told) => self.headset_event(told),
            Event::Network(e) => self.network_event(e),
            Event::Request { client, id, command } => {
                let result = match self.command(*command) {
                    Ok(reply) => Outcome::Ok(reply),
                    Err(e) => {
                        tracing::info!(code = ?e.code, "command refused: {}", e.message);
                        Outcome::Error(e)
                    }
                };
                self.send(Out::Response { client, id, result });
            }
            Event::Attach { client } => {
                self.attached = true;
                self.idle_since = None;
                self.may_ring();
                self.register_wanted();
                let snapshot = Box::new(self.snapshot());
                self.send(Out::Snapshot { client, snapshot });
            }
            Event::Detach => {
                self.attached = false;
                self.settle_when_idle();
            }
            Event::RingTone { number, tone } => self.ring_tone_came(number, tone),
            Event::Sound(sight) => self.devices_seen(sight),
            Event::Stop => self.ending = Ending::Now,
        }
        let dropped = self.phone.dropped();
        if dropped != self.dropped {
            tracing::error!(lost = dropped - self.dropped, "callbacks of pjlib did not fit into the queue");
            self.dropped = dropped;
        }
    }

    fn phone_event(&mut self, event: PhoneEvent) {
        match event {
            PhoneEvent::Registration { account, number, code, reason, contact, tls, faults, expires_s, goodbye } => {
                let answer = Answer { number, code, reason, contact, tls, faults, expires_s, goodbye };
                self.registration_answer(account, answer);
            }
            PhoneEvent::Incoming { account, call, invitation } => self.incoming(account, call, invitation),
            PhoneEvent::Asked { number, code } => self.server_answered(number, code),
            PhoneEvent::Disconnected { from } => self.disconnected(from),
            PhoneEvent::State { call, invite, code, reason, why } => self.call_state(call, invite, code, reason, &why),
            PhoneEvent::Media { call, stream } => self.call_media(call, stream),
            PhoneEvent::Probe { call, code } => self.call_probe(call, code),
            PhoneEvent::Stranger { count, address } => {
                tracing::warn!(count, last = address, "SIP from others than our servers is dropped");
            }
            PhoneEvent::Transfer { call, code, over } => self.transfer_told(call, code, over),
            PhoneEvent::Digit { call, code } => self.digit_answered(call, code),
            PhoneEvent::Redirected { call, uri } => self.redirected(call, &uri),
            PhoneEvent::Player { player, playing } => self.player_told(player, playing),
            PhoneEvent::Sound { number, index, capture, why } => self.sound_told(number, index, capture, why),
            PhoneEvent::Refused { code } => tracing::info!(code, "an INVITE was refused without ringing"),
        }
    }

    fn command(&mut self, command: Command) -> Done {
        match command {
            Command::Configure { accounts, media } => self.configure(accounts, media),
            Command::Register { account } => self.register(&account),
            Command::Unregister { account } => self.unregister(&account),
            Command::Dial { account, target, headers } => self.dial(&account, &target, &headers),
            Command::Answer { call, end_running, busy, by_itself } => self.answer(call, end_running, &busy, by_itself),
            Command::Reject { call, reason } => self.reject(call, reason),
            Command::HangUp { call } => self.hang_up(call),
            Command::Hold { call } => self.hold(call),
            Command::Resume { call } => self.resume(call),
            Command::HandOver { call, target, headers, ring_s } => self.hand_over(call, &target, &headers, ring_s),
            Command::Consult { call, target, headers } => self.consult(call, &target, &headers),
            Command::CompleteTransfer { call } => self.complete_transfer(call),
            Command::CancelTransfer { call } => self.cancel_transfer(call),
            Command::BlindTransfer { call, target } => self.blind_transfer(call, &target),
            Command::Conference { calls } => self.conference(&calls),
            Command::LeaveConference => self.leave_conference(),
            Command::Mute { call, muted } => self.mute(call, muted),
            Command::Dtmf { call, digits } => self.dtmf(call, &digits),
            Command::Devices => {
                self.look_for_devices();
                Ok(Reply::Devices { devices: self.sound.devices() })
            }
            Command::ChooseDevices { capture, playback } => self.choose_devices(capture, playback),
            Command::Log { level, sip_trace, numbers } => {
                crate::logging::set(level, numbers);
                self.phone.log_level(crate::logging::pjlib_level(level), sip_trace);
                Ok(Reply::Done)
            }
            Command::SetSound { settings } => self.set_sound(*settings),
            Command::StartTest { test } => self.start_test(test),
            Command::StopTest => self.stop_test(),
            Command::Statistics { call } => self.statistics(call),
            Command::Snapshot => {
                self.tell_memory("snapshot");
                Ok(Reply::Snapshot { snapshot: Box::new(self.snapshot()) })
            }
            // The hub keeps it; it comes here only when there is no hub that could start a shell.
            Command::ShellIs { .. } => Ok(Reply::Done),
            Command::Shutdown { when_idle } => {
                self.ending = if when_idle { Ending::WhenIdle } else { Ending::Now };
                self.may_ring();
                Ok(Reply::Done)
            }
        }
    }

    fn is_over(&self) -> bool {
        match self.ending {
            Ending::Now => true,
            Ending::WhenIdle => self.calls.is_empty() && self.undecided.is_empty(),
            Ending::Not => match (self.unattached_idle, self.idle_since) {
                (Some(limit), Some(since)) => since.elapsed() >= limit,
                _ => false,
            },
        }
    }

    /// An INVITE rings only where somebody can answer it: a caller who would ring at nobody goes on to the next.
    fn may_ring(&self) {
        let ring = self.attached && self.ending == Ending::Not;
        self.phone.refuse_calls(if ring { 0 } else { 480 });
    }

    /// Unattached and without a call: refuse, unregister, and begin to count down.
    fn settle_when_idle(&mut self) {
        // Only while attached or in a call may it ring; a second call during an orphaned one would ring at nobody.
        self.may_ring();
        if self.attached || !self.calls.is_empty() || self.idle_since.is_some() || self.unattached_idle.is_none() {
            return;
        }
        tracing::info!("nobody is attached and no call runs: unregistering");
        self.idle_since = Some(Instant::now());
        self.unregister_all();
    }

    fn next_deadline(&self) -> Option<Instant> {
        let idle = match (self.unattached_idle, self.idle_since) {
            (Some(limit), Some(since)) => Some(since + limit),
            _ => None,
        };
        let forget = self.forget.first().map(|(at, _)| *at);
        let idle_phone = self.calls.is_empty();
        self.accounts
            .values()
            .filter_map(|account| account.deadline(idle_phone))
            .chain(Some(self.network.deadline()))
            .chain(self.network.helpers.deadline())
            .chain(self.calls.values().filter_map(CallState::deadline))
            .chain(idle)
            .chain(forget)
            .chain(self.undecided_deadline())
            .chain(self.tones.deadline())
            .chain(self.sound_deadline())
            .min()
    }

    fn tick(&mut self, now: Instant) {
        self.tick_network(now);
        self.tick_accounts(now);
        self.tick_calls(now);
        self.tick_tones(now);
        self.tick_sound(now);
        while self.forget.first().is_some_and(|(at, _)| *at <= now) {
            let (_, call) = self.forget.remove(0);
            self.phone.forget(call);
            self.tell_memory("call");
        }
    }

    /// For whoever looks for a leak: what there is when something is over.
    fn tell_memory(&self, over: &str) {
        if tracing::enabled!(tracing::Level::DEBUG) {
            let (heap, pools, pool_bytes) = self.phone.memory();
            // Whole bytes would be long enough to be masked as somebody's number.
            let kb = |bytes: u64| format!("{:.3}", bytes as f64 / 1000.0);
            tracing::debug!(over, heap_kb = kb(heap), pools, pools_kb = kb(pool_bytes), "memory");
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            event_number: self.number,
            at_ms: utc_ms(),
            registrations: self.registrations(),
            calls: self.calls.values().map(CallState::public).collect(),
            sound: self.sound.state(),
            headset: self.headset.state(),
        }
    }

    fn emit(&mut self, event: softphone_api::Event) {
        self.number += 1;
        let out = Out::Event { number: self.number, at_ms: utc_ms(), event };
        self.send(out);
    }

    fn send(&self, out: Out) {
        // The hub never waits for a client, so this waits for moments at most; without a hub nobody is left to tell.
        let _ = self.out.blocking_send(out);
    }
}
