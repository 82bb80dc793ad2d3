"""What the packages do on a machine with a real systemd.

    scenarios.py SCENARIO DIRECTORY-WITH-THE-PACKAGES
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from machine import Failure, Machine, wait_until

DEVICE = "system-test"
AGENT = ["io.github.iotc_ha", "/io/github/iotc_ha", "io.github.iotc_ha.Agent1"]
FAILED_OVER = "0c9f4a7be2d84a35b6c1d2f08e93a471"  # MESSAGE_ID in systemd/iotc-ha.catalog


def step(text):
    print(f"[{time.monotonic() - STARTED:5.1f} s] {text}", flush=True)


def require(truth, text):
    if not truth:
        raise Failure(text)


# --- what an operator does --------------------------------------------------------------------------------------------


def install(machine, packages):
    step("install the packages with apt")
    return machine.out("apt-get", "install", "-y", "-qq", *(f"/shared/{package.name}" for package in packages),
                       seconds=120)


def configure(machine):
    step("start the virtual Azure and let it write the configuration")
    machine.run("systemctl", "start", "iotc-ha-lizard")
    machine.run("iotc-ha-lizard", "config", "--device", DEVICE, "--output", "/etc/iotc-ha.conf")


def agent(machine, name):
    """A property, as `busctl` gives it to an operator."""
    got = machine.run("busctl", "--json=short", "get-property", *AGENT, name, status=None)
    return json.loads(got.stdout)["data"] if got.returncode == 0 else None


def wait_for_state(machine, state, hub=None, seconds=60):
    def there():
        return agent(machine, "State") == state and (hub is None or agent(machine, "CurrentHub") == hub)
    try:
        wait_until(f"State {state}", there, seconds)
    except Failure as failure:
        raise Failure(f"{failure}; now: {agent(machine, 'State')} {agent(machine, 'CurrentHub')}, "
                      f"{agent(machine, 'StateReason')}") from failure


def lizard(machine):
    return json.loads(machine.out("iotc-ha-lizard", "status", "--json"))


def telemetry(machine):
    return [json.loads(line) for line in machine.out("iotc-ha-lizard", "telemetry", "--json").splitlines()]


class JournalReader:
    """`journalctl -f -u iotc-ha`, read while things happen."""

    def __init__(self, machine):
        self.entries = []
        self._process = subprocess.Popen(
            machine.command("journalctl", "-f", "-n", "0", "-u", "iotc-ha", "-o", "json"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._process.stdout:
            self.entries.append(json.loads(line))

    def states(self):
        return [entry["IOTC_STATE"] for entry in list(self.entries) if "IOTC_STATE" in entry]

    def with_id(self, message_id):
        return [entry for entry in list(self.entries) if entry.get("MESSAGE_ID") == message_id]

    def close(self):
        os.killpg(self._process.pid, signal.SIGTERM)  # nsenter waits for a child of its own
        self._process.wait()
        self._thread.join()


def hub_name(machine, host):
    """The lizard's name for the hub that the daemon knows by `host`."""
    return next(hub["name"] for hub in lizard(machine)["hubs"] if hub["address"] == host)


def received_by(machine, host, at_least):
    name = hub_name(machine, host)
    wait_until(f"{at_least} messages at {name}",
               lambda: sum(message["hub"] == name for message in telemetry(machine)) >= at_least, 30)


def journal_tells(reader, hub, states):
    """The states come in this order, the last with the hub; others may lie between."""
    def told():
        rest = iter(reader.states())
        return all(state in rest for state in states)
    try:
        wait_until(f"the journal tells {states}", told, 10)
    except Failure as failure:
        raise Failure(f"{failure}; it told {reader.states()}") from failure
    connected = [entry for entry in reader.entries if entry.get("IOTC_STATE") == "Connected"][-1]
    require(connected["IOTC_HUB"] == hub, f"the journal names {connected['IOTC_HUB']}, not {hub}")
    require(any(entry.get("IOTC_CAUSE") for entry in reader.entries), "no entry has a cause")
    moved = wait_until("the journal tells of a failover", lambda: reader.with_id(FAILED_OVER), 10)
    require(moved[-1]["IOTC_HUB"] == hub, f"the failover went to {moved[-1]['IOTC_HUB']}, not {hub}")
    print("".join(f"        journal: {entry['MESSAGE']}\n" for entry in reader.entries if "IOTC_HUB" in entry), end="")


