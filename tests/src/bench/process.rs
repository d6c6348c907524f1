//! What the kernel says about processes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::process::Command;
use tokio::time::sleep;

use crate::lab::Lab;

/// Starts the program that is its first argument without the right to real-time priority: root's threads of sound would take
/// the processors from the sound server, as a person's cannot.
pub fn as_a_person(lab: &Lab) -> Command {
    let mut command = lab.command("setpriv");
    command.args(["--inh-caps", "-sys_nice", "--bounding-set", "-sys_nice", "--"]);
    command
}

/// Proportional set size in MB (10^6 bytes): memory that is shared counts in part, so the sum over processes is true.
pub fn pss(pid: i32) -> Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("smaps_rollup has no Pss")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// Memory that is this process's alone, in KB.
pub fn private(pid: i32) -> Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let lines = text.lines().filter(|line| line.starts_with("Private_"));
    lines.map(|line| Ok(line.split_whitespace().nth(1).context("a short line")?.parse::<f64>()?)).sum()
}

/// Open files, sockets and the like.
pub fn handles(pid: i32) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Sum of [`pss`].
pub fn pss_of(pids: &[i32]) -> Result<f64> {
    pids.iter().map(|pid| pss(*pid)).sum()
}

/// The sum once it stands still: three looks a second apart within one per cent; after 30 s whatever it is.
pub async fn settled(pids: impl Fn() -> Vec<i32>) -> Result<()> {
    let started = Instant::now();
    let mut last = [0.0; 3];
    while started.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_secs(1)).await;
        // One that is just ending is looked at again.
        last = [last[1], last[2], pss_of(&pids()).unwrap_or_default()];
        let (least, most) = (last.iter().copied().fold(f64::MAX, f64::min), last.iter().copied().fold(0.0, f64::max));
        if least > 0.0 && most - least < least / 100.0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Processor time used so far by all its threads, those that have ended too: the scheduler's own count, in nanoseconds.
pub fn cpu(pid: i32) -> Result<Duration> {
    let clock = nix::time::clock_getcpuclockid(nix::unistd::Pid::from_raw(pid)).context("the process has no clock")?;
    Ok(clock.now().context("the clock of the process cannot be read")?.into())
}

/// Processor time used so far by a process, all below it, and those of them that have ended: in ticks, of which a second has a
/// hundred.
pub fn used_by_family(root: i32) -> Result<Duration> {
    let ticks = |pid: i32, fields: std::ops::Range<usize>| -> Result<u64> {
        let stat = stat(pid)?;
        stat.get(fields).context("a short stat")?.iter().map(|field| Ok(field.parse::<u64>()?)).sum()
    };
    // Its own, and what it has waited for.
    let mut all = ticks(root, 11..15)?;
    for pid in tree(root).into_iter().skip(1) {
        // One that ends meanwhile is missing.
        all += ticks(pid, 11..13).unwrap_or_default();
    }
    Ok(Duration::from_millis(all * 10))
}

/// The most memory that a process ever had (`VmHWM`), in MB (10^6 bytes).
pub fn peak_memory(pid: i32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the kernel does not say VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// Share of one core in per cent, over ten seconds.
pub async fn cpu_share(pid: i32) -> Result<f64> {
    let (before, started) = (cpu(pid)?, Instant::now());
    sleep(Duration::from_secs(10)).await;
    Ok((cpu(pid)? - before).as_secs_f64() / started.elapsed().as_secs_f64() * 100.0)
}

/// Waits until the processors have little else to do, at most a minute; gives the share in per cent that was used at the end.
pub async fn calm() -> Result<f64> {
    let started = Instant::now();
    loop {
        let before = busy_and_all()?;
        sleep(Duration::from_secs(2)).await;
        let after = busy_and_all()?;
        let share = (after.0 - before.0) / (after.1 - before.1).max(1.0) * 100.0;
        if share < 3.0 || started.elapsed() > Duration::from_secs(60) {
            return Ok(share);
        }
    }
}

/// Ticks of all processors: those that were used, and all.
fn busy_and_all() -> Result<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    let ticks: Vec<f64> =
        text.lines().next().unwrap_or_default().split_whitespace().filter_map(|tick| tick.parse().ok()).collect();
    let all: f64 = ticks.iter().take(8).sum();
    // Fourth and fifth: idle, and idle with a disk at work.
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}

/// A process and all below it.
pub fn tree(root: i32) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return vec![root] };
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        let parent = stat(pid).ok().and_then(|fields| fields.get(1)?.parse().ok());
        children.entry(parent.unwrap_or_default()).or_default().push(pid);
    }
    let mut all = vec![root];
    let mut next = 0;
    while let Some(pid) = all.get(next) {
        all.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    all
}

/// Name of the program file.
pub fn name(pid: i32) -> Option<String> {
    Some(std::fs::read_link(format!("/proc/{pid}/exe")).ok()?.file_name()?.to_string_lossy().into_owned())
}

/// Fields of /proc/PID/stat behind the name, which may hold blanks.
fn stat(pid: i32) -> Result<Vec<String>> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let (_, rest) = text.rsplit_once(')').context("a stat without a name")?;
    Ok(rest.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_knows_this_process() -> Result<()> {
        let pid = i32::try_from(std::process::id())?;
        assert!(pss(pid)? > 0.5 && pss(pid)? < 1000.0);
        assert!(tree(pid).contains(&pid));
        let parent: i32 = stat(pid)?[1].parse()?;
        assert!(tree(parent).contains(&pid));
        let before = cpu(pid)?;
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(60) {}
        assert!(cpu(pid)? > before);
        Ok(())
    }
}
