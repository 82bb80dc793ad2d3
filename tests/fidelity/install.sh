#!/bin/bash
# Installs Microsoft's device clients, as package-lock.json has them, in a directory outside the source tree. What is there
# already stays there.
#
#   install.sh DIRECTORY
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
directory=$1

if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
  echo "$0: this test needs Node.js and npm: apt install nodejs npm" >&2
  exit 1
fi
mkdir -p "$directory"
if cmp -s "$here/package-lock.json" "$directory/installed-lock.json"; then
  exit 0
fi
rm -f "$directory/installed-lock.json"
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$directory/"
cd "$directory"
if ! npm ci --ignore-scripts --no-audit --no-fund; then
  echo "$0: npm cannot install the clients (see above). Without them the lizard cannot be tried: is the npm registry that" \
    "'npm config get registry' names reachable from here?" >&2
  exit 1
fi
cp package-lock.json installed-lock.json
