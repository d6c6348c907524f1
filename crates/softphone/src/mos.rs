//! Estimated quality of what we hear: the E-model of ITU-T G.107 in its reduced form for packet networks.
//!
//! R = 93.2 − Id − Ie,eff, where 93.2 is G.107's default R0 − Is, and the advantage factor A is 0.
//! - Id = 0.024·d + 0.11·(d − 177.3)·H(d − 177.3), d the one-way delay in ms (Cole and Rosenbluth, "Voice over IP
//!   performance monitoring", ACM CCR 31(2), 2001: a fit to G.107's delay impairment with default echo values).
//! - Ie,eff = Ie + (95 − Ie)·Ppl / (Ppl + Bpl) (G.107, random loss), Ppl the loss in per cent.
//! - MOS from R by G.107 Annex B.

/// What a codec costs by itself (Ie) and how well it stands loss (Bpl).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Robustness {
    /// Equipment impairment without loss.
    pub ie: f32,
    /// Packet-loss robustness.
    pub bpl: f32,
}

/// By codec name as in SDP. G.711 with concealment: ITU-T G.113 Appendix I. That appendix has no figures on the
/// narrow-band scale for G.722 and Opus; they count as G.711 here, Opus a little more robust for its own concealment.
#[must_use]
pub fn robustness(codec: &str) -> Robustness {
    match codec.to_ascii_lowercase().as_str() {
        "opus" => Robustness { ie: 0.0, bpl: 28.0 },
        "gsm" => Robustness { ie: 20.0, bpl: 10.0 },
        _ => Robustness { ie: 0.0, bpl: 25.1 },
    }
}

/// R factor, 0–93.2. `loss_percent` 0–100; `one_way_ms` is network, packetisation and jitter buffer together.
#[must_use]
pub fn r_factor(codec: Robustness, loss_percent: f32, one_way_ms: f32) -> f32 {
    let loss = loss_percent.clamp(0.0, 100.0);
    let delay = one_way_ms.max(0.0);
    let delay_impairment = 0.024 * delay + if delay > 177.3 { 0.11 * (delay - 177.3) } else { 0.0 };
    let equipment = codec.ie + (95.0 - codec.ie) * loss / (loss + codec.bpl);
    (93.2 - delay_impairment - equipment).clamp(0.0, 93.2)
}

/// MOS of an R factor, 1.0–4.5 (G.107 Annex B).
#[must_use]
pub fn mos(r: f32) -> f32 {
    if r <= 0.0 {
        return 1.0;
    }
    if r >= 100.0 {
        return 4.5;
    }
    // The polynomial dips below 1 for R under 6.5; the Annex's scale begins at 1.
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7.0e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::{mos, r_factor, robustness};

    #[test]
    fn known_points() {
        // (codec, loss %, one-way ms, MOS), the MOS worked out by hand from the formulas above.
        let table = [
            ("PCMA", 0.0, 0.0, 4.41),
            ("PCMA", 0.0, 100.0, 4.36),
            ("PCMA", 1.0, 50.0, 4.31),
            ("PCMA", 5.0, 50.0, 3.90),
            ("PCMA", 20.0, 50.0, 2.56),
            ("opus", 5.0, 50.0, 3.96),
            ("PCMA", 0.0, 400.0, 3.08),
        ];
        for (codec, loss, delay, expected) in table {
            let got = mos(r_factor(robustness(codec), loss, delay));
            assert!((got - expected).abs() < 0.06, "{codec} {loss} % {delay} ms: {got}, expected {expected}");
        }
    }

    #[test]
    fn the_scale_is_that_of_the_recommendation() {
        // ITU-T G.107, Table B.1: R at the lower limits of user satisfaction, and its MOS.
        for (r, expected) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos(r) - expected).abs() < 0.01, "R {r}: {}", mos(r));
        }
        // With all of its default values, and nothing lost and no delay: R 93.2, MOS 4.41.
        assert!((r_factor(robustness("PCMA"), 0.0, 0.0) - 93.2).abs() < 0.01);
        // Its delay impairment without echo, Idd (G.107, 7.4), which the fit (made for up to 400 ms) contains: no less than it anywhere.
        for delay in [150.0_f32, 200.0, 300.0, 400.0] {
            let x = (delay / 100.0).log2();
            let sixth = |y: f32| (1.0 + y.powi(6)).powf(1.0 / 6.0);
            let idd = 25.0 * (sixth(x) - 3.0 * sixth(x / 3.0) + 2.0);
            let ours = 93.2 - r_factor(robustness("PCMA"), 0.0, delay);
            assert!(ours > idd && ours < idd + 12.0, "{delay} ms: {ours}, Idd {idd}");
        }
    }

    #[test]
    fn bounds() {
        assert_eq!(mos(-3.0), 1.0);
        assert_eq!(mos(120.0), 4.5);
        assert_eq!(mos(r_factor(robustness("PCMU"), 100.0, 2000.0)), 1.0);
    }

    proptest::proptest! {
        #[test]
        fn worse_is_never_better(loss in 0.0f32..60.0, more in 0.0f32..40.0, delay in 0.0f32..600.0, later in 0.0f32..400.0) {
            let c = robustness("PCMA");
            let good = mos(r_factor(c, loss, delay));
            proptest::prop_assert!(mos(r_factor(c, loss + more, delay)) <= good + 1e-3);
            proptest::prop_assert!(mos(r_factor(c, loss, delay + later)) <= good + 1e-3);
            proptest::prop_assert!((1.0..=4.5).contains(&good));
        }
    }
}
