//! What a collector tells, to where it belongs: calls that are over into the database, those that go on to who looks on, raw
//! material into its place; and ids from the database to the collector.
//!
//! The collector never waits. While the database is away calls wait here, the first ones in memory, the others in a file; they
//! are also still in the collector's journal, so that a process that is killed meanwhile loses none.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use calls::{Changed, Ended, Figures};
use central_api::PbxId;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::journal::{self, Done, Place};
use super::noticing::{Notice, Notices};
use super::overflow::{Overflow, Waiting};
use super::raw::Raw;
use super::thread::{Input, Output, WeakHandle};
use crate::clock::now_ms;
use crate::store::{Store, StoreError};

/// Calls written in one transaction.
const AT_ONCE: usize = 256;

/// Calls that wait in memory; those behind them wait in a file. Half a minute of a busy house fits.
const IN_MEMORY: usize = 1_024;

/// Ids reserved at a time: they last a day of a large house.
const IDS: u32 = 200_000;

/// Before the database is tried again; twice as long each time, up to [`LAST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(2);

/// How it stands with a federation's calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Of the assembly.
    pub figures: Figures,
    /// Calls that are over and not in the database yet.
    pub waiting: usize,
    /// Why the database does not take them, and since when.
    pub database: Option<(i64, String)>,
    /// Why the journal on disk cannot be kept.
    pub journal: Option<String>,
    /// Calls that the database will never take; they are in files.
    pub refused: u64,
}

/// What it works with.
#[derive(Debug)]
pub struct Keeper {
    /// Where calls are kept.
    pub store: Store,
    /// Who tells.
    pub outputs: mpsc::UnboundedReceiver<Output>,
    /// Who is to hear that something is stored.
    pub collector: WeakHandle,
    /// Where the raw material goes.
    pub raw: Raw,
    /// Where what does not fit into memory or database goes.
    pub directory: PathBuf,
    /// So much of it while the database is away; what is more stands in the collector's journal alone.
    pub waiting_bytes: u64,
    /// Who looks on.
    pub live: mpsc::UnboundedSender<Live>,
    /// Who looks through what is stored for what nobody knows.
    pub notices: Notices,
    /// How it stands.
    pub state: watch::Sender<State>,
}

/// What changed, for who looks on.
#[derive(Debug)]
pub enum Live {
    /// Calls that go on.
    Changed(Vec<Changed>),
    /// Calls that are over, or were none, by id.
    Over(Vec<u64>),
    /// A PBX is not heard since this moment, or is heard again.
    Stale(PbxId, Option<i64>),
}

type Put = BoxFuture<'static, (Vec<Waiting>, Result<(), StoreError>)>;
type Reserve = BoxFuture<'static, Result<std::ops::Range<u64>, StoreError>>;

struct Work {
    keeper: Keeper,
    waiting: VecDeque<Waiting>,
    overflow: Option<Overflow>,
    /// Calls that wait nowhere but in the journal.
    in_journal: usize,
    /// The collector was told that another one goes on with these.
    again: bool,
    put: Option<Put>,
    reserve: Option<Reserve>,
    /// Nothing is tried before.
    try_at: Option<Instant>,
    wait: Duration,
    /// The next calls one by one: something among them is refused.
    alone: usize,
    /// Raw material is being taken.
    raw: Option<JoinHandle<()>>,
    /// The last segment of a journal that is no longer needed.
    clear: Option<Place>,
}

impl Keeper {
    /// Works until the collector is gone and all its calls are stored, or `patience` after it is over.
    pub async fn run(self, patience: Duration) {
        let work = Work {
            keeper: self,
            waiting: VecDeque::new(),
            overflow: None,
            in_journal: 0,
            again: false,
            put: None,
            reserve: None,
            try_at: None,
            wait: FIRST_WAIT,
            alone: 0,
            raw: None,
            clear: None,
        };
        // Of a process that was killed; the journal tells them again.
        Overflow::discard(&work.waiting_file());
        work.run(patience).await;
    }
}

impl Work {
    async fn run(mut self, patience: Duration) {
        let mut over: Option<Instant> = None;
        loop {
            self.begin();
            if over.is_some() && self.put.is_none() && self.waiting() == 0 {
                return self.end().await;
            }
            let mut outputs = Vec::new();
            tokio::select! {
                // What the collector tells first: it must not pile up behind a slow database.
                biased;
                count = self.keeper.outputs.recv_many(&mut outputs, 64), if over.is_none() => {
                    if count == 0 {
                        over = Some(Instant::now() + patience);
                    }
                    for output in outputs {
                        self.take(output);
                    }
                }
                (calls, result) = maybe(&mut self.put) => {
                    self.put = None;
                    self.stored(calls, result);
                }
                reserved = maybe(&mut self.reserve) => {
                    self.reserve = None;
                    self.reserved(reserved);
                }
                () = until(self.try_at), if self.try_at.is_some() => self.try_at = None,
                () = until(over), if over.is_some() => {
                    let waiting = self.waiting();
                    tracing::error!(waiting, "the database did not take {waiting} calls in time; they are stored at the next start");
                    return;
                }
            }
        }
    }