def central_failback(machine):
    """What `az iot central device manual-failback` sends."""
    told = lizard(machine)
    machine.run("curl", "--silent", "--show-error", "--fail-with-body", "--cacert", told["ca_file"],
                "-H", f"Authorization: {told['central_token']}", "-X", "POST",
                f"https://127.77.0.1/system/iothub/devices/{DEVICE}/manual-failback")


def account(machine):
    """The daemon numbers its messages through all its lives: one that never came, though a later one did, was lost."""
    numbers = {}
    for message in telemetry(machine):
        numbers.setdefault(message["properties"]["boot"], []).append(int(message["properties"]["seq"]))
    came = sorted(number for of_a_life in numbers.values() for number in of_a_life)
    lost = sorted(set(range(1, came[-1] + 1)) - set(came))
    for boot, of_a_life in numbers.items():
        print(f"        life {boot}: {min(of_a_life)} to {max(of_a_life)}, "
              f"{len(of_a_life) - len(set(of_a_life))} came twice")
    require(not lost, f"messages {lost} were lost")


def audit(machine):
    """What the daemon itself says became of its messages, over all its lives; `iotc-hactl` ends with 0 if it adds up."""
    return json.loads(machine.out("iotc-hactl", "audit", "--json"))["total"]


def higher_version(package, folder):
    """The same package under a higher version, into `folder`."""
    with tempfile.TemporaryDirectory() as unpacked:
        subprocess.run(["dpkg-deb", "-R", package, unpacked], check=True)
        control = Path(unpacked) / "DEBIAN/control"
        control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+next", control.read_text(), flags=re.M))
        subprocess.run(["dpkg-deb", "-b", "--root-owner-group", unpacked, folder], check=True, stdout=subprocess.DEVNULL)


# --- scenarios --------------------------------------------------------------------------------------------------------


SCENARIOS = {}


def scenario(function):
    SCENARIOS["".join(word.capitalize() for word in function.__name__.split("_"))] = function
    return function


# Where an installed and purged package may leave something, with the reason. Nowhere else.
LEFT_BY_OTHERS = re.compile("|".join([
    r"/var/lib/dpkg/", r"/var/lib/apt/", r"/var/cache/", r"/var/log/",  # the records of the package tools
    r"/var/lib/systemd/(catalog|random-seed|timers|timesync)",          # what systemd keeps for all
    r"/(etc|usr|var)/\.updated$", r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-$", r"/etc/\.pwd\.lock$",
]))


