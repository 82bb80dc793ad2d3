#!/bin/bash
# lintian has nothing to say about the packages in a folder, down to "info".
#   lintian.sh DIRECTORY
set -euo pipefail
said=$(lintian --allow-root --display-info --pedantic "$1"/*.changes)
if [[ -n $said ]]; then
  printf '%s\n' "$said"
  exit 1
fi
