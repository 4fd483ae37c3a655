"""Answers that cannot be sent to their end are not taken for whole ones."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from autorest.errors import Error
from autorest.response.model import Unfinished
from autorest.server.protocol import Limits
from tests.support.waiting import until
from tests.unit.server.conftest import serving

pytestmark = pytest.mark.anyio


class Endless:
    """Answers with more and more, until `after` pieces were sent; remembers how it ended."""

    def __init__(self, after: int | None = None) -> None:
        self.after = after
        self.sent = 0
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while self.after is None or self.sent < self.after:
                await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
                self.sent += 1
                await asyncio.sleep(0)
            raise Unfinished(Error(500, "XX000", "on purpose"))
        finally:
            self.ended.set()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_its_connection_is_reset(version: str, caplog: pytest.LogCaptureFixture) -> None:
    application = Endless(after=3)
    async with serving(application, Limits()) as (server, connect):
        line = await connect()
        line.say(f"GET / HTTP/{version}\r\nHost: x\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            await line.rest()
        assert application.ended.is_set() and not server.connections.open
    assert not caplog.records


async def test_who_takes_nothing_is_given_up() -> None:
    application = Endless()
    async with serving(application, Limits(silent_seconds=0.4)) as (server, connect):
        line = await connect()
        line.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await line.head()
        async with asyncio.timeout(20):
            await application.ended.wait()
        await until(lambda: not server.connections.open)


async def test_who_takes_slowly_is_not() -> None:
    application = Endless()
    async with serving(application, Limits(silent_seconds=0.8)) as (server, connect):
        line = await connect()
        line.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(30):
            for _ in range(8):
                await asyncio.sleep(0.2)
                await line.reader.readexactly(3_000_000)
        assert not application.ended.is_set() and server.connections.open


async def test_the_end_of_the_server_is_not_the_end_of_an_answer() -> None:
    application = Endless()
    async with serving(application, Limits()) as (_, connect):
        line = await connect()
        line.say(b"GET / HTTP/1.0\r\n\r\n")
        await line.head()
    with pytest.raises(ConnectionResetError):
        await line.rest()
