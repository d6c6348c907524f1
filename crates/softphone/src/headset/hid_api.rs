//! Headsets on Windows and macOS, by hidapi. Untried: written from its documentation, compiled on Linux for its types.

use std::ffi::CString;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use hidapi::{HidApi, HidDevice, HidError, MAX_REPORT_DESCRIPTOR_SIZE};

use super::bus::{Bus, Found, NotOpened, Port, Woken};

/// The telephony page; every collection of a device is listed with its own page.
const TELEPHONY: u16 = 0x0B;
/// Nothing tells of devices that come: looked at this often while none is open.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// A device cannot be waited on together with the phone: it is asked this often, so a lamp is at most this late.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// See the module.
pub struct HidApiBus {
    api: Option<HidApi>,
    phone: Receiver<()>,
    looked: Instant,
}

impl std::fmt::Debug for HidApiBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HidApiBus").finish_non_exhaustive()
    }
}

impl HidApiBus {
    /// What comes by `phone`, or its end, is a change of the phone.
    #[must_use]
    pub fn new(phone: Receiver<()>) -> Self {
        let api = HidApi::new().inspect_err(|error| tracing::warn!("headsets cannot be looked for: {error}")).ok();
        Self { api, phone, looked: Instant::now() }
    }
}

impl Bus for HidApiBus {
    type Port = HidDevice;

    fn list(&mut self) -> Vec<Found> {
        self.looked = Instant::now();
        let Some(api) = &mut self.api else { return Vec::new() };
        if let Err(error) = api.refresh_devices() {
            tracing::warn!("headsets cannot be looked for: {error}");
            return Vec::new();
        }
        let telephony = api.device_list().filter(|device| device.usage_page() == TELEPHONY);
        let found = |device: &hidapi::DeviceInfo| {
            // hidapi gives the descriptor of an open device alone. What cannot be opened is listed with the least that
            // makes it a headset, so that `open` tells why not.
            let mut descriptor = vec![0; MAX_REPORT_DESCRIPTOR_SIZE];
            let read = api.open_path(device.path()).and_then(|open| open.get_report_descriptor(&mut descriptor));
            descriptor.truncate(read.unwrap_or(0));
            if descriptor.is_empty() {
                descriptor = vec![0x05, 0x0B, 0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0x20, 0x81, 0x22];
            }
            let names = [device.manufacturer_string(), device.product_string()];
            Some(Found {
                place: device.path().to_str().ok()?.to_owned(),
                name: names.into_iter().flatten().collect::<Vec<_>>().join(" "),
                descriptor,
            })
        };
        telephony.filter_map(found).collect()
    }

    fn open(&mut self, found: &Found) -> Result<HidDevice, NotOpened> {
        let api = self.api.as_ref().ok_or(NotOpened::Broken)?;
        let path = CString::new(found.place.as_str()).map_err(|_| NotOpened::Broken)?;
        api.open_path(&path).map_err(|error| why(&error))
    }

    fn wait(&mut self, port: Option<&mut HidDevice>, at_most: Option<Duration>) -> Woken {
        let is_open = port.is_some();
        let step = if is_open { ASK_EVERY } else { LOOK_EVERY };
        let by_phone = match self.phone.recv_timeout(at_most.map_or(step, |at_most| at_most.min(step))) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => true,
            Err(RecvTimeoutError::Timeout) => false,
        };
        Woken { by_device: is_open, by_change: !is_open && self.looked.elapsed() >= LOOK_EVERY, by_phone }
    }
}

/// hidapi tells it in words alone, which are the system's.
fn why(error: &HidError) -> NotOpened {
    let kind = match error {
        HidError::IoError { error } => Some(error.kind()),
        _ => None,
    };
    let words = error.to_string().to_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    // ERROR_SHARING_VIOLATION is 0x20, kIOReturnExclusiveAccess 0xE00002C5; ERROR_ACCESS_DENIED 5, kIOReturnNotPermitted
    // 0xE00002E2.
    if kind == Some(io::ErrorKind::ResourceBusy) || says(&["sharing violation", "being used", "0x00000020", "e00002c5"])
    {
        NotOpened::InUse
    } else if kind == Some(io::ErrorKind::PermissionDenied) || says(&["denied", "0x00000005", "e00002e2"]) {
        NotOpened::NotAllowed
    } else {
        NotOpened::Broken
    }
}

impl Port for HidDevice {
    fn read(&mut self, report: &mut [u8]) -> io::Result<usize> {
        self.read_timeout(report, 0).map_err(|error| io::Error::other(error.to_string()))
    }

    fn write(&mut self, report: &[u8]) -> io::Result<()> {
        HidDevice::write(self, report).map(drop).map_err(|error| io::Error::other(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_not() {
        let says = |message: &str| why(&HidError::HidApiError { message: message.into() });
        assert_eq!(says("CreateFile: (0x00000020) The process cannot access the file"), NotOpened::InUse);
        assert_eq!(says("hid_open_path: failed to open IOHIDDevice: (0xE00002C5) exclusive access"), NotOpened::InUse);
        assert_eq!(says("CreateFile: (0x00000005) Access is denied."), NotOpened::NotAllowed);
        assert_eq!(says("no such device"), NotOpened::Broken);
    }

    #[test]
    fn the_end_of_the_phone_wakes() {
        let (phone, changes) = std::sync::mpsc::channel();
        let mut bus = HidApiBus::new(changes);
        drop(phone);
        assert!(bus.wait(None, None).by_phone);
    }
}
