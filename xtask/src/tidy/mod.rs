//! `cargo xtask tidy`: the invariants of the workspace. A rule that breaks is named with its reason and the places.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::command::{answer, command};
use crate::paths;

mod dependencies;
mod sources;

/// What the rules look at: every file that is or would be committed.
#[derive(Debug, Default)]
pub struct Tree {
    /// Path from the root, with `/`.
    pub files: Vec<File>,
}

/// A text file.
#[derive(Debug)]
pub struct File {
    pub path: String,
    pub text: String,
}

/// An invariant.
#[derive(Debug)]
pub struct Rule {
    pub name: &'static str,
    /// Why it is one; printed when it breaks.
    pub why: &'static str,
    /// The places where it is broken.
    pub check: fn(&Tree) -> Vec<String>,
}

/// How many rules hold.
#[derive(Debug)]
pub struct Report {
    pub kept: u32,
    pub broken: u32,
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    dependencies::RULES.iter().chain(sources::RULES)
}

/// Checks and fails when a rule is broken.
pub fn run() -> Result<()> {
    let report = check()?;
    if report.broken > 0 {
        bail!("{} of {} rules are broken", report.broken, report.kept + report.broken);
    }
    println!("{} rules hold", report.kept);
    Ok(())
}

/// Checks and says what is broken.
pub fn check() -> Result<Report> {
    let tree = Tree::read()?;
    let mut report = Report { kept: 0, broken: 0 };
    for rule in rules() {
        let places = (rule.check)(&tree);
        if places.is_empty() {
            report.kept += 1;
            continue;
        }
        report.broken += 1;
        eprintln!("  ✗ {}\n    because {}", rule.name, rule.why);
        for place in places {
            eprintln!("      {place}");
        }
    }
    Ok(report)
}

impl Tree {
    fn read() -> Result<Self> {
        let mut list = command("git", ["ls-files", "--cached", "--others", "--exclude-standard"]);
        let list = answer(&mut list).context("git does not say which files there are: is this a checkout?")?;
        let paths: BTreeSet<&str> = list.lines().collect();
        let files = paths
            .into_iter()
            .filter_map(|path| {
                let full: PathBuf = paths::root().join(path);
                // Pictures and files that were just removed are no text.
                let text = std::fs::read_to_string(full).ok()?;
                Some(File { path: path.to_owned(), text })
            })
            .collect();
        Ok(Self { files })
    }

    /// Files with one of these endings.
    pub fn with_ending<'a>(&'a self, endings: &'a [&str]) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(|file| endings.iter().any(|ending| file.path.ends_with(ending)))
    }
}

#[cfg(test)]
pub fn tree(files: &[(&str, &str)]) -> Tree {
    Tree {
        files: files.iter().map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() }).collect(),
    }
}

#[cfg(test)]
pub fn broken(name: &str, files: &[(&str, &str)]) -> Vec<String> {
    let rule = rules().find(|rule| rule.name == name).unwrap_or_else(|| panic!("there is no rule {name:?}"));
    (rule.check)(&tree(files))
}
