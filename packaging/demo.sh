#!/bin/bash
# Shows a failover and a failback on this machine: builds and installs iotc-ha and its virtual Azure, lets the lizard attack
# a data centre, and says what happens, with times. Ends with status 0 only if the device came through all of it and nothing
# was lost. Whatever happens, both packages are purged again at the end; what they need to be built and run stays.
#
#   sudo packaging/demo.sh
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

device="failover-demo"
config=/etc/iotc-ha.conf
started_at=$EPOCHREALTIME
work=             # everything that is ours and in no package
children=()       # processes of ours, in the order of their start
installing=false  # from here on the packages are to be purged
under_systemd=false
if [[ -d /run/systemd/system ]]; then under_systemd=true; fi

# ---- Saying things

seconds_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'; }
say() { printf '%6s s  %s\n' "$(seconds_since "$started_at")" "$*"; }
fail() {
  say "FAILED: $*"
  if [[ -n $work && -s $work/daemon.log ]]; then
    printf 'The last lines of the daemon:\n'
    tail -n 25 "$work/daemon.log"
  fi
  exit 1
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds
wait_for() {
  local what=$2 deadline=$((SECONDS + $1))
  shift 2
  until "$@"; do
    if ((SECONDS >= deadline)); then fail "waited in vain: $what"; fi
    sleep 0.1
  done
}

# ---- The machine: left as it was found, except for packages of Debian's

clean_up() {
  local status=$?
  trap - EXIT INT TERM HUP
  set +e
  if $installing && $under_systemd; then
    systemctl stop iotc-ha.service iotc-ha-lizard.service 2>/dev/null
  fi
  local i
  for ((i = ${#children[@]} - 1; i >= 0; i--)); do
    kill "${children[i]}" 2>/dev/null && wait "${children[i]}" 2>/dev/null
  done
  if $installing; then
    say "purging both packages"
    if ! dpkg --purge iotc-ha iotc-ha-lizard >"$work/purge.log" 2>&1; then
      cat "$work/purge.log"
      say "FAILED: the packages could not be purged"
      status=1
    fi
  fi
  rm -rf "$work"
  exit "$status"
}

refuse_a_real_installation() {
  local package
  for package in iotc-ha iotc-ha-lizard; do
    if dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^[a-z][^n]'; then
      printf '%s: %s is installed here, or its configuration is. The demonstration would end by purging it: it needs a machine without it.\n' \
        "$0" "$package" >&2
      exit 1
    fi
  done
  local path
  for path in "$config" "$config.d" /var/lib/iotc-ha; do
    if [[ -e $path ]]; then
      printf '%s: %s is here already, and is not ours to overwrite. Move it away first.\n' "$0" "$path" >&2
      exit 1
    fi
  done
}

install_packages() {
  say "installing what a build needs"
  packaging/install-build-dependencies.sh curl dbus jq mosquitto >"$work/apt.log" 2>&1 || {
    cat "$work/apt.log"
    fail "apt could not install what a build needs"
  }
  say "building the packages"
  packaging/build-deb.sh "$work/packages" >"$work/packages.txt"
  say "installing $(xargs -n 1 basename -a <"$work/packages.txt" | xargs)"
  installing=true
  DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
    <"$work/packages.txt" >"$work/install.log" 2>&1 || {
    cat "$work/install.log"
    fail "apt could not install the packages"
  }
}

# ---- Starting them: by systemd where it runs, else by themselves

start_lizard() {
  say "starting the virtual Azure: DPS, hub-a, hub-b, IoT Central"
  if $under_systemd; then
    systemctl start iotc-ha-lizard.service
  else
    export IOTC_HA_LIZARD_STATE=$work/lizard
    install -d -m 0755 -o iotc-ha-lizard -g iotc-ha-lizard "$IOTC_HA_LIZARD_STATE"
    setpriv --reuid iotc-ha-lizard --regid iotc-ha-lizard --init-groups \
      --inh-caps +net_bind_service --ambient-caps +net_bind_service \
      iotc-ha-lizard run >"$work/lizard.log" 2>&1 &
    children+=($!)
  fi
  wait_for 20 "the virtual Azure is up" is_up
}

start_bus() {
  cat >"$work/bus.conf" <<END
<busconfig>
  <type>system</type>
  <listen>unix:path=$work/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>/usr/share/dbus-1/system.d/io.github.iotc_ha.conf</include>
</busconfig>
END
  dbus-daemon --config-file="$work/bus.conf" --nofork --nopidfile 2>"$work/bus.log" &
  children+=($!)
  export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$work/bus
  wait_for 10 "the private bus is there" test -S "$work/bus"
}

start_daemon() {
  iotc-ha-lizard config --device "$device" --output "$config"
  # Twice a second rather than each 5 s: there should be something to lose.
  printf '[sample]\ntelemetry_period = "500ms"\n' >"$config.d/demo.conf"
  if $under_systemd; then
    say "starting the daemon: systemctl start iotc-ha"
    journalctl -f --since "@$EPOCHSECONDS" -u iotc-ha -o short-iso >"$work/daemon.log" 2>/dev/null &
    children+=($!)
    systemctl start iotc-ha.service
  else
    say "starting the daemon by itself, with a bus of its own: systemd does not run here"
    start_bus
    install -d -m 0700 -o iotc-ha -g iotc-ha /var/lib/iotc-ha
    setpriv --reuid iotc-ha --regid iotc-ha --init-groups --no-new-privs \
      iotc-had --config "$config" --state-dir /var/lib/iotc-ha >"$work/daemon.log" 2>&1 &
    children+=($!)
    daemon_process=$!
  fi
  tell_transitions &
  children+=($!)
}

stop_daemon() {
  if $under_systemd; then
    systemctl stop iotc-ha.service
  else
    kill "$daemon_process"
    wait "$daemon_process" || fail "the daemon ended with status $?"
  fi
}

# Each change of state, as the daemon writes it into its log.
tell_transitions() {
  local line
  tail -f -s 0.1 -n +1 --pid=$$ "$work/daemon.log" | while read -r line; do
    if [[ $line =~ ([A-Z][a-z]+\ -\>\ .*) ]]; then say "    ${BASH_REMATCH[1]}"; fi
  done
}

# ---- Asking them

lizard() { iotc-ha-lizard "$@" --json >"$work/answer.json" 2>"$work/answer.txt"; }
property() {
  dbus-send --system --print-reply=literal --dest=io.github.iotc_ha /io/github/iotc_ha \
    org.freedesktop.DBus.Properties.Get string:io.github.iotc_ha.Agent1 string:"$1" 2>/dev/null |
    awk '{ print $NF }'
}
connected_to() { [[ $(property State) == Connected && $(property CurrentHub) == "$1" ]]; }
is_up() { lizard status && jq -e .ready "$work/answer.json" >/dev/null; }
address_of() { lizard status && jq -er --arg hub "$1" '.hubs[] | select(.name == $hub) | .address' "$work/answer.json"; }
# received HUB SINCE COUNT: so many messages came to this hub after so many at all
received() { lizard telemetry && jq -es --arg hub "$1" --argjson since "$2" --argjson count "$3" \
  '[.[$since:][] | select(.hub == $hub)] | length >= $count' "$work/answer.json" >/dev/null; }
received_so_far() { lizard telemetry && jq -s length "$work/answer.json"; }

central() {
  local token ca
  token=$(lizard status && jq -er .central_token "$work/answer.json")
  ca=$(jq -er .ca_file "$work/answer.json")
  curl --silent --show-error --fail-with-body --max-time 10 --cacert "$ca" -H "Authorization: $token" \
    -X POST "https://127.77.0.1/system/iothub/devices/$device/$1"
}

# ---- The story

# moved_to HUB: waits until the daemon is connected to it and telemetry has come there; leaves the duration in `took`, in ms
moved_to() {
  local hub=$1 address since
  address=$(address_of "$hub")
  since=$(received_so_far)
  wait_for 120 "the daemon is connected to $hub" connected_to "$address"
  took=$(($(property LastFailoverDuration) / 1000))
  wait_for 30 "telemetry comes to $hub" received "$hub" "$since" 1
}

demonstrate() {
  local failover failback answer
  start_lizard
  start_daemon
  wait_for 60 "the daemon is connected to hub-a" connected_to "$(address_of hub-a)"
  say "connected to hub-a; waiting for telemetry"
  wait_for 30 "two messages come to hub-a" received hub-a 0 2

  say "a giant lizard attacks data centre A"
  lizard attack hub-a --how kill
  moved_to hub-b
  failover=$took
  say "FAILED OVER to hub-b in $failover ms; telemetry flows there"

  say "data centre A is rebuilt"
  lizard revive hub-a
  answer=$(central manual-failback) || fail "IoT Central refused: $answer"
  say "IoT Central, manual-failback: $(jq -r .message <<<"$answer")"
  moved_to hub-a
  failback=$took
  say "FAILED BACK to hub-a in $failback ms; telemetry flows there"

  say "what the daemon says became of its messages: iotc-hactl audit"
  iotc-hactl audit || fail "the account does not add up"

  say "stopping the daemon"
  stop_daemon
  summary "$failover" "$failback"
}

accepted() { sed -n 's/.*stopped: \([0-9]\+\) messages accepted.*/\1/p' "$work/daemon.log" | grep .; }
said_accepted() { accepted >/dev/null; }

summary() {
  local accepted count
  wait_for 5 "the daemon says how many messages it has accepted" said_accepted
  accepted=$(accepted)
  lizard telemetry
  # Numbers are given out without gaps, from 1: one that never came, though a later one did, was lost.
  count=$(jq -rs '[.[].properties.seq | tonumber] as $came | ($came | unique) as $numbers
    | "\($numbers | length) \(($numbers | max) - ($numbers | length)) \(($came | length) - ($numbers | length))"' \
    "$work/answer.json")
  local received lost twice
  read -r received lost twice <<<"$count"
  printf '\n'
  printf 'failover, hub-a to hub-b   %6s ms\n' "$1"
  printf 'failback, hub-b to hub-a   %6s ms\n' "$2"
  printf 'messages accepted          %6s\n' "$accepted"
  printf 'messages received          %6s\n' "$received"
  printf 'messages lost              %6s\n' "$lost"
  printf 'messages that came twice   %6s\n\n' "$twice"
  if ((lost > 0 || received < accepted)); then fail "messages are missing"; fi
}

if [[ $# -ne 0 ]]; then
  echo "usage: sudo $0" >&2
  exit 2
fi
if [[ $EUID -ne 0 ]]; then
  echo "$0: run it as root: it installs packages and starts services" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "$0: this needs a Debian, or a relative of it: there is no apt-get here" >&2
  exit 1
fi
refuse_a_real_installation
work=$(mktemp -d /tmp/iotc-ha-demo.XXXXXX)
chmod 0755 "$work"
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
install_packages
demonstrate
say "all of it was so"
