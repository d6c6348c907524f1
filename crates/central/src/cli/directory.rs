//! What there is in the directory, told to an administrator.

use anyhow::Context as _;
use central_api::PbxId;

use super::{Cli, say};
use crate::classify::NamePattern;
use crate::clock::now_ms;
use crate::directory::{ExternalNumber, Group, Line, Project, Shown, faults, proposals};
use crate::store::{Configuration, Store, shown};

impl Cli {
    pub(super) async fn lines(&self) -> anyhow::Result<()> {
        self.store()
            .await?
            .list(|config| {
                let name = |pbx| config.pbxs.get(&pbx).map_or("", |pbx| pbx.name.as_str());
                let line = |line: &Line| {
                    let to = line
                        .to_pbx
                        .map_or_else(|| "to the outside".to_owned(), |to| format!("to the PBX {}", name(to)));
                    format!("{}\t{}\t{}\t{}\t{to}", line.id, name(line.pbx), line.name, line.endpoint)
                };
                config.house.lines.values().map(line).collect()
            })
            .await
    }

    pub(super) async fn projects(&self) -> anyhow::Result<()> {
        self.store()
            .await?
            .list(|config| {
                let line = |project: &Project| {
                    format!(
                        "{}\t{}\t{}",
                        project.id,
                        project.name,
                        project.manner.greeting.as_deref().unwrap_or_default()
                    )
                };
                config.house.projects.values().map(line).collect()
            })
            .await
    }

    pub(super) async fn external_numbers(&self) -> anyhow::Result<()> {
        self.store()
            .await?
            .list(|config| {
                let line = |number: &ExternalNumber| {
                    let pbx = config.pbxs.get(&number.pbx).map_or("", |pbx| pbx.name.as_str());
                    let project = number.project.and_then(|project| config.house.projects.get(&project));
                    let project = project.map_or("", |project| project.name.as_str());
                    format!("{}\t{pbx}\t{}\t{}\t{project}", number.id, number.number, number.name)
                };
                config.house.external_numbers.values().map(line).collect()
            })
            .await
    }

    pub(super) async fn groups(&self) -> anyhow::Result<()> {
        self.store()
            .await?
            .list(|config| {
                let line = |group: &Group| {
                    let people = group.users_at(now_ms()).filter_map(|user| config.users.get(&user));
                    let people: Vec<&str> = people.map(|row| row.user.username.as_str()).collect();
                    format!("{}\t{}\t{}", group.id, group.name, people.join(", "))
                };
                config.house.groups.values().map(line).collect()
            })
            .await
    }
}

pub(super) async fn propose(store: &Store, name: &str) -> anyhow::Result<()> {
    let config = store.configuration().await?;
    let pbx = find(&config, name)?;
    let (at_ms, seen) = store.observed(pbx).await?;
    let catalogue = store.attributes().await?;
    store.close().await;
    let named: Vec<String> = catalogue.iter().filter_map(|attribute| attribute.source.of_user_event()).collect();
    say(&format!("seen at {name} on {} UTC:", shown(at_ms)))?;
    for proposal in proposals(&config, pbx, &seen) {
        say(&format!("{}\t{proposal}", proposal.key()))?;
    }
    let fields = seen.shown(Shown::UserEvent).filter(|field| !named.contains(&field.name));
    for field in fields {
        let (count, last) = (field.count, shown(field.last_ms));
        say(&format!(
            "attribute\tuser-event {} is not kept: told in {count} calls, last on {last}; an [[attribute]] of `apply` keeps it",
            field.name
        ))?;
    }
    for fault in faults(&seen) {
        say(&format!("fault\t{fault}"))?;
    }
    Ok(())
}

pub(super) async fn confirm(store: &Store, name: &str, keys: &[NamePattern]) -> anyhow::Result<()> {
    let pbx = find(&store.configuration().await?, name)?;
    let taken = store.confirm(pbx, keys, now_ms()).await?;
    store.close().await;
    for proposal in taken {
        say(&format!("taken in\t{proposal}"))?;
    }
    Ok(())
}

pub(super) fn find(config: &Configuration, name: &str) -> anyhow::Result<PbxId> {
    let found = config.pbxs.values().find(|pbx| pbx.name == name);
    Ok(found.with_context(|| format!("there is no PBX {name}; `linedesk-central pbx list` shows them"))?.id)
}
