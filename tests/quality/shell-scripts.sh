#!/bin/bash
# No shell script has a fault that shellcheck knows.
set -euo pipefail
scripts=(.ci/run packaging/*.sh packaging/debian/*.{postinst,prerm,postrm} packaging/completions/* packaging/examples/*.sh tests/*.sh tests/*/*.sh)
shellcheck "${scripts[@]}"
