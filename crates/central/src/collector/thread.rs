//! The thread that owns an assembly.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ami::{Event, Message};
use calls::{Assembly, Changed, Directory, Ended, Figures, Look, PbxIx};
use tokio::sync::{Notify, mpsc};

use super::journal::{Done, Journal, JournalError, Place};
use super::lists::Lists;
use crate::directory::ObservedPbx;

/// Live calls are told so often at most; what changes in between is told once.
const TELL_EVERY: Duration = Duration::from_millis(5);

/// … and so often while more waits to be taken in: then what was told would be out of date at once.
const TELL_BEHIND: Duration = Duration::from_millis(50);

/// Calls that are over are told so often at least, though nothing comes.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A journal that nobody writes much into is begun anew so often, so that its old parts go.
const TURN_EVERY: Duration = Duration::from_secs(60);

/// A journal that broke is tried again so often.
const MEND_EVERY: Duration = Duration::from_secs(1);

/// Events that wait for it at most, some seconds of a busy house; what comes beyond waits where it is read from the socket.
const MOST_BEHIND: usize = 20_000;

/// Without any call nothing is due but the journal.
const IDLE: Duration = Duration::from_secs(1);

/// More ids are asked for when there are fewer: they last for minutes of a record day.
const FEW_IDS: u64 = 10_000;

/// What a collector needs.
#[derive(Debug)]
pub struct Settings {
    /// Name of the federation, for the thread and the log.
    pub name: String,
    /// Where its journal is kept.
    pub journal: PathBuf,
    /// Variables that are attributes of calls.
    pub attributes: Vec<String>,
    /// What endpoints are.
    pub directory: Arc<dyn Directory + Send + Sync>,
}

/// What a collector is told.
#[derive(Debug)]
pub enum Input {
    /// Events of a PBX in order, each with its corrected time in ms.
    Events(PbxIx, Vec<(i64, Message)>),
    /// The link to a PBX stood at this moment, whether anything was said or not.
    Heard(PbxIx, i64),
    /// More of what a PBX said waits where it is read, from now on; or no more.
    Behind(PbxIx, bool),
    /// The link to a PBX ended.
    Lost(PbxIx),
    /// A PBX is no longer one of ours.
    Removed(PbxIx),
    /// What a PBX has: the lists, and when they were asked for and had come.
    Lists {
        /// Which.
        pbx: PbxIx,
        /// When they were asked for.
        asked_ms: i64,
        /// When the last had come.
        came_ms: i64,
        /// The lists.
        lists: Lists,
    },
    /// The Call-ID of a channel's SIP dialog.
    SipCallId {
        /// Which PBX.
        pbx: PbxIx,
        /// When it was learnt.
        at_ms: i64,
        /// Which channel.
        uniqueid: String,
        /// Its Call-ID.
        call_id: String,
    },
    /// Ids that were reserved for calls.
    Ids(std::ops::Range<u64>),
    /// What the house is, from now on.
    House {
        /// What endpoints are.
        directory: Arc<dyn Directory + Send + Sync>,
        /// Variables that are attributes of calls.
        attributes: Vec<String>,
    },
    /// Nothing more is taken in: what goes on is given up, and it ends when all of it is stored and its journal is empty.
    Close,
    /// A call that was told at this place is stored.
    Stored(Place),
    /// It ends here: what its journal holds is told by who begins with it.
    Again,
}

/// Our time, which never goes back.
fn now_ms() -> i64 {
    ami::now_us() / 1000
}

/// What a collector tells.
#[derive(Debug)]
pub enum Output {
    /// Calls that go on and were changed.
    Changed(Vec<Changed>),
    /// Ids that were told of what turned out to be no call.
    Void(Vec<u64>),
    /// A PBX is not heard since this moment, so that its calls may be out of date; or is heard again.
    Stale(PbxIx, Option<i64>),
    /// Calls that are over; each is to be answered by [`Input::Stored`].
    Ended(Place, Vec<Ended>),
    /// A PBX showed its queues, and perhaps its channels.
    Looked(PbxIx, ObservedPbx),
    /// Ids are running out: [`Input::Ids`] is wanted.
    NeedsIds,
    /// Journal segments that are no longer needed: the raw material of the calls in them.
    Done(Vec<Done>),
    /// The journal cannot be kept (why), or can again.
    Journal(Option<String>),
    /// How much there is, when it changed.
    Figures(Figures),
    /// It was closed, and nobody needs what stands in its journal any more; this is its last segment.
    Clear(Place),
}

