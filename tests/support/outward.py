"""Whom a command and its children try to reach, seen by Python and, where strace may run, by it."""

import ipaddress
import os
import re
import shutil
import subprocess
from pathlib import Path

from support.waiting import eventually

WATCHED = Path(__file__).with_name("watched")
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_CACHE_HOME", "INSOURCE_CACHE", "LD_LIBRARY_PATH")
NATIVE = (
    "-D",
    "-f",
    "-q",
    "--seccomp-bpf",
    "-e",
    "trace=connect,sendto,sendmsg,sendmmsg",
    "-e",
    "signal=none",
)
STRACE = shutil.which("strace")
if STRACE and subprocess.run([STRACE, *NATIVE, "true"], capture_output=True, check=False).returncode:
    STRACE = None  # a sandbox may have it and forbid it
ADDRESS = re.compile(r'htons\((\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"')
NAME_SERVER = "53"


class Watched:
    """One command in a process of its own, with the environment of a person who has set nothing."""

    def __init__(self, command, settings, folder, log):
        self._python, self._native = log.with_suffix(".python"), log.with_suffix(".native")
        settings = settings | {"PYTHONPATH": os.pathsep.join([str(WATCHED), *_source()])}
        settings |= {"OUTWARD_LOG": str(self._python)}
        self.process = subprocess.Popen(
            [*([STRACE, *NATIVE, "-o", str(self._native)] if STRACE else []), *command],
            cwd=folder,
            env={name: os.environ[name] for name in KEPT if name in os.environ} | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def beyond_loopback(self):
        """Every attempt to reach or to look up another machine, after the command has ended."""
        python = self._python.read_text(encoding="utf-8").splitlines() if self._python.exists() else []
        found = {line for line in python if not _here(line.partition(" ")[2])}
        if STRACE:
            eventually(lambda: has_ended(self.process.pid, self._native.read_text(encoding="utf-8")))
            for port, host in ADDRESS.findall(self._native.read_text(encoding="utf-8")):
                if port == NAME_SERVER or not _here(host):
                    found.add(f"{host} port {port}")
        return sorted(found)


def has_ended(pid, trace):
    """Whether strace has written the last line of a process; it pads short process numbers with spaces."""
    return re.search(rf"^{pid} +\++ (exited|killed)", trace, re.MULTILINE) is not None


def _source():
    return filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))


def _here(host):
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified
