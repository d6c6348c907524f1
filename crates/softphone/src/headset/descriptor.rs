//! Report descriptors (Device Class Definition for HID 1.11, section 6.2.2): which bits of which report have which usage.
//!
//! A descriptor comes from whatever was plugged in, so nothing in it is believed: sizes are bounded before anything is
//! kept, and a field of four thousand million elements costs as much as one of one.

use std::collections::BTreeMap;

/// The longest that Linux takes, and hidapi's limit.
pub const MAX_DESCRIPTOR: usize = 4096;
/// No headset's report is longer than a few dozen bytes.
const MAX_REPORT_BITS: u64 = 8 * 4096;
const MAX_PUSHED: usize = 16;
const MAX_COLLECTIONS: usize = 64;

/// Which way a report goes. Feature reports are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the device.
    Input,
    /// To the device.
    Output,
}

/// Page and id of a usage in one number, as in an extended Usage item.
pub type Usage = u32;

/// A run of equal elements in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its way.
    pub direction: Direction,
    /// Id of its report; 0: the device's reports have no ids.
    pub report: u8,
    /// First bit, behind the id.
    pub offset: u32,
    /// Bits of one element.
    pub size: u32,
    /// Elements.
    pub count: u32,
    /// Least value.
    pub logical_min: i32,
    /// Greatest value.
    pub logical_max: i32,
    /// Each element names one of the usages (NAry), instead of being one.
    pub is_array: bool,
    /// A change is reported, not a state.
    pub is_relative: bool,
    /// Nobody touches it, and it goes back to where it was: a button, not a switch.
    pub has_preferred: bool,
    usages: Vec<(Usage, Usage)>,
}

impl Field {
    /// Where in the list of usages this one stands.
    #[must_use]
    pub fn position_of(&self, usage: Usage) -> Option<u32> {
        let mut before: u64 = 0;
        for &(first, last) in &self.usages {
            if (first..=last).contains(&usage) {
                return u32::try_from(before + u64::from(usage - first)).ok();
            }
            before += u64::from(last - first) + 1;
        }
        None
    }
}

/// What a descriptor says, without padding and without feature reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// In order.
    pub fields: Vec<Field>,
    /// Reports begin with their id.
    pub is_numbered: bool,
    bits: BTreeMap<(Direction, u8), u32>,
}

/// Why a descriptor cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// More than [`MAX_DESCRIPTOR`].
    #[error("the report descriptor is longer than {MAX_DESCRIPTOR} bytes")]
    TooLong,
    /// An item wants bytes that are not there.
    #[error("the report descriptor is cut off in the item at byte {0}")]
    CutOff(usize),
    /// Report id 0, or above 255.
    #[error("the report descriptor has the report id {0}, which there cannot be")]
    ReportId(u32),
    /// A report of more than 4096 bytes.
    #[error("the report descriptor describes a report of more than {} bytes", MAX_REPORT_BITS / 8)]
    ReportTooLong,
    /// Push or Collection without end, or an end without them.
    #[error("the report descriptor's collections or pushed items do not pair up, at byte {0}")]
    Unpaired(usize),
}

#[derive(Debug, Clone, Copy, Default)]
struct Global {
    page: u32,
    logical_min: i32,
    /// As it stands there: whether it has a sign depends on the minimum, which may come later.
    logical_max: (u32, usize),
    size: u32,
    count: u32,
    report: u8,
}

/// A usage as it stands there: the page is that of the main item, unless it is written with it.
#[derive(Debug, Clone, Copy)]
struct Named {
    value: u32,
    is_whole: bool,
}

impl Named {
    fn on(self, page: u32) -> Usage {
        if self.is_whole { self.value } else { page << 16 | self.value & 0xFFFF }
    }
}

#[derive(Debug, Clone, Default)]
struct Local {
    usages: Vec<(Named, Named)>,
    minimum: Option<Named>,
    maximum: Option<Named>,
    /// Inside a delimiter only the first usage counts; the others are other words for the same.
    delimited: Option<bool>,
}

impl Local {
    fn add(&mut self, first: Named, last: Named) {
        match &mut self.delimited {
            Some(true) => return,
            Some(taken) => *taken = true,
            None => {}
        }
        self.usages.push((first, last));
    }

