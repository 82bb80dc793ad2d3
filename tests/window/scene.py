"""The lizard, and the real daemon on a private bus, in a directory that goes with them."""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

PATIENCE = 60


class Scene:
    def __init__(self, lizard, daemon, *options):
        self.program, self.daemon_program = lizard, daemon
        self.directory = tempfile.mkdtemp(prefix="window-test-")
        self.log = open(self.directory + "/log", "w+b")
        self.processes = []
        network = f"127.{random.randrange(100, 250)}.{random.randrange(256)}.0"
        self.start([lizard, "run", "--state-dir", self.directory, "--network", network, "--dps-port", "8443",
                    "--assigning-polls", "0", "--retry-after", "0", *options])
        self.wait("the lizard starts", lambda: self.status().get("ready"))
        self.url = self.status()["window"]

    def start(self, command, **options):
        # Each goes with this process, however it ends.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=options.pop("stdout", self.log),
                                   stderr=self.log, **options)
        self.processes.append(process)
        return process

    def start_device(self, name="failover-linux"):
        config = self.directory + "/iotc-ha.conf"
        with open(os.open(config, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(self.ask("config", "--device", name)[0]["config"] + '\n[sample]\ntelemetry_period = "1s"\n')
        bus = self.start(["dbus-daemon", "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE, text=True)
        address = bus.stdout.readline().strip()
        state = self.directory + "/daemon"
        os.mkdir(state, 0o700)
        self.start([self.daemon_program, "--config", config, "--state-dir", state, "--bus", address])

    def ask(self, *arguments):
        """The answers of a command of the lizard, one a line."""
        done = subprocess.run([self.program, *arguments, "--json", "--state-dir", self.directory],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{arguments}: {done.stdout} {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def status(self):
        try:
            return self.ask("status")[0]
        except RuntimeError:
            return {}

    def device(self, name="failover-linux"):
        return next((one for one in self.status()["devices"] if one["id"] == name), {})

    def events(self, name):
        return [event for event in self.ask("events") if event["event"] == name]

    def wait(self, what, condition):
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            if time.monotonic() > deadline:
                self.log.seek(0)
                raise AssertionError(f"waited in vain: {what}; what was said:\n{self.log.read().decode(errors='replace')}")
            time.sleep(0.05)
        return value

    def close(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)