    /// All is stored: of a collector that was closed nothing stays but raw material.
    async fn end(mut self) {
        if let Some(raw) = self.raw.take() {
            // A panic in it was told where it happened.
            let _ = raw.await;
        }
        self.overflow = None;
        let directory = &self.keeper.directory;
        Overflow::discard(&self.waiting_file());
        if let Some(last) = self.clear
            && let Err(error) = journal::discard(directory, last)
        {
            tracing::warn!(%error, path = %directory.display(), "something of a journal of calls that is no longer needed stays: {error}. It is tried again at the next start; files named refused-* are left to a person");
        }
    }

    fn waiting_file(&self) -> PathBuf {
        self.keeper.directory.join("waiting")
    }

    fn waiting(&self) -> usize {
        self.waiting.len() + self.overflow.as_ref().map_or(0, Overflow::len)
    }

    /// Begins to write what waits, unless the database is given time.
    fn begin(&mut self) {
        if self.put.is_some() || self.try_at.is_some() {
            return;
        }
        self.refill();
        if self.waiting.is_empty() {
            return self.tell_again();
        }
        let count = if self.alone > 0 { 1 } else { AT_ONCE.min(self.waiting.len()) };
        let calls: Vec<Waiting> = self.waiting.drain(..count).collect();
        let store = self.keeper.store.clone();
        self.put = Some(Box::pin(async move {
            let (places, ended): (Vec<Place>, Vec<Ended>) = calls.into_iter().unzip();
            let result = store.put_calls(&ended, now_ms()).await.map(drop);
            (places.into_iter().zip(ended).collect(), result)
        }));
    }

    /// The database has taken all but what stands in the journal alone: the collector begins anew with that.
    fn tell_again(&mut self) {
        let well = self.keeper.state.borrow().database.is_none();
        let calls = self.in_journal;
        if well && calls > 0 && !std::mem::replace(&mut self.again, true) {
            // One that is gone needs to know nothing.
            let _ = self.keeper.collector.tell(Input::Again);
            tracing::info!(calls, "{calls} calls for which no room was left beside the journal are told again from it");
        }
    }

