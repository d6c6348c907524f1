//! Our own client on a stream that comes over a socket.

use std::time::Instant;

use ami::{Client, ConnectOptions, Events, Incoming, Message, Secret};
use anyhow::{Context, Result, ensure};

use super::action::{SECRET, USER};
use super::core::process_time;
use super::generator::Generator;
use super::measure::Pass;
use super::pbx::{Sent, now_us};
use super::stream::Settings;
use super::tally::{Counted, House};

/// Events that are taken in one turn, as the PBX's actor does.
const AT_ONCE: usize = 256;

/// Receives a stream and counts its events.
pub async fn count(generator: &mut Generator, settings: &Settings) -> Result<(Pass, Sent)> {
    let (client, mut events) = connect(generator.port).await?;
    let (wall, processor) = (Instant::now(), process_time()?);
    generator.go().await?;
    let (mut batch, mut pass) = (Vec::new(), Pass::default());
    while pass.events < settings.events() {
        next(&mut events, &mut batch).await?;
        for message in messages(&mut batch) {
            pass.events += 1;
            pass.bytes += message.size() as u64;
        }
    }
    pass.processor = process_time()? - processor;
    pass.wall = wall.elapsed();
    let sent = generator.sent().await?;
    client.close();
    Ok((pass, sent))
}

/// How late live calls are told.
#[derive(Debug)]
pub struct Lag {
    /// Of each event that changed a call: from its writing at the PBX to the telling of the call, ms.
    pub lags_ms: Vec<f64>,
    /// Events a second in the middle half of the stream: at its ends there are fewer calls.
    pub rate: f64,
    /// Calls that were told as changed.
    pub told: u64,
    /// Processor time of ours, by the time that went by.
    pub share: f64,
    /// What the PBX sent.
    pub sent: Sent,
}

/// Follows a stream at its own pace, and tells each call that changes.
pub async fn follow(generator: &mut Generator, settings: &Settings) -> Result<Lag> {
    let (client, mut events) = connect(generator.port).await?;
    let (wall, processor) = (Instant::now(), process_time()?);
    generator.go().await?;
    let (mut batch, mut counted) = (Vec::new(), Counted::new());
    let (mut told, mut lags_ms, mut news, mut stamps) = (0, Vec::new(), Vec::new(), Vec::new());
    while (stamps.len() as u64) < settings.events() {
        next(&mut events, &mut batch).await?;
        for message in messages(&mut batch) {
            let stamp = message.timestamp_us().context("an event without its time")?;
            stamps.push(stamp);
            let before = counted.assembly.figures().notes;
            counted.event(&message);
            if counted.assembly.figures().notes != before {
                news.push(stamp);
            }
        }
        told += counted.assembly.take_changed(now_us() / 1000, &House).len() as u64;
        let now = now_us();
        lags_ms.extend(news.drain(..).map(|sent| (now - sent) as f64 / 1000.0));
        counted.end();
    }
    let share = (process_time()? - processor).as_secs_f64() / wall.elapsed().as_secs_f64();
    let sent = generator.sent().await?;
    client.close();
    let (found, left) = counted.finish();
    let known = settings.mix.truth(settings.rounds);
    ensure!(found == known && left == 0, "known {known:?}, told {found:?}, {left} channels are left");
    let middle = &stamps[stamps.len() / 4..stamps.len() * 3 / 4];
    let lasted = middle.last().zip(middle.first()).map_or(0, |(last, first)| last - first);
    Ok(Lag { lags_ms, rate: middle.len() as f64 / (lasted as f64 / 1e6), told, share, sent })
}

async fn connect(port: u16) -> Result<(Client, Events)> {
    let options = ConnectOptions::new("127.0.0.1", port, USER, Secret::new(SECRET));
    let (client, mut events) = Client::connect(&options).await?;
    // FullyBooted comes with the login and belongs to no call.
    next(&mut events, &mut Vec::new()).await?;
    Ok((client, events))
}

async fn next(events: &mut Events, batch: &mut Vec<Incoming>) -> Result<()> {
    let count = events.recv_many(batch, AT_ONCE).await;
    ensure!(count > 0, "the link broke: {}", events.why_closed());
    Ok(())
}

fn messages(batch: &mut Vec<Incoming>) -> impl Iterator<Item = Message> {
    batch.drain(..).filter_map(|incoming| match incoming {
        Incoming::Event(message) => Some(message),
        Incoming::List { .. } => None,
    })
}
