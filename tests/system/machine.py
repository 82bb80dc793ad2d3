"""A disposable Debian 12 with a real systemd: booted in a container for one scenario, and gone after it."""

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUITE = "bookworm"
# What every Debian has that boots, and curl, for the calls that an operator makes by hand.
PACKAGES = ["systemd", "systemd-sysv", "dbus", "ca-certificates", "curl"]
SKIPPED = 77  # SKIP_RETURN_CODE in CMakeLists.txt


class Failure(Exception):
    """A promise that was not kept; the text says which and what was seen."""


def skip(reason):
    print(f"SKIPPED: {reason}")
    sys.exit(SKIPPED)


def wait_until(what, condition, seconds):
    """Returns the first true answer of `condition`, or fails once `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(0.1)


def dependencies(package):
    """The names of the packages that a .deb depends on; of alternatives, the first."""
    text = subprocess.run(["dpkg-deb", "-f", package, "Depends"], check=True, capture_output=True, text=True).stdout
    return [re.sub(r"[ (|].*", "", one.strip()) for one in text.split(",") if one.strip()]


def base_root(packages):
    """A Debian with the dependencies of `packages` in it, so that a scenario needs no network. Made once, then kept in
    $XDG_CACHE_HOME, or /var/cache; nobody writes into it."""
    wanted = sorted(set(PACKAGES).union(*(dependencies(package) for package in packages)) - {"iotc-ha"})
    key = hashlib.sha256(" ".join([SUITE, *wanted]).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "iotc-ha"
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / f"{SUITE}-{key}"
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            print(f"making {root} (once)", flush=True)
            unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache))
            try:
                subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(wanted)}", SUITE,
                                unfinished], check=True, stdin=subprocess.DEVNULL)
                unfinished.chmod(0o755)
                unfinished.rename(root)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return root


class Machine:
    """A booted machine with a loopback network and nothing else. What is written to it is forgotten when it ends."""

    def __init__(self, packages):
        if os.geteuid() != 0:
            skip("booting a container needs root")
        for program in ("systemd-nspawn", "mmdebstrap", "nsenter"):
            if shutil.which(program) is None:
                skip(f"{program} is not installed")
        self.root = base_root(packages)
        self.shared = Path(tempfile.mkdtemp(prefix="iotc-ha-system-"))
        for package in packages:
            shutil.copy(package, self.shared)
        self.log = open(self.shared / "console.log", "w+")
        # An overlay on the kept root; nspawn locks the root, so scenarios come one after the other. It ends with us, even
        # if we are killed: nobody else would end it.
        self.nspawn = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine=iotc-ha-{os.getpid()}",
             "--register=no", "--keep-unit", "--volatile=overlay", "--private-network",
             "--system-call-filter=bpf", "--capability=CAP_BPF,CAP_NET_ADMIN",
             f"--bind={self.shared}:/shared", "--boot"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        self.leader = None

    def __enter__(self):
        try:
            self.leader = wait_until("systemd-nspawn starts a process", self._find_leader, 10)
            wait_until("the container has booted", self._booted, 30)
        except Failure as failure:
            self.log.seek(0)
            console = self.log.read().strip()
            self.__exit__()
            # A kernel or a sandbox that does not let a container boot is the one thing that this test cannot answer for.
            skip(f"systemd-nspawn cannot boot a Debian here: {failure}; it said: {console or 'nothing'}")
        return self

    def __exit__(self, *_):
        if self.nspawn.poll() is None:
            self.nspawn.send_signal(signal.SIGTERM)
            try:
                self.nspawn.wait(20)
            except subprocess.TimeoutExpired:
                # PID 1 of the container outlives a nspawn that is killed.
                if self.leader:
                    os.kill(self.leader, signal.SIGKILL)
                self.nspawn.kill()
                self.nspawn.wait()
        self.log.close()
        shutil.rmtree(self.shared, ignore_errors=True)

    def _find_leader(self):
        if self.nspawn.poll() is not None:
            raise Failure(f"systemd-nspawn ended with status {self.nspawn.returncode}")
        children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def _booted(self):
        if self.nspawn.poll() is not None:
            raise Failure(f"systemd-nspawn ended with status {self.nspawn.returncode}")
        state = self.run("systemctl", "is-system-running", status=None).stdout.strip()
        if state in ("running", "degraded"):
            return state
        return None

    def command(self, *words):
        """`words` as a command line of the host that runs inside."""
        return ["nsenter", "-t", str(self.leader), "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *map(str, words)]

    def run(self, *words, status=0, seconds=60, stdin=None):
        """Runs a command inside; fails unless it ends with `status` (None: any)."""
        try:
            done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=seconds,
                                  **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}))
        except subprocess.TimeoutExpired as expired:
            raise Failure(f"`{' '.join(map(str, words))}` was not done after {seconds} s") from expired
        if status is not None and done.returncode != status:
            raise Failure(f"`{' '.join(map(str, words))}` ended with {done.returncode}, not {status}:\n"
                          f"{done.stdout}{done.stderr}")
        return done

    def out(self, *words, **options):
        return self.run(*words, **options).stdout.strip()

    def unit(self, name, unit_property):
        return self.out("systemctl", "show", "--value", "-p", unit_property, name)
