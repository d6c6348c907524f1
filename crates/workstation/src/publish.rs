//! The view on its way out: first whole, then what changed; at once, but no more than thirty times a second.

use central_api::merge_patch;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::host::ViewUpdate;
use crate::view::View;

/// Between two steps.
const STEP: Duration = Duration::from_millis(33);
/// Steps that a slow reader may lag behind; then it gets the whole view instead.
const BACKLOG: usize = 64;

#[derive(Debug)]
struct Subscriber {
    sender: mpsc::Sender<ViewUpdate>,
    /// It could not take a step, so patches mean nothing to it any more.
    lagging: bool,
}

/// Publishes views.
#[derive(Debug)]
pub(crate) struct Publisher {
    number: u64,
    last: Arc<Value>,
    at: Option<Instant>,
    /// When the next step is due.
    pub(crate) due: Option<Instant>,
    subscribers: Vec<Subscriber>,
    typed: watch::Sender<Arc<View>>,
}

impl Publisher {
    /// Begins with this view.
    pub(crate) fn new(view: &View) -> (Self, watch::Receiver<Arc<View>>) {
        let (typed, receiver) = watch::channel(Arc::new(view.clone()));
        let publisher =
            Self { number: 1, last: Arc::new(json(view)), at: None, due: None, subscribers: Vec::new(), typed };
        (publisher, receiver)
    }

    /// Something may have changed.
    pub(crate) fn changed(&mut self, view: &View) {
        let now = Instant::now();
        match self.at {
            Some(at) if now < at + STEP => self.due = Some(at + STEP),
            _ => self.step(view),
        }
    }

    /// Publishes what changed since the last step.
    pub(crate) fn step(&mut self, view: &View) {
        self.due = None;
        let new = json(view);
        let Some(patch) = merge_patch::diff(&self.last, &new) else { return };
        self.at = Some(Instant::now());
        self.number += 1;
        self.last = Arc::new(new);
        self.typed.send_replace(Arc::new(view.clone()));
        let number = self.number;
        let whole = ViewUpdate::View { number, view: self.last.clone() };
        let part = ViewUpdate::Patch { number, patch: Arc::new(patch) };
        self.subscribers.retain_mut(|subscriber| {
            let update = if subscriber.lagging { whole.clone() } else { part.clone() };
            match subscriber.sender.try_send(update) {
                Ok(()) => subscriber.lagging = false,
                Err(mpsc::error::TrySendError::Full(_)) => subscriber.lagging = true,
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
            }
            true
        });
        // Nobody reads faster because of us; a lagging one gets the next step at the latest when there is one.
        if self.subscribers.iter().any(|subscriber| subscriber.lagging) {
            tracing::debug!("a reader of the view lags behind");
        }
    }

    /// One more reader; it begins with the whole view.
    pub(crate) fn subscribe(&mut self, view: &View) -> mpsc::Receiver<ViewUpdate> {
        self.step(view);
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let first = ViewUpdate::View { number: self.number, view: self.last.clone() };
        // The channel is new and empty.
        let lagging = sender.try_send(first).is_err();
        self.subscribers.push(Subscriber { sender, lagging });
        receiver
    }
}

fn json(view: &View) -> Value {
    serde_json::to_value(view).expect("the view is maps, lists, texts and numbers")
}

#[cfg(test)]
mod tests {
    use super::{BACKLOG, Publisher};
    use crate::host::ViewUpdate;
    use crate::view::{NoticeKind, View};
    use central_api::merge_patch;
    use serde_json::Value;

    fn with_offset(offset: i64) -> View {
        View { server_offset_ms: offset, ..View::empty(String::new(), String::new()) }
    }

    fn take(whole: &mut Value, update: ViewUpdate) -> u64 {
        match update {
            ViewUpdate::View { number, view } => {
                *whole = (*view).clone();
                number
            }
            ViewUpdate::Patch { number, patch } => {
                merge_patch::apply(whole, &patch);
                number
            }
        }
    }

    #[tokio::test]
    async fn at_once_then_not_more_than_thirty_a_second() {
        let mut view = with_offset(0);
        let (mut publisher, _typed) = Publisher::new(&view);
        let mut reader = publisher.subscribe(&view);
        let mut seen = Value::Null;
        take(&mut seen, reader.try_recv().expect("whole"));
        view.server_offset_ms = 1;
        publisher.changed(&view);
        assert!(publisher.due.is_none());
        take(&mut seen, reader.try_recv().expect("at once"));
        view.server_offset_ms = 2;
        publisher.changed(&view);
        view.server_offset_ms = 3;
        publisher.changed(&view);
        assert!(reader.try_recv().is_err(), "held back");
        tokio::time::sleep_until(publisher.due.expect("due")).await;
        publisher.step(&view);
        take(&mut seen, reader.try_recv().expect("the last"));
        assert!(reader.try_recv().is_err(), "coalesced");
        assert_eq!(seen, serde_json::to_value(&view).expect("json"));
    }

    #[tokio::test]
    async fn a_slow_reader_gets_the_whole_view() {
        let mut view = with_offset(0);
        let (mut publisher, _typed) = Publisher::new(&view);
        let mut reader = publisher.subscribe(&view);
        for offset in 1..=i64::try_from(BACKLOG).expect("small") + 5 {
            view.server_offset_ms = offset;
            publisher.step(&view);
        }
        let mut seen = Value::Null;
        while let Ok(update) = reader.try_recv() {
            take(&mut seen, update);
        }
        view.add_notice(NoticeKind::CallAdopted);
        publisher.step(&view);
        let update = reader.try_recv().expect("one more");
        assert!(matches!(update, ViewUpdate::View { .. }), "{update:?}");
        take(&mut seen, update);
        assert_eq!(seen, serde_json::to_value(&view).expect("json"));
    }
}
