//! The buttons and lamps of a headset: where they stand in its reports, by the usages of the telephony and LED pages
//! (HID Usage Tables 1.5, chapters 14 and 11).

use std::fmt;

use super::descriptor::{self, Descriptor, DescriptorError, Direction, Field, Usage};

/// What a person presses, or the device says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Button {
    /// Hook Switch: off the hook is answering, on the hook hanging up.
    Hook,
    /// Phone Mute.
    Mute,
    /// Flash: what it should do with two calls differs from maker to maker, so it does nothing.
    Flash,
    /// Redial: a customer is not called by a slip of the thumb, so it does nothing.
    Redial,
    /// Drop: ends or refuses.
    Drop,
    /// Button 7 of the button page, which several makers use for *refuse*.
    Refuse,
    /// Line Busy Tone: the headset is in a call of its own (a mobile phone); nothing follows from it.
    LineBusy,
}

/// What a device shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lamp {
    /// A call is there; wireless headsets keep their link open by it.
    OffHook,
    /// The same, by another name (On-Line).
    OnLine,
    /// It rings.
    Ring,
    /// The same, of the telephony page (Ringer).
    Ringer,
    /// Our microphone is off.
    Mute,
    /// Stands for Mute where there is no such lamp.
    Microphone,
    /// A call is on hold.
    Hold,
    /// Loudspeaker; never lit.
    Speaker,
}

const BUTTONS: [(Usage, Button); 7] = [
    (0x000B_0020, Button::Hook),
    (0x000B_002F, Button::Mute),
    (0x000B_0021, Button::Flash),
    (0x000B_0024, Button::Redial),
    (0x000B_0026, Button::Drop),
    (0x0009_0007, Button::Refuse),
    (0x000B_0097, Button::LineBusy),
];

const LAMPS: [(Usage, Lamp); 8] = [
    (0x0008_0017, Lamp::OffHook),
    (0x0008_002A, Lamp::OnLine),
    (0x0008_0018, Lamp::Ring),
    (0x000B_009E, Lamp::Ringer),
    (0x0008_0009, Lamp::Mute),
    (0x0008_0021, Lamp::Microphone),
    (0x0008_0020, Lamp::Hold),
    (0x0008_001E, Lamp::Speaker),
];

/// How a control speaks (On/Off Control, HID Usage Tables 1.5, section 3.4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Absolute, no preferred state: it stays as it is put, and its value is the state.
    State,
    /// Relative, 0 to 1, or an element of an array: each change to 1 is a press.
    Press,
    /// Relative, −1 to 1: 1 is on, −1 off.
    Steps,
    /// Absolute with a preferred state. By the book a button, by practice often a switch: it shows in use which.
    Unsure,
}

/// Where in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A number of its own.
    Bits {
        /// First bit, behind the id.
        offset: u32,
        /// How many, at most 32.
        size: u32,
        /// It may be negative.
        is_signed: bool,
    },
    /// A value that an element of an array may have.
    Element {
        /// First bit of the array.
        offset: u32,
        /// Bits of an element.
        size: u32,
        /// Elements.
        count: u32,
        /// The value.
        value: u32,
    },
}

/// A button or lamp in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control<K> {
    /// Which.
    pub what: K,
    /// Of the report; 0: reports have no ids.
    pub report: u8,
    /// Where.
    pub place: Place,
    /// How it speaks.
    pub style: Style,
}

/// Which lamps are to be lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lit {
    /// A call is there.
    pub off_hook: bool,
    /// It rings.
    pub ring: bool,
    /// Our microphone is off.
    pub mute: bool,
    /// The call is on hold.
    pub hold: bool,
}

/// An input report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<'a> {
    /// Of all buttons in it.
    pub values: Vec<(Button, i32)>,
    /// The bytes behind it.
    pub rest: &'a [u8],
}

/// All that is known of a headset's reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controls {
    /// At most one of each.
    pub buttons: Vec<Control<Button>>,
    /// At most one of each.
    pub lamps: Vec<Control<Lamp>>,
    descriptor: Descriptor,
}

impl Controls {
    /// Reads a report descriptor; `None` when the device is no headset: it has neither hook switch nor mute.
    ///
    /// # Errors
    /// When the descriptor is malformed.
    pub fn read(descriptor: &[u8]) -> Result<Option<Self>, DescriptorError> {
        let descriptor = descriptor::parse(descriptor)?;
        let buttons = find(&descriptor, Direction::Input, &BUTTONS);
        let lamps = find(&descriptor, Direction::Output, &LAMPS);
        let is_headset = buttons.iter().any(|button| matches!(button.what, Button::Hook | Button::Mute));
        Ok(is_headset.then_some(Self { buttons, lamps, descriptor }))
    }

    /// Whether there is such a lamp.
    #[must_use]
    pub fn has(&self, lamp: Lamp) -> bool {
        self.lamps.iter().any(|control| control.what == lamp)
    }

