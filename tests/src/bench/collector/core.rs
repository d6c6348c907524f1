//! One core: who runs on it, and what of its time a thread took.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// The cores that this process may use.
pub fn cores() -> Result<Vec<usize>> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).context("the system does not say which cores there are")?;
    Ok((0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false)).collect())
}

/// From now on this thread, and what it starts, runs on one core.
pub fn stay_on(core: usize) -> Result<()> {
    let mut one = CpuSet::new();
    one.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &one).with_context(|| format!("this process may not run on core {core}"))
}

/// Processor time of this thread so far.
pub fn thread_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Processor time of this process so far.
pub fn process_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// From now on this thread, and what it starts, runs on any of these cores.
pub fn roam(cores: &[usize]) -> Result<()> {
    let mut all = CpuSet::new();
    for core in cores {
        all.set(*core)?;
    }
    sched_setaffinity(Pid::from_raw(0), &all).context("this process may not run on its own cores")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_uses_time() -> Result<()> {
        assert!(!cores()?.is_empty());
        let before = thread_time()?;
        while thread_time()? == before {}
        assert!(process_time()? >= thread_time()?);
        Ok(())
    }
}
