"""The sockets that are listened on, by TCP or in the file system."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

#: What PostgREST's special hosts stand for: the families to try, in this order.
FAMILIES = {
    "*": (socket.AF_INET6, socket.AF_INET),
    "*4": (socket.AF_INET, socket.AF_INET6),
    "!4": (socket.AF_INET,),
    "*6": (socket.AF_INET6, socket.AF_INET),
    "!6": (socket.AF_INET6,),
}
BACKLOG = 2048


class Unbindable(Exception):
    """A socket that cannot be listened on; the message says which and why, in one sentence."""


def tcp_socket(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """Return a listening socket. `host` is a name, an address, or one of `*`, `*4`, `!4`, `*6`, `!6`."""
    failure: OSError | None = None
    for family, address in _addresses(host, port):
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name != "nt":
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6 and host == "!6":
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            elif family == socket.AF_INET6 and host in FAMILIES:
                with suppress(OSError):
                    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            bound.bind(address)
            bound.listen(BACKLOG)
            bound.setblocking(False)
            return bound
        except OSError as error:
            bound.close()
            failure = error
    reason = failure.strerror or str(failure) if failure else "no such address"
    raise Unbindable(f"cannot listen on {host}, port {port}: {reason}")


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    if host in FAMILIES:
        return [(family, ("::" if family == socket.AF_INET6 else "0.0.0.0", port)) for family in FAMILIES[host]]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise Unbindable(f"cannot listen on {host}, port {port}: {error.strerror or error}") from error
    return [(family, address[:2]) for family, _, _, _, address in found]  # type: ignore[misc]


def unix_socket(path: str, mode: int) -> socket.socket:
    """Return a listening Unix socket at `path` with file mode `mode`; one that nobody listens on is replaced."""
    if not hasattr(socket, "AF_UNIX"):
        raise Unbindable(f"cannot listen on {path}: this system has no Unix sockets, use a port")
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        bound.bind(path)
        Path(path).chmod(mode)
        bound.listen(BACKLOG)
        bound.setblocking(False)
        return bound
    except OSError as error:
        bound.close()
        raise Unbindable(f"cannot listen on {path}: {error.strerror or error}") from error


def _remove_stale(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except FileNotFoundError:
            return
        except OSError:
            Path(path).unlink(missing_ok=True)
            return
    raise OSError(98, "another process listens there")


def described(bound: socket.socket) -> str:
    """Return the address as it is written: `host:port`, `[host]:port` or a path."""
    name = bound.getsockname()
    if isinstance(name, tuple):
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"{host}:{name[1]}"
    return str(name)
