"""Asking a running gateway whether it is ready, as a container's health check does every few seconds.

Nothing of the gateway is loaded for that where the environment says plainly where its admin server listens.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from typing import NamedTuple

ANY_ADDRESS = ("*", "*4", "!4", "*6", "!6")
#: The variables that say where the admin server listens begin with these, the first one winning.
PREFIXES = ("AUTOREST_", "PGRST_")
PATIENCE = 10.0
#: More than this of an answer's first line is none of HTTP.
_LONGEST_LINE = 1000


class Address(NamedTuple):
    """Where an admin server listens: host and port, or the path of a Unix socket."""

    host: str
    port: int
    path: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}:/ready"
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/ready"

    def connect(self) -> socket.socket:
        """Return a connection to it. Raises OSError."""
        if self.path is None:
            return socket.create_connection((self.host, self.port), PATIENCE)
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.settimeout(PATIENCE)
            connected.connect(self.path)
        except OSError:
            connected.close()
            raise
        return connected


class NotReady(Exception):
    """The gateway is not ready, or does not answer; the message says which."""


def plain_address(environment: Mapping[str, str]) -> Address | None:
    """Return what variables say without another word; None where it takes all of the settings to know."""
    texts = {}
    for setting in ("ADMIN_SERVER_UNIX_SOCKET", "ADMIN_SERVER_HOST", "ADMIN_SERVER_PORT", "SERVER_HOST"):
        names = [prefix + setting for prefix in PREFIXES]
        if any(environment.get(f"{name}_FILE") for name in names):
            return None
        text = next((environment[name] for name in names if name in environment), "")
        if text.startswith("@"):
            return None
        texts[setting] = text
    path, host = texts["ADMIN_SERVER_UNIX_SOCKET"], texts["ADMIN_SERVER_HOST"] or texts["SERVER_HOST"]
    if path:
        return Address("", 0, path)
    port = texts["ADMIN_SERVER_PORT"]
    if not host or host in ANY_ADDRESS or not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 1 << 16):
        return None
    return Address(host, int(port))


def check(address: Address) -> str:
    """Return that the gateway with this admin server is ready. Raises NotReady."""
    status = _asked(address)
    if status // 100 != 2:
        raise NotReady(f"not ready: {address} answered {status}")
    return f"OK: {address}"


def report(address: Address) -> int:
    """Print what `check` finds, and return the exit code for it."""
    try:
        print(check(address))
    except NotReady as error:
        print(f"autorest: {error}", file=sys.stderr)
        return 1
    return 0


def _asked(address: Address) -> int:
    answer = b""
    try:
        with address.connect() as connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while b"\n" not in answer and len(answer) < _LONGEST_LINE:
                received = connection.recv(_LONGEST_LINE)
                if not received:
                    break
                answer += received
    except OSError as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise NotReady(f"no answer from {address}: {reason}") from None
    protocol, _, rest = answer.partition(b" ")
    if not protocol.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise NotReady(f"no answer from {address}: what listens there does not speak HTTP")
    return int(rest[:3])
