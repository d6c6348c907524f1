//! The buttons and lamps of a headset: USB HID, telephony page.
//!
//! From the bottom: [`bus`] is the border to the system (bytes, nothing else), [`descriptor`] and [`controls`] know what the
//! bytes mean, [`session`] what a button means while the phone is so and what the lamps must show, [`worker`] is the thread
//! that brings them together. Pure but for the bus and the worker. Nothing here knows a maker or a model: what a device says
//! of itself in its report descriptor is all.

pub mod bus;
mod choice;
pub mod controls;
pub mod descriptor;
#[cfg(any(test, not(target_os = "linux")))]
mod hid_api;
#[cfg(target_os = "linux")]
mod hidraw;
pub mod session;
mod switch;
pub mod worker;

use std::io;

use tokio::sync::watch;

use worker::{Told, Wish, Worker};

/// Parsing a descriptor of 4096 bytes is the deepest that happens here.
const STACK: usize = 128 << 10;

/// The thread and the way to it; it ends, with dark lamps, when this is dropped.
#[derive(Debug)]
pub struct Headset {
    wishes: Option<watch::Sender<Wish>>,
    wake: Option<Wake>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Headset {
    /// Starts to look for a headset. `tell` is called in the thread and must not wait.
    ///
    /// # Errors
    /// When no thread or pipe can be made.
    pub fn start(tell: impl FnMut(Told) + Send + 'static) -> io::Result<Self> {
        let (wishes, wished) = watch::channel(Wish::default());
        let (wake, phone) = wake()?;
        let run = move || Worker::new(system(phone), wished, tell).run();
        let thread = std::thread::Builder::new().name("headset".into()).stack_size(STACK).spawn(run)?;
        Ok(Self { wishes: Some(wishes), wake: Some(wake), thread: Some(thread) })
    }

    /// What the phone wants from now on. Never waits.
    pub fn wish(&self, wish: Wish) {
        if let (Some(wishes), Some(wake)) = (&self.wishes, &self.wake) {
            wishes.send_replace(wish);
            awaken(wake);
        }
    }
}

impl Drop for Headset {
    fn drop(&mut self) {
        self.wishes = None;
        self.wake = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the headset's thread panicked");
        }
    }
}

/// Where devices are looked for instead of `/`: a directory with `dev` and `sys`. For tests, and not in a release build.
#[must_use]
pub fn simulated() -> Option<std::path::PathBuf> {
    if cfg!(debug_assertions) { std::env::var_os("LINEDESK_HID_ROOT").map(Into::into) } else { None }
}

#[cfg(target_os = "linux")]
type Wake = io::PipeWriter;
#[cfg(target_os = "linux")]
type Phone = io::PipeReader;

#[cfg(target_os = "linux")]
fn wake() -> io::Result<(Wake, Phone)> {
    let (phone, wake) = io::pipe()?;
    // A full pipe wakes as well as one byte does, and the engine must not wait for it.
    let flags = nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK);
    nix::fcntl::fcntl(&wake, flags)?;
    Ok((wake, phone))
}

#[cfg(target_os = "linux")]
fn awaken(mut wake: &Wake) {
    let _ = io::Write::write(&mut wake, &[0]);
}

#[cfg(target_os = "linux")]
fn system(phone: Phone) -> hidraw::Hidraw {
    hidraw::Hidraw::new(&simulated().unwrap_or_else(|| "/".into()), phone)
}

#[cfg(not(target_os = "linux"))]
type Wake = std::sync::mpsc::Sender<()>;
#[cfg(not(target_os = "linux"))]
type Phone = std::sync::mpsc::Receiver<()>;

#[cfg(not(target_os = "linux"))]
fn wake() -> io::Result<(Wake, Phone)> {
    Ok(std::sync::mpsc::channel())
}

#[cfg(not(target_os = "linux"))]
fn awaken(wake: &Wake) {
    let _ = wake.send(());
}

#[cfg(not(target_os = "linux"))]
fn system(phone: Phone) -> hid_api::HidApiBus {
    hid_api::HidApiBus::new(phone)
}