def files(machine):
    """Every path of the machine, and what is in the files that name users."""
    listed = machine.out("find", "/", "-xdev", "-path", "/shared", "-prune", "-o", "-print").splitlines()
    paths = {path for path in listed if not LEFT_BY_OTHERS.match(path)}
    users = machine.out("cat", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")
    return paths, set(users.splitlines())


@scenario
def install_and_purge(machine, packages):
    before = files(machine)
    said = install(machine, packages)

    step("the package says what to do first")
    for words in ("device.id", "provisioning.id_scope", "group_symmetric_key", "/etc/iotc-ha.conf",
                  "systemctl enable iotc-ha", "systemctl start iotc-ha"):
        require(words in said, f"the installation did not say {words!r}, but:\n{said}")

    step("nothing is enabled or started, the configuration is for root and the daemon alone")
    for unit in ("iotc-ha", "iotc-ha-lizard"):
        require(machine.out("systemctl", "is-enabled", unit, status=1) == "disabled", f"{unit} is enabled")
        require(machine.out("systemctl", "is-active", unit, status=3) == "inactive", f"{unit} is active")
    mode = machine.out("stat", "-c", "%a %U:%G", "/etc/iotc-ha.conf")
    require(mode == "640 root:iotc-ha", f"/etc/iotc-ha.conf is {mode}")

    step("systemd finds no fault in the units, and little that they could do without")
    for unit in ("iotc-ha", "iotc-ha-lizard"):
        verified = machine.run("systemd-analyze", "verify", "--man=no", f"{unit}.service", status=None)
        require(not verified.stdout + verified.stderr, f"systemd-analyze verify {unit}: {verified.stdout}{verified.stderr}")
        machine.run("systemd-analyze", "security", "--threshold=20", f"{unit}.service")  # of 100: 2.0

    step("started without a configuration it ends with status 78, says what to fill in, and is left alone")
    machine.run("systemctl", "start", "iotc-ha", status=1)
    require(machine.unit("iotc-ha", "ExecMainStatus") == "78",
            f"it ended with {machine.unit('iotc-ha', 'ExecMainStatus')}")
    journal = machine.out("journalctl", "--no-pager", "-o", "cat", "-u", "iotc-ha")
    for words in ("/etc/iotc-ha.conf", "device.id", "provisioning.id_scope", "group_symmetric_key"):
        require(words in journal, f"the journal does not say {words!r}, but:\n{journal}")
    require(machine.unit("iotc-ha", "NRestarts") == "0", "it was restarted")
    require(machine.out("systemctl", "is-active", "iotc-ha", status=3) == "failed", "it has not failed")

    step("purge leaves nothing")
    machine.run("apt-get", "purge", "-y", "-qq", "iotc-ha", "iotc-ha-lizard", seconds=60)
    machine.run("systemctl", "reset-failed")
    after = files(machine)
    left = sorted((after[0] - before[0]) | (after[1] - before[1]))
    gone = sorted((before[0] - after[0]) | (before[1] - after[1]))
    require(not left, f"left behind: {left}")
    require(not gone, f"taken away: {gone}")


@scenario
def failover_under_systemd(machine, packages):
    install(machine, packages)
    configure(machine)

    step("enable and start")
    machine.run("systemctl", "enable", "--quiet", "iotc-ha")
    machine.run("systemctl", "start", "iotc-ha")
    require(machine.out("systemctl", "is-enabled", "iotc-ha") == "enabled", "it is not enabled")
    wait_for_state(machine, "Connected", seconds=30)
    home = agent(machine, "CurrentHub")
    print(f"        Connected to {home}; {machine.unit('iotc-ha', 'StatusText')}")
    received_by(machine, home, at_least=2)

    reader = JournalReader(machine)
    try:
        step("the lizard kills the hub")
        machine.run("iotc-ha-lizard", "attack", hub_name(machine, home), "--how", "kill")
        wait_until("FailoverCount 1", lambda: agent(machine, "FailoverCount") == 1, 60)
        wait_for_state(machine, "Connected")
        away = agent(machine, "CurrentHub")
        require(away != home, f"it is still connected to {home}")
        require(agent(machine, "PreviousHub") == home, f"PreviousHub is {agent(machine, 'PreviousHub')}")
        print(f"        failed over to {away} in {agent(machine, 'LastFailoverDuration') / 1e6:.2f} s")
        journal_tells(reader, away, ["Reprovision", "Connected"])
        received_by(machine, away, at_least=2)

        step("the hub is revived, and IoT Central sends the device back")
        machine.run("iotc-ha-lizard", "revive", hub_name(machine, home))
        reader.entries.clear()
        central_failback(machine)
        wait_until("FailoverCount 2", lambda: agent(machine, "FailoverCount") == 2, 60)
        wait_for_state(machine, "Connected", home)
        print(f"        failed back to {home} in {agent(machine, 'LastFailoverDuration') / 1e6:.2f} s")
        journal_tells(reader, home, ["Reprovision", "Connected"])
        received_by(machine, home, at_least=2)
    finally:
        reader.close()

    step("`journalctl -x` explains a failover")
    explained = machine.out("journalctl", "--no-pager", "-x", f"MESSAGE_ID={FAILED_OVER}")
    require("The device has moved to another hub" in explained, f"no explanation in:\n{explained}")

    step("reload brings a change into force in the same process")
    pid = machine.unit("iotc-ha", "MainPID")
    machine.run("sh", "-c", "printf '[sample]\\ntelemetry_period = \"200ms\"\\n' > /etc/iotc-ha.conf.d/faster.conf;"
                            "chgrp iotc-ha /etc/iotc-ha.conf.d/faster.conf; chmod 0640 /etc/iotc-ha.conf.d/faster.conf")
    machine.run("systemctl", "reload", "iotc-ha")
    since = len(telemetry(machine))
    wait_until("20 messages within 10 s", lambda: len(telemetry(machine)) >= since + 20, 10)
    require(machine.unit("iotc-ha", "MainPID") == pid, "the process is another")

    step("a reload with a fault in the file changes nothing, and is answered for in the journal")
    machine.run("sh", "-c", "echo nonsense > /etc/iotc-ha.conf.d/faulty.conf")
    machine.run("systemctl", "reload", "iotc-ha", status=None)
    wait_until("the journal names the file", lambda: "/etc/iotc-ha.conf.d/faulty.conf:1" in machine.out(
        "journalctl", "--no-pager", "-o", "cat", "-u", "iotc-ha"), 10)
    require(agent(machine, "State") == "Connected", "it is not connected any more")
    require(machine.unit("iotc-ha", "MainPID") == pid, "the process is another")
    machine.run("rm", "/etc/iotc-ha.conf.d/faulty.conf")

    step("restart")
    began = time.monotonic()
    machine.run("systemctl", "restart", "iotc-ha")
    print(f"        took {time.monotonic() - began:.2f} s")
    require(machine.unit("iotc-ha", "MainPID") != pid, "the process is the same")
    wait_for_state(machine, "Connected", home, seconds=30)

    step("the account adds up over both lives")
    print("".join(f"        {line}\n" for line in machine.out("iotc-hactl", "audit").splitlines()), end="")
    require(audit(machine)["lives"] == 2, f"the account is of {audit(machine)['lives']} lives")

    step("log level by systemctl")
    machine.run("systemctl", "service-log-level", "iotc-ha", "debug")
    require(machine.out("systemctl", "service-log-level", "iotc-ha") == "debug", "the level is another")

    step("stop within 5 s")
    began = time.monotonic()
    machine.run("systemctl", "stop", "iotc-ha")
    took = time.monotonic() - began
    require(took < 5, f"it took {took:.1f} s")
    require(machine.unit("iotc-ha", "Result") == "success", f"Result is {machine.unit('iotc-ha', 'Result')}")

    step("every message came, and came once or with the same id")
    account(machine)


@scenario
def members_of_the_group_send_telemetry(machine, packages):
    said = install(machine, packages)
    require("usermod -a -G iotc-ha USER" in said, f"the installation did not say who may send, but:\n{said}")
    configure(machine)
    machine.run("useradd", "--groups", "iotc-ha", "member")
    machine.run("useradd", "stranger")

    def hactl(user, *words, **options):
        return machine.run("runuser", "-u", user, "--", "iotc-hactl", *words, **options)

    step("before the daemon runs, one is told how to look after it")
    refused = hactl("member", "send", "{}", status=69)
    require("systemctl status iotc-ha" in refused.stderr, f"it said {refused.stderr!r}")

    machine.run("systemctl", "start", "iotc-ha")
    wait_for_state(machine, "Connected", seconds=30)
    step("a member sends a message, and waits until a hub has it")
    sent = int(hactl("member", "send", '{"pressure": 1013}', "--property", "source=member", "--wait").stdout)
    mine = [message for message in telemetry(machine) if message["properties"].get("source") == "member"]
    require(len(mine) == 1, f"{len(mine)} messages came")
    require(mine[0]["properties"]["seq"] == str(sent), f"it is number {mine[0]['properties']['seq']}, not {sent}")

    step("a member pipes lines in; the bad one is named, the others come")
    piped = hactl("member", "send", "--lines", "--wait", "--property", "source=pipe", status=65,
                  stdin='{"n": 1}\nnonsense\n{"n": 3}\n')
    require("line 2: InvalidPayload" in piped.stderr, f"it said {piped.stderr!r}")
    came = [message for message in telemetry(machine) if message["properties"].get("source") == "pipe"]
    require(len(came) == 2, f"{len(came)} messages came")

    step("a stranger may look, and is told why he may not send")
    refused = hactl("stranger", "send", "{}", status=77)
    require("not permitted: only root and members of the group iotc-ha may send" in refused.stderr,
            f"it said {refused.stderr!r}")
    require("Connected since" in hactl("stranger", "status").stdout, "it is not shown to be connected")
    hactl("member", "reconnect", status=77)

    step("the account adds up")
    hactl("stranger", "audit")
    total = audit(machine)
    require(total["accepted"] >= sent + 2, f"{total['accepted']} were accepted, the member's was number {sent}")
    require(total["delivered"] + total["queued"] == total["accepted"], f"something was lost: {total}")


@scenario
def hung_daemon_is_restarted(machine, packages):
    install(machine, packages)
    configure(machine)
    machine.run("systemctl", "start", "iotc-ha")
    for name, value in (("WatchdogUSec", "30s"), ("Restart", "always"), ("StartLimitIntervalUSec", "0")):
        require(machine.unit("iotc-ha", name) == value, f"{name} is {machine.unit('iotc-ha', name)}, not {value}")

    # As shipped, but with less patience, for this test's sake.
    machine.run("mkdir", "-p", "/run/systemd/system/iotc-ha.service.d")
    machine.run("sh", "-c", "printf '[Service]\\nWatchdogSec=4s\\nTimeoutAbortSec=1s\\n'"
                            " > /run/systemd/system/iotc-ha.service.d/impatient.conf")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "iotc-ha")
    wait_for_state(machine, "Connected", seconds=30)

    step("a daemon that works is left alone for three times its watchdog's interval")
    pid = machine.unit("iotc-ha", "MainPID")
    time.sleep(12)
    require(machine.unit("iotc-ha", "MainPID") == pid, "it was restarted")

    step("it hangs")
    machine.run("sh", "-c", f"kill -STOP {pid}")
    began = time.monotonic()
    wait_until("systemd has started it again",
               lambda: machine.unit("iotc-ha", "NRestarts") == "1" and machine.unit("iotc-ha", "MainPID") not in ("0", pid),
               20)
    print(f"        started again after {time.monotonic() - began:.1f} s")
    require("watchdog" in machine.out("journalctl", "--no-pager", "-o", "cat", "-u", "iotc-ha").lower(),
            "the journal does not say that it was the watchdog")
    wait_for_state(machine, "Connected", seconds=30)


