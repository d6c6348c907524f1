#!/bin/bash
# sanitized.sh
#
# Makes sure that the whole of pjproject is built with AddressSanitizer, beside the normal build in the cache, and prints
# the prefix on the last line of stdout; about 3 min on two cores, once for each recipe. It looks for the source as
# tests/lifetimes/libraries.sh does, and never fetches. To link a program with it:
#
#   export LINEDESK_PJ_CFLAGS="-fsanitize=address -fno-omit-frame-pointer" PJPROJECT_PREFIX=$(pjproject-sys/sanitized.sh | tail -1)
#   RUSTFLAGS=-Clink-arg=-lasan cargo build -p linedesk-softphone --target x86_64-unknown-linux-gnu --target-dir target/asan
#
# and to run it: LD_PRELOAD=$(gcc -print-file-name=libasan.so), because the runtime must come before libc. --target, or
# cargo would link its own build scripts so, too.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/linedesk/pjproject
unset PJPROJECT_PREFIX LINEDESK_PJ_CFLAGS
source=${PJPROJECT_SOURCE:-}
current=$(cat "$cache/current" 2>/dev/null || true)
for tarball in "$cache"/source/*pjproject*.tar.*; do
  if [ -z "$source" ] && [ -f "$tarball" ] && [ "$("$here/prepare.sh" --key-of "$tarball" | cut -d- -f1)" = "${current%%-*}" ]; then source=$tarball; fi
done
[ -n "$source" ] || { echo "sanitized.sh: no source of pjproject in $cache; run cargo xtask setup" >&2; exit 1; }
export LINEDESK_PJ_CFLAGS="-fsanitize=address -fno-omit-frame-pointer"
exec 9> "$cache/lock-asan"
flock 9
"$here/build.sh" "$source" "$cache/$("$here/prepare.sh" --key-of "$source")"
