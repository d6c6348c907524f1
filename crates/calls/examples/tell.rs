//! Tells the calls of a recorded manager stream: `cargo run -p calls --example tell -- FILE…`.

use ami::{Event, Frame, Parser};
use calls::{Assembly, Directory, LINGER_MS, PbxIx, Who};

/// Of the lab: whatever is called trunk is one.
#[derive(Debug)]
struct House;

impl Directory for House {
    fn who(&self, _: PbxIx, endpoint: &str) -> Who {
        match endpoint.rsplit_once('/').map_or(endpoint, |(_, name)| name) {
            name if name.starts_with("trunk") => Who::Trunk,
            name if name.starts_with("to-pbx") || name.starts_with("pbx") => Who::OtherPbx,
            _ => Who::Phone,
        }
    }
}

fn main() -> std::io::Result<()> {
    for file in std::env::args().skip(1) {
        println!("# {file}");
        let mut assembly = Assembly::new();
        assembly.give_ids(1..1_000_000);
        let mut parser = Parser::new();
        parser.push(&std::fs::read(&file)?);
        let mut now = 0;
        loop {
            let message = match parser.next_frame() {
                Ok(Some(Frame::Message(message))) => message,
                Ok(Some(Frame::Banner(_))) => continue,
                Ok(None) => break,
                Err(error) => {
                    eprintln!("{file}: {error}");
                    break;
                }
            };
            now = message.timestamp_us().map_or(now + 10, |at| at / 1000);
            assembly.event(PbxIx(0), now, &Event::read(&message));
        }
        for ended in assembly.take_ended(now + LINGER_MS, &House) {
            println!("{}", ended.call);
        }
        for (_, call) in assembly.take_changed(&House) {
            println!("{call}");
        }
        println!("{:?}", assembly.figures());
    }
    Ok(())
}
