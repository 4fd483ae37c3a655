"""However the bytes of requests arrive, the same is answered; whatever arrives, nothing breaks or hangs."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from autorest.server.http import HttpServer
from autorest.server.protocol import Limits

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

REQUESTS = (
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD /a HTTP/1.1\r\n\r\n",
    b"POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    b"GET /d HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"POST /e HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi",
    b"GET /f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /h HTTP/1.1\r\nX-Name: é\r\n\r\n".encode(),
    b"PUT /g?x=%20 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nz",
)
#: The end of every conversation.
LAST = b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was asked for and sent."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body, more = body + message["body"], message["more_body"]
    said = scope["raw_path"] + b"?" + scope["query_string"] + b" " + body
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": said})


def converse(pieces: list[bytes]) -> bytes:
    """Send pieces to a server, one after the other, and return all that it answers until it closes."""

    async def run() -> bytes:
        server = HttpServer(echo, Limits(head_seconds=0.0, silent_seconds=0.0))
        ours, theirs = socket.socketpair()
        await server.begin()
        await server.adopt(theirs)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        if not reader.at_eof():
            writer.write_eof()
        try:
            async with asyncio.timeout(10):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()
            await server.end(0.0)

    return asyncio.run(run())


def plain(answers: bytes) -> bytes:
    """Return answers without what differs from time to time: dates, and signs to go on."""
    answers = re.sub(rb"date: [^\r]*\r\n", b"", answers)
    return answers.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")


@cache
def answered(request: bytes) -> bytes:
    """Return what is answered to a request that comes alone, in one piece."""
    before, separator, _ = plain(converse([request, LAST])).rpartition(b"HTTP/1.1 200 OK")
    assert separator
    return before


@QUICK
@given(
    requests=st.lists(st.sampled_from(REQUESTS), max_size=6),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_how_requests_are_cut_into_pieces_makes_no_difference(requests: list[bytes], cuts: list[int]) -> None:
    alone = b"".join(answered(request) for request in requests)
    stream = b"".join(requests) + LAST
    places = sorted({cut % len(stream) for cut in cuts})
    pieces = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    assert plain(converse(pieces)) == alone + plain(converse([LAST]))


@QUICK
@given(data=st.data())
def test_whatever_arrives_is_answered_or_refused(data: st.DataObject, caplog: pytest.LogCaptureFixture) -> None:
    stream = bytearray(b"".join(data.draw(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4))))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(stream)))
        match data.draw(st.sampled_from(("replace", "insert", "delete", "repeat"))):
            case "replace":
                stream[place : place + 1] = data.draw(st.binary(min_size=1, max_size=3))
            case "insert":
                stream[place:place] = data.draw(st.binary(min_size=1, max_size=8))
            case "delete":
                del stream[place : place + data.draw(st.integers(1, 10))]
            case _:
                stream += stream[place : place + 30]
    with caplog.at_level(logging.WARNING):
        answers = converse([bytes(stream)])
    assert not caplog.records
    statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)
    assert {*statuses} <= {b"100", b"200", b"400", b"408", b"414", b"431"}
