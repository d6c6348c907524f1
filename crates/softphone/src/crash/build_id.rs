//! The linker's name of this very build (ELF note NT_GNU_BUILD_ID), by which debug information is found.

const PT_NOTE: u32 = 4;
const NT_GNU_BUILD_ID: u32 = 3;
/// The notes stand near the beginning.
const ENOUGH: u64 = 64 << 10;

/// In hexadecimal digits. Nothing where programs are no ELF files, or the linker was told to write none.
pub(super) fn of_this_program() -> Option<String> {
    use std::io::Read as _;
    let mut begin = Vec::new();
    std::fs::File::open(std::env::current_exe().ok()?).ok()?.take(ENOUGH).read_to_end(&mut begin).ok()?;
    of(&begin)
}

/// 64-bit little-endian files only: there is no other build.
fn of(elf: &[u8]) -> Option<String> {
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let half = |at: usize| Some(u16::from_le_bytes(elf.get(at..at.checked_add(2)?)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_le_bytes(elf.get(at..at.checked_add(4)?)?.try_into().ok()?));
    let long = |at: usize| usize::try_from(u64::from_le_bytes(elf.get(at..at.checked_add(8)?)?.try_into().ok()?)).ok();
    let (table, size, count) = (long(32)?, usize::from(half(54)?), usize::from(half(56)?));
    for header in (0..count).filter_map(|n| table.checked_add(n * size)) {
        if word(header)? != PT_NOTE {
            continue;
        }
        let mut at = long(header.checked_add(8)?)?;
        let end = at.checked_add(long(header.checked_add(32)?)?)?.min(elf.len());
        // Within the file from here on, so nothing overflows.
        while at + 12 <= end {
            let (name, value, kind) = (word(at)? as usize, word(at + 4)? as usize, word(at + 8)?);
            let value_at = at + 12 + name.next_multiple_of(4);
            if kind == NT_GNU_BUILD_ID && elf.get(at + 12..at + 12 + name)? == b"GNU\0" {
                return Some(elf.get(value_at..value_at + value)?.iter().map(|b| format!("{b:02x}")).collect());
            }
            at = value_at + value.next_multiple_of(4);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_elf_and_half_an_elf() {
        assert_eq!(super::of(b"MZ"), None);
        assert_eq!(super::of(b"\x7fELF\x02\x01"), None);
        assert_eq!(super::of(&[b"\x7fELF\x02\x01".as_slice(), &[0xff; 200]].concat()), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_test_has_one() {
        let id = super::of_this_program().expect("ld writes one where gcc links");
        assert!(id.len() >= 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
}
