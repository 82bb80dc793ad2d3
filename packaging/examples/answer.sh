#!/bin/bash
# Answers one desired property or one command. Its value comes on standard input, as JSON; what is printed is the answer,
# as JSON too. Exit status 0 is 200 for the cloud, 202 is 202, any other is 500.
set -euo pipefail
value=$(cat)

# Two seconds of work that nobody waits for. The result is reported as a property.
calibrate() {
  sleep 2
  iotc-hactl report '{"thermostat":{"__t":"c","calibrated":true}}'
}

case $IOTC_HA_KIND:$IOTC_HA_COMPONENT:$IOTC_HA_NAME in
  property:thermostat:target)
    [[ $value =~ ^[0-9]+(\.[0-9]+)?$ ]] # or else 500
    echo "$value"
    ;;
  command:thermostat:reset) echo '"done"' ;;
  command:thermostat:calibrate)
    calibrate </dev/null >/dev/null 2>&1 & # goes on when we have ended
    echo '"begun"'
    exit 202
    ;;
  *) exit 1 ;;
esac
