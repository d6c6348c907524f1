//! Rules of classification, the inbox, and what is proposed for it.

use super::arguments::ClassificationCommand;
use super::directory::find;
use super::{Cli, say};
use crate::classify::{Entry, Meaning, Rule};
use crate::clock::now_ms;
use crate::store::{Configuration, shown};

impl Cli {
    pub(super) async fn classification(&self, command: &ClassificationCommand) -> anyhow::Result<()> {
        let store = self.store().await?;
        let name = |config: &Configuration, pbx| config.pbxs.get(&pbx).map_or_else(String::new, |pbx| pbx.name.clone());
        match command {
            ClassificationCommand::List => {
                store
                    .list(|config| {
                        let line = |rule: &Rule| format!("{}\t{}\t{}", rule.id.0, name(config, rule.pbx), told(rule));
                        config.house.rules.iter().map(line).collect()
                    })
                    .await
            }
            ClassificationCommand::Inbox => {
                let (config, inbox) = (store.0.configuration().await?, store.0.inbox().await?);
                store.0.close().await;
                for entry in inbox.entries() {
                    say(&format!("{}\t{}", name(&config, entry.pbx), seen(entry)))?;
                }
                if inbox.forgotten() > 0 {
                    say(&format!(
                        "{} more sightings found no room; confirm or write rules for what is here",
                        inbox.forgotten()
                    ))?;
                }
                Ok(())
            }
            ClassificationCommand::Propose { pbx } => {
                let id = find(&store.0.configuration().await?, pbx)?;
                let proposed = store.0.proposed_rules().await?;
                store.0.close().await;
                for rule in proposed.into_iter().filter(|rule| rule.proposal.pbx == id) {
                    let proposal = rule.proposal;
                    let (what, why) = (word(&proposal.what), word(&proposal.why));
                    say(&format!(
                        "{}\t{}\t{}\t{what}\t{why}\tseen {} times",
                        rule.id,
                        proposal.context,
                        proposal.exten.as_str(),
                        proposal.count
                    ))?;
                }
                Ok(())
            }
            ClassificationCommand::Confirm { ids } => {
                let taken = store.0.confirm_rules(ids, now_ms()).await?;
                store.0.close().await;
                for rule in taken {
                    say(&format!("taken\t{}\t{}\t{}", rule.context, rule.exten.as_str(), word(&rule.what)))?;
                }
                Ok(())
            }
        }
    }
}

fn told(rule: &Rule) -> String {
    let Meaning { what, id } = rule.meaning;
    let which = id.map_or_else(String::new, |id| format!(" {id}"));
    let from = rule.valid_from_ms.map_or_else(String::new, |from| format!("\tfrom {}", shown(from)));
    let to = rule.valid_to_ms.map_or_else(String::new, |to| format!("\tuntil {}", shown(to)));
    format!(
        "{}\t{}\t{}\t{}\t{}{which}{from}{to}",
        rule.context,
        rule.exten.as_str(),
        rule.trunk,
        rule.channel,
        word(&what)
    )
}

fn seen(entry: &Entry) -> String {
    let examples: Vec<String> =
        entry.examples.iter().map(|example| format!("{} by {}", example.exten, example.channel)).collect();
    let (exten, last) = (entry.exten.as_str(), shown(entry.last_ms));
    format!("{}\t{exten}\t{} times, last {last}\t{}", entry.context, entry.count, examples.join("; "))
}

/// A word of a small enum, as files write it.
pub(super) fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}
