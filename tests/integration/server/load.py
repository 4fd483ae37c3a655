"""Fifty clients that ask and write all the time, and remember every answer."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

#: What the first five rows of `items` are answered as.
ITEMS = [{"id": number, "name": f"item {number}"} for number in range(1, 6)]
PAUSE = 0.02


class Outcome(NamedTuple):
    """One request: when it was sent and answered (on the monotonic clock), and with what; status 0 for no answer."""

    sent: float
    answered: float
    status: int
    code: str


@dataclass
class Load:
    """Clients of the gateway at `port`, in a thread of their own; use it as a context manager.

    Each third of them reads all rows, reads one, and writes rows of its own. `written` are the writes that were
    acknowledged, `wrong` the answers that were not right and said they were.
    """

    port: int
    clients: int = 50
    outcomes: list[Outcome] = field(default_factory=list)
    written: set[tuple[int, int]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._done = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a request hangs"

    async def _run(self) -> None:
        await asyncio.gather(*(self._ask_all_the_time(number) for number in range(self.clients)))

    async def _ask_all_the_time(self, number: int) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        count = 0
        while not self._done.is_set():
            count += 1
            sent = time.monotonic()
            try:
                if connection is None:
                    connection = await asyncio.open_connection("127.0.0.1", self.port)
                status, body, kept = await ask(*connection, request(number, count))
            except (OSError, asyncio.IncompleteReadError):
                status, body, kept = 0, b"", False
            self._note(sent, number, count, status, body)
            if not kept and connection is not None:
                connection[1].close()
                connection = None
            await asyncio.sleep(PAUSE)
        if connection is not None:
            connection[1].close()

    def _note(self, sent: float, number: int, count: int, status: int, body: bytes) -> None:
        code = ""
        if status == 201:
            self.written.add((number, count))
        elif status == 200:
            rows = json.loads(body)
            expected = ITEMS if number % 3 == 0 else [ITEMS[count % 5]]
            if [{"id": row["id"], "name": row["name"]} for row in rows] != expected:
                self.wrong.append(body.decode())
        elif status:
            code = json.loads(body)["code"]
        self.outcomes.append(Outcome(sent, time.monotonic(), status, code))

    @property
    def failures(self) -> list[Outcome]:
        """The requests that were not answered with success."""
        return [outcome for outcome in self.outcomes if outcome.status not in (200, 201)]

    def summary(self) -> dict[tuple[int, str], int]:
        """Return how many answers there were of each status and code."""
        return dict(Counter((outcome.status, outcome.code) for outcome in self.outcomes))

    def oldest(self) -> float:
        """Return how long the slowest request took."""
        return max(outcome.answered - outcome.sent for outcome in self.outcomes)

    def good_since(self, moment: float) -> float:
        """Return how long after `moment` the last request failed, 0.0 if none did."""
        return max((outcome.answered - moment for outcome in self.failures if outcome.answered > moment), default=0.0)


def request(number: int, count: int) -> bytes:
    """Return the request that a client makes for the `count`th time."""
    match number % 3:
        case 0:
            return b"GET /items?select=id,name&order=id HTTP/1.1\r\nHost: x\r\n\r\n"
        case 1:
            return b"GET /items?id=eq.%d HTTP/1.1\r\nHost: x\r\n\r\n" % (count % 5 + 1)
    body = json.dumps({"client": number, "number": count}).encode()
    return b"POST /written HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes, bool]:
    """Send a request; return status and body of the answer, and whether the connection is kept."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    body = await reader.readexactly(length)
    return int(head.split(b" ", 2)[1]), body, b"connection: close" not in lines
