#!/bin/bash
# prepare.sh [--strict] [--key-of TARBALL_OR_DIR]
#
# Makes sure that pjproject is built and prints the prefix on the last line of stdout; progress goes to stderr.
# `cargo xtask setup` calls this; build.rs only looks, it never fetches.
#
# In order of preference:
#   PJPROJECT_PREFIX   an installed prefix, taken as it is;
#   PJPROJECT_SOURCE   a directory or tarball of pjproject, built into the cache;
#   otherwise          the pinned release by package (fetch.sh), built into the cache.
# The cache is ${XDG_CACHE_HOME:-$HOME/.cache}/linedesk/pjproject: tarballs in source/, builds in <key>/ where the key is
# made of the source's checksum, patches/, config_site.h, build.sh, pinned.txt and LINEDESK_PJ_CFLAGS. `current` names the
# key of the last prepared build of the default source; build.rs takes that.
#
# Idempotent, and safe when two run at once (flock). --strict: see fetch.sh. --key-of: only print the key of a source.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
if [ -n "${PJPROJECT_PREFIX:-}" ]; then echo "$PJPROJECT_PREFIX"; exit 0; fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/linedesk/pjproject
# What goes into the recipe's half of the key; build.rs computes the same.
recipe() { (cd "$here" && cat config_site.h build.sh pinned.txt $(ls patches/*.patch 2>/dev/null | LC_ALL=C sort); printf %s "${LINEDESK_PJ_CFLAGS:-}") | sha256sum | cut -c1-12; }
source_sum() {
  if [ -d "$1" ]; then (cd "$1" && find . -type f \( -name '*.[ch]' -o -name '*.[ch]pp' -o -name '*.mak*' \) -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-12
  else sha256sum "$1" | cut -c1-12; fi
}
if [ "${1:-}" = --key-of ]; then echo "$(source_sum "$2")-$(recipe)"; exit 0; fi
strict=()
if [ "${1:-}" = --strict ]; then strict=(--strict); fi
mkdir -p "$cache/source"
exec 9> "$cache/lock"
flock 9
if [ -n "${PJPROJECT_SOURCE:-}" ]; then source=$PJPROJECT_SOURCE; else source=$("$here/fetch.sh" "${strict[@]}" pjproject "$cache/source" | tail -1); fi
key="$(source_sum "$source")-$(recipe)"
# build.sh wants libsrtp, too, and takes what lies here; here it is refused when it must be.
[ -d "$cache/$key" ] || [ -d "${LIBSRTP_SOURCE:-}" ] || "$here/fetch.sh" "${strict[@]}" libsrtp "$cache/source" >/dev/null
"$here/build.sh" "$source" "$cache/$key" >/dev/null
printf '%s\n' "$key" > "$cache/current.new"
mv "$cache/current.new" "$cache/current"
echo "$cache/$key"