    fn ranges(&self, page: u32) -> Vec<(Usage, Usage)> {
        let whole = self.usages.iter().map(|(first, last)| (first.on(page), last.on(page)));
        whole.filter(|(first, last)| first <= last).collect()
    }
}

fn signed(value: u32, bytes: usize) -> i32 {
    match bytes {
        1 => i32::from(value.to_le_bytes()[0].cast_signed()),
        2 => i32::from(i16::from_le_bytes([value.to_le_bytes()[0], value.to_le_bytes()[1]])),
        _ => value.cast_signed(),
    }
}

impl Global {
    fn maximum(&self) -> i32 {
        let (value, bytes) = self.logical_max;
        // Written as 0xFF by many who mean 255.
        if self.logical_min < 0 { signed(value, bytes) } else { i32::try_from(value).unwrap_or(i32::MAX) }
    }
}

/// Reads a descriptor.
///
/// # Errors
/// When it is malformed beyond what devices are known to get away with; unknown items are skipped.
pub fn parse(bytes: &[u8]) -> Result<Descriptor, DescriptorError> {
    if bytes.len() > MAX_DESCRIPTOR {
        return Err(DescriptorError::TooLong);
    }
    let mut descriptor = Descriptor::default();
    let (mut global, mut local) = (Global::default(), Local::default());
    let mut pushed: Vec<Global> = Vec::new();
    let mut collections = 0_usize;
    let mut at = 0;
    while let Some(item) = Item::at(bytes, at)? {
        match (item.kind, item.tag) {
            (MAIN, 0x8) => descriptor.add(Direction::Input, item.value, &global, &local)?,
            (MAIN, 0x9) => descriptor.add(Direction::Output, item.value, &global, &local)?,
            (MAIN, 0xA) => {
                collections += 1;
                if collections > MAX_COLLECTIONS {
                    return Err(DescriptorError::Unpaired(at));
                }
            }
            (MAIN, 0xC) => collections = collections.checked_sub(1).ok_or(DescriptorError::Unpaired(at))?,
            (GLOBAL, 0x0) => global.page = item.value & 0xFFFF,
            (GLOBAL, 0x1) => global.logical_min = signed(item.value, item.bytes),
            (GLOBAL, 0x2) => global.logical_max = (item.value, item.bytes),
            (GLOBAL, 0x7) => global.size = item.value,
            (GLOBAL, 0x8) => {
                let id = u8::try_from(item.value).ok().filter(|id| *id != 0);
                global.report = id.ok_or(DescriptorError::ReportId(item.value))?;
                descriptor.is_numbered = true;
            }
            (GLOBAL, 0x9) => global.count = item.value,
            (GLOBAL, 0xA) if pushed.len() < MAX_PUSHED => pushed.push(global),
            (GLOBAL, 0xA) => return Err(DescriptorError::Unpaired(at)),
            (GLOBAL, 0xB) => global = pushed.pop().ok_or(DescriptorError::Unpaired(at))?,
            (LOCAL, tag) => local.item(tag, &item),
            _ => {}
        }
        if item.kind == MAIN {
            local = Local::default();
        }
        at = item.next;
    }
    if collections > 0 {
        return Err(DescriptorError::Unpaired(bytes.len()));
    }
    if descriptor.is_numbered {
        // What stands before the first id is in no report.
        descriptor.fields.retain(|field| field.report != 0);
    }
    Ok(descriptor)
}

impl Local {
    fn item(&mut self, tag: u8, item: &Item) {
        let named = Named { value: item.value, is_whole: item.bytes == 4 };
        match tag {
            0x0 => self.add(named, named),
            0x1 => self.minimum = Some(named),
            0x2 => self.maximum = Some(named),
            0xA => self.delimited = (item.value == 1).then_some(false),
            _ => {}
        }
        if let (Some(first), Some(last)) = (self.minimum, self.maximum) {
            (self.minimum, self.maximum) = (None, None);
            self.add(first, last);
        }
    }
}

impl Descriptor {
    /// Bytes of a report, without its id.
    #[must_use]
    pub fn length(&self, direction: Direction, report: u8) -> Option<usize> {
        self.bits.get(&(direction, report)).map(|bits| bits.div_ceil(8) as usize)
    }

