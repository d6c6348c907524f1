//! A mark that a step was done for exactly these inputs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// A file that holds the hash of what the step was made from. It lies within the result, so it vanishes together with it.
#[derive(Debug)]
pub struct Stamp {
    path: PathBuf,
    key: String,
}

impl Stamp {
    /// The key is the content of `inputs`.
    pub fn new(path: PathBuf, inputs: &[&Path]) -> Result<Self> {
        let mut hash = Sha256::new();
        for input in inputs {
            hash.update(std::fs::read(input).with_context(|| format!("cannot read {}", input.display()))?);
        }
        let key = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { path, key })
    }

    pub fn is_current(&self) -> bool {
        std::fs::read_to_string(&self.path).is_ok_and(|key| key == self.key)
    }

    pub fn write(&self) -> Result<()> {
        std::fs::write(&self.path, &self.key).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_input_makes_it_stale() {
        let directory = tempfile::tempdir().unwrap();
        let (input, mark) = (directory.path().join("in"), directory.path().join("mark"));
        std::fs::write(&input, "one").unwrap();
        let stamp = Stamp::new(mark.clone(), &[&input]).unwrap();
        assert!(!stamp.is_current());
        stamp.write().unwrap();
        assert!(stamp.is_current());
        std::fs::write(&input, "two").unwrap();
        assert!(!Stamp::new(mark, &[&input]).unwrap().is_current());
    }
}
