"""The sockets that are listened on, by TCP or in the file system."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autorest.settings import Settings

#: What PostgREST's special hosts stand for: the families to try, in this order.
FAMILIES = {
    "*": (socket.AF_INET6, socket.AF_INET),
    "*4": (socket.AF_INET, socket.AF_INET6),
    "!4": (socket.AF_INET,),
    "*6": (socket.AF_INET6, socket.AF_INET),
    "!6": (socket.AF_INET6,),
}


class Unbindable(Exception):
    """A socket that cannot be listened on; the message says which and why, in one sentence."""


@dataclass
class Bound:
    """The sockets of a gateway, bound and not yet listening; without an admin server there is one."""

    main: socket.socket
    admin: socket.socket | None

    def __iter__(self) -> Iterator[socket.socket]:
        yield self.main
        if self.admin is not None:
            yield self.admin

    def __post_init__(self) -> None:
        self._files = [(Path(path), Path(path).stat().st_ino) for path in map(unix_path, self) if path is not None]

    def release(self) -> None:
        """Close them, and remove what stands for them in the file system unless it is another's by now."""
        for bound in self:
            bound.close()
        for path, inode in self._files:
            with suppress(OSError):
                if path.stat().st_ino == inode:
                    path.unlink()


def bind(settings: Settings) -> Bound:
    """Return the sockets that the settings ask for. Raises Unbindable."""
    if settings.server_unix_socket is not None:
        main = unix_socket(settings.server_unix_socket, settings.server_unix_socket_mode)
    else:
        main = tcp_socket(settings.server_host, settings.server_port, reuse_port=settings.server_reuseport)
    admin = None
    try:
        if settings.admin_server_unix_socket is not None:
            admin = unix_socket(settings.admin_server_unix_socket, settings.admin_server_unix_socket_mode)
        elif settings.admin_server_port is not None:
            admin = tcp_socket(settings.admin_server_host, settings.admin_server_port)
    except Unbindable:
        Bound(main, None).release()
        raise
    return Bound(main, admin)


def tcp_socket(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """Return a bound socket. `host` is a name, an address, or one of `*`, `*4`, `!4`, `*6`, `!6`."""
    failure: OSError | None = None
    for family, address in _addresses(host, port):
        try:
            bound = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            failure = error
            continue
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
            bound.setblocking(False)
            return bound
        except OSError as error:
            bound.close()
            failure = error
    raise unbindable(f"{host}, port {port}", failure)


def unbindable(place: str, failure: OSError | None) -> Unbindable:
    """Return the complaint about a socket: where it should be, and what is wrong with that."""
    reason = failure.strerror or str(failure) if failure else "no such address"
    if failure is not None and failure.errno == errno.EADDRINUSE:
        reason = "another program listens there"
    return Unbindable(f"cannot listen on {place}: {reason}")


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    if host in FAMILIES:
        return [(family, ("::" if family == socket.AF_INET6 else "0.0.0.0", port)) for family in FAMILIES[host]]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise unbindable(f"{host}, port {port}", error) from error
    return [(family, address) for family, _, _, _, address in found]  # type: ignore[misc]


def unix_socket(path: str, mode: int) -> socket.socket:
    """Return a bound Unix socket at `path` with file mode `mode`; one that nobody listens on is replaced."""
    if not hasattr(socket, "AF_UNIX"):
        raise Unbindable(f"cannot listen on {path}: this system has no Unix sockets, use a port")
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        bound.bind(path)
        Path(path).chmod(mode)
        bound.setblocking(False)
        return bound
    except OSError as error:
        bound.close()
        raise unbindable(path, error) from error


def _remove_stale(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            Path(path).unlink(missing_ok=True)
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def unix_path(bound: socket.socket) -> str | None:
    """Return where a socket is in the file system, None for one that is not there."""
    name = bound.getsockname()
    return name if isinstance(name, str) and name else None


def is_there(path: str | None) -> bool:
    """Tell whether clients can find a socket: one in the file system may have been removed."""
    return path is None or Path(path).exists()


def described(bound: socket.socket) -> str:
    """Return the address as it is written: `host:port`, `[host]:port` or a path."""
    name = bound.getsockname()
    if isinstance(name, tuple):
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"{host}:{name[1]}"
    return str(name)
