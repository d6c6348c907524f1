//! Finds (never fetches) our built fork of pjproject, compiles the shim over pjsua2 and makes bindings of its header.
//!
//! Where it looks: `PJPROJECT_PREFIX` (an installed prefix), else `PJPROJECT_SOURCE` (a directory or tarball, built into
//! the cache now), else the cache that `cargo xtask setup` fills (prepare.sh). A key in the cache names the source and the
//! recipe (config_site.h, build.sh, patches/), so a changed patch never links with an old library.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

const SHIM: &[&str] = &[
    "shim/life.cpp",
    "shim/quality.cpp",
    "shim/guard.cpp",
    "shim/accounts.cpp",
    "shim/servers.cpp",
    "shim/calls.cpp",
    "shim/digits.cpp",
    "shim/invite.cpp",
    "shim/sound.cpp",
    "shim/card.cpp",
    "shim/player.cpp",
    "shim/ear.cpp",
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Not by returning it: a back trace would bury what to do.
            eprintln!("{e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    for file in ["build.sh", "config_site.h", "patches", "shim", "build.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }
    for name in ["PJPROJECT_PREFIX", "PJPROJECT_SOURCE", "LINEDESK_PJ_CFLAGS", "XDG_CACHE_HOME"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let prefix = find_prefix(&here)?;
    println!("cargo::metadata=prefix={}", prefix.display());
    let pc = PkgConfig::read(&prefix)?;
    compile_shim(&prefix, &pc);
    link(&prefix, &pc)?;
    bindings(&here)
}

fn find_prefix(here: &Path) -> Result<PathBuf> {
    if let Some(prefix) = env::var_os("PJPROJECT_PREFIX").filter(|p| !p.is_empty()) {
        return Ok(prefix.into());
    }
    if env::var_os("PJPROJECT_SOURCE").is_some_and(|s| !s.is_empty()) {
        return prepare(here);
    }
    let cache = cache_dir()?;
    let current = cache.join("current");
    println!("cargo::rerun-if-changed={}", current.display());
    let recipe = recipe_key(here)?;
    let stamp = Path::new("lib/.linedesk-built");
    if let Ok(key) = fs::read_to_string(&current) {
        let prefix = cache.join(key.trim());
        if key.trim().ends_with(&recipe) && prefix.join(stamp).exists() {
            return Ok(prefix);
        }
    }
    // Another branch may have moved `current`: any build with this recipe will do.
    for entry in fs::read_dir(&cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().ends_with(&recipe) && entry.path().join(stamp).exists() {
            return Ok(entry.path());
        }
    }
    bail!(
        "pjproject is not built for this recipe ({recipe}) below {}.\n\
         Run `cargo xtask setup` (it fetches, patches and builds it, about 2 minutes),\n\
         or give it yourself: PJPROJECT_SOURCE=<dir or tarball>, or PJPROJECT_PREFIX=<installed prefix>.",
        cache.display()
    )
}

fn cache_dir() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|v| !v.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None if cfg!(windows) => PathBuf::from(env::var_os("LOCALAPPDATA").context("LOCALAPPDATA is not set")?),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("linedesk").join("pjproject"))
}

/// The recipe's half of the key; prepare.sh computes the same with sha256sum.
fn recipe_key(here: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut files = vec![here.join("config_site.h"), here.join("build.sh"), here.join("pinned.txt")];
    let mut patches: Vec<_> = fs::read_dir(here.join("patches"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "patch"))
        .collect();
    patches.sort();
    files.append(&mut patches);
    for file in files {
        hash.update(fs::read(&file).with_context(|| format!("reading {}", file.display()))?);
    }
    hash.update(env::var("LINEDESK_PJ_CFLAGS").unwrap_or_default());
    let digest = hash.finalize();
    Ok(digest.iter().take(6).map(|b| format!("{b:02x}")).collect())
}

fn prepare(here: &Path) -> Result<PathBuf> {
    let out = Command::new(here.join("prepare.sh"))
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("running pjproject-sys/prepare.sh (needs bash)")?;
    let text = String::from_utf8_lossy(&out.stdout);
    match text.lines().last() {
        Some(prefix) if out.status.success() => Ok(prefix.into()),
        _ => bail!("pjproject could not be built from PJPROJECT_SOURCE; run pjproject-sys/prepare.sh to see why"),
    }
}

/// What libpjproject.pc says, with `${prefix}` filled in.
struct PkgConfig {
    libs: Vec<String>,
    private: Vec<String>,
    cflags: Vec<String>,
}

