//! G.711 A-law (ITU-T G.711).

/// One sample to its code.
pub fn encode(sample: i16) -> u8 {
    let negative = sample < 0;
    // 13 bits of magnitude; one's complement keeps -1 and 0 apart.
    let magnitude = if negative { !sample } else { sample } >> 3;
    let code = if magnitude < 32 {
        magnitude >> 1
    } else {
        let segment = 15 - magnitude.leading_zeros() as i16 - 4;
        (segment << 4) | ((magnitude >> segment) & 0x0f)
    };
    let sign = if negative { 0 } else { 0x80 };
    (code as u8 | sign) ^ 0x55
}

/// One code to its sample.
pub fn decode(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = i16::from((code >> 4) & 7);
    let mantissa = i16::from(code & 0x0f);
    let magnitude = match segment {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back() {
        for code in 0..=255 {
            assert_eq!(encode(decode(code)), code, "{code:#x}");
        }
    }

    #[test]
    fn a_sample_comes_back_within_the_step_of_its_size() {
        for sample in (-32_000..32_000_i32).step_by(37) {
            let sample = sample as i16;
            let error = (i32::from(decode(encode(sample))) - i32::from(sample)).abs();
            assert!(error <= 16.max(i32::from(sample).abs() / 16), "{sample}: {error}");
        }
    }
}
