//! What a manager's connection carried, byte by byte.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::lab::SHORT;

/// Everything that arrived, from the banner on, and when each line did.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// As it came, CRLF and all.
    pub bytes: Vec<u8>,
    /// For each line of `bytes`, when its end arrived: microseconds since 1970.
    pub times: Vec<u64>,
    /// Up to here channels are counted.
    counted: usize,
    /// Channels that began and have not ended.
    open: i64,
}

impl Recording {
    /// Writes `NAME.ami` and `NAME.times`. The times are lines of microseconds: the third line of the one is the time of the
    /// third line of the other. Both are written under another name first, so that a reader never sees a half.
    pub fn write(&self, directory: &Path, name: &str) -> Result<()> {
        let times: String = self.times.iter().map(|time| format!("{time}\n")).collect();
        write_whole(&directory.join(format!("{name}.times")), times.as_bytes())?;
        write_whole(&directory.join(format!("{name}.ami")), &self.bytes)
    }

    fn take(&mut self, chunk: &[u8]) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.times.extend(chunk.iter().filter(|byte| **byte == b'\n').map(|_| now));
        self.bytes.extend(chunk);
        while let Some(end) = self.bytes[self.counted..].iter().position(|byte| *byte == b'\n') {
            match &self.bytes[self.counted..self.counted + end] {
                b"Event: Newchannel\r" => self.open += 1,
                b"Event: Hangup\r" => self.open -= 1,
                _ => {}
            }
            self.counted += end + 1;
        }
    }
}

/// Writes a file so that it is there whole or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let unfinished = path.with_extension("unfinished");
    std::fs::write(&unfinished, bytes)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A connection of its own that only listens.
#[derive(Debug)]
pub struct Recorder {
    recording: Arc<watch::Sender<Recording>>,
    reading: JoinHandle<()>,
    /// Kept open: Asterisk hangs up on whoever closes one half.
    _writer: OwnedWriteHalf,
}

impl Recorder {
    /// Logs in; from FullyBooted on everything is there.
    pub async fn start(ami: SocketAddr, user: &str, secret: &str) -> Result<Self> {
        let (mut reader, mut writer) =
            TcpStream::connect(ami).await.context("the manager interface is gone")?.into_split();
        let recording = Arc::new(watch::Sender::new(Recording::default()));
        let growing = recording.clone();
        let reading = tokio::spawn(async move {
            let mut chunk = vec![0; 65_536];
            while let Ok(length @ 1..) = reader.read(&mut chunk).await {
                growing.send_modify(|recording| recording.take(&chunk[..length]));
            }
        });
        let login = format!("Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\n\r\n");
        writer.write_all(login.as_bytes()).await?;
        let recorder = Self { recording, reading, _writer: writer };
        recorder.until("Event: FullyBooted\r\n").await.context("the recorder cannot log in")?;
        Ok(recorder)
    }

    /// Waits until these words came.
    pub async fn until(&self, words: &str) -> Result<()> {
        let mut recording = self.recording.subscribe();
        let mut seen = 0;
        let came = recording.wait_for(|recording| {
            let from = seen;
            // Words that lie across two chunks are found with the second.
            seen = recording.bytes.len().saturating_sub(words.len());
            recording.bytes[from..].windows(words.len()).any(|window| window == words.as_bytes())
        });
        tokio::time::timeout(SHORT, came).await.with_context(|| format!("{words:?} did not come"))??;
        Ok(())
    }

    /// Waits until each channel that began has ended. The PBX forgets a channel a moment before it says so.
    pub async fn until_quiet(&self) -> Result<()> {
        let mut recording = self.recording.subscribe();
        let quiet = recording.wait_for(|recording| recording.open == 0);
        tokio::time::timeout(SHORT, quiet).await.context("the PBX reports no end of a channel")??;
        Ok(())
    }

    /// Everything up to now.
    pub fn finish(self) -> Recording {
        self.reading.abort();
        self.recording.send_replace(Recording::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_time() {
        let mut recording = Recording::default();
        for chunk in ["Asterisk Call Manager/11.0.0\r\nResp", "onse: Success\r\n\r\n"] {
            recording.take(chunk.as_bytes());
        }
        assert_eq!(recording.bytes.iter().filter(|byte| **byte == b'\n').count(), recording.times.len());
        assert_eq!(recording.times[1], recording.times[2]);
        assert!(recording.times.is_sorted());
    }

    #[test]
    fn a_channel_is_open_until_its_hangup() {
        let mut recording = Recording::default();
        recording.take(b"Event: Newchannel\r\nChannel: a\r\n\r\nEvent: Han");
        assert_eq!(recording.open, 1);
        recording.take(b"gup\r\nChannel: a\r\n\r\n");
        assert_eq!(recording.open, 0);
    }
}
