//! A tenant holds everything of one customer: database, PBX links, live state. Here is where it is put together.

use central_api::UserId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::desk::{Desk, DeskParts, Event, Floor, Timing};
use crate::identity::{Attempts, PasswordError, Passwords, Sessions};
use crate::links::Links;
use crate::live::Hub;
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
}

/// What must be waited for at the end.
#[derive(Debug)]
pub struct Running {
    /// The tenant.
    pub tenant: Tenant,
    tasks: Vec<tokio::task::JoinHandle<()>>,
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
        let signed_in: BTreeSet<UserId> =
            store.active_sessions(now - options.session_idle_ms).await?.iter().map(|session| session.user).collect();
        let remembered = store.remembered().await?;
        let day = |ms: i64| (ms + options.timing.day_offset_ms).div_euclid(24 * 3600 * 1000);
        let settings = options.timing.settings(&config);
        let (floor, first) =
            Floor::new(config.clone(), settings, remembered, &signed_in, |since| day(since) == day(now), now);
        let (journal, writing) = Journal::start(store.clone());
        let hub = Hub::start();
        let parts = DeskParts {
            floor,
            first,
            timing: options.timing,
            store: store.clone(),
            journal,
            hub: hub.clone(),
            links,
            calls: None,
        };
        let (desk, desk_task) = Desk::start(parts);
        let stop = CancellationToken::new();
        let (config_in, config) = watch::channel(Arc::new(config));
        let watching = tokio::spawn(follow(store.clone(), desk.clone(), config_in, stop.clone()));
        let tenant = Tenant {
            store,
            desk,
            hub,
            sessions: Sessions::default(),
            passwords: Passwords::new().await?,
            attempts: Arc::default(),
            config,
            stop,
            options: Arc::new(options),
        };
        Ok(Self { tenant, tasks: vec![watching, desk_task, writing] })
    }

    /// Stops in order: connections, desk, what is still to be written, database.
    pub async fn stop(self) {
        self.tenant.stop.cancel();
        self.tenant.desk.stop().await;
        let store = self.tenant.store.clone();
        drop(self.tenant);
        for task in self.tasks {
            match tokio::time::timeout(LAST_WRITES, task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a task ended badly"),
                Err(_) => tracing::error!("the database took too long; the last statuses may be lost"),
            }
        }
        store.close().await;
    }
}

/// Another process (`linedesk-central apply`) changes the configuration in the database and cannot call us, so we look.
async fn follow(store: Store, desk: Desk, config: watch::Sender<Arc<Configuration>>, stop: CancellationToken) {
    let mut look = tokio::time::interval(RECONFIGURE_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        let known = config.borrow().tenant.revision;
        let changed = match store.revision().await {
            Ok(revision) if revision == known => continue,
            Ok(_) => store.configuration().await,
            Err(error) => Err(error),
        };
        match changed {
            Ok(new) => {
                tracing::info!(revision = new.tenant.revision, "configuration changed");
                config.send_replace(Arc::new(new.clone()));
                desk.tell(Event::Reconfigured(Box::new(new))).await;
            }
            Err(error) => tracing::error!(%error, "cannot look at the configuration"),
        }
    }
}
