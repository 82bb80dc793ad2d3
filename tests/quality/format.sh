#!/bin/bash
# Every C++ file is as clang-format 14 writes it.
set -euo pipefail
find include packaging src tests \( -name '*.cpp' -o -name '*.hpp' \) -print0 | xargs -0 clang-format-14 --dry-run --Werror
