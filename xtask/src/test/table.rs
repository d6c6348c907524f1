//! The closing table and the line that machines read.

use std::fmt::Write as _;
use std::time::Duration;

use super::Counts;

/// One suite.
#[derive(Debug)]
pub struct Row {
    pub suite: &'static str,
    pub counts: Counts,
    pub took: Duration,
}

/// The table, and alone on the last line `N passed, N failed, N skipped`.
pub fn render(rows: &[Row]) -> String {
    let mut text = format!(
        "\n{:<12} {:>6} {:>6} {:>7} {:>8}  {}\n",
        "suite", "passed", "failed", "skipped", "seconds", "why skipped"
    );
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for Row { suite, counts, took } in rows {
        let why: Vec<String> = counts.skipped.iter().map(|skip| format!("{} × {}", skip.count, skip.why)).collect();
        let line = format!(
            "{suite:<12} {:>6} {:>6} {:>7} {:>8.1}  {}",
            counts.passed,
            counts.failed,
            counts.skipped(),
            took.as_secs_f64(),
            why.join("; ")
        );
        let _ = writeln!(text, "{}", line.trim_end());
        passed += counts.passed;
        failed += counts.failed;
        skipped += counts.skipped();
    }
    let _ = writeln!(text, "\n{passed} passed, {failed} failed, {skipped} skipped");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::Skip;

    #[test]
    fn the_last_line_sums_up_and_skips_say_why() {
        let rows = [
            Row {
                suite: "unit",
                counts: Counts { passed: 7, failed: 1, skipped: vec![] },
                took: Duration::from_millis(2500),
            },
            Row {
                suite: "lab",
                counts: Counts { passed: 2, failed: 0, skipped: vec![Skip { count: 3, why: "no Asterisk 16".into() }] },
                took: Duration::from_secs(20),
            },
        ];
        let text = render(&rows);
        assert_eq!(text.lines().last(), Some("9 passed, 1 failed, 3 skipped"));
        assert!(text.contains("3 × no Asterisk 16"), "{text}");
    }
}
