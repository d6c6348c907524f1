//! What is measured of a call's sound, at a stream whose every packet a test sends. No lab is needed.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod drive;
mod peer;

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use drive::{call_in, ended};
use peer::Peer;
use peer::dialog::talking;
use serde_json::json;

/// Sound of which every tenth packet is missing, in the rhythm of a telephone, until it is dropped.
struct Lossy(Option<Sender<()>>, Option<JoinHandle<()>>);

impl Lossy {
    fn sound(peer: &Peer, to: u16) -> Self {
        let socket = peer.rtp.try_clone().unwrap();
        let (keep, goes_on) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            for n in 0_u16.. {
                let mut packet = vec![0x80, 8];
                packet.extend(n.to_be_bytes());
                packet.extend((u32::from(n) * 160).to_be_bytes());
                packet.extend([0, 0, 0, 7]);
                // A square wave of 500 Hz in A-law.
                packet.extend((0..160).map(|i| if i / 8 % 2 == 0 { 0xb5 } else { 0x35 }));
                if n % 10 != 9 {
                    socket.send_to(&packet, ("127.0.0.1", to)).unwrap();
                }
                let next = began + Duration::from_millis(20) * (u32::from(n) + 1);
                if goes_on.recv_timeout(next.saturating_duration_since(Instant::now()))
                    != Err(RecvTimeoutError::Timeout)
                {
                    break;
                }
            }
        });
        Self(Some(keep), Some(thread))
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        drop(self.0.take());
        self.1.take().unwrap().join().unwrap();
    }
}

#[test]
fn what_is_lost_on_the_way_is_measured_and_told() {
    let (mut peer, mut phone) = Peer::with_phone(json!({}));
    let (dialog, call, _) = talking(&mut peer, &mut phone, "");
    let sound = Lossy::sound(&peer, dialog.rtp_port);
    let measured = phone.wait("loss on our side is told", |m| {
        call_in(m, "talking").filter(|c| c["warnings"].as_array().is_some_and(|all| all.contains(&json!("loss-here"))))
    });
    assert!(!measured["warnings"].to_string().contains("loss-there"), "{measured}");
    let measured = phone.wait("four seconds of it", |m| {
        call_in(m, "talking").filter(|c| c["quality"]["rx_packets"].as_u64() > Some(180))
    });
    let quality = &measured["quality"];
    let figure = |name: &str| quality[name].as_f64().unwrap_or_else(|| panic!("{name} is not measured: {quality}"));
    let loss = figure("rx_loss_percent");
    assert!((7.0..=13.0).contains(&loss) && figure("tx_loss_percent") == 0.0, "{quality}");
    assert!(figure("mos") < 4.0 && figure("mos_min") <= figure("mos") && figure("buffer_delay_ms") > 0.0, "{quality}");
    assert!(quality["levels"]["heard"].as_u64() > Some(20), "{quality}");
    assert!(quality["tx_packets"].as_u64() > Some(100) && quality["codec"] == "PCMA", "{quality}");

    phone.ask(json!({"do": "hang-up", "call": call}));
    let bye = peer.hear_request("BYE");
    peer.reply(&bye, 200, "OK", "", "");
    let record = phone.wait("over", ended);
    let whole = &record["call"]["quality"];
    assert!((7.0..=13.0).contains(&whole["rx_loss_percent"].as_f64().unwrap()), "{whole}");
    assert!(whole["rx_packets"].as_u64() > Some(180) && whole["levels"].is_null(), "{whole}");
    drop(sound);
}
