#!/bin/bash
# Installs what the tests need, builds everything and runs every test that there is. As root; on Debian 12 with two cores it
# takes a little over an hour. The last lines are ctest's summary, the status is 0 only if all is well.
#
#   sudo tests/run.sh [CTEST-ARGUMENT...]        e.g. -L unit, or -R failover
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

if [[ $EUID -ne 0 ]]; then
  echo "$0: run it as root: it installs packages, and boots a Debian to test in" >&2
  exit 1
fi

step() { printf '== %s (after %d min %02d s)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

step "Packages"
# Any Node.js with npm will do; Debian's where there is none.
node=()
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then node=(nodejs npm); fi
packaging/install-build-dependencies.sh \
  chromium chromium-driver clang clang-format clang-tidy curl dbus-bin dbus-daemon libclang-rt-14-dev lintian mmdebstrap \
  mosquitto "${node[@]}" openssl python3 python3-gi shellcheck systemd systemd-container

step "Configure"
cmake --preset release
started=$SECONDS
step "Build"
cmake --build --preset release
echo "built in $((SECONDS - started)) s"

step "Test"
exec ctest --test-dir build/release -j"$(nproc)" --output-on-failure --no-tests=error "$@"
