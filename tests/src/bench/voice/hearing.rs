//! What leaves a phone's loudspeaker, with the clock of the talker beside it.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;

use super::Headset;
use crate::lab::{Lab, Match, Process, SHORT, sound, until};

/// Rate of the recording: that of the virtual card, so nothing is converted on the way.
pub const RATE: u32 = 48_000;

/// A recording that runs.
#[derive(Debug)]
pub struct Recorder {
    taken: Arc<Mutex<Taken>>,
    task: JoinHandle<()>,
    _process: Process,
}

#[derive(Debug, Default)]
struct Taken {
    samples: Vec<i16>,
    /// When the first sample was heard: the earliest that any later arrival speaks for.
    began: Option<Instant>,
}

impl Recorder {
    /// Listens to the loudspeaker of a headset.
    pub async fn start(lab: &Lab, headset: &Headset) -> Result<Self> {
        let mut record = lab.command("parec");
        record
            .args(["--device=spk.monitor", "--format=s16le", "--channels=1", "--raw", "--latency-msec=10"])
            .arg(format!("--rate={RATE}"))
            .envs(headset.environment())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(lab.log(&format!("{}-parec", headset.name())))?);
        let mut process = Process::start_piped(lab, &format!("{}-parec", headset.name()), record)?;
        let mut output = process.take_stdout().context("a pipe was asked for")?;
        let taken = Arc::new(Mutex::new(Taken::default()));
        let into = taken.clone();
        let task = tokio::spawn(async move {
            let (mut buffer, mut odd) = (vec![0; 16_384], Vec::new());
            while let Ok(length) = output.read(&mut buffer).await {
                if length == 0 {
                    break;
                }
                let now = Instant::now();
                odd.extend_from_slice(&buffer[..length]);
                let mut taken = into.lock().expect("no holder panics");
                taken.samples.extend(odd.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
                odd.drain(..odd.len() / 2 * 2);
                let since = Duration::from_secs_f64(taken.samples.len() as f64 / f64::from(RATE));
                let began = now.checked_sub(since).unwrap_or(now);
                taken.began = Some(taken.began.map_or(began, |before| before.min(began)));
            }
        });
        let recorder = Self { taken, task, _process: process };
        until("the recording of the loudspeaker", SHORT, async || {
            recorder.taken.lock().expect("no holder panics").began
        })
        .await?;
        Ok(recorder)
    }

    /// Forgets what was heard before, and goes on.
    pub fn rewind(&self) {
        let mut taken = self.taken.lock().expect("no holder panics");
        if let Some(began) = taken.began {
            let length = Duration::from_secs_f64(taken.samples.len() as f64 / f64::from(RATE));
            taken.began = Some(began + length);
            taken.samples.clear();
        }
    }

    /// What was heard from `moment` on, for `length`.
    pub fn heard(&self, moment: Instant, length: Duration) -> Result<Vec<i16>> {
        let taken = self.taken.lock().expect("no holder panics");
        let began = taken.began.context("nothing was recorded")?;
        let since = moment.checked_duration_since(began).context("the recording began too late")?;
        let from = (since.as_secs_f64() * f64::from(RATE)) as usize;
        let to = from + (length.as_secs_f64() * f64::from(RATE)) as usize;
        ensure!(taken.samples.len() >= to, "the recording is too short: {} of {to}", taken.samples.len());
        Ok(taken.samples[from..to].to_vec())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// From the sending of a packet to its sound at the ear, in milliseconds: the median over pieces of half a second. Both at
/// 8 kHz, from the same moment on.
pub fn delay(said: &[i16], heard: &[i16]) -> Result<f64> {
    let piece = sound::RATE as usize / 2;
    let room = sound::RATE as usize * 6 / 10;
    let mut lags = Vec::new();
    for (index, words) in said.chunks_exact(piece).enumerate() {
        let from = index * piece;
        let Some(around) = heard.get(from..from + piece + room) else { break };
        let Match { score, lag } = sound::correlate(words, around);
        // What was concealed is found somewhere or nowhere.
        if score > 0.6 {
            lags.push(sound::duration(lag).as_secs_f64() * 1000.0);
        }
    }
    super::super::median(&lags).context("nothing of what was said was heard")
}

/// To 8 kHz, for finding it again: a mean of six is filter enough.
pub fn coarse(samples: &[i16]) -> Vec<i16> {
    samples.chunks_exact(6).map(|six| (six.iter().map(|s| i32::from(*s)).sum::<i32>() / 6) as i16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Speech;

    #[test]
    fn a_delay_is_found_though_parts_are_missing() {
        let said = Speech::new(7, Duration::from_secs(8)).samples().to_vec();
        let mut heard = vec![0; 800];
        heard.extend_from_slice(&said);
        heard[10_000..14_000].fill(0);
        heard.resize(said.len() + 6_000, 0);
        let found = delay(&said, &heard).unwrap();
        assert!((found - 100.0).abs() < 0.2, "{found}");
    }
}