impl PkgConfig {
    fn read(prefix: &Path) -> Result<Self> {
        let path = prefix.join("lib/pkgconfig/libpjproject.pc");
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "{} is missing: {} is no pjproject prefix; run `cargo xtask setup` or set PJPROJECT_PREFIX",
                path.display(),
                prefix.display()
            )
        })?;
        let field = |name: &str| -> Vec<String> {
            text.lines()
                .find_map(|l| l.strip_prefix(name))
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        };
        Ok(Self { libs: field("Libs:"), private: field("Libs.private:"), cflags: field("Cflags:") })
    }
}

fn compile_shim(prefix: &Path, pc: &PkgConfig) {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").files(SHIM).include("shim");
    // As system headers: their warnings are not ours.
    if cfg!(target_env = "msvc") {
        build.include(prefix.join("include"));
    } else {
        build.flag("-isystem").flag(prefix.join("include"));
        build.flag("-fstack-protector-strong").flag_if_supported("-fvisibility=hidden");
        build.flag("-Wno-unused-parameter");
        // The shim is sanitized as pjproject is; whoever links the program adds the runtime (see sanitized.sh).
        for flag in env::var("LINEDESK_PJ_CFLAGS").unwrap_or_default().split_whitespace() {
            build.flag(flag);
        }
        if env::var("OPT_LEVEL").is_ok_and(|o| o != "0") {
            build.flag("-U_FORTIFY_SOURCE").flag("-D_FORTIFY_SOURCE=2");
        }
    }
    for flag in pc.cflags.iter().filter(|f| f.starts_with("-D")) {
        build.flag(flag);
    }
    build.define("NDEBUG", None);
    // The runtime is linked last of all, below.
    build.cpp_link_stdlib(None);
    // Prints the shim's own link line, which has to stand before pjproject's.
    build.compile("linedesk_shim");
}

fn link(prefix: &Path, pc: &PkgConfig) -> Result<()> {
    let lib = prefix.join("lib");
    println!("cargo::rustc-link-search=native={}", lib.display());
    let os = env::var("CARGO_CFG_TARGET_OS")?;
    let is_ours = |name: &str| lib.join(format!("lib{name}.a")).exists() || lib.join(format!("{name}.lib")).exists();
    for flag in pc.libs.iter().chain(&pc.private) {
        let Some(name) = flag.strip_prefix("-l") else { continue };
        match name {
            "stdc++" | "c++" => {} // last of all, below
            _ if is_ours(name) => println!("cargo::rustc-link-lib=static={name}"),
            _ => println!("cargo::rustc-link-lib={name}"),
        }
    }
    match os.as_str() {
        "linux" => link_cpp_runtime()?,
        // Untried: written after pjproject's own documentation of what an application links with.
        "macos" => {
            println!("cargo::rustc-link-lib=c++");
            for framework in
                ["CoreAudio", "AudioToolbox", "AudioUnit", "CoreServices", "Foundation", "Security", "Network"]
            {
                println!("cargo::rustc-link-lib=framework={framework}");
            }
        }
        // Untried: WMME is the only sound of pjproject 2.17 on the desktop.
        "windows" => {
            for name in ["ws2_32", "iphlpapi", "ole32", "winmm", "netapi32", "mswsock", "gdi32", "user32", "advapi32"] {
                println!("cargo::rustc-link-lib={name}");
            }
        }
        other => bail!("pjproject-sys does not know how to link on {other}"),
    }
    Ok(())
}

fn bindings(here: &Path) -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?).join("bindings.rs");
    bindgen::Builder::default()
        .header(here.join("shim/linedesk_shim.h").to_string_lossy())
        .allowlist_item("(ld|LD)_.*")
        .prepend_enum_name(false)
        .derive_default(true)
        .layout_tests(false)
        .generate_comments(false)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .generate()
        .context("making bindings of the shim's header; bindgen needs libclang (Debian: libclang-dev)")?
        .write_to_file(&out)
        .with_context(|| format!("writing {}", out.display()))
}

/// The C++ runtime goes into the program: nobody else on an operator's machine shares it, and whole it takes a megabyte.
fn link_cpp_runtime() -> Result<()> {
    let asked = cc::Build::new().cpp(true).get_compiler().to_command().arg("-print-file-name=libstdc++.a").output()?;
    let archive = PathBuf::from(String::from_utf8(asked.stdout)?.trim());
    // A compiler that has none says the name alone.
    match archive.parent().filter(|_| archive.is_file()) {
        Some(dir) => {
            println!("cargo::rustc-link-search=native={}", dir.display());
            println!("cargo::rustc-link-lib=static:-bundle=stdc++");
        }
        None => println!("cargo::rustc-link-lib=stdc++"),
    }
    Ok(())
}
