//! A server in front of the PBX that can die and live again, and that sees what passes.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "shared by test binaries that each use a part; a failed step is a failed test"
)]

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::drive::lab_at;

/// Passes datagrams on while it lives.
pub struct Front {
    pub at: SocketAddr,
    lives: Arc<AtomicBool>,
    passed: Arc<Mutex<Vec<String>>>,
}

impl Front {
    pub fn new(address: &str) -> Self {
        let near = Arc::new(UdpSocket::bind((address, 0)).unwrap());
        let at = near.local_addr().unwrap();
        let far = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        let (host, port) = lab_at("LINEDESK_LAB_SIP");
        far.connect((host.as_str(), port)).unwrap();
        let front = Self { at, lives: Arc::new(AtomicBool::new(true)), passed: Arc::default() };
        let phone: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let (in_near, in_far, in_phone) = (near.clone(), far.clone(), phone.clone());
        front.carry(move |buffer| {
            let (length, from) = in_near.recv_from(buffer)?;
            *in_phone.lock().unwrap() = Some(from);
            Ok((length, in_far.clone(), None))
        });
        front.carry(move |buffer| {
            let length = far.recv(buffer)?;
            let to = *phone.lock().unwrap();
            Ok((length, near.clone(), to))
        });
        front
    }

    /// Datagrams that `next` receives go on to where it says.
    fn carry(
        &self,
        mut next: impl FnMut(&mut [u8]) -> std::io::Result<(usize, Arc<UdpSocket>, Option<SocketAddr>)> + Send + 'static,
    ) {
        let (lives, passed) = (self.lives.clone(), self.passed.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 8000];
            while let Ok((length, through, to)) = next(&mut buffer) {
                if !lives.load(Ordering::Relaxed) {
                    continue;
                }
                passed.lock().unwrap().push(String::from_utf8_lossy(&buffer[..length]).into_owned());
                let _ = match to {
                    Some(to) => through.send_to(&buffer[..length], to),
                    None => through.send(&buffer[..length]),
                };
            }
        });
    }

    pub fn dies(&self) {
        self.lives.store(false, Ordering::Relaxed);
    }

    pub fn lives_again(&self) {
        self.lives.store(true, Ordering::Relaxed);
    }

    /// The last message that has this in it.
    pub fn answer_with(&self, part: &str) -> Option<String> {
        self.passed.lock().unwrap().iter().rfind(|m| m.starts_with("SIP/2.0 ") && m.contains(part)).cloned()
    }

    /// The last message that begins so.
    pub fn passed(&self, beginning: &str) -> Option<String> {
        self.passed.lock().unwrap().iter().rfind(|message| message.starts_with(beginning)).cloned()
    }
}
