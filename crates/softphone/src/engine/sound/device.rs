//! A sound device in one direction, and lists of them.

use softphone_api::AudioDevice;

/// Devices that are listed at most; pjmedia has room for that many names.
pub(super) const MOST_DEVICES: usize = 40;

/// A device as the sound system tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Stable name, the key of a choice.
    pub(super) name: String,
    /// What a person reads.
    pub(super) label: String,
    /// What pjmedia opens it by.
    pub(super) native: String,
    pub(super) capture: bool,
    pub(super) is_default: bool,
    /// Another number under the same name is another device: it went and came back.
    pub(super) id: u32,
}

/// A device that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    /// Of pjmedia's list.
    pub(crate) index: i32,
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) capture: bool,
    pub(crate) is_default: bool,
    pub(super) id: u32,
    /// Grows when it has to be opened anew under the same name.
    pub(super) epoch: u32,
}

impl Device {
    pub(super) fn public(&self) -> AudioDevice {
        AudioDevice {
            name: self.name.clone(),
            label: self.label.clone(),
            capture: self.capture,
            is_default: self.is_default,
        }
    }
}

/// Whether a choice may name a device so.
pub(super) fn usable_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 256 && !name.contains(char::is_control)
}
