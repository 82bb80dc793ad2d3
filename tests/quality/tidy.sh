#!/bin/bash
# clang-tidy 14 finds nothing in our own sources.
#   tidy.sh BUILD-TREE
set -euo pipefail
# The build tree is clang's, of unity files: most of the time goes into headers, which are read once for ten sources then.
# The analyzer follows paths only in a file of its own: `clang-tidy-14 -p build/release FILE` asks for that.
run-clang-tidy-14 -quiet -p "$1" -checks=-bugprone-suspicious-include "^$PWD/(src/|$1/src/.*/unity_)"
