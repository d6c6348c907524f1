//! The border to the system: devices are found, opened, read and written. Below it are bytes alone, and tests stand in
//! for a device exactly here.

use std::io;
use std::time::Duration;

/// A HID device, headset or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is opened; another device may come to the same place later.
    pub place: String,
    /// What it calls itself: maker and product.
    pub name: String,
    /// Its report descriptor, as it came.
    pub descriptor: Vec<u8>,
}

/// Why a device could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpened {
    /// We may not.
    NotAllowed,
    /// Another program has it for itself.
    InUse,
    /// It went, or answers with an error.
    Broken,
}

/// Why [`Bus::wait`] came back; several may be true, or none when the time was over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Woken {
    /// The open device has something to say, or has gone.
    pub by_device: bool,
    /// Devices came or went, or may be opened that could not be.
    pub by_change: bool,
    /// The phone has changed, or is gone.
    pub by_phone: bool,
}

/// Where headsets are plugged in.
pub trait Bus {
    /// An opened device.
    type Port: Port;

    /// All devices there are now.
    fn list(&mut self) -> Vec<Found>;

    /// Opens one.
    ///
    /// # Errors
    /// Why not.
    fn open(&mut self, found: &Found) -> Result<Self::Port, NotOpened>;

    /// Sleeps until something happens, at most so long.
    fn wait(&mut self, port: Option<&mut Self::Port>, at_most: Option<Duration>) -> Woken;
}

/// An opened device.
pub trait Port {
    /// One report, behind its id where reports have ids; 0: nothing is there now.
    ///
    /// # Errors
    /// The device has gone.
    fn read(&mut self, report: &mut [u8]) -> io::Result<usize>;

    /// One report, behind its id or 0.
    ///
    /// # Errors
    /// It was not taken.
    fn write(&mut self, report: &[u8]) -> io::Result<()>;
}
