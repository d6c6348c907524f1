//! Tells the calls of a recorded manager stream: `cargo run -p calls --example tell -- FILE…`;
//! of several PBXs together: `FILE,FILE`.

use ami::{Event, Frame, Message, Parser};
use calls::{Assembly, Directory, LINGER_MS, PbxIx, Who};

/// Of the lab: whatever is called trunk is one.
#[derive(Debug)]
struct House;

impl Directory for House {
    fn who(&self, _: PbxIx, endpoint: &str) -> Who {
        match endpoint.rsplit_once('/').map_or(endpoint, |(_, name)| name) {
            name if name.starts_with("trunk") => Who::Trunk,
            "station" => Who::OtherPbx,
            _ => Who::Phone,
        }
    }
}

fn main() -> std::io::Result<()> {
    for files in std::env::args().skip(1) {
        println!("# {files}");
        let mut events: Vec<(i64, PbxIx, Message)> = Vec::new();
        for (pbx, file) in (0..).zip(files.split(',')) {
            let mut parser = Parser::new();
            parser.push(&std::fs::read(file)?);
            let mut now = 0;
            loop {
                match parser.next_frame() {
                    Ok(Some(Frame::Message(message))) => {
                        now = message.timestamp_us().map_or(now + 10, |at| at / 1000);
                        events.push((now, PbxIx(pbx), message));
                    }
                    Ok(Some(Frame::Banner(_))) => {}
                    Ok(None) => break,
                    Err(error) => {
                        eprintln!("{file}: {error}");
                        break;
                    }
                }
            }
        }
        events.sort_by_key(|(at, _, _)| *at);
        let mut assembly = Assembly::new();
        assembly.give_ids(1..1_000_000);
        let mut now = 0;
        for (at, pbx, message) in &events {
            now = *at;
            assembly.event(*pbx, now, &Event::read(message));
        }
        for ended in assembly.take_ended(now + LINGER_MS, &House) {
            println!("{}", ended.call);
        }
        for call in assembly.take_changed(now, &House).into_iter().filter_map(|changed| changed.call) {
            println!("{call}");
        }
        println!("{:?}", assembly.figures());
    }
    Ok(())
}
