"""Bodies large enough to be taken as streams, and requests that are sent bit by bit."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx
import jwt

from tests.support.cluster import Cluster

DATABASE = "bulk"
SECRET = "the secret of the bulk writes, of 32 bytes"
CSV, NDJSON = "text/csv", "application/x-ndjson"
#: Makes a thousand rows a megabyte.
PADDING = "x" * 1000

Row = Mapping[str, Any]


def bearer(role: str, **claims: Any) -> dict[str, str]:
    """Return the header with a token for `role`."""
    return {"Authorization": f"Bearer {jwt.encode({'role': role, **claims}, SECRET, 'HS256')}"}


def padded(numbers: Iterable[int], **more: Any) -> list[dict[str, Any]]:
    """Return rows of a kilobyte each with these ids."""
    return [{"id": number, "label": f"{number} {PADDING}", **more} for number in numbers]


def csv(rows: Iterable[Row]) -> bytes:
    rows = list(rows)

    def cell(value: object) -> str:
        text = "NULL" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"' if {*text} & {*'",\r\n'} else text

    lines = [",".join(rows[0]), *(",".join(map(cell, row.values())) for row in rows)]
    return "\n".join(lines).encode() + b"\n"


def ndjson(rows: Iterable[Row]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


WRITERS: dict[str, Callable[[Iterable[Row]], bytes]] = {CSV: csv, NDJSON: ndjson}


def post(
    api: httpx.Client, path: str, rows: Iterable[Row], content_type: str = NDJSON, **headers: str
) -> httpx.Response:
    """Send rows; names of `headers` with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.post(path, content=WRITERS[content_type](rows), headers={"Content-Type": content_type, **named})


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the error of an answer, which must be one in PostgREST's form."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    body: dict[str, Any] = answer.json()
    assert set(body) == {"code", "message", "details", "hint"}
    assert body["code"] == code, body
    return body


def count(cluster: Cluster, table: str) -> int:
    """Return how many rows are there for everybody to see."""
    [[number]] = cluster.execute(f"SELECT count(*) FROM {table}", dbname=DATABASE)
    return int(number)


def under_way(cluster: Cluster) -> list[str]:
    """Return the states of all connections of the gateway's that are in a transaction."""
    query = (
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND usename = 'bulk_authenticator'"
        " AND state <> 'idle'"
    )
    return [state for (state,) in cluster.execute(query, dbname=DATABASE)]


class Upload:
    """A POST that has begun; without a `length` its body is chunked."""

    def __init__(self, host: str, port: int, path: str, content_type: str, length: int | None) -> None:
        self._socket = socket.create_connection((host, port), timeout=30)
        self._chunked = length is None
        framing = "Transfer-Encoding: chunked" if self._chunked else f"Content-Length: {length}"
        self._socket.sendall(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n".encode()
        )

    def send(self, body: bytes) -> None:
        self._socket.sendall(b"%x\r\n%b\r\n" % (len(body), body) if self._chunked else body)

    def finish(self) -> tuple[int, dict[str, Any]]:
        """End the body and return the answer."""
        if self._chunked:
            self._socket.sendall(b"0\r\n\r\n")
        return self.answer()

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Return the status of the answer, and the object that it has for a body."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._received()
        head, _, body = data.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(headers.get(b"content-length", b"0")):
            body += self._received()
        return int(head.split()[1]), json.loads(body or b"{}")

    def _received(self) -> bytes:
        data = self._socket.recv(65536)
        assert data, "the connection was closed without an answer"
        return data

    def close(self) -> None:
        self._socket.close()