@scenario
def upgrade_keeps_what_is_there(machine, packages):
    install(machine, packages)
    configure(machine)
    machine.run("systemctl", "enable", "--quiet", "--now", "iotc-ha")
    wait_for_state(machine, "Connected", seconds=30)

    def kept():
        return machine.out("sh", "-c", "sha256sum /etc/iotc-ha.conf; stat -c '%n %a %U:%G' /etc/iotc-ha.conf "
                                       "/var/lib/iotc-ha; stat -c '%n %i' /var/lib/iotc-ha/iotc-ha.db")
    before, pid, home = kept(), machine.unit("iotc-ha", "MainPID"), agent(machine, "CurrentHub")

    step("upgrade to a higher version")
    for package in packages:
        higher_version(package, machine.shared)
    machine.run("sh", "-c", "apt-get install -y -qq /shared/*+next_*.deb", seconds=120)
    versions = machine.out("dpkg-query", "-W", "-f", "${Version}\n", "iotc-ha", "iotc-ha-lizard").split()
    require(all(version.endswith("+next") for version in versions), f"installed are {versions}")

    step("what ran was restarted; configuration and state are what they were")
    require(machine.unit("iotc-ha", "MainPID") not in ("0", pid), "the daemon was not restarted")
    require(kept() == before, f"before:\n{before}\nafter:\n{kept()}")
    require(machine.out("systemctl", "is-enabled", "iotc-ha") == "enabled", "it is not enabled any more")
    wait_for_state(machine, "Connected", home, seconds=30)

    step("an upgrade does not start what was stopped")
    machine.run("systemctl", "stop", "iotc-ha")
    machine.run("sh", "-c", "apt-get install -y -qq --reinstall /shared/*+next_*.deb", seconds=120)
    require(machine.out("systemctl", "is-active", "iotc-ha", status=3) == "inactive", "it was started")

    step("removal keeps configuration and state, purge takes them and the user")
    machine.run("apt-get", "remove", "-y", "-qq", "iotc-ha")
    require(kept() == before, "removal took something")
    machine.run("apt-get", "purge", "-y", "-qq", "iotc-ha", "iotc-ha-lizard")
    for path in ("/etc/iotc-ha.conf", "/etc/iotc-ha.conf.d", "/var/lib/iotc-ha", "/run/iotc-ha-lizard"):
        machine.run("test", "!", "-e", path)
    for user in ("iotc-ha", "iotc-ha-lizard"):
        machine.run("getent", "passwd", user, status=2)
        machine.run("getent", "group", user, status=2)


def run(name, directory):
    packages = [next(directory.glob(pattern)) for pattern in ("iotc-ha_*.deb", "iotc-ha-lizard_*.deb")]
    with Machine(packages) as machine:
        try:
            SCENARIOS[name](machine, packages)
        except Failure as failure:
            step(f"FAILED: {failure}")
            print(machine.run("journalctl", "--no-pager", "-n", "60", "-u", "iotc-ha", "-u", "iotc-ha-lizard",
                              status=None).stdout)
            return 1
    step("all of it was so")
    return 0


STARTED = time.monotonic()
if __name__ == "__main__":
    sys.exit(run(sys.argv[1], Path(sys.argv[2])))
