"""The names of the stack: whether this machine resolves them, and the lines that make it do so."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from environment.problem import Problem

LOOPBACK = "127.0.0.1"
_LOOKUP_SECONDS = 6


def hosts_file() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "drivers" / "etc" / "hosts"
    return Path("/etc/hosts")


def lines(names: Sequence[str], address: str = LOOPBACK) -> list[str]:
    """Return the lines for the hosts file of this platform that lead to `address`."""
    # macOS asks the local network for names in .local that have no IPv6 address: five seconds each time
    addresses = [LOOPBACK, "::1"] if sys.platform == "darwin" and address == LOOPBACK else [address]
    return [" ".join([each, *names]) for each in addresses]


def unresolved(names: Sequence[str], address: str = LOOPBACK, anywhere: bool = False) -> list[str]:
    """Return the names that do not lead to `address`; those that lead nowhere if `anywhere` is as good."""
    answers: dict[str, set[str]] = {}

    def look_up(name: str) -> None:
        try:
            answers[name] = {str(found[4][0]) for found in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)}
        except OSError:
            answers[name] = set()

    # a resolver may think about a name in .local for long: they are asked at once and not waited for
    threads = [threading.Thread(target=look_up, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_LOOKUP_SECONDS)
    found = {name: answers.get(name, set()) for name in names}
    good = {address, "::1"} if address == LOOPBACK else {address}
    return [name for name in names if not (found[name] if anywhere else found[name] & good)]


def add(wanted: Sequence[str], file: Path, interactive: bool) -> None:
    """Append lines to the hosts file, with sudo where that needs it and somebody can answer its question."""
    text = "".join(f"{line}\n" for line in wanted)
    try:
        if file.exists() and file.read_bytes()[-1:] not in (b"", b"\n"):
            text = "\n" + text
        with file.open("a", encoding="ascii") as hosts:
            hosts.write(text)
    except PermissionError:
        sudo = shutil.which("sudo")
        if not interactive or sudo is None:
            raise Problem(f"{file} may not be changed by this user.", by_hand(wanted)) from None
        added = subprocess.run([sudo, "tee", "-a", str(file)], input=text.encode(), stdout=subprocess.DEVNULL)
        if added.returncode != 0:
            raise Problem(f"{file} was not changed.", by_hand(wanted)) from None


def by_hand(wanted: Sequence[str]) -> str:
    """Say how to add lines on this platform."""
    printed = "\n".join(f"  {line}" for line in wanted)
    if sys.platform == "win32":
        how = "in a terminal of the administrator, py setup.py --hosts"
    elif os.geteuid() == 0:
        how = "python3 setup.py --hosts"
    else:
        how = "sudo python3 setup.py --hosts"
    return f"Add this to {hosts_file()}, or have it added by {how}:\n\n{printed}"
