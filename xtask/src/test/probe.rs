//! What this machine can do. libtest cannot skip while it runs, so it is found out before, and said loudly.

use std::path::{Path, PathBuf};

use crate::command::{answer, command};

/// What some suites need and some machines do not have.
#[derive(Debug)]
pub struct Capabilities {
    /// How to get an own network and process namespace, or why not.
    pub namespace: Result<&'static [&'static str], String>,
    /// Whether C programs can be built with AddressSanitizer, or why not.
    pub sanitizer: Result<(), String>,
    /// Whether a namespace can be joined with another by a pair of virtual interfaces, or why not.
    pub veth: Result<(), String>,
    /// Whether a namespace has IPv6, or why not.
    pub ipv6: Result<(), String>,
    /// Where the programs of PostgreSQL are, or why a server cannot be run.
    pub postgres: Result<PathBuf, String>,
}

/// The oldest PostgreSQL that central takes.
const POSTGRES: u32 = 15;

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
        let inside = |script: &str, why: &str| {
            let flags = namespace.as_ref().copied().map_err(Clone::clone)?;
            let mut probe = command("unshare", flags.iter().copied());
            probe.args(["sh", "-c", script]);
            answer(&mut probe).map(|_| ()).ok_or_else(|| why.to_owned())
        };
        let veth = inside(
            "ip link add va type veth peer name vb && unshare -n true && nsenter -t $$ -n true",
            "there are no veth interfaces between namespaces here (`ip link add type veth`, nsenter)",
        );
        let ipv6 = inside(
            "ip link set lo up && ip addr add fd77::1/128 dev lo",
            "there is no IPv6 here (`ip addr add fd77::1/128 dev lo` fails)",
        );
        Self { sanitizer: sanitizer(), postgres: postgres(), veth, ipv6, namespace }
    }

    pub fn report(&self) {
        if let Err(why) = &self.namespace {
            eprintln!("  ! lab suites will be SKIPPED: {why}");
        }
        for why in [&self.veth, &self.ipv6].into_iter().filter_map(|probed| probed.as_ref().err()) {
            eprintln!("  ! tests of the network will be SKIPPED: {why}");
        }
        if let Err(why) = &self.postgres {
            eprintln!("  ! tests on PostgreSQL will be SKIPPED: {why}");
        }
        if let Err(why) = &self.sanitizer {
            eprintln!("  ! the lifetime tests of pjproject will be SKIPPED: {why}");
        }
    }
}

/// Debian keeps the programs of a server apart, a directory for each version; elsewhere they are on the PATH.
fn postgres() -> Result<PathBuf, String> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let newest = debian
        .map(|version| version.path().join("bin"))
        .chain(std::env::split_paths(&path))
        // What lies on the PATH may be a link, without all that belongs to it beside it.
        .filter_map(|directory| Some(directory.join("initdb").canonicalize().ok()?.parent()?.to_owned()))
        .filter_map(|directory| Some((version(&directory)?, directory)))
        .max()
        .ok_or("there is no PostgreSQL here (initdb): install the package postgresql")?;
    if newest.0 < POSTGRES {
        return Err(format!("PostgreSQL here is {}: install {POSTGRES} or newer", newest.0));
    }
    // initdb refuses root; and the test's server ends with who started it.
    let user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"];
    let user: &[&str] = if nix::unistd::geteuid().is_root() { &user } else { &[] };
    let mut probe = command("setpriv", user.iter().copied());
    match answer(probe.args(["--pdeathsig=INT", "flock", "--version"])) {
        Some(_) => Ok(newest.1),
        None => Err("a server cannot be run as the user postgres here (setpriv, flock of util-linux)".to_owned()),
    }
}

fn version(directory: &Path) -> Option<u32> {
    version_in(&answer(&mut command(directory.join("initdb").to_str()?, ["--version"]))?)
}

/// Of `initdb (PostgreSQL) 15.18 (Debian …)`.
fn version_in(said: &str) -> Option<u32> {
    let version = said.split_once("(PostgreSQL) ")?.1;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn sanitizer() -> Result<(), String> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let program = "echo 'int main(void) { return 0; }' | \"$0\" -fsanitize=address -x c - -o /dev/null";
    match answer(&mut command("sh", ["-c", program, &compiler])) {
        Some(_) => Ok(()),
        None => Err(format!("`{compiler} -fsanitize=address` fails: install the compiler's libasan")),
    }
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn versions_of_postgres() {
        for (said, version) in [
            ("initdb (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("initdb (PostgreSQL) 9.6.24\n", Some(9)),
            ("initdb (PostgreSQL) 19beta1\n", Some(19)),
            ("command not found", None),
        ] {
            assert_eq!(version_in(said), version, "{said}");
        }
    }
}
