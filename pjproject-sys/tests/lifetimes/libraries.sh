#!/bin/bash
# libraries.sh [--without NUMBER]
#
# Makes sure that pjlib, pjlib-util and pjsip are built with AddressSanitizer, from the source and the patches of the
# normal build, and prints the prefix on the last line of stdout; progress goes to stderr. About 1 min on two cores, then
# cached beside the normal build. --without 0001 leaves that patch out: so one sees the test fail that stands for it.
#
# It looks, and never fetches: PJPROJECT_SOURCE (a directory or tarball), else the tarball in the cache of which
# prepare.sh made its last build.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
sys=$(readlink -f "$here/../..")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/linedesk/pjproject
without=
if [ "${1:-}" = --without ]; then without=${2:?usage: libraries.sh [--without NUMBER]}; fi
key_of() { env -u PJPROJECT_PREFIX "$sys/prepare.sh" --key-of "$1"; }
source=${PJPROJECT_SOURCE:-}
current=$(cat "$cache/current" 2>/dev/null || true)
for tarball in "$cache"/source/*pjproject*.tar.*; do
  if [ -z "$source" ] && [ -f "$tarball" ] && [ "$(key_of "$tarball" | cut -d- -f1)" = "${current%%-*}" ]; then source=$tarball; fi
done
[ -n "$source" ] || { echo "libraries.sh: no source of pjproject in $cache; run cargo xtask setup" >&2; exit 1; }
prefix=$cache/$(key_of "$source")-asan-$(sha256sum < "$0" | cut -c1-6)${without:+-without-$without}
exec 3>&1 1>&2 9> "$cache/lock-asan"
flock 9
if [ -d "$prefix" ]; then echo "$prefix" >&3; exit 0; fi

echo 'int main(void) { return 0; }' | "${CC:-cc}" -fsanitize=address -x c - -o /dev/null 2>/dev/null ||
  { echo "libraries.sh: ${CC:-cc} has no AddressSanitizer; install it (Debian: libasan8, which gcc-12 brings)"; exit 1; }
work=$(mktemp -d "$prefix.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/src" "$work/image" "$work/image/lib"
if [ -d "$source" ]; then cp -a "$source/." "$work/src/"; else tar -xf "$source" -C "$work/src" --strip-components=1; fi
cd "$work/src"
for p in "$sys"/patches/*.patch; do
  [[ -n "$without" && $(basename "$p") = "$without"-* ]] && { echo "libraries.sh: left out $(basename "$p")"; continue; }
  # A newer release may have it already; build.sh says so.
  patch -p1 --dry-run -s -f < "$p" >/dev/null && patch -p1 -s < "$p"
done
cp "$sys/config_site.h" pjlib/include/pj/config_site.h
flags="-O1 -g1 -fno-omit-frame-pointer -fsanitize=address -DNDEBUG"
echo "libraries.sh: configuring"
CFLAGS="$flags" CXXFLAGS="$flags" ./aconfigure --disable-video --disable-sound --disable-resample --disable-libsrtp \
  --disable-libwebrtc --disable-upnp > "$work/configure.log" 2>&1 || { tail -20 "$work/configure.log"; exit 1; }
echo "libraries.sh: compiling (about 1 min on two cores)"
target=$(sed -n 's/^export TARGET_NAME := *//p' build.mak)
for part in "pjlib pjlib" "pjlib-util pjlib-util" "pjsip pjsip pjsip-ua pjsip-simple"; do
  set -- $part
  make -j"${JOBS:-$(nproc)}" -C "$1/build" "${@:2}" > "$work/make.log" 2>&1 || { grep -n 'error' "$work/make.log" | head; exit 1; }
  for archive in "$1"/lib/*.a; do cp "$archive" "$work/image/lib/$(basename "$archive" "-$target.a").a"; done
  cp -r "$1/include" "$work/image/"
done
# INVITE sessions negotiate SDP; nothing else of pjmedia is wanted.
cp -r pjmedia/include "$work/image/"
for file in sdp sdp_cmp sdp_neg codec types; do
  "${CC:-cc}" $flags -DPJ_AUTOCONF=1 -DPJ_IS_BIG_ENDIAN=0 -DPJ_IS_LITTLE_ENDIAN=1 -I"$work/image/include" -c "pjmedia/src/pjmedia/$file.c" -o "$work/$file.o"
done
ar rcs "$work/image/lib/libpjmedia-sdp.a" "$work"/*.o
mv "$work/image" "$prefix"
echo "libraries.sh: done"
echo "$prefix" >&3
