//! pjsip's objects live in pools of each other, and an end that comes from two sides is where they are read after their
//! release. The programs in `lifetimes/` play such ends on pjsip itself, built with AddressSanitizer; each says in its
//! first lines which patch it stands for. To see one fail: `lifetimes/libraries.sh --without 0001`, then
//! `LIFETIMES_PREFIX=<what it printed> cargo test -p pjproject-sys --test lifetimes -- --ignored`.

use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
#[ignore = "compiles pjsip with AddressSanitizer: cargo xtask test --only softphone"]
fn a_call_is_freed_with_its_last_reference() {
    play("a_call_is_freed_with_its_last_reference");
}

#[test]
#[ignore = "compiles pjsip with AddressSanitizer: cargo xtask test --only softphone"]
fn a_dead_request_is_kept_until_the_call_has_heard() {
    play("a_dead_request_is_kept_until_the_call_has_heard");
}

#[test]
#[ignore = "compiles pjsip with AddressSanitizer: cargo xtask test --only softphone"]
fn a_dead_refer_lets_go_of_the_call() {
    play("a_dead_refer_lets_go_of_the_call");
}

#[test]
#[ignore = "compiles pjsip with AddressSanitizer: cargo xtask test --only softphone"]
fn a_refer_pending_at_the_bye_lets_go_of_the_call() {
    play("a_refer_pending_at_the_bye_lets_go_of_the_call");
}

/// Compiles one program against the sanitized libraries and runs it.
fn play(name: &str) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lifetimes");
    let prefix = sanitized(&here);
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut compile = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compile.args(["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address", "-Wall", "-Wextra", "-Werror"]);
    compile.args(["-DNDEBUG", "-DPJ_AUTOCONF=1", "-DPJ_IS_BIG_ENDIAN=0", "-DPJ_IS_LITTLE_ENDIAN=1"]);
    compile.arg("-isystem").arg(prefix.join("include")).arg("-o").arg(&program);
    compile.arg(here.join(name).with_extension("c")).arg(here.join("stage.c"));
    compile.arg("-L").arg(prefix.join("lib"));
    compile.args(["-lpjsip-ua", "-lpjsip-simple", "-lpjsip", "-lpjmedia-sdp", "-lpjlib-util", "-lpj"]);
    compile.args(["-Wl,--wrap=pj_gettickcount", "-lssl", "-lcrypto", "-luuid", "-lm", "-lpthread"]);
    let compiled = compile.output().expect("a C compiler");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let played = Command::new(program).output().expect("the program was compiled");
    assert!(played.status.success(), "{}\n{}", played.status, String::from_utf8_lossy(&played.stderr));
}

fn sanitized(here: &Path) -> PathBuf {
    if let Some(prefix) = std::env::var_os("LIFETIMES_PREFIX") {
        return prefix.into();
    }
    let made = Command::new(here.join("libraries.sh")).output().expect("bash");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8_lossy(&made.stdout).lines().last().expect("libraries.sh prints the prefix last").into()
}
