#!/bin/bash
# A thermostat in shell. Everything that answers the cloud is in answer.sh, beside this.
set -euo pipefail
here=$(dirname "$(realpath "$0")")

# call INTERFACE METHOD [TYPES ARGUMENT...]
call() {
  busctl --system call io.github.iotc_ha /io/github/iotc_ha "io.github.iotc_ha.$1" "${@:2}"
}

# Telemetry, with one option: the component that it is of. The answer is its number, when it is on disk.
call Telemetry1 Submit 'sa{sv}' '{"temperature":21.5}' 1 component s thermostat

# A reported property of the component; "__t":"c" tells the cloud that it is one.
call Twin1 Report s '{"thermostat":{"__t":"c","serial":"T-1000"}}'

# What the cloud wants now, and the version of that.
call Twin1 GetDesired

# Desired properties and commands: iotc-hactl claims them, and runs answer.sh for each, until Ctrl-C.
exec iotc-hactl watch --property 'thermostat*target' --command 'thermostat*reset' --command 'thermostat*calibrate' \
  --exec "$here/answer.sh"
