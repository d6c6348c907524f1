//! `linedesk-central pbx look`: asks a PBX what it has. It only asks; nothing is changed there.

use ami::{Action, AmiError, Client, ConnectOptions, Event, Events};
use anyhow::Context as _;

use super::directory::find;
use super::say;
use crate::clock::now_ms;
use crate::directory::ObservedPbx;
use crate::links;
use crate::store::Store;

/// What is asked, and what ends its answer; the last needs the class `reporting` or `call`, and is not asked in vain.
const LISTS: [(&str, &str); 3] = [
    ("QueueStatus", "QueueStatusComplete"),
    ("CoreShowChannels", "CoreShowChannelsComplete"),
    ("DeviceStateList", "DeviceStateListComplete"),
];

/// Looks, and keeps what was seen for `pbx propose`.
pub(super) async fn look(store: &Store, name: &str) -> anyhow::Result<()> {
    let config = store.configuration().await?;
    let id = find(&config, name)?;
    let pbx = config.pbxs.get(&id).context("a PBX that was found is there")?;
    let secrets = store.link_secrets(pbx)?;
    let options = links::options(pbx, &secrets)?;
    let (client, events) = first_that_answers(&options).await?;
    // What comes by itself must be taken, or Asterisk cuts the link off.
    let drain = tokio::spawn(async move {
        let mut events = events;
        while events.recv().await.is_some() {}
    });
    let mut told = Vec::new();
    for (action, complete) in LISTS {
        match client.list(Action::new(action), complete).await {
            Ok(list) => told.extend(list),
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(error) => say(&format!("{action} was not answered, so less is known: {error}"))?,
        }
    }
    client.close();
    drain.abort();
    let events: Vec<Event<'_>> = told.iter().map(Event::read).collect();
    let seen = ObservedPbx::of(&events);
    let (queues, members, endpoints) = (seen.queues.len(), seen.members.len(), seen.endpoints.len());
    store.keep_observed(id, now_ms(), seen).await?;
    store.close().await;
    say(&format!(
        "seen at {name}: {queues} queues, {members} members, {endpoints} endpoints; next: `linedesk-central pbx propose {name}`"
    ))
}

/// A PBX may be reached by several links; one is enough to ask.
async fn first_that_answers(links: &[ConnectOptions]) -> anyhow::Result<(Client, Events)> {
    let mut last: Option<AmiError> = None;
    for options in links {
        match Client::connect(options).await {
            Ok(connected) => return Ok(connected),
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| anyhow::anyhow!("this PBX has no link; add one first"), Into::into))
}
