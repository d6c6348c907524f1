//! `linedesk-central pbx test`: the connection test of each link of a PBX.

use std::time::Duration;

use anyhow::bail;

use super::say;
use crate::links;
use crate::pbx::check::{Examination, Report};
use crate::store::Store;

/// Tests a PBX and says what it found; fails when something is missing.
pub(super) async fn examine(store: Store, name: &str, watch_s: Option<u64>, json: bool) -> anyhow::Result<()> {
    let config = store.configuration().await?;
    let Some(pbx) = config.pbxs.values().find(|pbx| pbx.name == name) else {
        bail!("there is no PBX {name}; `linedesk-central pbx list` shows them");
    };
    let queues: Vec<String> =
        config.queues.values().filter(|queue| queue.pbx == pbx.id).map(|queue| queue.pbx_queue.clone()).collect();
    let secrets = store.link_secrets(pbx)?;
    store.close().await;
    let mut report = Report::default();
    for options in links::options(pbx, &secrets)? {
        let link = (!pbx.links.is_empty()).then(|| format!("{}@{}:{}", options.username, options.host, options.port));
        let examination = Examination {
            options,
            queues: queues.clone(),
            crossing: config.pbxs.len() > 1,
            watch: watch_s.map(Duration::from_secs),
        };
        report.add(link.as_deref(), Report::of(&examination).await);
    }
    if json {
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        say(report.to_string().trim_end())?;
    }
    match report.missing().count() {
        0 => Ok(()),
        1 => bail!("one thing is missing on the PBX {name}; it stands above, with what to write"),
        count => bail!("{count} things are missing on the PBX {name}; they stand above, with what to write"),
    }
}
