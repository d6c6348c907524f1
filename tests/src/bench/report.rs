//! Figures, as a table for people and as JSON for the record.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// At most so much.
    AtMost(f64),
    /// At most so many times the peer's.
    TimesPeer(f64),
    /// At most so much above the peer's.
    AbovePeer(f64),
    /// At most so much below the peer's, where more is better.
    NotBelowPeer(f64),
    /// More than so much, where more is better.
    MoreThan(f64),
    /// So much or more, where more is better.
    AtLeast(f64),
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    name: String,
    /// Absent: it could not be measured, and `why` says why.
    value: Option<f64>,
    unit: &'static str,
    peer: Option<String>,
    peer_value: Option<f64>,
    /// Ours by the peer's.
    ratio: Option<f64>,
    target: Option<String>,
    met: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    why: Vec<String>,
    #[serde(skip)]
    wanted: Option<Target>,
}

impl Figure {
    /// A figure of ours.
    pub fn new(name: &str, unit: &'static str, value: Result<f64>) -> Self {
        let mut why = Vec::new();
        let value = value.map(rounded).map_err(|error| why.push(format!("{error:#}"))).ok();
        let (peer, peer_value, ratio, target, met) = Default::default();
        Self { name: name.to_owned(), value, unit, peer, peer_value, ratio, target, met, why, wanted: None }
    }

    /// The same of a peer.
    pub fn beside(mut self, peer: &str, value: Result<f64>) -> Self {
        self.peer = Some(peer.to_owned());
        self.peer_value = value.map(rounded).map_err(|error| self.why.push(format!("{peer}: {error:#}"))).ok();
        let ratio = self.value.zip(self.peer_value).map(|(ours, theirs)| (ours / theirs * 1000.0).round() / 1000.0);
        // Beside nothing there is none.
        self.ratio = ratio.filter(|ratio| ratio.is_finite());
        self.judged()
    }

    /// What it should be.
    pub fn wanted(mut self, target: Target) -> Self {
        self.wanted = Some(target);
        self.judged()
    }

    fn judged(mut self) -> Self {
        let unit = self.unit;
        let Some(target) = self.wanted else { return self };
        let (words, limit) = match target {
            Target::AtMost(limit) => (format!("<= {limit} {unit}"), Some(limit)),
            Target::TimesPeer(times) => (format!("<= {times} x peer"), self.peer_value.map(|peer| peer * times)),
            Target::AbovePeer(more) => (format!("<= peer + {more} {unit}"), self.peer_value.map(|peer| peer + more)),
            Target::NotBelowPeer(less) => (format!(">= peer - {less} {unit}"), self.peer_value.map(|peer| peer - less)),
            Target::MoreThan(limit) => (format!("> {limit} {unit}"), Some(limit)),
            Target::AtLeast(limit) => (format!(">= {limit} {unit}"), Some(limit)),
        };
        self.target = Some(words);
        // What is missing is neither met nor missed.
        self.met = self.value.zip(limit).map(|(value, limit)| match target {
            Target::NotBelowPeer(_) | Target::AtLeast(_) => value >= limit,
            Target::MoreThan(_) => value > limit,
            Target::AtMost(_) | Target::TimesPeer(_) | Target::AbovePeer(_) => value <= limit,
        });
        self
    }
}

/// Everything of one run.
#[derive(Debug, Serialize)]
pub struct Report {
    bench: &'static str,
    commit: String,
    machine: String,
    figures: Vec<Figure>,
}

impl Report {
    /// Empty; `busy` is what others took of the processors before, in per cent.
    pub fn new(bench: &'static str, commit: String, busy: f64) -> Self {
        Self { bench, commit, machine: machine(busy), figures: Vec::new() }
    }

    /// One more; said at once, for a bench takes minutes.
    pub fn add(&mut self, figure: Figure) {
        eprintln!("  {}", line(&figure, 0).trim_end());
        self.figures.push(figure);
    }

    /// For people.
    pub fn table(&self) -> String {
        let width = self.figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or_default();
        let mut text = format!("{} at {} on {}\n\n", self.bench, self.commit, self.machine);
        for figure in &self.figures {
            let _ = writeln!(text, "{}", line(figure, width));
        }
        let judged: Vec<bool> = self.figures.iter().filter_map(|figure| figure.met).collect();
        let missing = self.figures.iter().filter(|figure| figure.value.is_none()).count();
        let met = judged.iter().filter(|met| **met).count();
        let _ = writeln!(text, "\n{met} targets met, {} missed, {missing} figures missing", judged.len() - met);
        text
    }

    /// For the record.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The same on one line.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

fn line(figure: &Figure, width: usize) -> String {
    let Figure { name, value, unit, peer, peer_value, ratio, target, met, why, .. } = figure;
    let number = |value: &Option<f64>| value.map_or_else(|| "missing".to_owned(), |value| format!("{value} {unit}"));
    let mut text = format!("{name:width$}  {:>12}", number(value));
    if let Some(peer) = peer {
        let _ = write!(text, "  {peer} {}", number(peer_value));
    }
    if let Some(ratio) = ratio {
        let _ = write!(text, " ({ratio:.2} x)");
    }
    if let Some(target) = target {
        let judged = match met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not judged",
        };
        let _ = write!(text, "  {target}: {judged}");
    }
    for reason in why {
        let _ = write!(text, "\n    {}", reason.replace('\n', "\n    "));
    }
    text
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Processor, cores, memory, kernel, and how busy the machine was with other things.
fn machine(busy: f64) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cpu = value(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    let gib = memory.split(' ').next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default() / 1024.0 / 1024.0;
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cpu}, {cores} cores, {gib:.0} GiB, Linux {}, {busy:.0} % busy before", kernel.trim())
}

/// The middle one; of an even number the mean of the two in the middle.
pub fn median(values: &[f64]) -> Result<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => anyhow::bail!("nothing was measured"),
        length if length % 2 == 1 => Ok(sorted[middle]),
        _ => Ok((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() -> Result<()> {
        assert!((median(&[9.0, 1.0, 2.0])? - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 9.0])? - 3.0).abs() < 1e-9);
        assert!(median(&[]).is_err());
        Ok(())
    }

    #[test]
    fn a_target_is_judged_only_with_all_it_needs() {
        let figure = |value| Figure::new("set-up", "ms", value).wanted(Target::AbovePeer(20.0));
        assert_eq!(figure(Ok(26.0)).met, None);
        assert_eq!(figure(Ok(26.0)).beside("baresip", Ok(7.0)).met, Some(true));
        assert_eq!(figure(Ok(27.5)).beside("baresip", Ok(7.0)).met, Some(false));
        assert_eq!(figure(Ok(0.0)).beside("baresip", Ok(0.0)).ratio, None);
        let missing = figure(Err(anyhow::anyhow!("no sound"))).beside("baresip", Ok(7.0));
        assert_eq!((missing.met, missing.ratio), (None, None));
        assert!(line(&missing, 0).contains("missing") && line(&missing, 0).contains("no sound"));
        assert_eq!(Figure::new("idle", "MB", Ok(15.1)).wanted(Target::AtMost(15.0)).met, Some(false));
    }
}