    /// From the file into memory, where there is room again.
    fn refill(&mut self) {
        while self.waiting.len() < AT_ONCE
            && let Some(overflow) = self.overflow.as_mut().filter(|overflow| !overflow.is_empty())
        {
            match overflow.take() {
                Ok(Some(call)) => self.waiting.push_back(call),
                Ok(None) => return,
                Err(error) => {
                    let lost = overflow.len();
                    tracing::error!(%error, lost, "{lost} waiting calls cannot be read back; they are stored after a restart of this server");
                    self.overflow = None;
                }
            }
        }
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Changed(changed) => self.live(Live::Changed(changed)),
            Output::Void(ids) => self.live(Live::Over(ids)),
            Output::Stale(pbx, since_ms) => self.live(Live::Stale(PbxId(i64::from(pbx.0)), since_ms)),
            Output::Ended(place, ended) => {
                self.live(Live::Over(
                    ended.iter().flat_map(|ended| ended.absorbed.iter().copied().chain([ended.id])).collect(),
                ));
                for ended in ended {
                    self.wait_for_database((place, ended));
                }
                self.show();
            }
            Output::Looked(pbx, seen) => self.keeper.notices.tell(Notice::Looked(PbxId(i64::from(pbx.0)), seen)),
            Output::NeedsIds => self.reserve_ids(),
            Output::Done(segments) => self.keep_raw(segments),
            Output::Clear(last) => self.clear = Some(last),
            Output::Journal(why) => {
                self.keeper.state.send_if_modified(|state| std::mem::replace(&mut state.journal, why.clone()) != why);
            }
            Output::Figures(figures) => {
                self.keeper.state.send_if_modified(|state| std::mem::replace(&mut state.figures, figures) != figures);
            }
        }
    }

    fn wait_for_database(&mut self, call: Waiting) {
        let behind = self.overflow.as_ref().is_some_and(|overflow| !overflow.is_empty());
        if !behind && self.waiting.len() < IN_MEMORY {
            self.waiting.push_back(call);
            return;
        }
        let away = self.keeper.state.borrow().database.is_some();
        if away && self.overflow.as_ref().is_some_and(|overflow| overflow.bytes() >= self.keeper.waiting_bytes) {
            if self.in_journal == 0 {
                tracing::error!(
                    waiting = self.waiting(),
                    "as many calls wait for the database as may by `waiting_mib`; those that end now stand in the journal alone and are \
                     told again from there when it is back"
                );
            }
            self.in_journal += 1;
            return;
        }
        let path = self.waiting_file();
        let put = match &mut self.overflow {
            Some(overflow) => overflow.put(&call),
            None => Overflow::begin(&path).and_then(|overflow| self.overflow.insert(overflow).put(&call)),
        };
        if let Err(error) = put {
            // Memory is what is left.
            tracing::error!(%error, path = %path.display(), "calls that wait for the database cannot be put on disk and fill the memory: {error}. Make room there, or look at its rights");
            self.waiting.push_back(call);
        }
    }

    fn stored(&mut self, calls: Vec<Waiting>, result: Result<(), StoreError>) {
        match result {
            Ok(()) => {
                self.well();
                self.alone = self.alone.saturating_sub(1);
                self.tell_stored(&calls);
                let calls = calls.into_iter().map(|(_, ended)| ended).collect();
                self.keeper.notices.tell(Notice::Calls(calls));
            }
            Err(error) if error.is_passing() => self.away(calls, &error),
            // One of them is refused; which is found by trying each.
            Err(error) if calls.len() > 1 => {
                tracing::warn!(%error, "calls were refused together; they are tried one by one");
                self.alone = calls.len();
                self.again(calls);
            }
            Err(error) => {
                self.alone = self.alone.saturating_sub(1);
                self.refused(&calls, &error);
                self.tell_stored(&calls);
            }
        }
        self.show();
    }

    fn tell_stored(&self, calls: &[Waiting]) {
        for (place, _) in calls {
            // A collector that is gone needs to know nothing.
            let _ = self.keeper.collector.tell(Input::Stored(*place));
        }
    }

    fn again(&mut self, calls: Vec<Waiting>) {
        for call in calls.into_iter().rev() {
            self.waiting.push_front(call);
        }
    }

    fn away(&mut self, calls: Vec<Waiting>, error: &StoreError) {
        self.again(calls);
        self.give_time(error);
    }

    fn give_time(&mut self, error: &StoreError) {
        self.try_at = Some(Instant::now() + self.wait);
        self.wait = (self.wait * 2).min(LAST_WAIT);
        let new = self.keeper.state.send_if_modified(|state| {
            let since_ms = state.database.as_ref().map_or_else(now_ms, |(since_ms, _)| *since_ms);
            let away = Some((since_ms, error.to_string()));
            std::mem::replace(&mut state.database, away.clone()) != away
        });
        if new {
            tracing::error!(%error, "calls wait for the database: {error}");
        }
    }

    fn well(&mut self) {
        self.wait = FIRST_WAIT;
        if self.keeper.state.send_if_modified(|state| state.database.take().is_some()) {
            let waiting = self.waiting();
            tracing::info!(waiting, "the database takes calls again, {waiting} wait");
        }
    }

    /// What the database will never take is kept for people to look at.
    fn refused(&self, calls: &[Waiting], error: &StoreError) {
        for (_, ended) in calls {
            let path = self.keeper.directory.join(format!("refused-{}.json", ended.id));
            tracing::error!(id = ended.id, %error, path = %path.display(), "the database refuses the call {}: {error}", ended.id);
            let written = serde_json::to_vec_pretty(&ended.call).map_err(std::io::Error::other);
            if let Err(error) = written.and_then(|text| std::fs::write(&path, text)) {
                tracing::error!(%error, "nor can it be written to {}", path.display());
            }
        }
        self.keeper.state.send_modify(|state| state.refused += calls.len() as u64);
    }

    fn reserve_ids(&mut self) {
        let store = self.keeper.store.clone();
        let wait = self.wait;
        self.reserve = Some(Box::pin(async move {
            let reserved = store.reserve_ids("call", IDS).await;
            if reserved.is_err() {
                // The next attempt comes when this one is over.
                tokio::time::sleep(wait).await;
            }
            reserved.map(|block| block.whole())
        }));
    }

    fn reserved(&mut self, reserved: Result<std::ops::Range<u64>, StoreError>) {
        match reserved {
            Ok(ids) => {
                self.well();
                let _ = self.keeper.collector.tell(Input::Ids(ids));
            }
            Err(error) => {
                self.give_time(&error);
                self.reserve_ids();
            }
        }
    }

    fn keep_raw(&mut self, segments: Vec<Done>) {
        let raw = self.keeper.raw.clone();
        let before = self.raw.take();
        self.raw = Some(tokio::spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            let kept = tokio::task::spawn_blocking(move || keep(&raw, &segments));
            let _ = kept.await;
        }));
    }

    fn live(&self, live: Live) {
        // Nobody looks on any more when the server ends.
        let _ = self.keeper.live.send(live);
    }

    fn show(&self) {
        let waiting = self.waiting() + self.in_journal;
        self.keeper.state.send_if_modified(|state| std::mem::replace(&mut state.waiting, waiting) != waiting);
    }
}

fn keep(raw: &Raw, segments: &[Done]) {
    for done in segments {
        if let Err(error) = raw.keep(done) {
            tracing::warn!(%error, path = %done.path.display(), "raw material of calls stays where it is: {error}. Make room on the disk, or look at its rights; it is taken after a restart");
        }
    }
}

async fn maybe<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
