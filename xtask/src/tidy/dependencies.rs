//! Who may use what.

use super::{File, Rule, Tree};

pub const RULES: &[Rule] = &[
    Rule {
        name: "tauri only in src-tauri",
        why: "everything but the shell must run without a window: headless workstations, servers, tests",
        check: |tree| users(tree, |name| name == "tauri" || name.starts_with("tauri-"), &["src-tauri"]),
    },
    Rule {
        name: "sqlx only in central and workstation",
        why: "they own the two stores; anybody else asks them",
        check: |tree| users(tree, |name| name == "sqlx", &["crates/central", "crates/workstation"]),
    },
    Rule {
        name: "pjproject-sys only in softphone",
        why: "native SIP code can crash, so it lives in the child process alone",
        check: |tree| users(tree, |name| name == "pjproject-sys", &["crates/softphone"]),
    },
    Rule {
        name: "contracts and the pure crates know no one above them",
        why: "a contract that depends on one of its sides is no contract",
        check: |tree| {
            let lower = ["crates/ami", "crates/calls", "crates/central-api", "crates/softphone-api", "crates/i18n"];
            let upper = ["linedesk-central", "linedesk-softphone", "workstation", "linedesk", "linedesk-tests"];
            manifests(tree)
                .filter(|(package, _)| lower.contains(package))
                .flat_map(|(package, file)| {
                    dependencies(file)
                        .into_iter()
                        .filter(|name| upper.contains(&name.as_str()))
                        .map(move |name| format!("{package} uses {name}"))
                })
                .collect()
        },
    },
    Rule {
        name: "versions of dependencies stand in the root Cargo.toml",
        why: "two versions of one library in one program is a fault nobody looks for",
        check: |tree| {
            manifests(tree)
                .flat_map(|(package, file)| {
                    sections(file)
                        .into_iter()
                        .filter(|(_, value)| !is_inherited(value))
                        .map(move |(name, _)| format!("{package}: {name}"))
                })
                .collect()
        },
    },
    Rule {
        name: "one TLS provider: no aws-lc and no openssl in Cargo.lock",
        why: "two providers of rustls in one process are a panic at the first connection, and ring is the one we take",
        check: |tree| {
            let banned = ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls"];
            let lock = tree.files.iter().filter(|file| file.path == "Cargo.lock");
            lock.flat_map(|file| file.text.lines())
                .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
                .filter(|name| banned.contains(name))
                .map(|name| format!("Cargo.lock has {name}: `cargo tree -i {name}`"))
                .collect()
        },
    },
    Rule {
        name: "@tauri-apps/* in one file of ui/",
        why: "the pages also run in a browser; ui/src/host/tauri.ts is their only door to the shell",
        check: |tree| {
            let pages = tree.with_ending(&[".ts", ".svelte", ".js"]).filter(|file| file.path.starts_with("ui/src/"));
            pages
                .filter(|file| file.path != "ui/src/host/tauri.ts")
                .flat_map(|file| {
                    let lines = file.text.lines().enumerate();
                    lines
                        .filter(|(_, line)| line.contains("@tauri-apps/"))
                        .map(|(index, _)| format!("{}:{}", file.path, index + 1))
                })
                .collect()
        },
    },
];

/// Members' manifests with the directory of each.
fn manifests(tree: &Tree) -> impl Iterator<Item = (&str, &File)> {
    tree.files.iter().filter_map(|file| Some((file.path.strip_suffix("/Cargo.toml")?, file)))
}

fn users(tree: &Tree, banned: fn(&str) -> bool, allowed: &[&str]) -> Vec<String> {
    manifests(tree)
        .filter(|(package, _)| !allowed.contains(package))
        .flat_map(|(package, file)| {
            dependencies(file).into_iter().filter(|name| banned(name)).map(move |name| format!("{package} uses {name}"))
        })
        .collect()
}

fn dependencies(file: &File) -> Vec<String> {
    sections(file).into_iter().map(|(name, _)| name).collect()
}

/// Every entry of every kind of dependencies, also those of one platform.
fn sections(file: &File) -> Vec<(String, toml::Value)> {
    let Ok(manifest) = file.text.parse::<toml::Table>() else {
        return vec![("(not TOML)".to_owned(), toml::Value::Boolean(false))];
    };
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let platforms =
        manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(|targets| targets.values());
    let tables = std::iter::once(&manifest).chain(platforms.filter_map(toml::Value::as_table));
    tables
        .flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()))
        .flat_map(|dependencies| dependencies.iter().map(|(name, value)| (name.clone(), value.clone())))
        .collect()
}

fn is_inherited(value: &toml::Value) -> bool {
    value.get("workspace").and_then(toml::Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use crate::tidy::broken;

    #[test]
    fn a_banned_dependency_is_found_of_whatever_kind() {
        for section in ["dependencies", "dev-dependencies", "target.'cfg(unix)'.dependencies"] {
            let manifest = format!("[{section}]\ntauri-plugin-opener.workspace = true\n");
            let files =
                [("crates/workstation/Cargo.toml", manifest.as_str()), ("src-tauri/Cargo.toml", manifest.as_str())];
            assert_eq!(broken("tauri only in src-tauri", &files), ["crates/workstation uses tauri-plugin-opener"]);
        }
    }

    #[test]
    fn a_version_of_ones_own_is_found() {
        let files = [("crates/ami/Cargo.toml", "[dependencies]\nbytes = \"1\"\ntokio.workspace = true\n")];
        assert_eq!(broken("versions of dependencies stand in the root Cargo.toml", &files), ["crates/ami: bytes"]);
    }

    #[test]
    fn a_second_tls_provider_is_found() {
        let files = [("Cargo.lock", "[[package]]\nname = \"aws-lc-sys\"\n")];
        assert_eq!(broken("one TLS provider: no aws-lc and no openssl in Cargo.lock", &files).len(), 1);
    }

    #[test]
    fn pages_have_one_door() {
        let import = "import { invoke } from '@tauri-apps/api/core';\n";
        let files = [("ui/src/host/tauri.ts", import), ("ui/src/views/Desk.svelte", import)];
        assert_eq!(broken("@tauri-apps/* in one file of ui/", &files), ["ui/src/views/Desk.svelte:1"]);
    }
}
