//! What may stand in a source file.

use super::{File, Rule};

/// A file that is longer on purpose says why in a line with these words.
const LONG_ON_PURPOSE: &str = "tidy: long because";
const LONGEST: usize = 600;

pub const RULES: &[Rule] = &[
    Rule {
        name: "unsafe only where the border to C is",
        why: "everywhere else the compiler's promise holds, and a reviewer need not look",
        check: |tree| lines(tree.with_ending(&[".rs"]).filter(|file| !may_be_unsafe(&file.path)), is_unsafe),
    },
    Rule {
        name: "no tokio and no clock in the pure code",
        why: "protocol and call assembly take the time as an argument, so a test holds the clock",
        check: |tree| {
            let pure = tree.with_ending(&[".rs"]).filter(|file| is_pure(&file.path));
            lines(pure, |line| {
                ["tokio::", "Instant::now", "SystemTime::now", "std::net", "std::fs"]
                    .iter()
                    .any(|word| line.contains(word))
            })
        },
    },
    Rule {
        name: "no source file over 600 lines without a written reason",
        why: "a file is a room: one idea, readable in one sitting",
        check: |tree| {
            tree.with_ending(&[".rs", ".ts", ".svelte", ".cpp", ".hpp", ".h", ".css", ".sh"])
                .filter(|file| !file.path.contains("/generated/"))
                .filter(|file| file.text.lines().count() > LONGEST && !file.text.contains(LONG_ON_PURPOSE))
                .map(|file| format!("{}: {} lines", file.path, file.text.lines().count()))
                .collect()
        },
    },
    Rule {
        name: "no machine's own paths and no registries' hosts",
        why: "the checkout is built on other machines, and through whatever mirror they have",
        check: |tree| {
            // Written in two halves, or this file would break its own rule.
            let banned = [
                concat!("/ho", "me/"),
                concat!("/ro", "ot/"),
                concat!("/wo", "rk/"),
                concat!("/tmp/", "prep"),
                concat!("crates", ".io"),
                concat!("registry.", "npmjs"),
                concat!("deb.", "debian.org"),
                concat!("static.", "rust-lang"),
            ];
            let files = tree.files.iter().filter(|file| !is_made_by_a_tool(&file.path));
            lines(files, |line| banned.iter().any(|word| line.contains(word)))
        },
    },
    Rule {
        name: "no leftovers",
        why: "a note to oneself belongs in an issue, and a conflict mark in no file",
        check: |tree| {
            let marks = [
                concat!("TO", "DO"),
                concat!("FIX", "ME"),
                concat!("XX", "X:"),
                concat!("<<<<", "<<< "),
                concat!(">>>>", ">>> "),
            ];
            let files =
                tree.with_ending(&[".rs", ".ts", ".svelte", ".cpp", ".hpp", ".h", ".sh", ".md", ".toml", ".sql"]);
            lines(files, |line| marks.iter().any(|mark| line.contains(mark)))
        },
    },
    Rule {
        name: "lints are the workspace's in every package",
        why: "a package without `[lints] workspace = true` is checked by nobody",
        check: |tree| {
            tree.files
                .iter()
                .filter(|file| file.path.ends_with("/Cargo.toml"))
                .filter(|file| {
                    let manifest = file.text.parse::<toml::Table>().unwrap_or_default();
                    manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool()) != Some(true)
                })
                .map(|file| file.path.clone())
                .collect()
        },
    },
];

fn may_be_unsafe(path: &str) -> bool {
    path.starts_with("pjproject-sys/")
        || path.starts_with("crates/softphone/src/engine")
        || ["crates/i18n/", "crates/softphone/", "src-tauri/"].iter().any(|package| path.starts_with(package))
            && path.ends_with("/platform.rs")
}

/// Code, not a comment, a word of a lint or a text.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "#[unsafe("].iter().any(|word| code.contains(word))
        && !code.contains('"')
}

fn is_pure(path: &str) -> bool {
    let ami = ["frame", "codec", "event", "action", "error", "secret"];
    path.starts_with("crates/calls/src/")
        || ami.iter().any(|name| {
            path == format!("crates/ami/src/{name}.rs") || path.starts_with(&format!("crates/ami/src/{name}/"))
        })
}

/// Written by programs, with whatever addresses they have.
fn is_made_by_a_tool(path: &str) -> bool {
    path.ends_with("Cargo.lock") || path.ends_with("package-lock.json") || path.ends_with(".svg") || path == "LICENSE"
}

fn lines<'a>(files: impl Iterator<Item = &'a File>, broken: impl Fn(&str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate().filter(|(_, line)| broken(line)) {
            places.push(format!("{}:{}: {}", file.path, index + 1, line.trim().chars().take(100).collect::<String>()));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use crate::tidy::broken;

    #[test]
    fn unsafe_is_allowed_at_the_border_only() {
        let code = "fn f() {\n    unsafe { g() }\n}\n";
        let files = [
            ("crates/softphone/src/engine/call.rs", code),
            ("crates/softphone/src/platform.rs", code),
            ("crates/ami/src/frame.rs", code),
        ];
        assert_eq!(
            broken("unsafe only where the border to C is", &files),
            ["crates/ami/src/frame.rs:2: unsafe { g() }"]
        );
        let words = "// unsafe { } is not here\nlet lint = \"unsafe fn\";\n";
        assert_eq!(broken("unsafe only where the border to C is", &[("xtask/src/a.rs", words)]), [""; 0]);
    }

    #[test]
    fn pure_code_has_no_clock() {
        let code = "let now = std::time::Instant::now();\n";
        let files = [("crates/ami/src/codec.rs", code), ("crates/ami/src/client.rs", code)];
        assert_eq!(broken("no tokio and no clock in the pure code", &files).len(), 1);
    }

    #[test]
    fn a_long_file_needs_a_reason() {
        let long = "x\n".repeat(601);
        let excused = format!("// tidy: long because it is a table\n{long}");
        let files = [("a.rs", long.as_str()), ("b.rs", excused.as_str()), ("c.rs", "x\n")];
        assert_eq!(broken("no source file over 600 lines without a written reason", &files), ["a.rs: 601 lines"]);
    }

    #[test]
    fn a_path_of_a_machine_is_found() {
        let line = format!("let cache = \"{}me/anna/cache\";\n", "/ho");
        assert_eq!(broken("no machine's own paths and no registries' hosts", &[("a.rs", line.as_str())]).len(), 1);
    }

    #[test]
    fn a_package_without_lints_is_found() {
        let files = [
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"),
            ("crates/b/Cargo.toml", "[lints]\nworkspace = true\n"),
        ];
        assert_eq!(broken("lints are the workspace's in every package", &files), ["crates/a/Cargo.toml"]);
    }
}
