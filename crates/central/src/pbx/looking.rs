//! A look at a PBX for the calls: the lists that were asked for together are told together.

use std::collections::BTreeSet;

use ami::Message;

use crate::collector::Lists;

use super::machine::ListKind;

/// A list that has not come by then does not come: the others are told without it.
const PATIENCE_MS: i64 = 20_000;

/// Lists under way.
#[derive(Debug, Default)]
pub(super) struct Looking {
    asked_ms: i64,
    missing: BTreeSet<ListKind>,
    lists: Lists,
}

/// All lists of a look have come.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) asked_ms: i64,
    pub(super) lists: Lists,
}

impl Looking {
    /// A list is asked for; gives an earlier look that waits in vain.
    pub(super) fn ask(&mut self, kind: ListKind, now_ms: i64) -> Option<Looked> {
        let in_vain = !self.missing.is_empty() && now_ms - self.asked_ms >= PATIENCE_MS;
        let given_up = in_vain.then(|| self.take());
        if self.missing.is_empty() {
            *self = Self { asked_ms: now_ms, ..Self::default() };
        }
        self.missing.insert(kind);
        given_up
    }

    /// A list came; None: it was refused, or could not be asked for.
    pub(super) fn came(&mut self, kind: ListKind, list: Option<&Vec<Message>>) -> Option<Looked> {
        if !self.missing.remove(&kind) {
            return None;
        }
        let place = match kind {
            ListKind::Queues => &mut self.lists.queues,
            ListKind::Channels => &mut self.lists.channels,
            ListKind::Bridges => &mut self.lists.bridges,
            ListKind::Parked => &mut self.lists.parked,
        };
        *place = list.cloned();
        self.missing.is_empty().then(|| self.take())
    }

    fn take(&mut self) -> Looked {
        let Self { asked_ms, lists, .. } = std::mem::take(self);
        Looked { asked_ms, lists }
    }
}

#[cfg(test)]
mod tests {
    use super::{ListKind, Looking};

    fn asked(kinds: &[ListKind], at: i64) -> Looking {
        let mut looking = Looking::default();
        for kind in kinds {
            assert!(looking.ask(*kind, at).is_none());
        }
        looking
    }

    #[test]
    fn what_was_refused_is_told_as_unknown_and_not_as_nothing() {
        let mut looking = asked(&[ListKind::Queues, ListKind::Parked, ListKind::Channels], 5);
        assert!(looking.came(ListKind::Queues, Some(&Vec::new())).is_none());
        assert!(looking.came(ListKind::Channels, None).is_none());
        let looked = looking.came(ListKind::Parked, None).expect("it was the last");
        assert_eq!(looked.asked_ms, 5);
        assert!(looked.lists.queues.is_some_and(|list| list.is_empty()));
        assert!(looked.lists.channels.is_none() && looked.lists.parked.is_none() && looked.lists.bridges.is_none());
        assert!(looking.came(ListKind::Queues, None).is_none(), "nobody asked");
    }

    #[test]
    fn a_list_that_never_comes_holds_no_other_back() {
        let mut looking = asked(&[ListKind::Queues, ListKind::Channels], 0);
        assert!(looking.came(ListKind::Channels, Some(&Vec::new())).is_none());
        // Another list of the same look.
        assert!(looking.ask(ListKind::Bridges, 19_999).is_none());
        let looked = looking.ask(ListKind::Queues, 20_000).expect("the first waits in vain");
        assert!(looked.lists.channels.is_some() && looked.lists.queues.is_none());
        let looked = looking.came(ListKind::Queues, Some(&Vec::new())).expect("the second is whole");
        assert_eq!(looked.asked_ms, 20_000);
    }
}
