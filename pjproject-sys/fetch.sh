#!/bin/bash
# fetch.sh [--strict] pjproject|libsrtp DEST
#
# Puts the source tarball into DEST and prints its path on the last line of stdout (progress goes to stderr).
#
# Where it comes from: pjproject is the component orig-Xpjproject of Debian sid's asterisk source package, libsrtp is Debian
# bookworm's libsrtp2, each through a private apt state (apt-suite.sh), so apt checks the archive's signature. The sha256 is
# compared with pinned.txt as well:
#   equal        taken;
#   another      Debian has moved on. It is taken with a printed notice, for a security fix must not wait for us;
#                with --strict (what `cargo xtask dist` uses) it is refused.
# Idempotent: a tarball in DEST that matches the pin is not fetched again.
#
# Environment: PJPROJECT_SOURCE or LIBSRTP_SOURCE=<tarball> is taken as it is (a directory needs no fetching: see prepare.sh,
#              build.sh). APT_SUITE_ROOT: see apt-suite.sh.
# Exit: 0 done; 1 it could not be had (said on stderr, with what to do); 3 --strict refused another checksum.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
usage='usage: fetch.sh [--strict] pjproject|libsrtp DEST'
strict=
if [ "${1:-}" = --strict ]; then strict=1; shift; fi
what=${1:?$usage}
dest=${2:?$usage}
case $what in
  pjproject) suite=sid package=asterisk pattern='*pjproject*.tar.*' own=PJPROJECT_SOURCE ;;
  libsrtp) suite=bookworm package=libsrtp2 pattern='libsrtp2_*.orig.tar.*' own=LIBSRTP_SOURCE ;;
  *) echo "$usage" >&2; exit 1 ;;
esac
mkdir -p "$dest"
pin=$(awk -v what="$what" '$1==what {print $2}' "$here/pinned.txt")
sum() { sha256sum "$1" | cut -d' ' -f1; }

if [ -n "${!own:-}" ]; then
  [ -f "${!own}" ] || { echo "fetch.sh: $own=${!own} is no file" >&2; exit 1; }
  readlink -f "${!own}"
  exit 0
fi
for old in "$dest"/$pattern; do
  if [ -f "$old" ] && [ "$(sum "$old")" = "$pin" ]; then readlink -f "$old"; exit 0; fi
done
echo "fetch.sh: fetching $what's source by package" >&2
work=$(mktemp -d "$dest/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$here/apt-suite.sh" "$suite" apt-get update -qq >&2 ||
  { echo "fetch.sh: the package list could not be fetched; check the network, or set $own=<dir or tarball>" >&2; exit 1; }
# apt fetches a source package whole (asterisk: 13 MB), though one file of it is wanted.
(cd "$work" && "$here/apt-suite.sh" "$suite" apt-get -qq source --download-only "$package") >&2 ||
  { echo "fetch.sh: the source package could not be fetched; set $own=<dir or tarball> instead" >&2; exit 1; }
got=$(find "$work" -maxdepth 1 -name "$pattern" ! -name '*.asc' | head -1)
[ -n "$got" ] || { echo "fetch.sh: Debian's $package source no longer carries $what; set $own=<dir or tarball>" >&2; exit 1; }
have=$(sum "$got")
if [ "$have" != "$pin" ]; then
  if [ -n "$strict" ]; then
    echo "fetch.sh: $(basename "$got") has sha256 $have, pinned is $pin; look at the change and pin it in pjproject-sys/pinned.txt" >&2
    exit 3
  fi
  echo "NOTICE: a newer $what than the pinned one came with the package: $(basename "$got") sha256 $have" >&2
fi
mv "$got" "$dest/"
readlink -f "$dest/$(basename "$got")"
