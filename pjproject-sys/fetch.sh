#!/bin/bash
# fetch.sh [--strict] DEST
#
# Puts pjproject's source tarball into DEST and prints its path on the last line of stdout (progress goes to stderr).
#
# Where it comes from: the component orig-Xpjproject of Debian sid's asterisk source package, through a private apt state
# (apt-suite.sh), so apt checks the archive's signature. The sha256 is compared with pinned.txt as well:
#   equal        taken;
#   another      Debian has moved on. It is taken with a printed notice, for a security fix must not wait for us;
#                with --strict (what `cargo xtask dist` uses) it is refused.
# Idempotent: a tarball in DEST that matches the pin is not fetched again.
#
# Environment: PJPROJECT_SOURCE=<tarball> is taken as it is (a directory needs no fetching: see prepare.sh).
#              APT_SUITE_ROOT: see apt-suite.sh.
# Exit: 0 done; 1 it could not be had (said on stderr, with what to do); 3 --strict refused another checksum.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
strict=
if [ "${1:-}" = --strict ]; then strict=1; shift; fi
dest=${1:?usage: fetch.sh [--strict] DEST}
mkdir -p "$dest"
pin=$(awk '!/^#/ && NF {print $1; exit}' "$here/pinned.txt")
sum() { sha256sum "$1" | cut -d' ' -f1; }

if [ -n "${PJPROJECT_SOURCE:-}" ]; then
  [ -f "$PJPROJECT_SOURCE" ] || { echo "fetch.sh: PJPROJECT_SOURCE=$PJPROJECT_SOURCE is no file" >&2; exit 1; }
  readlink -f "$PJPROJECT_SOURCE"
  exit 0
fi
for old in "$dest"/*pjproject*.tar.*; do
  if [ -f "$old" ] && [ "$(sum "$old")" = "$pin" ]; then readlink -f "$old"; exit 0; fi
done
echo "fetch.sh: fetching pjproject's source by package" >&2
work=$(mktemp -d "$dest/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$here/apt-suite.sh" sid apt-get update -qq >&2 ||
  { echo "fetch.sh: the package list could not be fetched; check the network, or set PJPROJECT_SOURCE=<dir or tarball>" >&2; exit 1; }
# Only the one component is wanted, but apt fetches a source package whole (13 MB).
(cd "$work" && "$here/apt-suite.sh" sid apt-get -qq source --download-only asterisk) >&2 ||
  { echo "fetch.sh: the source package could not be fetched; set PJPROJECT_SOURCE=<dir or tarball> instead" >&2; exit 1; }
got=$(find "$work" -maxdepth 1 -name '*orig-Xpjproject.tar.*' ! -name '*.asc' | head -1)
[ -n "$got" ] || { echo "fetch.sh: Debian's asterisk source no longer carries pjproject; set PJPROJECT_SOURCE=<dir or tarball>" >&2; exit 1; }
have=$(sum "$got")
if [ "$have" != "$pin" ]; then
  if [ -n "$strict" ]; then
    echo "fetch.sh: $(basename "$got") has sha256 $have, pinned is $pin; look at the change and pin it in pjproject-sys/pinned.txt" >&2
    exit 3
  fi
  echo "NOTICE: a newer pjproject than the pinned one came with the package: $(basename "$got") sha256 $have" >&2
fi
mv "$got" "$dest/"
readlink -f "$dest/$(basename "$got")"
