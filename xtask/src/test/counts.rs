//! How many checks a suite made, read from what its runner printed.

/// The outcome of a suite.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u32,
    pub failed: u32,
    pub skipped: Vec<Skip>,
}

/// Checks that could not be made here. They never count as passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    pub count: u32,
    pub why: String,
}

impl Counts {
    pub fn one(passed: bool) -> Self {
        Self { passed: passed.into(), failed: (!passed).into(), skipped: Vec::new() }
    }

    pub fn skipped(&self) -> u32 {
        self.skipped.iter().map(|skip| skip.count).sum()
    }

    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
    }
}

/// Counts of `cargo nextest run`, from its summary line. What its filter left out it calls skipped; we do not.
pub fn nextest(output: &str) -> Option<Counts> {
    let summary = output.lines().rev().map(str::trim).find(|line| line.starts_with("Summary ["))?;
    let (_, counted) = summary.split_once("run:")?;
    Some(sum(counted))
}

/// Counts of a runner for pages or their state: vitest's `Tests  1 failed | 12 passed (13)`, or a line `12 passed, 1 failed`.
pub fn script(output: &str) -> Option<Counts> {
    let plain = without_colours(output);
    plain
        .lines()
        .rev()
        .map(str::trim)
        .filter(|line| !line.starts_with("Test Files"))
        .map(sum)
        .find(|counts| counts.passed + counts.failed > 0)
}

/// Adds up `<number> <word>`: passed; failed, timed out, could not be started.
fn sum(line: &str) -> Counts {
    let words: Vec<&str> =
        line.split(|c: char| c.is_whitespace() || "(),|:".contains(c)).filter(|w| !w.is_empty()).collect();
    let mut counts = Counts::default();
    for pair in words.windows(2) {
        let Ok(number) = pair[0].parse::<u32>() else { continue };
        match pair[1] {
            "passed" => counts.passed += number,
            "failed" | "timed" | "exec" => counts.failed += number,
            _ => {}
        }
    }
    counts
}

fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\x1b' {
            // A colour is ESC [ … letter.
            for rest in characters.by_ref() {
                if rest.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_nextest() {
        let table = [
            ("     Summary [   0.012s] 5 tests run: 5 passed, 3 skipped", (5, 0)),
            ("     Summary [   9.2s] 4 tests run: 2 passed (1 slow), 1 failed, 1 timed out, 0 skipped", (2, 2)),
            ("     Summary [   0.1s] 1 test run: 1 passed, 0 skipped\n  tail", (1, 0)),
            ("     Summary [   0.1s] 2 tests run: 1 passed, 1 exec failed, 0 skipped", (1, 1)),
        ];
        for (line, (passed, failed)) in table {
            assert_eq!(nextest(line), Some(Counts { passed, failed, skipped: vec![] }), "{line}");
        }
        assert_eq!(nextest("error: no such command"), None);
    }

    #[test]
    fn summaries_of_scripts() {
        let vitest = " Test Files  2 passed (2)\n      Tests  \x1b[1m\x1b[31m1 failed\x1b[39m | 12 passed (13)\n   Start at  10:00:00\n";
        assert_eq!(script(vitest), Some(Counts { passed: 12, failed: 1, skipped: vec![] }));
        assert_eq!(script("7 passed, 0 failed\n"), Some(Counts { passed: 7, failed: 0, skipped: vec![] }));
        assert_eq!(script("built in 3 s"), None);
    }
}
