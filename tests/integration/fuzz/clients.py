"""Clients that send probes over connections of their own, and judge what comes back."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from autorest.response.errors import Report, database_error
from tests.integration.fuzz.requests import Probe, Requests

#: No answer after so many seconds is a hang.
PATIENCE = 10.0
SQLSTATE = re.compile(r"[0-9A-Z]{5}")
#: SQL may set a status or headers that make no sense, or raise what cannot be read: the database's doing.
MADE_BY_SQL = ("PGRST111", "PGRST112", "PGRST121")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Findings:
    """What became of the probes: how many requests there were, with which answers, and what was wrong with some.

    Those that are no whole ones, come after the last that a connection takes, or are abandoned, may be `unanswered`.
    """

    sent: int = 0
    unanswered: int = 0
    slowest: float = 0.0
    answers: Counter[tuple[int, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def told(self) -> str:
        """Return the counts, and the faults if there are some, for people."""
        statuses: Counter[int] = Counter()
        for (status, _), count in self.answers.items():
            statuses[status] += count
        of_database = {code: count for (status, code), count in self.answers.items() if status >= 500}
        return "\n".join(
            (
                f"{self.sent} requests, {self.unanswered} without an answer; the slowest took {self.slowest:.2f} s",
                f"statuses: {dict(sorted(statuses.items()))}",
                f"raised by the database: {of_database}",
                *self.faults,
            )
        )


async def fuzz(port: int, make: Callable[[int], Requests], number: int, clients: int, findings: Findings) -> None:
    """Send `number` probes over so many clients at once; note what is found in `findings`."""

    async def send(client: int) -> None:
        requests, connection = make(client), Connection(port)
        for _ in range(number // clients):
            probe = requests.probe()
            began = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    answers = await connection.ask(probe)
            except TimeoutError:
                findings.faults.append(f"no answer in {PATIENCE:.0f} s to {shown(probe)}")
                connection.close()
                continue
            except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                findings.faults.append(f"{error!r} after {shown(probe)}")
                connection.close()
                continue
            finally:
                findings.sent += len(probe.are_head)
                findings.slowest = max(findings.slowest, time.monotonic() - began)
            findings.unanswered += len(probe.are_head) - len(answers)
            for answer in answers:
                findings.answers[answer.status, code_of(answer)] += 1
                if complaint := fault(answer, probe):
                    findings.faults.append(f"{complaint}\n  after {shown(probe)}\n  answered {answer.body[:300]!r}")
        connection.close()

    await asyncio.gather(*(send(client) for client in range(clients)))
    # What was hung up is closed when the loop comes to it.
    await asyncio.sleep(0.1)


def shown(probe: Probe) -> str:
    """Return a probe as it can be looked at."""
    return repr(probe.content if len(probe.content) <= 2000 else probe.content[:2000] + b"...")


def code_of(answer: Answer) -> str:
    """Return the code of an answer that is an error, from the header that answers to HEAD have too."""
    found = re.search(r"error=(.+)", answer.headers.get("proxy-status", ""))
    if found or answer.status < 400:
        return found[1] if found else ""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(answer.body)["code"])
    return ""


def fault(answer: Answer, probe: Probe) -> str | None:
    """Return what is wrong with an answer, None where nothing is."""
    code = code_of(answer)
    if (
        answer.status >= 500
        and not is_of_database(answer.status, code)
        and not (probe.content.find(b"/rpc/fail") >= 0 and code != "PGRSTX00")
    ):
        return f"{answer.status} {code} is no error of the database's"
    if not answer.body or b" /-/" in probe.content:
        return None
    if answer.headers.get("content-encoding") == "zstd":
        return None
    if answer.headers.get("content-encoding") == "gzip":
        answer = answer._replace(body=gzip.decompress(answer.body))
    if answer.status >= 400:
        try:
            members = set(json.loads(answer.body))
        except ValueError:
            return f"the body of a {answer.status} is not JSON"
        if not members >= {"code", "message", "details", "hint"}:
            return f"the body of a {answer.status} lacks members"
    elif answer.headers.get("content-type", "").startswith("application/json"):
        try:
            json.loads(answer.body, parse_int=str)
        except (ValueError, RecursionError) as error:
            return f"the body is no JSON: {error}"
    return None


def is_of_database(status: int, code: str) -> bool:
    """Tell whether a status of 500 and more stands for what the database, or SQL, raised."""
    if code in MADE_BY_SQL:
        return True
    if not SQLSTATE.fullmatch(code):
        return False
    return database_error(Report(code, ""), authenticated=True).status == status


class Connection:
    """A connection that is opened when it is needed, and kept as long as both sides want it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, probe: Probe) -> list[Answer]:
        """Send a probe and return its answers; there may be too few where the gateway or the client hangs up."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        reader, writer = self._streams
        if probe.cut:
            writer.write(probe.content[: probe.cut])
            await asyncio.sleep(0.01)
        writer.write(probe.content[probe.cut :])
        if probe.abandoned:
            await asyncio.sleep(0.005)
            self.close()
            return []
        answers: list[Answer] = []
        try:
            if not probe.whole:
                with suppress(OSError):
                    await writer.drain()
                    await asyncio.sleep(0.02)
                    writer.write_eof()
            for is_head in probe.are_head:
                answers.append(await read_answer(reader, is_head))
                closes = answers[-1].headers.get("connection") == "close"
                if closes or not probe.whole:
                    await reader.read()
                if closes or not probe.reusable:
                    self.close()
                    break
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.close()
            if probe.whole or (isinstance(error, asyncio.IncompleteReadError) and error.partial):
                raise ValueError(f"the connection broke: {error!r}") from None
        return answers

    def close(self) -> None:
        """Hang up, and do not wait for what the gateway has not taken."""
        if self._streams is not None:
            transport = self._streams[1].transport
            if transport.get_write_buffer_size():
                transport.abort()
            else:
                transport.close()
            self._streams = None


async def read_answer(reader: asyncio.StreamReader, is_head: bool) -> Answer:
    """Read an answer; raise ValueError where it is no HTTP."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *lines = head[:-4].split(b"\r\n")
        version, status_text, _ = line.split(b" ", 2)
        if version != b"HTTP/1.1" or not status_text.isdigit():
            raise ValueError(f"no status line: {line!r}")
        status = int(status_text)
        if status >= 200:
            break
    headers = {}
    for each in lines:
        name, colon, value = each.partition(b": ")
        if not colon or name != name.lower():
            raise ValueError(f"no header: {each!r}")
        headers[name.decode("latin-1")] = value.decode("latin-1")
    if is_head or status in (204, 304):
        return Answer(status, headers, b"")
    if "transfer-encoding" in headers:
        return Answer(status, headers, await read_chunks(reader))
    if "content-length" not in headers:
        return Answer(status, headers, await reader.read())
    return Answer(status, headers, await reader.readexactly(int(headers["content-length"])))


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    """Read a body in chunks (RFC 9112, 7.1)."""
    parts = []
    while size := int((await reader.readuntil(b"\r\n"))[:-2], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)
