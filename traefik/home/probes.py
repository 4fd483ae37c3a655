"""Whether each service of the stack works, asked the way its clients would."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypedDict

_TIMEOUT = 2.0
_SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)

#: The name of all replicas of the gateway, on the network that Traefik shares with them.
GATEWAY = "gateway"

State = Literal["up", "partly", "down"]


class Health(TypedDict):
    """What is known about a service; `milliseconds` is how long its answer took, None where there was none."""

    state: State
    detail: str
    milliseconds: float | None


def addresses(host: str) -> list[str]:
    """Return the IPv4 addresses of all containers that answer to the name, sorted; none when it is unknown."""
    try:
        found = socket.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({str(address[0]) for *_, address in found})


def answers(address: str, port: int, path: str) -> bool:
    """Tell whether GET `path` is answered with 200."""
    connection = http.client.HTTPConnection(address, port, timeout=_TIMEOUT)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def speaks_postgres(host: str, port: int) -> bool:
    """Tell whether a server of PostgreSQL's protocol answers a request for encryption (SSLRequest) with yes or no."""
    try:
        with socket.create_connection((host, port), _TIMEOUT) as connection:
            connection.sendall(_SSL_REQUEST)
            return connection.recv(1) in (b"S", b"N")
    except OSError:
        return False


def _replicas() -> tuple[State, str]:
    found = addresses(GATEWAY)
    if not found:
        return "down", "no replica runs"
    with ThreadPoolExecutor(len(found)) as pool:
        alive = sum(pool.map(lambda address: answers(address, 3001, "/live"), found))
        ready = sum(pool.map(lambda address: answers(address, 3001, "/ready"), found))
    count = f"{ready} of {len(found)} replicas ready" if len(found) > 1 else "ready"
    if ready == len(found):
        return "up", count
    if ready:
        return "partly", count
    return ("partly", "runs, without its database") if alive else ("down", "does not answer")


def _one(good: Callable[[], bool]) -> Callable[[], tuple[State, str]]:
    return lambda: ("up", "answers") if good() else ("down", "does not answer")


_PROBES: dict[str, Callable[[], tuple[State, str]]] = {
    "autorest": _replicas,
    "pgbouncer": _one(lambda: speaks_postgres("pgbouncer", 6432)),
    "postgres": _one(lambda: speaks_postgres("postgres", 5432)),
    "traefik": _one(lambda: answers("traefik", 8080, "/ping")),
    "pgadmin": _one(lambda: answers("pgadmin", 80, "/misc/ping")),
}
KNOWN = tuple(_PROBES)


def health(service: str) -> Health:
    """Ask one of the KNOWN services how it is; takes a few seconds at most."""
    started = time.perf_counter()
    state, detail = _PROBES[service]()
    took = round((time.perf_counter() - started) * 1000, 1)
    return Health(state=state, detail=detail, milliseconds=None if state == "down" else took)
