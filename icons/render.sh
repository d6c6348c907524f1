#!/bin/sh
# Renders the icon sources into src-tauri/icons: sh icons/render.sh
# Drawn by the Tauri CLI, which npx fetches, so no tool of the system is needed. The renders are committed. The CLI is not
# among the packages of ui/: its lock would name a binary for every platform, and not every registry has them all.
set -eu
cd "$(dirname "$0")/.."
tauri() { npx --yes --package @tauri-apps/cli@2.12.5 tauri "$@"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
into=src-tauri/icons
mkdir -p "$into/tray"

tauri icon icons/linedesk.svg --output "$work" >/dev/null 2>&1
for file in 32x32.png 128x128.png icon.png icon.ico icon.icns; do cp "$work/$file" "$into/$file"; done

# One for each status, told apart by the shape and not only by the colour.
for source in icons/tray/*.svg; do
  name=$(basename "$source" .svg)
  tauri icon "$source" --output "$work/$name" --png 32 >/dev/null 2>&1
  cp "$work/$name/32x32.png" "$into/tray/$name.png"
done
echo "icons: $(ls "$into"/*.* "$into"/tray/* | wc -l) files in $into"
