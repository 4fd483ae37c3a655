"""A server on the loopback, and connections to it on which every byte can be seen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from autorest.server.http import HttpServer
from autorest.server.protocol import Limits


class Echo:
    """An application that answers with what it was asked, and remembers what became of its requests.

    `/slow` does not end by itself, `/chunks` answers in parts, `/short` says less than it announces, `/nothing` does
    not answer, `/broken` raises. `/status/799` answers with that status, and `/early` before it has read the body.
    """

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        match scope["path"].split("/"):
            case ["", "slow"]:
                self.began.set()
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    self.cancelled.set()
                    raise
            case ["", "wait"]:
                self.began.set()
                await asyncio.sleep(0.2)
                await answer(send, b"done")
            case ["", "chunks"]:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                for part in (b"one", b"", b"two"):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body"})
            case ["", "short"]:
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
                await send({"type": "http.response.body", "body": b"short", "more_body": True})
                await send({"type": "http.response.body"})
            case ["", "split"]:
                await answer(send, b"x", headers=[(b"x-name", b"a\r\nset-cookie: stolen=1")])
            case ["", "nothing"]:
                return
            case ["", "broken"]:
                raise RuntimeError("on purpose")
            case ["", "status", number]:
                await answer(send, b"x", int(number))
            case ["", "early"]:
                await answer(send, b"no", 413)
            case ["", "large"]:
                await answer(send, b"x" * 12_000_000)
            case _:
                await answer(send, await body_of(receive))


async def answer(send: Send, body: bytes, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """Answer with a body and no more headers than given."""
    await send({"type": "http.response.start", "status": status, "headers": headers or []})
    await send({"type": "http.response.body", "body": body})


async def body_of(receive: Receive) -> bytes:
    """Return the body of a request."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


class Line:
    """A connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        """Return the head of the next answer."""
        async with asyncio.timeout(10):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def hear(self) -> tuple[int, bytes]:
        """Return status and body of the next answer, whose length is given."""
        head = await self.head()
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        async with asyncio.timeout(10):
            return int(head.split(b" ")[1]), await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        """Return everything up to the connection's end."""
        async with asyncio.timeout(10):
            return await self.reader.read()


Connect = Callable[[], Awaitable[Line]]


@asynccontextmanager
async def serving(application: ASGIApp, limits: Limits) -> AsyncIterator[tuple[HttpServer, Connect]]:
    """Serve for a while."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.setblocking(False)
    address: tuple[str, int] = bound.getsockname()
    server = HttpServer(application, limits)
    await server.begin(bound)
    async with AsyncExitStack() as stack:

        async def connect() -> Line:
            reader, writer = await asyncio.open_connection(*address)
            stack.callback(writer.close)
            return Line(reader, writer)

        try:
            yield server, connect
        finally:
            await server.end(0.0)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def line(echo: Echo, anyio_backend: object) -> AsyncIterator[Line]:
    """A connection to a server with the usual limits."""
    async with serving(echo, Limits()) as (_, connect):
        yield await connect()
