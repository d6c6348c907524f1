//! `linedesk-central customer`: what is kept of somebody, shown, handed out, forgotten.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::arguments::{CustomerArgs, CustomerCommand};
use super::say;
use crate::clock::now_ms;
use crate::collector;
use crate::config::Config;
use crate::numbers::NumberPlan;
use crate::store::{Asked, Forgotten, Store, shown_utc};

/// Carries it out.
pub(super) async fn run(store: Store, config: &Config, command: &CustomerCommand) -> anyhow::Result<()> {
    let who = format!("cli:{}", person());
    let plans = store.configuration().await?.house.plans;
    let plans: Vec<NumberPlan> = plans.into_values().map(|row| row.plan).collect();
    let asked = |arguments| asked(arguments, &plans, &who);
    let done = match command {
        CustomerCommand::Find(arguments) => find(&store, asked(arguments)).await,
        CustomerCommand::Export(arguments) => export(&store, asked(arguments)).await,
        CustomerCommand::Erase(arguments) => erase(&store, &config.store().data_dir, asked(arguments)).await,
    };
    store.close().await;
    done
}

fn asked<'a>(arguments: &'a CustomerArgs, plans: &'a [NumberPlan], who: &'a str) -> Asked<'a> {
    Asked { number: &arguments.number, plans, likely: arguments.likely, who, now_ms: now_ms() }
}

async fn find(store: &Store, asked: Asked<'_>) -> anyhow::Result<()> {
    let customer = store.find_customer(asked).await?;
    if customer.details.is_empty() && customer.places.is_empty() {
        say("Nothing is kept of this number.")?;
    }
    for detail in &customer.details {
        let what = match detail.attribute.as_str() {
            "" => detail.name.clone(),
            attribute => format!("{attribute}: {}", detail.value),
        };
        say(&format!("customer {}\t{}\t{what}", detail.customer, detail.number))?;
    }
    for call in &customer.calls {
        say(&format!("call {}\t{}", call.id, shown_utc(call.started_ms)))?;
    }
    for place in &customer.places {
        say(&format!("seen and unknown\t{}\t{}\t{} times", place.context, place.exten.as_str(), place.count))?;
    }
    for number in &customer.also_likely {
        say(&format!("{number} is likely the same number; add --likely to take it in"))?;
    }
    Ok(())
}

async fn export(store: &Store, asked: Asked<'_>) -> anyhow::Result<()> {
    let export = store.export_customer(asked).await?;
    if export.details.is_empty() && export.places.is_empty() {
        bail!("nothing is kept of this number; `customer find NUMBER` shows numbers that are likely the same");
    }
    say(&serde_json::to_string_pretty(&export).context("cannot write the export as JSON")?)
}

async fn erase(store: &Store, data_dir: &Path, asked: Asked<'_>) -> anyhow::Result<()> {
    // The files first: by what the database still knows, more is found in them.
    let values = store.personal_values(asked).await?;
    let files = collector::forget(data_dir, asked, values).context(
        "the raw material of calls cannot be cleaned, and nothing is erased yet; look at the directory `calls/raw` in the data \
         directory and its rights, then erase again",
    )?;
    let Forgotten { details, calls, seen } = store.forget_customer(asked).await?;
    if details + seen + files.blanked == 0 {
        bail!("nothing is kept of this number; `customer find NUMBER` shows numbers that are likely the same");
    }
    say(&format!("Forgotten: {details} (numbers, names, values). Calls that stay, without them: {calls}."))?;
    say(&format!("Seen and unknown at a PBX, now counted without the number: {seen}."))?;
    say(&format!("Raw material of calls, now without them: {} files.", files.blanked))?;
    say(
        "Calls of the last minutes are in the journal until they are stored: erase again in five minutes if there were any.",
    )?;
    if files.refused > 0 {
        say(&format!(
            "{} calls that the database refused lie as refused-….json in `calls/journal`; look through them yourself.",
            files.refused
        ))?;
    }
    say("Backups are not changed, nor logs and traces of this server and of the PBX; those go by their age.")
}

/// Who sits at the command line, as the system knows.
pub(super) fn person() -> String {
    let known = ["SUDO_USER", "USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    known.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody".to_owned())
}
