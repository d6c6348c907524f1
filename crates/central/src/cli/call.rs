//! `linedesk-central call`: past ones as they were told, and told again.

use anyhow::bail;
use central_api::QueueId;

use super::arguments::CallCommand;
use super::classification::word;
use super::customer::person;
use super::say;
use crate::classify::{Meaning, Verdict, What};
use crate::clock::now_ms;
use crate::collector::{House, Teller};
use crate::config::Config;
use crate::directory::{Behind, Directory, ExternalNumberId};
use crate::store::{Configuration, Listing, Store, StoredCall, shown_utc};

/// Carries it out.
pub(super) async fn run(store: Store, config: &Config, command: &CallCommand) -> anyhow::Result<()> {
    let done = carry_out(&store, config, command).await;
    store.close().await;
    done
}

async fn carry_out(store: &Store, config: &Config, command: &CallCommand) -> anyhow::Result<()> {
    let options = config.store();
    let house = House::of(&store.configuration().await?, &store.attributes().await?);
    let teller = Teller { store, data_dir: &options.data_dir, house: &house };
    let again = match command {
        CallCommand::Show { id: Some(id), json, .. } => return show(store, &[*id], *json).await,
        CallCommand::Show { id: None, sip_call_id, json } => {
            return show_dialog(store, sip_call_id.as_deref().unwrap_or_default(), *json).await;
        }
        CallCommand::List { from, to, json } => return list(store, (from.0, to.0), *json).await,
        CallCommand::Derive { from, to } => teller.tell(from.0, to.0, now_ms()).await?,
        CallCommand::Split { id, one, two } => {
            teller.split(*id, one, two, &format!("cli:{}", person()), now_ms()).await?
        }
    };
    say(&format!("as they were: {}\ttold otherwise: {}\tnew: {}", again.same, again.corrected, again.new))
}

async fn show(store: &Store, ids: &[u64], json: bool) -> anyhow::Result<()> {
    let printing = Printing::begin(store, json).await?;
    for id in ids {
        let Some(stored) = store.call(*id).await? else {
            bail!("there is no call {id}; it may have been deleted for its age");
        };
        printing.print(&stored).await?;
    }
    Ok(())
}

async fn show_dialog(store: &Store, sip_call_id: &str, json: bool) -> anyhow::Result<()> {
    let ids = store.calls_of_dialog(sip_call_id, 0, i64::MAX).await?;
    if ids.is_empty() {
        bail!(
            "no stored call has the SIP Call-ID {sip_call_id}: it is known of softphones and of lines between PBXs, \
             once a call is over; `linedesk-central call list FROM TO` shows the calls of a time"
        );
    }
    show(store, &ids, json).await
}

async fn list(store: &Store, (from_ms, to_ms): (i64, i64), json: bool) -> anyhow::Result<()> {
    /// Read together: few enough to stay small, enough to be quick.
    const TOGETHER: u16 = 500;
    let printing = Printing::begin(store, json).await?;
    let mut listing = Listing::begun(from_ms, to_ms);
    loop {
        let calls = store.next_calls(&mut listing, TOGETHER).await?;
        if calls.is_empty() {
            return Ok(());
        }
        for stored in &calls {
            printing.print(stored).await?;
        }
    }
}

struct Printing<'s> {
    store: &'s Store,
    config: Configuration,
    directory: Directory,
    json: bool,
}

impl<'s> Printing<'s> {
    async fn begin(store: &'s Store, json: bool) -> anyhow::Result<Self> {
        let config = store.configuration().await?;
        let directory = Directory::of(&config);
        Ok(Self { store, config, directory, json })
    }

    async fn print(&self, stored: &StoredCall) -> anyhow::Result<()> {
        if self.json {
            return say(&serde_json::to_string(stored)?);
        }
        let why = if stored.why.is_empty() { String::new() } else { format!(" ({})", stored.why) };
        let began = shown_utc(stored.call.began_ms);
        say(&format!("call {}, revision {}{why}, began {began}", stored.id, stored.revision))?;
        say(stored.call.to_string().trim_end())?;
        for (at, party) in stored.call.parties.iter().enumerate() {
            if self.directory.behind(&stored.call, at) == Behind::Outside {
                continue;
            }
            let operator = self.store.operator(&self.directory, &stored.call, at).await?;
            let operator = operator.and_then(|user| self.config.users.get(&user));
            let operator = operator.map_or("nobody signed in", |row| row.user.display_name.as_str());
            say(&format!("  at {}: {operator}", party.endpoint))?;
        }
        for (step, verdict) in self.directory.way(&stored.call) {
            // What nobody has said is gathered in the inbox.
            if let Verdict::Known { meaning, .. } = verdict {
                say(&format!("  {}@{}: {}", step.exten, step.context, self.meaning(meaning)))?;
            }
        }
        for join in &stored.call.joins {
            say(&format!("  {} is one call with {}: {}", join.two, join.one, join.reason.words()))?;
        }
        Ok(())
    }

    /// `queue Support`.
    fn meaning(&self, Meaning { what, id }: Meaning) -> String {
        let queue = |id| self.config.queues.get(&QueueId(id)).map(|queue| queue.name.clone());
        let number =
            |id| self.config.house.external_numbers.get(&ExternalNumberId(id)).map(|number| number.name.clone());
        let name = id.and_then(|id| match what {
            What::Queue => queue(id),
            What::ExternalNumber => number(id),
            _ => None,
        });
        word(&what) + &name.map_or_else(String::new, |name| format!(" {name}"))
    }
}