    fn add(&mut self, direction: Direction, flags: u32, global: &Global, local: &Local) -> Result<(), DescriptorError> {
        let length = self.bits.entry((direction, global.report)).or_default();
        let end = u64::from(*length) + u64::from(global.size) * u64::from(global.count);
        let Some(end) = u32::try_from(end).ok().filter(|bits| u64::from(*bits) <= MAX_REPORT_BITS) else {
            return Err(DescriptorError::ReportTooLong);
        };
        let offset = std::mem::replace(length, end);
        let is_constant = flags & 0x01 != 0;
        let usages = local.ranges(global.page);
        if is_constant || usages.is_empty() || end == offset {
            return Ok(());
        }
        self.fields.push(Field {
            direction,
            report: global.report,
            offset,
            size: global.size,
            count: global.count,
            logical_min: global.logical_min,
            logical_max: global.maximum(),
            is_array: flags & 0x02 == 0,
            is_relative: flags & 0x04 != 0,
            has_preferred: flags & 0x20 == 0,
            usages,
        });
        Ok(())
    }
}

const MAIN: u8 = 0;
const GLOBAL: u8 = 1;
const LOCAL: u8 = 2;

struct Item {
    kind: u8,
    tag: u8,
    value: u32,
    /// Of the value.
    bytes: usize,
    next: usize,
}

