#!/bin/bash
# unpack.sh SUITE PACKAGE DIRECTORY
#
# A package and every library it needs from a Debian suite (asterisk: sid has 22, bullseye 16), unpacked under DIRECTORY.
# Nothing is installed, no service is started and no root is needed; it runs through its own loader (the lab's `Pbx` does that).
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
suite=$1
package=$2
directory=$3
apt_suite="$here/../../pjproject-sys/apt-suite.sh"
state=${APT_SUITE_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/linedesk/apt}/$suite
# What an earlier version left in the archives must not be unpacked over the new one.
rm -f "$state"/cache/archives/*.deb
"$apt_suite" "$suite" apt-get update -qq
"$apt_suite" "$suite" apt-get -qq -y --no-install-recommends --download-only install "$package"
mkdir -p "$directory"
for archive in "$state"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$archive" |
    tar -x -C "$directory" --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale' --exclude='./usr/share/i18n'
done
rm -f "$state"/cache/archives/*.deb
