//! What one core does with a stream that is in memory.

use std::time::{Duration, Instant};

use ami::{Frame, Message, Parser};
use anyhow::{Result, ensure};

use super::core::thread_time;
use super::stream::{Settings, Stream};
use super::tally::Counted;

/// As much as a socket gives at once; it was copied just now, so it is in the core's cache as after a read.
const CHUNK: usize = 64 * 1024;

/// Events after which ended calls are asked for, as the collector does.
const BATCH: usize = 256;

/// What a pass over a stream took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pass {
    /// Events.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Processor time of the thread.
    pub processor: Duration,
    /// By the clock on the wall.
    pub wall: Duration,
}

impl Pass {
    /// Events in a second of the core.
    pub fn events_a_second(&self) -> f64 {
        self.events as f64 / self.processor.as_secs_f64()
    }

    /// MB (10^6 bytes) in a second of the core.
    pub fn megabytes_a_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.processor.as_secs_f64()
    }

    /// Events in a second of the clock.
    pub fn events_by_the_clock(&self) -> f64 {
        self.events as f64 / self.wall.as_secs_f64()
    }
}

/// Bytes to messages. Making the stream is not in it.
pub fn parse(settings: Settings) -> Result<Pass> {
    let mut messages = 0;
    let pass = each(settings, |message| {
        messages += u64::from(message.event().is_some());
    })?;
    ensure!(messages == settings.events(), "{messages} of {} events were parsed", settings.events());
    Ok(pass)
}

/// Bytes to messages to events to calls that are over.
pub fn assemble(settings: Settings) -> Result<Pass> {
    let (mut counted, mut batch) = (Counted::new(), 0);
    let pass = each(settings, |message| {
        counted.event(&message);
        batch += 1;
        if batch == BATCH {
            batch = 0;
            counted.end();
        }
    })?;
    let (told, left) = counted.finish();
    let known = settings.mix.truth(settings.rounds);
    ensure!(told == known && left == 0, "known {known:?}, told {told:?}, {left} channels are left");
    Ok(pass)
}

fn each(settings: Settings, mut take: impl FnMut(Message)) -> Result<Pass> {
    let mut stream = Stream::new(settings)?;
    let (mut parser, mut bytes, mut pass) = (Parser::new(), Vec::with_capacity(2 * CHUNK), Pass::default());
    parser.push(b"Asterisk Call Manager/11.0.0\r\n");
    loop {
        pass.events += stream.fill(&mut bytes, CHUNK);
        if bytes.is_empty() {
            return Ok(pass);
        }
        pass.bytes += bytes.len() as u64;
        let (wall, processor) = (Instant::now(), thread_time()?);
        parser.push(&bytes);
        while let Some(frame) = parser.next_frame()? {
            if let Frame::Message(message) = frame {
                take(message);
            }
        }
        pass.processor += thread_time()? - processor;
        pass.wall += wall.elapsed();
        bytes.clear();
    }
}
