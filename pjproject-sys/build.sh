#!/bin/bash
# build.sh SOURCE PREFIX
#
# Builds our fork of pjproject (SOURCE: release tarball or directory) as static libraries into PREFIX and prints PREFIX on
# the last line of stdout; everything else goes to stderr. About 1 min 30 s on two cores.
#
# In order: unpack (or copy) → edits by pattern, not by line, so a newer release still builds → patches/*.patch, our own
# fixes → config_site.h → configure → make lib → make install. An edit whose pattern is gone is skipped with a warning,
# a patch that does not apply is an error unless upstream already has it (it applies in reverse).
#
# Idempotent: a PREFIX with its stamp is left alone. Atomic: everything happens beside PREFIX and is renamed at the end,
# so a broken-off build never looks like a finished one.
#
# libsrtp goes in with it, over the OpenSSL that is there anyway: Debian's own is built over NSS, whose five libraries take two
# megabytes of each operator's memory. fetch.sh brings its source; LIBSRTP_SOURCE (a directory or tarball) replaces it.
#
# Environment: JOBS (default: number of cores), CC, CXX, LINEDESK_PJ_CFLAGS (added last, e.g. -fsanitize=address).
# Needs (Debian): build-essential pkg-config libopus-dev libspeex-dev libspeexdsp-dev libgsm1-dev libssl-dev
#                 libasound2-dev uuid-dev patch xz-utils
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
source=$(readlink -f "${1:?usage: build.sh SOURCE PREFIX}")
prefix=${2:?usage: build.sh SOURCE PREFIX}
stamp=lib/.linedesk-built
if [ -f "$prefix/$stamp" ]; then echo "$prefix"; exit 0; fi
exec 3>&1 1>&2
mkdir -p "$(dirname "$prefix")"
prefix=$(readlink -f "$(dirname "$prefix")")/$(basename "$prefix")
work=$(mktemp -d "$prefix.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
warn() { echo "build.sh: warning: $*"; }
# edit FILE PATTERN SED: the pattern must be there, so that an edit which no longer does anything is noticed.
edit() { if grep -q "$2" "$1"; then sed -i "$3" "$1"; else warn "$1: '$2' is not there (newer release?), edit skipped"; fi; }

# unpack SOURCE DIRECTORY
unpack() { mkdir "$2"; if [ -d "$1" ]; then cp -a "$1/." "$2/"; else tar -xf "$1" -C "$2" --strip-components=1; fi; }
# Sections of their own: whoever links leaves out what nobody calls.
hardened="-O2 -fPIC -DNDEBUG -g1 -ffunction-sections -fdata-sections -fstack-protector-strong -U_FORTIFY_SOURCE \
  -D_FORTIFY_SOURCE=2 ${LINEDESK_PJ_CFLAGS:-}"

if [ -d "${LIBSRTP_SOURCE:-}" ]; then srtp=$LIBSRTP_SOURCE; else srtp=$("$here/fetch.sh" libsrtp "$(dirname "$prefix")/source" | tail -1); fi
echo "build.sh: libsrtp"
unpack "$srtp" "$work/srtp"
(cd "$work/srtp" && CFLAGS="$hardened" ./configure --prefix="$prefix" --enable-openssl && make libsrtp2.a &&
  make install DESTDIR="$work/image") > "$work/srtp.log" 2>&1 || { tail -20 "$work/srtp.log"; exit 1; }

echo "build.sh: unpacking"
unpack "$source" "$work/src"
cd "$work/src"
if [ -d "$source" ]; then make distclean >/dev/null 2>&1 || true; fi
grep -q 'PJ_VERSION_MINOR *:= *17' version.mak || warn "this is not pjproject 2.17, with which Linedesk was tried"
# Debian strips bdimad_dev.c for its licence, but not the Makefile that names it.
[ -e pjmedia/src/pjmedia-audiodev/bdimad_dev.c ] || edit pjmedia/build/Makefile 'bdimad_dev\.o' 's/ *bdimad_dev\.o//'
# FMA and AVX2 only for the *_avx2 objects of AEC3. Upstream gives them to all, which defeats the detection at run time:
# a processor without AVX2 would die of SIGILL in the first call.
edit third_party/build/os-auto.mak.in 'WEBRTC_AEC3_OTHER_CFLAGS += -mfma' 's/^\(\s*WEBRTC_AEC3_OTHER_CFLAGS += \)-mfma/\1/'
edit build/rules.mak 'CXX) \$(\$(APP)_CXXFLAGS) \\$' 's/^\t\$(CXX) \$(\$(APP)_CXXFLAGS) \\$/\t$(CXX) $($(APP)_CXXFLAGS) $(if $(findstring _avx2,$@),-mavx2 -mfma) \\/'
for p in "$here"/patches/*.patch; do
  [ -e "$p" ] || continue
  if patch -p1 --dry-run -s -f < "$p" >/dev/null; then
    patch -p1 -s < "$p"; echo "build.sh: applied $(basename "$p")"
  elif patch -p1 -R --dry-run -s -f < "$p" >/dev/null; then
    warn "$(basename "$p") is already in this release: drop it"
  else
    echo "build.sh: $(basename "$p") does not apply to this release; update pjproject-sys/patches or pin the older one"; exit 1
  fi
done
cp "$here/config_site.h" pjlib/include/pj/config_site.h

# Where libsrtp is found, here and nowhere in what is built.
export CPATH=$work/image$prefix/include LIBRARY_PATH=$work/image$prefix/lib
echo "build.sh: configuring"
CFLAGS="$hardened" CXXFLAGS="$hardened" ./aconfigure --prefix="$prefix" --disable-video --disable-sdl \
  --disable-ffmpeg --disable-v4l2 --disable-openh264 --disable-vpx --disable-libyuv --disable-upnp --disable-bcg729 \
  --disable-opencore-amr --disable-silk --disable-lyra --disable-ilbc-codec --disable-g7221-codec --disable-libwebrtc \
  --enable-libwebrtc-aec3 --enable-speex-resample --enable-epoll --with-external-speex --with-external-gsm \
  --with-external-srtp > "$work/configure.log" 2>&1 || { tail -20 "$work/configure.log"; exit 1; }
echo "build.sh: compiling (about 1 min 30 s on two cores)"
make -j"${JOBS:-$(nproc)}" lib > "$work/make.log" 2>&1 || { grep -n 'error' "$work/make.log" | head; tail -20 "$work/make.log"; exit 1; }
make install DESTDIR="$work/image" > "$work/install.log" 2>&1 || { tail -20 "$work/install.log"; exit 1; }
date -u +%FT%TZ > "$work/image$prefix/$stamp"
rm -rf "$prefix"
mv "$work/image$prefix" "$prefix"
echo "build.sh: done"
echo "$prefix" >&3
