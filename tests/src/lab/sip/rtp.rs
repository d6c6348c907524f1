//! Packets of sound: the header of RTP (RFC 3550) and keys as events (RFC 4733).

/// Payload type of A-law.
pub const PCMA: u8 = 8;
/// Payload type of keys; every user agent of the lab offers this one.
pub const TELEPHONE_EVENT: u8 = 101;
/// Samples of a packet: 20 ms.
pub const FRAME: usize = 160;

/// By their code.
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

/// Of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// First packet of sound after silence, or of a key.
    pub marker: bool,
    /// Payload type.
    pub kind: u8,
    /// One more with each packet.
    pub sequence: u16,
    /// In samples.
    pub timestamp: u32,
    /// Who sends.
    pub source: u32,
}

impl Header {
    /// Its twelve bytes.
    pub fn bytes(&self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[0] = 0x80;
        bytes[1] = self.kind | if self.marker { 0x80 } else { 0 };
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.source.to_be_bytes());
        bytes
    }

    /// The header and what follows it; nothing when it is not RTP.
    pub fn read(packet: &[u8]) -> Option<(Self, &[u8])> {
        let (bytes, payload) = packet.split_first_chunk::<12>()?;
        let [first, kind, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *bytes;
        (first >> 6 == 2).then_some((
            Self {
                marker: kind & 0x80 != 0,
                kind: kind & 0x7f,
                sequence: u16::from_be_bytes([s0, s1]),
                timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
                source: u32::from_be_bytes([r0, r1, r2, r3]),
            },
            payload,
        ))
    }
}

/// A key that is being sent: 5 packets of its state and 3 of its end, all with the timestamp of its begin.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    code: u8,
    step: u16,
    /// Timestamp of its begin.
    pub began: u32,
}

impl Key {
    /// Of a digit, `*`, `#` or A–D.
    pub fn new(digit: u8, began: u32) -> Option<Self> {
        let code = KEYS.iter().position(|known| *known == digit)?;
        Some(Self { code: u8::try_from(code).ok()?, step: 0, began })
    }

    /// The next packet's payload, whether it is the first, and whether it was the last.
    pub fn next(&mut self) -> ([u8; 4], bool, bool) {
        let end = if self.step >= 5 { 0x80 } else { 0 };
        let [high, low] = ((self.step.min(5) + 1) * FRAME as u16).to_be_bytes();
        let first = self.step == 0;
        self.step += 1;
        ([self.code, 10 | end, high, low], first, self.step == 8)
    }
}

/// The digit of a key's packet.
pub fn digit(payload: &[u8]) -> Option<char> {
    let [code, _, _, _, ..] = payload else { return None };
    KEYS.get(usize::from(*code)).map(|key| char::from(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back() {
        let header = Header { marker: true, kind: PCMA, sequence: 65_535, timestamp: 160, source: 7 };
        let mut packet = header.bytes().to_vec();
        packet.push(0xd5);
        assert_eq!(Header::read(&packet), Some((header, &[0xd5][..])));
        assert_eq!(Header::read(&packet[..11]), None);
    }

    #[test]
    fn a_key_ends_three_times() {
        let mut key = Key::new(b'#', 0).unwrap();
        let packets: Vec<_> = std::iter::repeat_with(|| key.next()).take(8).collect();
        assert_eq!(packets.iter().filter(|(payload, ..)| payload[1] & 0x80 != 0).count(), 3);
        assert!(packets[0].1 && packets[7].2);
        assert!(packets.iter().all(|(payload, ..)| digit(payload) == Some('#')));
        assert!(Key::new(b'x', 0).is_none());
    }
}
