#!/bin/bash
# Builds iotc-ha_*.deb and iotc-ha-lizard_*.deb, from a copy of the tree: the tree itself stays as it is.
#
#   packaging/build-deb.sh DIRECTORY        where the two go; made if it is not there
#
# DEB_BUILD_OPTIONS is handed on; by default the tests are neither built nor run, for they are tests/run.sh's.
set -euo pipefail

if [[ $# -ne 1 || $1 == -* ]]; then
  echo "usage: $0 DIRECTORY" >&2
  exit 2
fi
mkdir -p "$1"
output=$(realpath "$1")
cd "$(dirname "$0")/.."

version=$(<VERSION)
packaged=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
if [[ $packaged != "$version" ]]; then
  echo "$0: VERSION says $version, packaging/debian/changelog says $packaged" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/iotc-ha-$version"
tar -c --exclude=./build --exclude=./.git --exclude=./.cache . | tar -x -C "$work/iotc-ha-$version"
cd "$work/iotc-ha-$version"
mv packaging/debian debian

# `noautodbgsym`: two packages, not four.
export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS-nocheck} noautodbgsym"
profiles=()
if [[ " $DEB_BUILD_OPTIONS " == *" nocheck "* ]]; then
  profiles=(-Pnocheck)
fi
log=$output/build-deb.log
if ! dpkg-buildpackage -b -us -uc -j"$(nproc)" "${profiles[@]}" >"$log" 2>&1; then
  tail -n 60 "$log" >&2
  echo "$0: the packages could not be built; all of what was said is in $log" >&2
  exit 1
fi
mv ../iotc-ha_*.deb ../iotc-ha-lizard_*.deb ../*.changes ../*.buildinfo "$output/"
printf '%s\n' "$output"/iotc-ha_"$version"_*.deb "$output"/iotc-ha-lizard_"$version"_*.deb