impl Item {
    /// The item that begins at this byte; `None` at the end.
    fn at(all: &[u8], at: usize) -> Result<Option<Self>, DescriptorError> {
        let Some(&prefix) = all.get(at) else { return Ok(None) };
        if prefix == 0xFE {
            // A long item: size, tag, data. None has a meaning yet.
            let size = *all.get(at + 1).ok_or(DescriptorError::CutOff(at))?;
            let next = at + 3 + usize::from(size);
            if next > all.len() {
                return Err(DescriptorError::CutOff(at));
            }
            return Ok(Some(Self { kind: 3, tag: 0xF, value: 0, bytes: 0, next }));
        }
        let bytes = [0, 1, 2, 4][usize::from(prefix & 0x03)];
        let data = all.get(at + 1..at + 1 + bytes).ok_or(DescriptorError::CutOff(at))?;
        let value = data.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        Ok(Some(Self { kind: prefix >> 2 & 0x03, tag: prefix >> 4, value, bytes, next: at + 1 + bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One input field, after these items.
    fn only(items: &[u8]) -> Field {
        let mut all = vec![0x05, 0x0B, 0x75, 0x01, 0x95, 0x01, 0x15, 0x00, 0x25, 0x01];
        all.extend(items);
        all.extend([0x81, 0x02]);
        let descriptor = parse(&all).unwrap();
        assert_eq!(descriptor.fields.len(), 1, "{descriptor:?}");
        descriptor.fields[0].clone()
    }

    #[test]
    fn the_page_is_that_of_the_main_item() {
        // The usage stands before the page that it belongs to.
        let field = only(&[0x05, 0x09, 0x09, 0x20, 0x05, 0x0B]);
        assert_eq!(field.position_of(0x000B_0020), Some(0));
        // Written with its page it does not care.
        let field = only(&[0x0B, 0x2F, 0x00, 0x0B, 0x00, 0x05, 0x0C]);
        assert_eq!(field.position_of(0x000B_002F), Some(0));
    }

    #[test]
    fn ranges_and_lists_are_one_sequence() {
        let field = only(&[0x09, 0x97, 0x19, 0x20, 0x29, 0x2F, 0x09, 0xB0, 0x95, 0x12]);
        let places = [0x97, 0x20, 0x21, 0x2F, 0xB0, 0xB1].map(|id| field.position_of(0x000B_0000 | id));
        assert_eq!(places, [Some(0), Some(1), Some(2), Some(16), Some(17), None]);
        // The maximum may come first.
        assert_eq!(only(&[0x29, 0x2F, 0x19, 0x20]).position_of(0x000B_002F), Some(15));
    }

    #[test]
    fn of_alternatives_the_first_counts() {
        let field = only(&[0xA9, 0x01, 0x09, 0x20, 0x09, 0x2A, 0xA9, 0x00, 0x09, 0x2F, 0x95, 0x02]);
        let places = [0x20, 0x2A, 0x2F].map(|id| field.position_of(0x000B_0000 | id));
        assert_eq!(places, [Some(0), None, Some(1)]);
    }

    #[test]
    fn signs_of_limits() {
        let limits = |items: &[u8]| {
            let field = only(&[&[0x09, 0x20], items].concat());
            (field.logical_min, field.logical_max)
        };
        assert_eq!(limits(&[0x15, 0xFF, 0x25, 0x01]), (-1, 1));
        assert_eq!(limits(&[0x25, 0xFF]), (0, 255), "one byte of 255 is not -1 where nothing is negative");
        assert_eq!(limits(&[0x25, 0xFF, 0x16, 0x00, 0x80]), (-32768, -1), "whichever comes first");
        assert_eq!(limits(&[0x27, 0xFF, 0xFF, 0xFF, 0xFF]), (0, i32::MAX));
    }

    #[test]
    fn pushed_items_come_back() {
        // Id 2 and one bit; pushed; id 3 and eight bits; popped: id 2 goes on where it was.
        let bytes = [
            0x05, 0x0B, 0x25, 0x01, 0x85, 0x02, 0x75, 0x01, 0x95, 0x01, 0x09, 0x20, 0x81, 0x22, 0xA4, 0x05, 0x0C, 0x85,
            0x03, 0x75, 0x08, 0x09, 0xE9, 0x81, 0x06, 0xB4, 0x09, 0x2F, 0x81, 0x06,
        ];
        let descriptor = parse(&bytes).unwrap();
        let places: Vec<_> = descriptor.fields.iter().map(|f| (f.report, f.offset, f.size)).collect();
        assert_eq!(places, [(2, 0, 1), (3, 0, 8), (2, 1, 1)]);
        assert!(descriptor.fields[2].position_of(0x000B_002F).is_some());
        assert_eq!(descriptor.length(Direction::Input, 2), Some(1));
        assert_eq!(descriptor.length(Direction::Output, 2), None);
    }

    #[test]
    fn malformed_ones_are_refused() {
        let collection = [0xA1, 0x01].repeat(MAX_COLLECTIONS + 1);
        let pushes = vec![0xA4; MAX_PUSHED + 1];
        let too_long = vec![0; MAX_DESCRIPTOR + 1];
        let cases: [(&[u8], DescriptorError); 11] = [
            (&too_long, DescriptorError::TooLong),
            (&[0x05], DescriptorError::CutOff(0)),
            (&[0xC0, 0x05], DescriptorError::Unpaired(0)),
            (&[0xA1, 0x01], DescriptorError::Unpaired(2)),
            (&[0xB4], DescriptorError::Unpaired(0)),
            (&collection, DescriptorError::Unpaired(2 * MAX_COLLECTIONS)),
            (&pushes, DescriptorError::Unpaired(MAX_PUSHED)),
            (&[0x85, 0x00], DescriptorError::ReportId(0)),
            (&[0x86, 0x00, 0x01], DescriptorError::ReportId(256)),
            (&[0xFE, 0x10, 0x00, 0x00], DescriptorError::CutOff(0)),
            // Size and count of 2³²−1.
            (
                &[0x77, 0xFF, 0xFF, 0xFF, 0xFF, 0x97, 0xFF, 0xFF, 0xFF, 0xFF, 0x09, 0x20, 0x81, 0x02],
                DescriptorError::ReportTooLong,
            ),
        ];
        for (bytes, error) in cases {
            assert_eq!(parse(bytes), Err(error), "{:02X?}", &bytes[..bytes.len().min(8)]);
        }
        assert_eq!(parse(&[]), Ok(Descriptor::default()));
    }

    #[test]
    fn a_range_of_all_usages_costs_nothing() {
        let field = only(&[0x1B, 0, 0, 0, 0, 0x2B, 0xFF, 0xFF, 0xFF, 0xFF, 0x96, 0x00, 0x40]);
        assert_eq!(field.position_of(0x000B_0020), Some(0x000B_0020));
        // Turned round it is empty, and the field has no usage.
        let reversed = [0x05, 0x0B, 0x75, 0x01, 0x95, 0x01, 0x19, 0x2F, 0x29, 0x20, 0x81, 0x02];
        assert!(parse(&reversed).unwrap().fields.is_empty());
    }
}
