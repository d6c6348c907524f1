//! `cargo xtask run`: the demo.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::{paths, setup};

/// Sets up, builds, and becomes the demo (tests/src/bin/linedesk-demo.rs), which starts central, the PBX and the window.
pub fn run(no_window: bool) -> Result<()> {
    let display = |variable| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    if !no_window && !display("DISPLAY") && !display("WAYLAND_DISPLAY") {
        bail!(
            "the workstation is a window, and here is no display (DISPLAY and WAYLAND_DISPLAY are empty). Nothing was started.\n\
             Start this from a desktop; or with a display in memory: `xvfb-run -a cargo xtask run`; or leave the window out: \
             `cargo xtask run --no-window`"
        );
    }
    let set_up = setup::run()?;
    eprintln!("Builds");
    build::pages(&set_up)?;
    build::programs(&set_up)?;
    let mut demo = Command::new(paths::programs().join("linedesk-demo"));
    demo.envs(set_up.environment()).arg("--directory").arg(paths::cache()?.join("demo"));
    if no_window {
        demo.arg("--no-window");
    }
    // Not a child: a Ctrl-C is the demo's alone, and it ends what it started.
    Err(demo.exec()).context("the demo cannot be started")
}