    /// What the first report in these bytes says, and the bytes behind it. Windows pads a report to the longest that the
    /// device has, and a stream hands over two at once.
    #[must_use]
    pub fn pressed<'a>(&self, bytes: &'a [u8]) -> Option<Said<'a>> {
        let (report, body) = if self.descriptor.is_numbered { bytes.split_first()? } else { (&0, bytes) };
        let length = self.descriptor.length(Direction::Input, *report).filter(|length| *length > 0)?;
        let (body, rest) = body.split_at_checked(length).unwrap_or((body, &[]));
        let said = self.buttons.iter().filter(|control| control.report == *report);
        let values = said.filter_map(|control| Some((control.what, control.place.read(body)?)));
        (!body.is_empty()).then(|| Said { values: values.collect(), rest })
    }

    /// The reports that make the lamps so, each behind its id (0 where there are no ids), as hidraw and hidapi want them.
    #[must_use]
    pub fn reports(&self, lit: Lit) -> Vec<Vec<u8>> {
        let mut reports: Vec<Vec<u8>> = Vec::new();
        for control in &self.lamps {
            let known = reports.iter().position(|report| report[0] == control.report);
            let at = known.unwrap_or_else(|| {
                let length = self.descriptor.length(Direction::Output, control.report).unwrap_or_default();
                reports.push([&[control.report][..], &vec![0; length]].concat());
                reports.len() - 1
            });
            if self.is_lit(control.what, lit) {
                control.place.set(&mut reports[at][1..]);
            }
        }
        reports
    }

    fn is_lit(&self, lamp: Lamp, lit: Lit) -> bool {
        match lamp {
            Lamp::OffHook | Lamp::OnLine => lit.off_hook,
            Lamp::Ring | Lamp::Ringer => lit.ring,
            Lamp::Mute => lit.mute,
            Lamp::Microphone => lit.mute && !self.has(Lamp::Mute),
            Lamp::Hold => lit.hold,
            Lamp::Speaker => false,
        }
    }
}

fn find<K: Copy>(descriptor: &Descriptor, direction: Direction, usages: &[(Usage, K)]) -> Vec<Control<K>> {
    let fields = || descriptor.fields.iter().filter(|field| field.direction == direction);
    let first = |usage, what| fields().find_map(|field| Control::in_field(field, usage, what));
    usages.iter().filter_map(|(usage, what)| first(*usage, *what)).collect()
}

impl<K> Control<K> {
    fn in_field(field: &Field, usage: Usage, what: K) -> Option<Self> {
        let &Field { report, offset, size, count, logical_min, is_array, is_relative, has_preferred, .. } = field;
        let position = field.position_of(usage)?;
        if !(1..=32).contains(&size) {
            return None;
        }
        let place = if is_array {
            let value = i64::from(logical_min) + i64::from(position);
            let fits = value >= 0 && value <= i64::from(field.logical_max) && value < 1 << size;
            Place::Element { offset, size, count, value: u32::try_from(value).ok().filter(|_| fits)? }
        } else {
            let is_there = position < count;
            Place::Bits { offset: is_there.then(|| offset + position * size)?, size, is_signed: logical_min < 0 }
        };
        let style = match (is_array, is_relative) {
            (false, true) if logical_min < 0 => Style::Steps,
            (false, true) | (true, _) => Style::Press,
            (false, false) if has_preferred => Style::Unsure,
            (false, false) => Style::State,
        };
        Some(Self { what, report, place, style })
    }
}

impl Place {
    fn read(self, body: &[u8]) -> Option<i32> {
        match self {
            Self::Bits { offset, size, is_signed } => {
                let value = bits(body, offset, size)?;
                let unused = 32 - size;
                Some(if is_signed {
                    (value << unused).cast_signed() >> unused
                } else {
                    i32::try_from(value).unwrap_or(i32::MAX)
                })
            }
            Self::Element { offset, size, count, value } => {
                let mut elements = (0..count).map_while(|i| bits(body, offset + i * size, size)).peekable();
                elements.peek()?;
                Some(i32::from(elements.any(|element| element == value)))
            }
        }
    }

    /// Puts 1, or the element, into a report of zeros.
    fn set(self, body: &mut [u8]) {
        match self {
            Self::Bits { offset, .. } => put(body, offset, 1, 1),
            Self::Element { offset, size, count, value } => {
                // 0 is no lamp where the values begin at 1, as they do in arrays that are written.
                let is_free = |i: &u32| bits(body, offset + i * size, size) == Some(0);
                if let Some(free) = (0..count).find(is_free) {
                    put(body, offset + free * size, size, value);
                }
            }
        }
    }
}

fn bits(body: &[u8], offset: u32, size: u32) -> Option<u32> {
    let (first, shift) = ((offset / 8) as usize, offset % 8);
    let last = ((offset + size - 1) / 8) as usize;
    let bytes = body.get(first..=last)?;
    let whole = bytes.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    u32::try_from(whole >> shift & ((1 << size) - 1)).ok()
}

