//! What this machine can do. libtest cannot skip while it runs, so it is found out before, and said loudly.

use crate::command::{answer, command};

/// What some suites need and some machines do not have.
#[derive(Debug)]
pub struct Capabilities {
    /// How to get an own network and process namespace, or why not.
    pub namespace: Result<&'static [&'static str], String>,
    /// Whether C programs can be built with AddressSanitizer, or why not.
    pub sanitizer: Result<(), String>,
}

/// As root.
const UNSHARE_ROOT: &[&str] = &["-n", "-p", "-f", "--kill-child", "--mount-proc"];
/// As anybody, through a user namespace.
const UNSHARE_USER: &[&str] = &["-U", "-r", "-n", "-p", "-f", "--kill-child", "--mount-proc"];

impl Capabilities {
    pub fn probe() -> Self {
        let works = |flags: &[&str]| {
            let mut probe = command("unshare", flags.iter().copied());
            probe.args(["sh", "-c", "ip link set lo up"]);
            answer(&mut probe).is_some()
        };
        let namespace = if nix::unistd::geteuid().is_root() && works(UNSHARE_ROOT) {
            Ok(UNSHARE_ROOT)
        } else if works(UNSHARE_USER) {
            Ok(UNSHARE_USER)
        } else {
            Err("this machine gives no network namespace (`unshare -Urn` fails): be root, or allow user namespaces"
                .to_owned())
        };
        Self { namespace, sanitizer: sanitizer() }
    }

    pub fn report(&self) {
        if let Err(why) = &self.namespace {
            eprintln!("  ! lab suites will be SKIPPED: {why}");
        }
        if let Err(why) = &self.sanitizer {
            eprintln!("  ! the lifetime tests of pjproject will be SKIPPED: {why}");
        }
    }
}

fn sanitizer() -> Result<(), String> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let program = "echo 'int main(void) { return 0; }' | \"$0\" -fsanitize=address -x c - -o /dev/null";
    match answer(&mut command("sh", ["-c", program, &compiler])) {
        Some(_) => Ok(()),
        None => Err(format!("`{compiler} -fsanitize=address` fails: install the compiler's libasan")),
    }
}
