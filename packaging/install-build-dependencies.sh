#!/bin/bash
# Installs with apt what a build of iotc-ha needs, and the packages named on the command line. What a build needs is said in
# debian/control and nowhere else. Does nothing, and needs no network, where all of it is there. As root.
#
#   packaging/install-build-dependencies.sh [PACKAGE...]
set -euo pipefail
cd "$(dirname "$0")"

all_there() {
  command -v dpkg-checkbuilddeps >/dev/null && dpkg-checkbuilddeps debian/control 2>/dev/null &&
    { [[ $# -eq 0 ]] || dpkg -s "$@" >/dev/null 2>&1; }
}

set -- build-essential "$@"
if all_there "$@"; then
  exit 0
fi
if [[ $EUID -ne 0 ]]; then
  echo "$0: packages are missing, and installing them needs root" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -y -o DPkg::Lock::Timeout=300 --no-install-recommends)
if command -v mosquitto >/dev/null; then had_broker=true; else had_broker=false; fi

# apt reads Build-Depends in a source tree: one with nothing else in it.
source_tree=$(mktemp -d)
trap 'rm -rf "$source_tree"' EXIT
cp -r debian "$source_tree/"

apt-get -qq update || echo "$0: some package lists could not be read; going on with those that are there" >&2
"${apt[@]}" install "$@" </dev/null
"${apt[@]}" build-dep "$source_tree" </dev/null

# The package of the broker starts one on port 1883. Only its program is wanted.
if ! $had_broker && [[ -d /run/systemd/system ]]; then
  systemctl disable --now mosquitto.service
fi