fn put(body: &mut [u8], offset: u32, size: u32, value: u32) {
    for i in 0..size {
        let at = offset + i;
        if let Some(byte) = body.get_mut((at / 8) as usize) {
            *byte |= ((value >> i & 1) as u8) << (at % 8);
        }
    }
}

/// As in the tables of `tests/headsets`: `hook in 2 bit 0 state`.
impl<K: fmt::Debug> fmt::Display for Control<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, report, place, style } = self;
        write!(f, "{what:?} in {report} ")?;
        match place {
            Place::Bits { offset, size: 1, .. } => write!(f, "bit {offset}")?,
            Place::Bits { offset, size, .. } => write!(f, "bits {offset}+{size}")?,
            Place::Element { offset, size, count, value } => {
                write!(f, "value {value} of {count} at {offset}+{size}")?;
            }
        }
        write!(f, " {style:?}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bits_of_a_body() {
        let body = [0b1010_0110, 0x34, 0x12, 0xFF];
        assert_eq!(bits(&body, 1, 1), Some(1));
        assert_eq!(bits(&body, 0, 1), Some(0));
        assert_eq!(bits(&body, 8, 16), Some(0x1234));
        assert_eq!(bits(&body, 4, 8), Some(0x4A));
        assert_eq!(bits(&body, 0, 32), Some(0xFF12_34A6));
        assert_eq!(bits(&body, 31, 1), Some(1));
        assert_eq!(bits(&body, 31, 2), None);
        let mut written = [0; 4];
        put(&mut written, 4, 8, 0x4A);
        assert_eq!(bits(&written, 4, 8), Some(0x4A));
        assert_eq!(written, [0xA0, 0x04, 0, 0]);
    }

    #[test]
    fn a_lamp_may_be_an_element() {
        // One byte that names the lamp: 1 off-hook … as of usage 0x17.
        let bytes = [
            0x05, 0x0B, 0x15, 0x00, 0x25, 0x01, 0x75, 0x08, 0x95, 0x01, 0x09, 0x20, 0x81, 0x22, 0x05, 0x08, 0x15, 0x01,
            0x25, 0x02, 0x95, 0x02, 0x19, 0x17, 0x29, 0x18, 0x91, 0x00,
        ];
        let controls = Controls::read(&bytes).unwrap().unwrap();
        let write = |off_hook, ring| controls.reports(Lit { off_hook, ring, ..Lit::default() });
        assert_eq!(write(false, false), [[0, 0, 0]]);
        assert_eq!(write(true, false), [[0, 1, 0]]);
        assert_eq!(write(true, true), [[0, 1, 2]]);
    }

    #[test]
    fn a_mouse_is_no_headset() {
        let mouse = [
            0x05, 0x01, 0x09, 0x02, 0xA1, 0x01, 0x05, 0x09, 0x19, 0x01, 0x29, 0x08, 0x15, 0x00, 0x25, 0x01, 0x95, 0x08,
            0x75, 0x01, 0x81, 0x02, 0xC0,
        ];
        assert_eq!(Controls::read(&mouse), Ok(None), "though it has a button 7");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever is plugged in: an error or controls inside their reports, and no report that harms.
        #[test]
        fn hostile_descriptors(descriptor in items(), reports in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4)) {
            if let Ok(Some(controls)) = Controls::read(&descriptor) {
                let all = Lit { off_hook: true, ring: true, mute: true, hold: true };
                for (dark, lit) in controls.reports(Lit::default()).iter().zip(controls.reports(all)) {
                    prop_assert_eq!(dark.len(), lit.len());
                    prop_assert!(lit.len() <= 4097);
                }
                for bytes in &reports {
                    let mut rest = &bytes[..];
                    while let Some(said) = controls.pressed(rest) {
                        prop_assert!(said.rest.len() < rest.len());
                        rest = said.rest;
                    }
                }
            }
        }
    }

    /// Mostly items that mean something, so that the properties are not about refusals alone.
    fn items() -> impl Strategy<Value = Vec<u8>> {
        let known = prop::sample::select(vec![
            vec![0x05, 0x0B],
            vec![0x05, 0x08],
            vec![0x05, 0x09],
            vec![0x09, 0x20],
            vec![0x09, 0x2F],
            vec![0x19, 0x00],
            vec![0x29, 0xFF],
            vec![0x09, 0x17],
            vec![0x15, 0xFF],
            vec![0x25, 0x01],
            vec![0x75, 0x01],
            vec![0x75, 0x20],
            vec![0x95, 0x01],
            vec![0x96, 0xFF, 0x03],
            vec![0x85, 0x01],
            vec![0x81, 0x00],
            vec![0x81, 0x02],
            vec![0x81, 0x06],
            vec![0x91, 0x00],
            vec![0x91, 0x22],
            vec![0xA4],
            vec![0xB4],
        ]);
        let any_item = prop::collection::vec(any::<u8>(), 1..6);
        prop::collection::vec(prop_oneof![9 => known, 1 => any_item], 0..80).prop_map(|items| items.concat())
    }
}