/// A running collector; it ends when this and all handles are dropped.
#[derive(Debug)]
pub struct Collector {
    handle: Handle,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Tells a collector.
#[derive(Debug, Clone)]
pub struct Handle {
    to: mpsc::UnboundedSender<Input>,
    behind: Arc<Behind>,
}

/// How much was told to a collector and not taken in by it.
#[derive(Debug, Default)]
struct Behind {
    events: AtomicUsize,
    room: Notify,
}

/// What is told to a collector, where it takes it in.
#[derive(Debug)]
pub struct Inputs {
    from: mpsc::UnboundedReceiver<Input>,
    behind: Arc<Behind>,
}

/// Both ends.
#[must_use]
pub fn inputs() -> (Handle, Inputs) {
    let (to, from) = mpsc::unbounded_channel();
    let behind = Arc::<Behind>::default();
    (Handle { to, behind: behind.clone() }, Inputs { from, behind })
}

impl Handle {
    /// Never waits. False when the collector is gone.
    pub fn tell(&self, input: Input) -> bool {
        if let Input::Events(_, events) = &input {
            self.behind.events.fetch_add(events.len(), Ordering::Relaxed);
        }
        self.to.send(input).is_ok()
    }

    /// Whether it has enough to do: events should wait where they are bounded.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        // One that is gone never takes anything in.
        self.behind.events.load(Ordering::Relaxed) >= MOST_BEHIND && !self.to.is_closed()
    }

    /// Ends when it is no longer behind, or gone.
    pub async fn caught_up(&self) {
        loop {
            let room = self.behind.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if !self.is_behind() {
                return;
            }
            tokio::select! {
                () = room => {}
                () = self.to.closed() => {}
            }
        }
    }

    /// For whoever must not keep it alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakHandle {
        WeakHandle { to: self.to.downgrade() }
    }

    /// Whether both tell the same collector.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.to.same_channel(&other.to)
    }
}

impl Inputs {
    /// The next one; `None` when nobody tells any more.
    pub async fn recv(&mut self) -> Option<Input> {
        let input = self.from.recv().await?;
        self.taken(std::slice::from_ref(&input));
        Some(input)
    }

    async fn recv_many(&mut self, into: &mut Vec<Input>, limit: usize) -> usize {
        let count = self.from.recv_many(into, limit).await;
        self.taken(&into[into.len() - count..]);
        count
    }

    fn taken(&self, inputs: &[Input]) {
        let events = |input: &Input| if let Input::Events(_, events) = input { events.len() } else { 0 };
        let taken = inputs.iter().map(events).sum();
        let before = self.behind.events.fetch_sub(taken, Ordering::Relaxed);
        if before >= MOST_BEHIND && before - taken < MOST_BEHIND {
            self.behind.room.notify_waiters();
        }
    }

    fn is_empty(&self) -> bool {
        self.from.is_empty()
    }
}

/// Tells a collector as long as others do.
#[derive(Debug, Clone)]
pub struct WeakHandle {
    to: mpsc::WeakUnboundedSender<Input>,
}

impl WeakHandle {
    /// Never waits. False when the collector is gone, or nobody else tells it anything any more.
    pub fn tell(&self, input: Input) -> bool {
        self.to.upgrade().is_some_and(|to| to.send(input).is_ok())
    }
}

impl Collector {
    /// Starts one; it takes up what its journal says.
    ///
    /// # Errors
    /// When the journal cannot be opened, or the system gives no thread.
    pub fn start(settings: Settings, outputs: mpsc::UnboundedSender<Output>) -> Result<Self, StartError> {
        let thread = std::thread::Builder::new().name(format!("calls-{}", settings.name));
        let work = Work::open(settings, outputs)?;
        let (handle, inputs) = inputs();
        let thread = thread.spawn(move || work.run(inputs))?;
        Ok(Self { handle, thread: Some(thread) })
    }

    /// For whoever has something to tell it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends it once all handles are dropped and all that was told to it is done.
    pub fn join(mut self) {
        self.handle = inputs().0;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a collector of calls ended badly");
        }
    }
}

/// Why a collector cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No thread.
    #[error("the system gives no thread for collecting calls: {0}. Look at the limits of this service")]
    Thread(#[from] std::io::Error),
}

struct Work {
    assembly: Assembly,
    journal: Journal,
    directory: Arc<dyn Directory + Send + Sync>,
    outputs: mpsc::UnboundedSender<Output>,
    /// Links that are away, and since when.
    gaps: Vec<(PbxIx, i64)>,
    /// PBXs of which more waits where it is read, and up to when it is known what they said.
    behind: BTreeMap<PbxIx, i64>,
    /// When what was taken in last was said.
    said_ms: i64,
    /// What was last written did not reach the disk.
    broken: bool,
    /// It ends when nothing is left.
    closing: bool,
    /// Another one goes on.
    again: bool,
    asked_for_ids: bool,
    figures: Figures,
    told: Instant,
    /// Something came since.
    news: bool,
    turned: Instant,
}

