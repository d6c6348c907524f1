//! What waits for the link: the last status wish. Everything else is refused while central is away, so that nothing
//! happens later that the operator has forgotten.

use serde_json::Value;

use crate::host::Method;

/// A wish on its way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    /// Idempotency key: central carries it out once, however often it is sent.
    pub key: String,
    /// Method.
    pub method: Method,
    /// Path.
    pub path: String,
    /// Body.
    pub body: Option<Value>,
    /// It is being sent now.
    pub under_way: bool,
}

/// One place, since only the last wish counts.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    status: Option<Wish>,
}

impl Outbox {
    /// The last wish takes the place of an earlier one.
    pub(crate) fn put(&mut self, wish: Wish) {
        self.status = Some(wish);
    }

    /// What is to be sent now, if it is not under way already.
    pub(crate) fn next(&mut self) -> Option<Wish> {
        let wish = self.status.as_mut().filter(|wish| !wish.under_way)?;
        wish.under_way = true;
        Some(wish.clone())
    }

    /// Central has answered, yes or no: it need not be sent again.
    pub(crate) fn settled(&mut self, key: &str) {
        if self.status.as_ref().is_some_and(|wish| wish.key == key) {
            self.status = None;
        }
    }

    /// Central was not reached: it waits.
    pub(crate) fn not_sent(&mut self, key: &str) {
        if let Some(wish) = self.status.as_mut().filter(|wish| wish.key == key) {
            wish.under_way = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Outbox, Wish};
    use crate::host::Method;

    fn wish(key: &str) -> Wish {
        Wish { key: key.into(), method: Method::Put, path: "/x".into(), body: None, under_way: false }
    }

    #[test]
    fn only_the_last_wish_is_sent_and_once() {
        let mut outbox = Outbox::default();
        outbox.put(wish("a"));
        outbox.put(wish("b"));
        assert_eq!(outbox.next().map(|wish| wish.key), Some("b".to_owned()));
        assert_eq!(outbox.next(), None, "it is under way");
        outbox.put(wish("c"));
        outbox.not_sent("b");
        outbox.settled("b");
        assert_eq!(outbox.next().map(|wish| wish.key), Some("c".to_owned()), "an older answer does not touch it");
        outbox.not_sent("c");
        assert_eq!(outbox.next().map(|wish| wish.key), Some("c".to_owned()), "with the same key");
        outbox.settled("c");
        assert_eq!(outbox.next(), None);
    }
}
