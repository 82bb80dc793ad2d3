#!/bin/bash
# Builds the tests of the rooms with a sanitizer and runs them.
#   sanitized.sh PRESET [CMAKE-ARGUMENT...]
set -euo pipefail
preset=$1
shift
cmake --preset "$preset" "$@"
targets=()
for folder in tests/unit/*/ tests/rooms/*/; do
  targets+=("${folder}all")
done
cmake --build --preset "$preset" --target "${targets[@]}"

# A sanitizer's shadow memory has a fixed place, which a kernel that randomizes 32 bits of an address can give to a library.
fixed=()
if setarch --addr-no-randomize true 2>/dev/null; then
  fixed=(setarch --addr-no-randomize)
fi
exec "${fixed[@]}" ctest --preset "$preset" -L 'unit|rooms' -j2 --output-on-failure --no-tests=error
