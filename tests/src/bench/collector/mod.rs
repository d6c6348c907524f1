//! How much of a busy PBX one core can follow: for `cargo xtask bench collector`.
//!
//! A [`Stream`] is made of recorded calls (`data/`, of an Asterisk 22 of the lab; every third variable was kept), renumbered and
//! many at a time. What happened in them is known, so a figure counts only when the same was told of them.

mod action;
mod client;
mod core;
mod generator;
mod measure;
mod mix;
mod pbx;
mod peers;
mod shown;
mod stream;
mod tally;
mod template;
mod whole;

pub use action::{SECRET, USER};
pub use client::{Lag, count, follow};
pub use core::{cores, process_time, roam, stay_on, thread_time};
pub use generator::Generator;
pub use measure::{Pass, assemble, parse};
pub use mix::{Kind, Mix, ROUND, Told};
pub use pbx::{Pace, Sent, now_us, serve};
pub use peers::Peer;
pub use stream::{EVENTS_A_SECOND, Settings, Stream};
pub use tally::{Counted, House};
pub use whole::{Database, Whole, follow_whole};

#[cfg(test)]
mod tests {
    use ami::{Frame, Parser};
    use anyhow::Result;

    use super::*;

    /// What is known of a stream is what is told of it.
    #[test]
    fn the_calls_of_a_stream_are_told_as_they_were() -> Result<()> {
        for mix in Mix::ALL {
            let settings = Settings { at_once: 100, ..Settings::new(mix, 2, 1_795_390_905_000_000) };
            let mut stream = Stream::new(settings)?;
            let (mut parser, mut counted, mut bytes) = (Parser::new(), Counted::new(), Vec::new());
            parser.push(b"Asterisk Call Manager/11.0.0\r\n");
            let mut events = 0;
            while stream.fill(&mut bytes, 10_000) > 0 {
                parser.push(&bytes);
                bytes.clear();
                while let Some(frame) = parser.next_frame()? {
                    if let Frame::Message(message) = frame {
                        events += 1;
                        counted.event(&message);
                    }
                }
                counted.end();
            }
            assert_eq!((events, stream.events()), (settings.events(), settings.events()));
            assert_eq!(counted.finish(), (mix.truth(2), 0), "{}", mix.name);
        }
        Ok(())
    }
}
