"""The names of the stack: whether this machine resolves them, and the lines that make it do so."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

from environment.problem import Problem

_LOOPBACK = {"127.0.0.1", "::1"}
_LOOKUP_SECONDS = 6


def names(domain: str) -> list[str]:
    return [domain, f"api.{domain}", f"pgadmin.{domain}", f"traefik.{domain}"]


def hosts_file() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "drivers" / "etc" / "hosts"
    return Path("/etc/hosts")


def lines(domain: str) -> list[str]:
    """Return the lines for the hosts file of this platform."""
    listed = " ".join(names(domain))
    # macOS asks the local network for names in .local that have no IPv6 address: five seconds each time
    return [f"127.0.0.1 {listed}", f"::1 {listed}"] if sys.platform == "darwin" else [f"127.0.0.1 {listed}"]


def unresolved(domain: str) -> list[str]:
    """Return the names that do not lead to this machine."""
    answers: dict[str, set[str]] = {}

    def look_up(name: str) -> None:
        try:
            answers[name] = {str(found[4][0]) for found in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)}
        except OSError:
            answers[name] = set()

    # a resolver may think about a name in .local for long: they are asked at once and not waited for
    threads = [threading.Thread(target=look_up, args=(name,), daemon=True) for name in names(domain)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_LOOKUP_SECONDS)
    return [name for name in names(domain) if not answers.get(name, set()) & _LOOPBACK]


def add(domain: str, file: Path, interactive: bool) -> None:
    """Append the lines to the hosts file, with sudo where that needs it and somebody can answer its question."""
    text = "".join(f"{line}\n" for line in lines(domain))
    try:
        if file.exists() and file.read_bytes()[-1:] not in (b"", b"\n"):
            text = "\n" + text
        with file.open("a", encoding="ascii") as hosts:
            hosts.write(text)
    except PermissionError:
        sudo = shutil.which("sudo")
        if not interactive or sudo is None:
            raise Problem(f"{file} may not be changed by this user.", by_hand(domain)) from None
        added = subprocess.run([sudo, "tee", "-a", str(file)], input=text.encode(), stdout=subprocess.DEVNULL)
        if added.returncode != 0:
            raise Problem(f"{file} was not changed.", by_hand(domain)) from None


def by_hand(domain: str) -> str:
    """Say how to add the lines on this platform."""
    printed = "\n".join(f"  {line}" for line in lines(domain))
    if sys.platform == "win32":
        how = "or start a terminal as administrator and run: py setup.py --hosts"
    else:
        how = "or let it be done as root: sudo python3 setup.py --hosts"
    return f"Add to {hosts_file()}:\n\n{printed}\n\n{how}"
