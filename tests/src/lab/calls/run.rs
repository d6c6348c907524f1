//! Plays scenarios and records what the PBXs report meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{Hall, Recorder, Recording, Scenario, Site, Stage, Told};

/// Between the begins of two scenarios that are played together. Where ninety held, transferred and hung up in the same instants
/// Asterisk now and then read no more SIP at all (it still wrote some, and answered by AMI).
const APART: Duration = Duration::from_millis(50);

/// A scenario, and how it went.
#[derive(Debug)]
pub struct Played {
    /// Which.
    pub scenario: &'static Scenario,
    /// What its driver measured, or why it did not go as it should.
    pub told: Result<Told>,
    /// How long it took.
    pub took: Duration,
}

/// What each PBX reported.
pub type Recordings = Vec<(Site, Recording)>;

/// Plays one scenario alone.
pub async fn alone(hall: &Arc<Hall>, scenario: &'static Scenario) -> Result<(Played, Recordings)> {
    let recorders = record(hall, scenario.office.needs_b()).await?;
    let played = play(hall.clone(), scenario, |_| ()).await;
    let recordings = finish(hall, recorders, played.told.is_err()).await?;
    Ok((played, recordings))
}

/// Plays all at the same time. `seen` hears of each when it is over.
pub async fn together(
    hall: &Arc<Hall>,
    scenarios: &[&'static Scenario],
    seen: fn(&Played),
) -> Result<(Vec<Played>, Recordings)> {
    let recorders = record(hall, true).await?;
    let mut plays = Vec::new();
    for scenario in scenarios {
        plays.push(tokio::spawn(play(hall.clone(), scenario, seen)));
        tokio::time::sleep(APART).await;
    }
    let mut all = Vec::new();
    for play in plays {
        all.push(play.await?);
    }
    let failed = all.iter().filter_map(|played| played.told.as_ref().err().map(|error| (played.scenario.name, error)));
    let failed: Vec<String> = failed.map(|(name, error)| format!("{name}: {error:#}")).collect();
    let recordings = finish(hall, recorders, !failed.is_empty()).await;
    let recordings = recordings.with_context(|| format!("{} scenarios failed: {}", failed.len(), failed.join("\n")))?;
    Ok((all, recordings))
}

async fn play(hall: Arc<Hall>, scenario: &'static Scenario, seen: fn(&Played)) -> Played {
    let started = Instant::now();
    let told = Stage::play(scenario, &hall).await;
    let played = Played { scenario, told, took: started.elapsed() };
    seen(&played);
    played
}

async fn record(hall: &Hall, both: bool) -> Result<Vec<(Site, Recorder)>> {
    let mut recorders = Vec::new();
    for (site, house) in hall.houses().filter(|(site, _)| both || *site == Site::A) {
        recorders.push((site, house.record().await?));
    }
    Ok(recorders)
}

/// Waits until the PBXs have nothing more to report.
async fn finish(hall: &Hall, recorders: Vec<(Site, Recorder)>, failed: bool) -> Result<Recordings> {
    let mut recordings = Vec::new();
    for (site, recorder) in recorders {
        for (_, house) in hall.houses().filter(|(other, _)| *other == site) {
            if failed {
                house.clear().await?;
            }
            house.empty().await?;
            recorder.until_quiet().await?;
            house.mark("all", "over").await?;
        }
        recorder.until("Phase: over\r\n").await?;
        recordings.push((site, recorder.finish()));
    }
    Ok(recordings)
}
