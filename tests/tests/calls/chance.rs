//! Chance that can be repeated.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// splitmix64, which needs nothing but its seed.
pub struct Chance(u64);

impl Chance {
    /// Of `LINEDESK_SEED`, else another one each time; and the seed, which it prints.
    pub fn new() -> Result<(u64, Self)> {
        let seed = match std::env::var("LINEDESK_SEED") {
            Ok(seed) => seed.parse().context("LINEDESK_SEED is no whole number")?,
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64 % 1_000_000,
        };
        eprintln!("seed {seed}: LINEDESK_SEED={seed} repeats it");
        Ok((seed, Self(seed)))
    }

    /// Of a seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from `from` to before `to`.
    pub fn among(&mut self, from: u64, to: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        from + (mixed ^ (mixed >> 31)) % (to - from)
    }
}
