"""TCP ports of this machine: which are free, and who holds the others."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

from environment.commands import run
from environment.processes import command_line

_LISTENING = "0A"


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_taken(port: int) -> bool:
    """Tell whether somebody listens on `port` at 127.0.0.1 or ::1, so that `localhost` would lead there."""
    return _answers(socket.AF_INET, "127.0.0.1", port) or _answers(socket.AF_INET6, "::1", port) or not _binds(port)


def is_forbidden(port: int) -> bool:
    """Tell whether only another user, such as root, may listen on `port` at 127.0.0.1 (ip(7), net.ipv4)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return True
        except OSError:
            return False
    return False


def holder(port: int) -> str:
    """Say in a few words who listens on `port`, as well as this user may know it."""
    if sys.platform == "linux":
        found = _linux_holder(port)
    elif sys.platform == "win32":
        found = _windows_holder(port)
    else:
        found = _lsof_holder(port)
    return found or "a program of another user"


def _answers(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            return probe.connect_ex((address, port)) == 0
    except OSError:
        return False


def _binds(port: int) -> bool:
    """Only a port that is in use counts: a port that needs privileges is not taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return sys.platform != "win32"
        except OSError:
            return False
    return True


def _linux_holder(port: int) -> str | None:
    """Read the kernel's table of sockets (proc(5), /proc/net/tcp) and look for the process that has it open."""
    sockets: dict[str, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                sockets[f"socket:[{fields[9]}]"] = int(fields[7])
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                if any(str(link.readlink()) in sockets for link in (process / "fd").iterdir()):
                    return _described(int(process.name), (process / "comm").read_text(encoding="utf-8").strip())
            except OSError:
                continue
    for uid in sockets.values():
        return f"a program of user {_user_name(uid)}"
    return None


def _user_name(uid: int) -> str:
    if sys.platform == "win32":
        return str(uid)
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _lsof_holder(port: int) -> str | None:
    printed = run(["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"], timeout=10).output
    pid, name = re.search(r"^p(\d+)$", printed, re.M), re.search(r"^c(.+)$", printed, re.M)
    return _described(int(pid[1]), name[1]) if pid and name else None


def _windows_holder(port: int) -> str | None:
    for line in run(["netstat", "-ano", "-p", "TCP"], timeout=20).output.splitlines():
        fields = line.split()
        # the state is translated, the foreign address of a listener is not
        if len(fields) == 5 and fields[1].endswith(f":{port}") and fields[2].endswith(":0"):
            return _described(int(fields[4]), command_line(int(fields[4])))
    return None


def _described(pid: int, name: str) -> str:
    return f"{name or 'a program'} (process {pid})"
