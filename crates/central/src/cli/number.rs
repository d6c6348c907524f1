//! The test box of the number plans: what a text means, and what would be dialled.

use anyhow::{Context as _, bail};
use central_api::PbxId;

use super::arguments::NumberCommand;
use super::{Cli, say};
use crate::directory::PlanRow;
use crate::numbers::{Explanation, Outgoing, Place, Rule, SeenAs, Target, explain};
use crate::store::Configuration;

impl Cli {
    pub(super) async fn number(&self, command: &NumberCommand) -> anyhow::Result<()> {
        let store = self.store().await?;
        match command {
            NumberCommand::Plans => {
                store
                    .list(|config| {
                        let of = |plan: &PlanRow| {
                            let places =
                                config.house.pbxs.iter().filter(|(_, place)| place.number_plan == Some(plan.id));
                            let names = places.filter_map(|(pbx, _)| Some(config.pbxs.get(pbx)?.name.as_str()));
                            names.collect::<Vec<_>>().join(", ")
                        };
                        let line = |plan: &PlanRow| {
                            format!("{}\t{}\t+{}\t{}", plan.id, plan.name, plan.plan.country_code, of(plan))
                        };
                        config.house.plans.values().map(line).collect()
                    })
                    .await
            }
            NumberCommand::Explain { text, pbx, line } => {
                let config = store.0.configuration().await?;
                store.0.close().await;
                for line in told(&config, text, pbx.as_deref(), line.as_deref())? {
                    say(&line)?;
                }
                Ok(())
            }
        }
    }
}

fn told(config: &Configuration, text: &str, pbx: Option<&str>, line: Option<&str>) -> anyhow::Result<Vec<String>> {
    let id = pbx_of(config, pbx)?;
    let name = config.pbxs.get(&id).map_or("", |pbx| &pbx.name);
    let row = config.house.plan_of(id).with_context(|| {
        format!("the PBX {name} has no number plan, so nothing is read there; add a [[number-plan]] and name it in `number_plan`")
    })?;
    let mut explanation = explain(&row.plan, text);
    if let Some(line) = line {
        let found = config.house.lines.values().find(|found| found.pbx == id && found.name == line);
        let found = found
            .with_context(|| format!("there is no line {line} on {name}; `linedesk-central line list` shows them"))?;
        let trunk = row.plan.trunks.contains_key(found.trunk()).then(|| found.trunk().to_owned());
        let here = SeenAs::Caller { trunk };
        explanation.places.retain(|place| place.seen == here);
        let targets: Vec<Target> = explanation.places.iter().filter_map(|place| Target::of(&place.reading)).collect();
        explanation.outgoing.retain(|outgoing| targets.contains(&outgoing.target));
    }
    Ok(lines(&row.name, &explanation))
}

fn pbx_of(config: &Configuration, name: Option<&str>) -> anyhow::Result<PbxId> {
    let mut found = config.pbxs.values().filter(|pbx| name.is_none_or(|name| pbx.name == name));
    match (found.next(), found.next(), name) {
        (Some(pbx), None, _) => Ok(pbx.id),
        (None, _, Some(name)) => bail!("there is no PBX {name}; `linedesk-central pbx list` shows them"),
        (None, ..) => bail!("there is no PBX yet; add one first"),
        (Some(_), Some(_), _) => bail!("there are several PBXs; say which one with --pbx"),
    }
}

fn lines(plan: &str, explanation: &Explanation) -> Vec<String> {
    let mut lines = vec![format!("by the plan {plan}:")];
    for Place { seen, reading, shown } in &explanation.places {
        let place = match seen {
            SeenAs::Caller { trunk: Some(trunk) } => format!("caller on {trunk}"),
            SeenAs::Caller { trunk: None } => "caller on any other line".to_owned(),
            SeenAs::Dialled => "dialled by a phone".to_owned(),
            SeenAs::Inside => "of a phone of the house".to_owned(),
        };
        let kind = word(&reading.number.kind);
        lines.push(format!("{place}\t{shown}\t{kind}\t{}", rule(&reading.rule)));
        for other in &reading.others {
            let shown = other.e164.map_or_else(String::new, |number| number.grouped());
            lines.push(format!("  perhaps\t{shown}\t{}\t{}", word(&other.kind), rule(&other.rule)));
        }
    }
    for Outgoing { target, class, dialled, refused } in &explanation.outgoing {
        let target = match target {
            Target::External(number) => number.grouped(),
            Target::Extension(number) | Target::Service(number) => number.clone(),
        };
        if let Some(dialled) = dialled {
            lines.push(format!("for {target}\tdials {}\t{}", dialled.text, word(class)));
        }
        if let Some(refused) = refused {
            lines.push(format!("for {target}\t{refused}"));
        }
    }
    lines
}

/// The rule as docs/admin/numbers.md calls it.
fn rule(rule: &Rule) -> String {
    let json = serde_json::to_value(rule).unwrap_or_default();
    json["is"].as_str().unwrap_or_default().to_owned()
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}
