#!/bin/bash
# clang-tidy 14 finds nothing in our own sources.
#   tidy.sh BUILD-TREE
set -euo pipefail
# The build tree may be gcc's, whose warnings clang does not all know.
run-clang-tidy-14 -quiet -extra-arg=-Wno-unknown-warning-option -p "$1" "^$PWD/src/"
