//! The collectors of a tenant: one for each federation of PBXs, so that calls between its PBXs are told as one and different
//! federations share nothing but the database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use calls::Directory;
use central_api::PbxId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::keeper::{Keeper, Live, State};
use super::noticing::Notices;
use super::raw::Raw;
use super::thread::{Collector, Handle, Input, Settings, StartError};
use crate::store::Store;

/// How long calls may take to be stored when the server stops; what is left is stored at the next start.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// What a house has to collect.
#[derive(Debug, Clone)]
pub struct House {
    /// PBXs whose calls are told together.
    pub federations: Vec<Vec<PbxId>>,
    /// What endpoints are.
    pub directory: Arc<dyn Directory + Send + Sync>,
    /// Variables that are attributes of calls.
    pub attributes: Vec<String>,
}

/// The collectors; clones are handles.
#[derive(Debug, Clone)]
pub struct Collecting {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    /// Directory of the journals.
    journals: PathBuf,
    /// Directory of the raw material.
    raw: PathBuf,
    /// So many bytes may wait in a file while the database is away.
    waiting_bytes: u64,
    live: mpsc::UnboundedSender<Live>,
    wanted: Mutex<Wanted>,
    running: Mutex<BTreeMap<String, Running>>,
    notices: Notices,
    /// Ends when nobody has anything to look at any more.
    noticing: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Wanted {
    house: House,
    /// Why a federation is not collected.
    failures: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Running {
    pbxs: Vec<PbxId>,
    collector: Collector,
    keeper: JoinHandle<()>,
    state: watch::Receiver<State>,
}

impl Collecting {
    /// Starts them. What was collected by PBXs that are no longer together, or no longer there, is told to its end.
    #[must_use]
    pub fn start(
        store: Store,
        data_dir: &Path,
        waiting_bytes: u64,
        house: &House,
        live: mpsc::UnboundedSender<Live>,
    ) -> Self {
        let (journals, raw) = (data_dir.join("calls").join("journal"), Raw::directory(data_dir));
        let wanted = Mutex::new(Wanted { house: house.clone(), failures: BTreeMap::new() });
        let (notices, noticing) = Notices::start(store.clone());
        let noticing = Mutex::new(Some(noticing));
        let shared =
            Shared { store, journals, raw, waiting_bytes, live, wanted, running: Mutex::default(), notices, noticing };
        let collecting = Self { shared: Arc::new(shared) };
        for name in collecting.left_behind(house) {
            match collecting.try_begin(&name, &[], house) {
                Ok(running) => {
                    running.collector.handle().tell(Input::Close);
                    collecting.running().insert(name, running);
                }
                Err(error) => tracing::error!(name, %error, "what was collected of these PBXs is not told: {error}"),
            }
        }
        collecting.reconfigure(house);
        collecting
    }

    /// Where to tell what a PBX says.
    #[must_use]
    pub fn handle(&self, pbx: PbxId) -> Option<Handle> {
        self.running().values().find(|running| running.pbxs.contains(&pbx)).map(|running| running.collector.handle())
    }

    /// Another configuration: endpoints are something else, PBXs came or went. Calls that go on at a PBX which is now told together
    /// with others are closed as lost, and told anew from there on.
    pub fn reconfigure(&self, house: &House) {
        let wanted: BTreeSet<String> = house.federations.iter().map(|pbxs| name_of(pbxs)).collect();
        let mut running = self.running();
        for (name, known) in running.iter_mut() {
            let handle = known.collector.handle();
            if wanted.contains(name) {
                handle.tell(Input::House { directory: house.directory.clone(), attributes: house.attributes.clone() });
            } else if !known.pbxs.is_empty() {
                known.pbxs.clear();
                handle.tell(Input::Close);
            }
        }
        drop(running);
        self.wanted().house = house.clone();
        self.mend();
    }

    /// Starts what is wanted and does not run: because one of that name had to end first, could not begin, or broke. Whether it
    /// started any, which the links have to be told.
    pub fn mend(&self) -> bool {
        let (mut wanted, mut running) = (self.wanted(), self.running());
        let Wanted { house, failures } = &mut *wanted;
        running.retain(|_, known| !known.keeper.is_finished());
        let mut started = false;
        for pbxs in &house.federations {
            let name = name_of(pbxs);
            if running.contains_key(&name) {
                continue;
            }
            match self.try_begin(&name, pbxs, house) {
                Ok(new) => {
                    failures.remove(&name);
                    running.insert(name, new);
                    started = true;
                }
                Err(error) => {
                    let why = error.to_string();
                    if failures.get(&name) != Some(&why) {
                        tracing::error!(name, %error, "the calls of these PBXs are not collected: {error}");
                        failures.insert(name, why);
                    }
                }
            }
        }
        started
    }

    /// How it stands, by federation.
    #[must_use]
    pub fn states(&self) -> BTreeMap<String, State> {
        self.running().iter().map(|(name, running)| (name.clone(), running.state.borrow().clone())).collect()
    }

    /// How it stands with the calls of a PBX, now and from now on.
    #[must_use]
    pub fn watch(&self, pbx: PbxId) -> Option<watch::Receiver<State>> {
        self.running().values().find(|running| running.pbxs.contains(&pbx)).map(|running| running.state.clone())
    }

    /// Ends when all that was told to the collectors is done and stored, or in a few seconds. Nobody may tell them anything any more.
    pub async fn stop(&self) {
        let running = std::mem::take(&mut *self.running());
        for (name, Running { collector, keeper, .. }) in running {
            let ended = tokio::task::spawn_blocking(move || collector.join());
            if tokio::time::timeout(LAST_CALLS, ended).await.is_err() {
                tracing::error!(
                    name,
                    "a collector of calls does not end; what it has not done is done at the next start"
                );
            }
            if tokio::time::timeout(LAST_CALLS * 2, keeper).await.is_err() {
                tracing::error!(name, "calls are not stored in time; they are stored at the next start");
            }
        }
        self.shared.notices.stop();
        let noticing = self.shared.noticing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(noticing) = noticing
            && tokio::time::timeout(LAST_CALLS, noticing).await.is_err()
        {
            tracing::debug!("what the last calls showed of the house is not stored");
        }
    }

    fn wanted(&self) -> std::sync::MutexGuard<'_, Wanted> {
        self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Running>> {
        self.shared.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Journals of federations that are not there any more.
    fn left_behind(&self, house: &House) -> Vec<String> {
        let wanted: Vec<String> = house.federations.iter().map(|pbxs| name_of(pbxs)).collect();
        let entries = std::fs::read_dir(&self.shared.journals).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| !wanted.contains(name)).collect()
    }

    fn try_begin(&self, name: &str, pbxs: &[PbxId], house: &House) -> Result<Running, StartError> {
        let directory = self.shared.journals.join(name);
        let (to, outputs) = mpsc::unbounded_channel();
        let settings = Settings {
            name: name.to_owned(),
            journal: directory.clone(),
            attributes: house.attributes.clone(),
            directory: house.directory.clone(),
        };
        let collector = Collector::start(settings, to)?;
        let (state, seen) = watch::channel(State::default());
        let keeper = Keeper {
            store: self.shared.store.clone(),
            outputs,
            collector: collector.handle().downgrade(),
            raw: Raw::in_directory(&self.shared.raw.join(name)),
            directory,
            waiting_bytes: self.shared.waiting_bytes,
            live: self.shared.live.clone(),
            notices: self.shared.notices.clone(),
            state,
        };
        let keeper = tokio::spawn(keeper.run(LAST_CALLS));
        Ok(Running { pbxs: pbxs.to_vec(), collector, keeper, state: seen })
    }
}

/// `1+3`: of the PBXs that are in it, so that a federation which changed is another one.
fn name_of(pbxs: &[PbxId]) -> String {
    let mut ids: Vec<i64> = pbxs.iter().map(|pbx| pbx.0).collect();
    ids.sort_unstable();
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join("+")
}
