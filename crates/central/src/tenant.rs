//! A tenant holds everything of one customer: database, PBX links, live state. Here is where it is put together.

use central_api::UserId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::collector::{Collecting, House, Raw};
use crate::desk::{Desk, DeskParts, Event, Floor, Timing};
use crate::identity::{Attempts, PasswordError, Passwords, Sessions};
use crate::links::Links;
use crate::live::{Hub, calls};
use crate::store::{Configuration, Journal, Store, StoreError, StoreOptions};

/// How often a running server looks whether the command line has changed the configuration.
const RECONFIGURE_EVERY: Duration = Duration::from_secs(1);

/// How long the last statuses may take to be written when the server stops.
const LAST_WRITES: Duration = Duration::from_secs(10);

/// What a tenant is made of.
#[derive(Debug, Clone)]
pub struct TenantOptions {
    /// Where its database is.
    pub store: StoreOptions,
    /// Times of the rules.
    pub timing: Timing,
    /// A session not seen for so long is over.
    pub session_idle_ms: i64,
    /// So much may wait on disk while the database is away, besides the journal.
    pub waiting_bytes: u64,
}

/// Why a tenant cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Password hashing.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// A running tenant; clones are handles.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Database.
    pub store: Store,
    /// Live state of operators.
    pub desk: Desk,
    /// Live topics.
    pub hub: Hub,
    /// Calls of its PBXs.
    pub calls: Collecting,
    /// Live connections.
    pub sessions: Sessions,
    /// Passwords.
    pub passwords: Passwords,
    /// Attempts at passwords.
    pub attempts: Arc<Mutex<Attempts>>,
    /// The configuration in force.
    pub config: watch::Receiver<Arc<Configuration>>,
    /// Stops every connection.
    pub stop: CancellationToken,
    /// Settings.
    pub options: Arc<TenantOptions>,
    /// Links to PBXs.
    pub links: Arc<dyn Links>,
}

/// What must be waited for at the end.
#[derive(Debug)]
pub struct Running {
    /// The tenant.
    pub tenant: Tenant,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    showing: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Opens the database, takes up where the last process stopped, and links the PBXs.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn start(options: TenantOptions, links: Arc<dyn Links>) -> Result<Self, TenantError> {
        let store = Store::open(&options.store).await?;
        let config = store.configuration().await?;
        let now = now_ms();
        // Whoever left without a word holds no phone.
        store.end_stale_sessions(now - options.session_idle_ms, now).await?;
        let signed_in: BTreeSet<UserId> =
            store.active_sessions(now - options.session_idle_ms).await?.iter().map(|session| session.user).collect();
        let remembered = store.remembered().await?;
        let day = |ms: i64| (ms + options.timing.day_offset_ms).div_euclid(24 * 3600 * 1000);
        let settings = options.timing.settings(&config);
        let (floor, first) =
            Floor::new(config.clone(), settings, remembered, &signed_in, |since| day(since) == day(now), now);
        let (journal, writing) = Journal::start(store.clone());
        let hub = Hub::start();
        let house = House::of(&config, &store.attributes().await?);
        let (to_live, live) = mpsc::unbounded_channel();
        let collecting =
            Collecting::start(store.clone(), &options.store.data_dir, options.waiting_bytes, &house, to_live);
        let showing = tokio::spawn(calls::run(hub.clone(), live));
        let parts = DeskParts {
            floor,
            first,
            timing: options.timing,
            store: store.clone(),
            journal,
            hub: hub.clone(),
            links: Arc::clone(&links),
            calls: Some(collecting.clone()),
        };
        let (desk, desk_task) = Desk::start(parts);
        let stop = CancellationToken::new();
        let (config_in, config) = watch::channel(Arc::new(config));
        let watching = tokio::spawn(follow(store.clone(), desk.clone(), collecting.clone(), config_in, stop.clone()));
        let ageing =
            tokio::spawn(crate::ageing::run(store.clone(), Raw::directory(&options.store.data_dir), stop.clone()));
        let tenant = Tenant {
            store,
            desk,
            hub,
            calls: collecting,
            sessions: Sessions::default(),
            passwords: Passwords::new().await?,
            attempts: Arc::default(),
            config,
            stop,
            options: Arc::new(options),
            links,
        };
        Ok(Self { tenant, tasks: vec![watching, ageing, desk_task, writing], showing })
    }

    /// Stops in order: connections, desk, what is still to be written, database.
    pub async fn stop(self) {
        self.tenant.stop.cancel();
        self.tenant.desk.stop().await;
        let (store, calls) = (self.tenant.store.clone(), self.tenant.calls.clone());
        drop(self.tenant);
        for task in self.tasks {
            match tokio::time::timeout(LAST_WRITES, task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a task ended badly"),
                Err(_) => tracing::error!("the database took too long; the last statuses may be lost"),
            }
        }
        // The desk has dropped the links, so that nothing more is told to the collectors.
        calls.stop().await;
        self.showing.abort();
        store.close().await;
    }
}

async fn read(store: &Store) -> Result<(Configuration, House), StoreError> {
    let config = store.configuration().await?;
    let house = House::of(&config, &store.attributes().await?);
    Ok((config, house))
}

/// Revision of the configuration, and of who holds which phone.
async fn look_at(store: &Store) -> Result<(i64, (i64, i64)), StoreError> {
    Ok((store.revision().await?, store.assignments_stamp().await?))
}

/// Another process (`linedesk-central apply`) changes the configuration in the database and cannot call us, so we look.
async fn follow(
    store: Store,
    desk: Desk,
    calls: Collecting,
    config: watch::Sender<Arc<Configuration>>,
    stop: CancellationToken,
) {
    let mut look = tokio::time::interval(RECONFIGURE_EVERY);
    let mut seated = (0, 0);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        if calls.mend() {
            let known = Configuration::clone(&config.borrow());
            desk.tell(Event::Reconfigured(Box::new(known))).await;
        }
        let known = config.borrow().tenant.revision;
        let changed = match look_at(&store).await {
            Ok((revision, seats)) if revision == known => {
                // Who sits where concerns neither the PBXs nor the desk, which has it from the sign-in itself.
                if std::mem::replace(&mut seated, seats) != seats {
                    match store.configuration().await {
                        Ok(new) => drop(config.send_replace(Arc::new(new))),
                        Err(error) => tracing::error!(%error, "cannot look at who holds which phone"),
                    }
                }
                continue;
            }
            Ok(_) => read(&store).await,
            Err(error) => Err(error),
        };
        match changed {
            Ok((new, house)) => {
                tracing::info!(revision = new.tenant.revision, "configuration changed");
                config.send_replace(Arc::new(new.clone()));
                // Before the desk, which links each PBX to its collector.
                calls.reconfigure(&house);
                desk.tell(Event::Reconfigured(Box::new(new))).await;
            }
            Err(error) => tracing::error!(%error, "cannot look at the configuration"),
        }
    }
}