impl Work {
    fn open(settings: Settings, outputs: mpsc::UnboundedSender<Output>) -> Result<Self, JournalError> {
        let mut assembly = Assembly::new();
        assembly.keep_attributes(settings.attributes.iter().map(String::as_str));
        assembly.keep_journal();
        let journal = Journal::open(&settings.journal, &mut assembly, now_ms())?;
        // Nobody was heard while nothing ran here.
        let gaps = assembly.heard_until();
        for (pbx, at) in &gaps {
            assembly.unheard(*pbx, *at);
        }
        Ok(Self {
            assembly,
            journal,
            directory: settings.directory,
            outputs,
            gaps,
            behind: BTreeMap::new(),
            said_ms: 0,
            broken: false,
            closing: false,
            again: false,
            asked_for_ids: false,
            figures: Figures::default(),
            told: Instant::now(),
            news: false,
            turned: Instant::now(),
        })
    }

    fn run(mut self, mut inputs: Inputs) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
            tracing::error!("a collector of calls has no timer and ends");
            return;
        };
        for (pbx, at) in &self.gaps {
            self.output(Output::Stale(*pbx, Some(*at)));
        }
        let mut batch = Vec::new();
        loop {
            // Time passes also when nothing comes: calls end after a while, and changes wait to be told.
            let patience = match self.assembly.figures().calls {
                _ if self.news => TELL_EVERY.saturating_sub(self.told.elapsed()),
                0 => IDLE,
                _ => LOOK_EVERY,
            };
            let next =
                runtime.block_on(async { tokio::time::timeout(patience, inputs.recv_many(&mut batch, 64)).await });
            let over = matches!(next, Ok(0));
            self.news |= !batch.is_empty();
            for input in batch.drain(..) {
                self.take(input);
            }
            self.keep();
            self.tell(inputs.is_empty(), over);
            self.turn();
            if over || self.again || self.outputs.is_closed() || self.is_clear() {
                return;
            }
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            // Whoever tells it has not yet heard that another one collects the calls of that PBX.
            Input::Events(..)
            | Input::Heard(..)
            | Input::Behind(..)
            | Input::Lists { .. }
            | Input::SipCallId { .. }
                if self.closing => {}
            Input::Events(pbx, events) => {
                for (at, message) in &events {
                    self.assembly.event(pbx, *at, &Event::read(message));
                }
                if let Some((at, message)) = events.last() {
                    if let Some(us) = message.timestamp_us() {
                        self.assembly.clock(pbx, us / 1000 - at);
                    }
                    self.assembly.heard(pbx, *at);
                    self.said_ms = *at;
                    self.behind.entry(pbx).and_modify(|known| *known = *at);
                }
            }
            Input::Heard(pbx, at) => self.assembly.heard(pbx, at),
            Input::Behind(pbx, true) => drop(self.behind.insert(pbx, self.said_ms)),
            Input::Behind(pbx, false) => drop(self.behind.remove(&pbx)),
            Input::Lost(pbx) => self.lost(pbx),
            Input::Removed(pbx) => {
                self.gaps.retain(|(known, _)| *known != pbx);
                self.behind.remove(&pbx);
                self.output(Output::Stale(pbx, None));
                self.assembly.give_up(pbx, now_ms());
            }
            Input::Lists { pbx, asked_ms, came_ms, lists } => {
                let gap = self.gaps.iter().position(|(known, _)| *known == pbx);
                // Only who sees the channels sees what vanished.
                let gap_ms = gap.filter(|_| lists.channels.is_some()).map(|at| self.gaps.swap_remove(at).1);
                if gap_ms.is_some() {
                    self.output(Output::Stale(pbx, None));
                }
                self.output_looked(pbx, &lists);
                let look = Look { pbx, gap_ms, asked_ms, now_ms: came_ms };
                self.assembly.resync(look, &lists.read());
            }
            Input::SipCallId { pbx, at_ms, uniqueid, call_id } => {
                self.assembly.sip_call_id(pbx, at_ms, &uniqueid, &call_id);
            }
            Input::Ids(ids) => {
                self.assembly.give_ids(ids);
                self.asked_for_ids = false;
            }
            Input::House { directory, attributes } => {
                self.directory = directory;
                self.assembly.keep_attributes(attributes.iter().map(String::as_str));
            }
            Input::Close => {
                for (pbx, _) in self.assembly.heard_until() {
                    self.assembly.give_up(pbx, now_ms());
                }
                self.behind.clear();
                self.closing = true;
            }
            Input::Stored(place) => self.journal.stored(place),
            Input::Again => self.again = true,
        }
    }

    /// Up to when everything is known that was said: what waits, here or where it is read, is of later. A PBX that is not heard
    /// holds nothing up.
    fn known_ms(&self, caught_up: bool) -> i64 {
        let waits_here = (!caught_up).then_some(self.said_ms);
        self.behind.values().copied().chain(waits_here).fold(now_ms(), i64::min)
    }

    /// Whether a closed one has nothing left to do; its journal is ended by that.
    fn is_clear(&mut self) -> bool {
        if !self.closing || self.assembly.figures().calls > 0 || !self.journal.is_clear() {
            return false;
        }
        match self.journal.turn(&self.assembly, true, now_ms()) {
            Ok(done) => {
                self.output(Output::Done(done));
                self.output(Output::Clear(self.journal.place()));
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut self.broken, true) {
                    self.journal_fails(&error);
                }
                false
            }
        }
    }

    /// What vanishes until a link is back did so after what was heard by it last.
    fn lost(&mut self, pbx: PbxIx) {
        self.behind.remove(&pbx);
        if self.gaps.iter().any(|(known, _)| *known == pbx) {
            return;
        }
        let heard = self.assembly.heard_until().into_iter().find(|(known, _)| *known == pbx);
        if let Some((_, at)) = heard {
            self.gaps.push((pbx, at));
            self.assembly.unheard(pbx, at);
            self.output(Output::Stale(pbx, Some(at)));
        }
    }

    /// Writes down what changed, before anybody hears of it.
    fn keep(&mut self) {
        let changes = self.assembly.take_journal();
        if !self.broken
            && let Err(error) = self.journal.write(&changes)
        {
            self.broken = true;
            self.journal_fails(&error);
        }
    }

    /// Begins the journal anew: from time to time, so that its old parts go, and where it broke, since all that is live stands in a
    /// new segment.
    fn turn(&mut self) {
        let patience = if self.broken { MEND_EVERY } else { TURN_EVERY };
        let due = self.turned.elapsed() >= patience;
        if due {
            self.turned = Instant::now();
        }
        if self.broken && !due {
            return;
        }
        match self.journal.turn(&self.assembly, due, now_ms()) {
            Ok(done) => {
                if due && std::mem::take(&mut self.broken) {
                    tracing::info!("the journal of calls is written again");
                    self.output(Output::Journal(None));
                }
                if !done.is_empty() {
                    self.output(Output::Done(done));
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.broken, true) {
                    self.journal_fails(&error);
                }
            }
        }
    }

    fn journal_fails(&self, error: &JournalError) {
        tracing::error!(%error, "{error}");
        self.output(Output::Journal(Some(error.to_string())));
    }

    fn tell(&mut self, caught_up: bool, over: bool) {
        let every = if caught_up { TELL_EVERY } else { TELL_BEHIND };
        let ended = self.assembly.take_ended(self.known_ms(caught_up), &*self.directory);
        let due = self.told.elapsed() >= every || over;
        let changed = if due { self.assembly.take_changed(now_ms(), &*self.directory) } else { Vec::new() };
        let void = self.assembly.take_void();
        // Calls have got their ids by that, and must keep them.
        self.keep();
        if !ended.is_empty() {
            let place = self.journal.ended(ended.len());
            self.output(Output::Ended(place, ended));
        }
        if !changed.is_empty() {
            self.output(Output::Changed(changed));
        }
        if !void.is_empty() {
            self.output(Output::Void(void));
        }
        if due {
            self.told = Instant::now();
            self.news = false;
            if self.assembly.ids_left() < FEW_IDS && !std::mem::replace(&mut self.asked_for_ids, true) {
                self.output(Output::NeedsIds);
            }
            let figures = self.assembly.figures();
            if figures != self.figures {
                self.figures = figures;
                self.output(Output::Figures(figures));
            }
        }
    }

    /// Without its queues nothing is told: it would look as if it had none.
    fn output_looked(&self, pbx: PbxIx, lists: &Lists) {
        let Some(queues) = &lists.queues else { return };
        let events: Vec<Event<'_>> = queues.iter().chain(lists.channels.iter().flatten()).map(Event::read).collect();
        self.output(Output::Looked(pbx, ObservedPbx::of(&events)));
    }

    fn output(&self, output: Output) {
        // Nobody listens any more when the server ends.
        let _ = self.outputs.send(output);
    }
}

#[cfg(test)]
#[path = "thread_tests.rs"]
mod tests;
