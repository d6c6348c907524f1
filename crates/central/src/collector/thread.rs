//! The thread that owns an assembly.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami::{Event, Message};
use calls::{Assembly, Call, Directory, Ended, Figures, PbxIx, Snapshot};
use tokio::sync::mpsc;

use super::journal::{Journal, JournalError, Place};

/// Live calls are told so often at most; what changes in between is told once.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// A journal that nobody writes much into is begun anew so often, so that its old parts go.
const TURN_EVERY: Duration = Duration::from_secs(60);

/// A journal that broke is tried again so often.
const MEND_EVERY: Duration = Duration::from_secs(1);

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
    /// The link to a PBX ended at this moment.
    Lost(PbxIx, i64),
    /// What a PBX has: the lists, and when they were asked for and had come.
    Lists {
        /// Which.
        pbx: PbxIx,
        /// When they were asked for.
        asked_ms: i64,
        /// When the last had come.
        came_ms: i64,
        /// CoreShowChannels, BridgeList and QueueStatus, all in one.
        list: Vec<Message>,
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
    /// What endpoints are, from now on.
    Directory(Arc<dyn Directory + Send + Sync>),
    /// A call that was told at this place is stored.
    Stored(Place),
}

/// What a collector tells.
#[derive(Debug)]
pub enum Output {
    /// Calls that go on and were changed, by id.
    Changed(Vec<(u64, Call)>),
    /// Calls that are over; each is to be answered by [`Input::Stored`].
    Ended(Place, Vec<Ended>),
    /// Ids are running out: [`Input::Ids`] is wanted.
    NeedsIds,
    /// Journal segments that are no longer needed: the raw material of the calls in them.
    Done(Vec<Vec<u8>>),
    /// The journal cannot be kept (why), or can again.
    Journal(Option<String>),
    /// How much there is, when it changed.
    Figures(Figures),
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
}

impl Handle {
    /// Never waits. False when the collector is gone.
    pub fn tell(&self, input: Input) -> bool {
        self.to.send(input).is_ok()
    }
}

impl Collector {
    /// Starts one; it takes up what its journal says.
    ///
    /// # Errors
    /// When the journal cannot be opened, or the system gives no thread.
    pub fn start(settings: Settings, outputs: mpsc::UnboundedSender<Output>) -> Result<Self, StartError> {
        let mut assembly = Assembly::new();
        assembly.keep_attributes(settings.attributes.iter().map(String::as_str));
        assembly.keep_journal();
        let journal = Journal::open(&settings.journal, &mut assembly)?;
        let (to, inputs) = mpsc::unbounded_channel();
        let work = Work {
            assembly,
            journal,
            directory: settings.directory,
            outputs,
            gaps: Vec::new(),
            broken: false,
            asked_for_ids: false,
            figures: Figures::default(),
            told: Instant::now(),
            turned: Instant::now(),
        };
        let thread = std::thread::Builder::new().name(format!("calls-{}", settings.name));
        let thread = thread.spawn(move || work.run(inputs))?;
        Ok(Self { handle: Handle { to }, thread: Some(thread) })
    }

    /// For whoever has something to tell it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends it once all handles are dropped and all that was told to it is done.
    pub fn join(mut self) {
        let (gone, _) = mpsc::unbounded_channel();
        self.handle = Handle { to: gone };
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
    /// What was last written did not reach the disk.
    broken: bool,
    asked_for_ids: bool,
    figures: Figures,
    told: Instant,
    turned: Instant,
}

impl Work {
    fn run(mut self, mut inputs: mpsc::UnboundedReceiver<Input>) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
            tracing::error!("a collector of calls has no timer and ends");
            return;
        };
        let mut batch = Vec::new();
        loop {
            // Time passes also when nothing comes: calls end after a while, and changes wait to be told.
            let patience = if self.assembly.figures().calls > 0 { TELL_EVERY } else { IDLE };
            let next =
                runtime.block_on(async { tokio::time::timeout(patience, inputs.recv_many(&mut batch, 64)).await });
            let over = matches!(next, Ok(0));
            for input in batch.drain(..) {
                self.take(input);
            }
            self.keep();
            self.tell(over);
            self.turn();
            if over || self.outputs.is_closed() {
                return;
            }
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Events(pbx, events) => {
                for (at, message) in &events {
                    self.assembly.event(pbx, *at, &Event::read(message));
                }
            }
            Input::Lost(pbx, at) => {
                if self.gaps.iter().all(|(known, _)| *known != pbx) {
                    self.gaps.push((pbx, at));
                }
            }
            Input::Lists { pbx, asked_ms, came_ms, list } => {
                let gap = self.gaps.iter().position(|(known, _)| *known == pbx);
                let gap_ms = gap.map_or(asked_ms, |at| self.gaps.swap_remove(at).1);
                let list: Vec<Event<'_>> = list.iter().map(Event::read).collect();
                let mut snapshot = Snapshot::default();
                for event in list {
                    match event {
                        Event::CoreShowChannel(shown) => snapshot.channels.push(shown),
                        Event::BridgeListItem { bridge, bridge_type, technology }
                            if (technology == "holding_bridge" || bridge_type == "parking") =>
                        {
                            snapshot.holding_bridges.push(bridge);
                        }
                        Event::QueueEntry { queue, entry } => snapshot.waiting.push((queue, entry)),
                        _ => {}
                    }
                }
                self.assembly.resync(pbx, gap_ms, asked_ms, came_ms, &snapshot);
            }
            Input::SipCallId { pbx, at_ms, uniqueid, call_id } => {
                self.assembly.sip_call_id(pbx, at_ms, &uniqueid, &call_id);
            }
            Input::Ids(ids) => {
                self.assembly.give_ids(ids);
                self.asked_for_ids = false;
            }
            Input::Directory(directory) => self.directory = directory,
            Input::Stored(place) => self.journal.stored(place),
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
        match self.journal.turn(&self.assembly, due) {
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

    fn tell(&mut self, over: bool) {
        let ended = self.assembly.take_ended(crate::clock::now_ms(), &*self.directory);
        let due = self.told.elapsed() >= TELL_EVERY || over;
        let changed = if due { self.assembly.take_changed(&*self.directory) } else { Vec::new() };
        // Calls have got their ids by that, and must keep them.
        self.keep();
        if !ended.is_empty() {
            let place = self.journal.ended(ended.len());
            self.output(Output::Ended(place, ended));
        }
        if !changed.is_empty() {
            self.output(Output::Changed(changed));
        }
        if due {
            self.told = Instant::now();
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

    fn output(&self, output: Output) {
        // Nobody listens any more when the server ends.
        let _ = self.outputs.send(output);
    }
}
