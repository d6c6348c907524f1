//! Once an hour: room for the calls of the next months, and away with what is too old.

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::collector::Raw;
use crate::store::{Retained, Store, StoreError};

const EVERY: Duration = Duration::from_secs(3600);

/// Until the server stops; `raw` is the directory of the raw material of calls.
pub async fn run(store: Store, raw: PathBuf, stop: CancellationToken) {
    let mut look = tokio::time::interval(EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        let looked = tokio::select! {
            // Whatever part was done stays done, and what is begun is undone with its transaction.
            () = stop.cancelled() => return,
            looked = once(&store) => looked,
        };
        match looked {
            Ok(Retained { doubt: Some(doubt), .. }) => tracing::error!("{doubt}"),
            Ok(retained) if retained == Retained::default() => {}
            Ok(Retained { calls, values, personal, audit, events, doubt: None }) => {
                tracing::info!(calls, values, personal, audit, events, "what was too old is deleted");
            }
            Err(error) => tracing::warn!(%error, "what is too old could not be deleted; tried again in an hour"),
        }
        let directory = raw.clone();
        let trimmed = tokio::task::spawn_blocking(move || Raw::trim(&directory, now_ms())).await;
        if let Ok(Err(error)) = trimmed {
            tracing::warn!(%error, path = %raw.display(), "raw material of calls that is too old cannot be deleted: {error}; tried again in an hour");
        }
    }
}

async fn once(store: &Store) -> Result<Retained, StoreError> {
    let now_ms = now_ms();
    store.make_months(now_ms).await?;
    store.retain(now_ms, &store.retention().await?).await
}

#[cfg(test)]
mod tests {
    use super::once;
    use crate::clock::now_ms;
    use crate::store::databases::{TestDatabase, on_both_engines};
    use crate::store::generated::queue_call;
    use crate::store::{Input, PasswordHashes, Retained};

    on_both_engines!(TestDatabase: what_is_too_old_goes_by_what_was_set);

    async fn what_is_too_old_goes_by_what_was_set(database: TestDatabase) {
        let store = database.store().await;
        let call = |id, began_ms| calls::Ended {
            id,
            absorbed: Vec::new(),
            call: queue_call(began_ms, "+79001234567", "", 1, true),
        };
        let now_ms = now_ms();
        store.put_calls(&[call(1, now_ms - 100 * 86_400_000), call(2, now_ms)], now_ms).await.unwrap();
        assert_eq!(once(&store).await.unwrap(), Retained::default());
        let input: Input = toml::from_str("[tenant.retention]\ncalls_months = 1").unwrap();
        store.apply(&input, &PasswordHashes::new(), now_ms).await.unwrap();
        assert_eq!(once(&store).await.unwrap(), Retained { calls: 1, ..Retained::default() });
        assert!(store.call(1).await.unwrap().is_none() && store.call(2).await.unwrap().is_some());
    }
}
