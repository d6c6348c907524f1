//! `cargo xtask codegen`: files that are made from Rust types, committed, and checked to be current.

use anyhow::{Context, Result, bail};

use crate::command::{command, must, shown, tail};
use crate::{paths, setup};

/// A file and the program that prints it.
#[derive(Debug)]
pub struct Generated {
    pub file: &'static str,
    /// Package, program, arguments.
    pub by: (&'static str, &'static str, &'static [&'static str]),
}

/// All of them.
pub const FILES: &[Generated] = &[
    Generated { file: "ui/src/generated/contract.ts", by: ("workstation", "linedesk-headless", &["typescript"]) },
    Generated {
        file: "docs/softphone-protocol.md",
        by: ("linedesk-softphone", "linedesk-softphone", &["protocol-doc"]),
    },
];

/// Writes them, or with `check` only says which are stale.
pub fn run(check: bool) -> Result<()> {
    let environment = setup::run()?.environment();
    let mut build = command("cargo", ["build", "--bins"]);
    build.envs(environment).args(FILES.iter().flat_map(|generated| ["--package", generated.by.0]));
    must("programs", &mut build)?;
    if check {
        let stale = stale()?;
        if !stale.is_empty() {
            bail!("not what the Rust types say: {}; `cargo xtask codegen` writes them", stale.join(", "));
        }
        return Ok(());
    }
    for generated in FILES {
        let path = paths::root().join(generated.file);
        std::fs::create_dir_all(path.parent().context("a generated file lies in a directory")?)?;
        std::fs::write(&path, generated.print()?)?;
        println!("{}", generated.file);
    }
    Ok(())
}

/// The files that differ from what their programs, built already, print.
pub fn stale() -> Result<Vec<&'static str>> {
    let mut stale = Vec::new();
    for generated in FILES {
        let committed = std::fs::read_to_string(paths::root().join(generated.file)).unwrap_or_default();
        if committed != generated.print()? {
            stale.push(generated.file);
        }
    }
    Ok(stale)
}

impl Generated {
    fn print(&self) -> Result<String> {
        let (_, program, arguments) = self.by;
        let path = paths::programs().join(program);
        let mut run = command(&path.to_string_lossy(), arguments.iter().copied());
        let output = run.output().with_context(|| format!("cannot start `{}`", shown(&run)))?;
        if !output.status.success() {
            bail!("`{}` failed:\n{}", shown(&run), tail(&String::from_utf8_lossy(&output.stderr), 30));
        }
        String::from_utf8(output.stdout).with_context(|| format!("{program} prints text that is not UTF-8"))
    }
}
