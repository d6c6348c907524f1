#!/bin/bash
# apt-suite.sh SUITE TOOL ARGS...
#
# Runs an apt tool against another suite (sid, bullseye, …) of the mirror that this machine is already set up with, in a
# private apt state. The machine's own apt configuration is only read, signatures are checked with Debian's own keyring,
# nothing is installed, and no root is needed.
#
# APT_SUITE_ROOT: where the private state lives (default: ${XDG_CACHE_HOME:-$HOME/.cache}/linedesk/apt).
set -euo pipefail
suite=$1
tool=$2
shift 2
root=${APT_SUITE_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/linedesk/apt}/$suite
if [ ! -r /etc/os-release ] || ! command -v apt-get >/dev/null; then
  echo "apt-suite.sh: this machine has no apt; give the pjproject release yourself: PJPROJECT_SOURCE=<dir or tarball>" >&2
  exit 1
fi
. /etc/os-release
# The mirror is the one of the plain suite configured here, not of -updates or -security, which do not carry other suites.
mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Identifier: Packages' |
  awk -v c="${VERSION_CODENAME:-}" '$1==c || $1=="stable" || $1=="oldstable"{print $2; exit}')
if [ -z "$mirror" ]; then
  echo "apt-suite.sh: no Debian mirror for '${VERSION_CODENAME:-?}' in apt's configuration; add one, or set PJPROJECT_SOURCE" >&2
  exit 1
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$root"/{lists/partial,cache/archives/partial,empty.d}
cat > "$root/sources.list" <<S
deb [signed-by=$keyring] $mirror $suite main
deb-src [signed-by=$keyring] $mirror $suite main
S
: > "$root/status"
options=(-o Dir::Etc::sourcelist="$root/sources.list" -o Dir::Etc::sourceparts="$root/empty.d"
  -o Dir::Etc::preferencesparts="$root/empty.d" -o Dir::Etc::preferences=/dev/null
  -o Dir::State="$root" -o Dir::State::lists="$root/lists" -o Dir::State::status="$root/status"
  -o Dir::Cache="$root/cache" -o Dir::Cache::archives="$root/cache/archives"
  -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=0 -o Acquire::Languages=none
  -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
exec "$tool" "${options[@]}" "$@"
