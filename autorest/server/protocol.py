"""HTTP/1.1 on one connection (RFC 9112), for an ASGI application.

This is the hot path, written for the machine: an answer is one write, and no clock is read and no timer made for a
request. Who looks after time-outs is `Connections.sweep`, a few times a second for all connections at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple

import httptools
from starlette.types import ASGIApp, Message, Scope

from autorest.refusals import broken, refusal, too_slow
from autorest.request.percent import percent_decoded
from autorest.response.errors import error_response
from autorest.response.model import Unfinished

logger = logging.getLogger("autorest.server")

Headers = Sequence[tuple[bytes, bytes]]

ASGI = {"version": "3.0", "spec_version": "2.3"}
#: Under this name an application finds the connection in its scope.
CONNECTION = "autorest.connection"
#: Answers up to this size are joined with their head, which copies them; larger ones are written after it.
JOINED = 1 << 16
#: How much of a body is read ahead of the application.
READ_AHEAD = 1 << 18
#: In place of the scope of what is no request.
NO_SCOPE: Scope = {"http_version": "1.1", "method": "", "path": "", "headers": ()}
#: How long what a client still sends is thrown away, so that it reads why it was refused before it sees a reset.
LINGER_SECONDS = 2.0
#: What a connection is doing.
IDLE, HEAD, REQUEST, LINGERING = range(4)
#: The value of SO_LINGER that makes the end of a connection an error for its other end (socket(7)).
AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
#: Statuses whose answers have no body (RFC 9110, 6.4.1).
BODILESS = (204, 304)
#: What each header counts beside its bytes, for many short ones are as much work as a long one (RFC 9113, 6.5.2).
HEADER_BYTES = 32
#: Besides the longest head, so much may be received without any of it being a whole one, or a part of a body.
SLACK = 1 << 18

#: A method, and what makes sure that it is one (RFC 9112, 3): the parser knows a list of them, and reads any other as
#: one of these.
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) \S+ HTTP/1\.[01]\r\n")
STAND_IN = b"LINK"
_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")
STATUS_LINES = {int(known): f"HTTP/1.1 {int(known)} {known.phrase}\r\n".encode() for known in HTTPStatus}
CLOSE = (b"connection", b": ", b"close", b"\r\n")
KEEP_ALIVE = (b"connection", b": ", b"keep-alive", b"\r\n")
CHUNKED = (b"transfer-encoding", b": ", b"chunked", b"\r\n")
#: Headers that describe a connection or how a body is sent: they are the server's to say.
FRAMING = frozenset((b"connection", b"transfer-encoding", b"keep-alive", b"content-length"))


class Limits(NamedTuple):
    """What one client may ask of the server; times in seconds, 0 for no limit.

    target          bytes of a request's target; more is answered with 414
    head            bytes of a request's headers, each with 32 more than it has; more is answered with 431
    pipelined       requests sent ahead of an answer; after more the connection ends, when these are answered
    head_seconds    from connecting, or from a request's first byte, to the end of its headers
    idle_seconds    between an answer and the next request
    silent_seconds  without a byte of a body that is waited for, or without one taken of an answer
    request_seconds from the end of the headers to the beginning of the answer
    """

    target: int = 320 << 10
    head: int = 1 << 16
    pipelined: int = 100
    head_seconds: float = 30.0
    idle_seconds: float = 120.0
    silent_seconds: float = 60.0
    request_seconds: float = 0.0


class Connections:
    """What the connections of one server share, and who looks after them.

    `now` is the loop's clock at the last sweep: exact enough for time-outs. `given_up` are requests whose client is
    gone, until they have ended. While `closing`, each connection ends after the answers that it owes. While there is
    a `turn_away`, it is asked of each request without a body, given its scope, and what it returns is the answer, as a
    message that begins one and has the whole `body`: the application is never called.
    """

    def __init__(self, application: ASGIApp, limits: Limits) -> None:
        self.application = application
        self.limits = limits
        self.open: set[HttpProtocol] = set()
        self.given_up: set[asyncio.Task[None]] = set()
        self.date = b""
        self.now = 0.0
        self.closing = False
        self.turn_away: Callable[[Scope], Message | None] | None = None

    def sweep(self, now: float) -> None:
        """End what has taken too long."""
        self.now = now
        for connection in tuple(self.open):
            connection.look_after(now)

    def close_idle(self) -> None:
        """Close the connections that owe no answer."""
        for connection in tuple(self.open):
            if connection.cycle is None:
                connection.transport.close()

    def abort(self) -> None:
        """Give up all requests and their connections."""
        for connection in tuple(self.open):
            connection.reset()


class HttpProtocol(asyncio.Protocol):
    """One connection. Requests that are sent ahead are answered one after the other, in order."""

    __slots__ = (
        "_begun",
        "_broken",
        "_choked",
        "_client",
        "_head_size",
        "_headers",
        "_limits",
        "_loop",
        "_method",
        "_owed",
        "_parser",
        "_partial",
        "_paused",
        "_phase",
        "_reading",
        "_replaying",
        "_server",
        "_shared",
        "_since",
        "_taken_at",
        "_target",
        "_unfinished",
        "_unread",
        "cycle",
        "queued",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, shared: Connections, loop: asyncio.AbstractEventLoop) -> None:
        self.cycle: Cycle | None = None
        self._shared = shared
        self._limits = shared.limits
        self._loop = loop
        self._phase = HEAD
        self._since = shared.now
        self._parser = self._new_parser()
        # The method, where it is none that the parser knows.
        self._method = ""
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        # Whether a request has begun whose headers have not ended, how many have in what was just received, and
        # which one's body is being read. How many bytes the parser may keep, for nothing whole came of them.
        self._partial = False
        self._unfinished = 0
        self._begun = 0
        self._reading: Cycle | None = None
        self._replaying = False
        self.queued: deque[Cycle] = deque()
        self._broken = 0
        self._unread = 0
        self._paused = False
        self._choked = False
        self._owed = 0
        self._taken_at = 0.0
        self._client: tuple[str, int] | None = None
        self._server: tuple[str, int | None] | None = None

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What comes after a request that says `Connection: close` is passed over.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    @property
    def date(self) -> bytes:
        """The line of an answer that says when it was made."""
        return self._shared.date

    @property
    def closing(self) -> bool:
        """Whether this connection ends after the answers that it owes."""
        return self._shared.closing

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._shared.open.add(self)
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self._client = (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None
        self._server = (str(own[0]), int(own[1])) if isinstance(own, tuple) else (str(own), None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._shared.open.discard(self)
        for cycle in (self.cycle, self._reading, *self.queued):
            if cycle is not None:
                cycle.lose()
        self.queued.clear()
        self.cycle = self._reading = None
        self._phase = LINGERING

    def eof_received(self) -> None:
        """Close: who ends their half of the connection does not wait for an answer."""

    def pause_writing(self) -> None:
        self._choked = True
        self._owed = 0

    def resume_writing(self) -> None:
        self._choked = False
        if self.cycle is not None:
            self.cycle.wake()
        elif self._phase != LINGERING:
            self._next()

    def data_received(self, data: bytes) -> None:
        if self._broken or self._phase == LINGERING:
            return
        fresh = not self._partial and self._reading is None
        self._begun = 0
        self._unfinished += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserInvalidURLError:
            plain = in_ascii(data) if fresh and self._begun == 1 else data
            if plain != data:
                self._parser = self._new_parser()
                self.data_received(plain)
            else:
                self._break(400)
        except httptools.HttpParserInvalidMethodError:
            unlisted = _REQUEST.match(data) if fresh and self._begun == 1 else None
            if unlisted is not None:
                self._method = unlisted[1].decode()
                self._parser = self._new_parser()
                self.data_received(STAND_IN + data[unlisted.end(1) :])
            else:
                self._break(400)
        except httptools.HttpParserError:
            self._break(self._broken or 400)
        else:
            if self._unfinished > self._limits.target + self._limits.head + SLACK:
                self._break(431)

    def _decline_upgrade(self, rest: bytes) -> None:
        """Stay with HTTP/1.1 (RFC 9110, 7.8).

        The parser takes a body for the other protocol's first bytes: a new one is told of it, and reads it.
        """
        self._parser = self._new_parser()
        if self._reading is not None:
            coding = header(self._headers, b"transfer-encoding")
            if coding is not None and coding.strip().lower() != b"chunked":
                # The parser lets it pass where there is an upgrade, but nobody can tell where such a body ends.
                self._break(400)
                return
            length = header(self._headers, b"content-length")
            framing = b"transfer-encoding: chunked" if length is None else b"content-length: " + length
            self._replaying = True
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
            self._replaying = False
        if rest:
            self.data_received(rest)

    # What the parser tells

    def on_message_begin(self) -> None:
        if self._replaying:
            return
        self._begun += 1
        self._partial = True
        self._target = b""
        self._headers = []
        self._head_size = 0
        if self._phase != REQUEST:
            self._phase = HEAD
            self._since = self._shared.now

    def on_url(self, url: bytes) -> None:
        if self._replaying:
            return
        self._target += url
        if len(self._target) > self._limits.target:
            self._refuse(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._partial:
            # A trailer, or what a replayed head says of the body.
            return
        self._head_size += len(name) + len(value) + HEADER_BYTES
        if self._head_size > self._limits.head:
            self._refuse(431)
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._replaying:
            return
        parser = self._parser
        self._unfinished = 0
        version, keep_alive = parser.get_http_version(), parser.should_keep_alive()
        if version != "1.1" and header(self._headers, b"transfer-encoding") is not None:
            # What follows such a body is not to be trusted (RFC 9112, 6.1).
            keep_alive = False
        target = self._target
        if target[:1] != b"/":
            target = origin_form(target)
        raw_path, _, query = target.partition(b"?")
        method = self._method or parser.get_method().decode("ascii")
        self._method = ""
        scope = {
            "type": "http",
            "asgi": ASGI,
            "http_version": version,
            "method": method,
            "scheme": "http",
            "path": percent_decoded(raw_path).decode("utf-8", "replace"),
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            "client": self._client,
            "server": self._server,
            CONNECTION: self,
        }
        self._partial = False
        self._reading = cycle = Cycle(self, scope, keep_alive)
        if self.cycle is None and not self._choked:
            self._start(cycle)
            return
        self.queued.append(cycle)
        self._pause()
        if len(self.queued) >= self._limits.pipelined:
            cycle.keep_alive = False
            self._refuse(-1)

    def on_body(self, body: bytes) -> None:
        cycle = self._reading
        if cycle is not None:
            cycle.chunks.append(body)
            self._unfinished = 0
            self._since = self._shared.now
            self._unread += len(body)
            if self._unread > READ_AHEAD:
                self._pause()
            cycle.wake()

    def on_message_complete(self) -> None:
        cycle = self._reading
        if cycle is None or (self._parser.should_upgrade() and has_body(self._headers)):
            return
        self._reading = None
        cycle.complete = True
        if cycle.waiter is not None:
            cycle.wake()

    def _refuse(self, status: int) -> None:
        """Stop the parser for good."""
        self._broken = status
        raise OverflowError

    # One request after the other

    def _start(self, cycle: Cycle) -> None:
        self.cycle = cycle
        self._phase = REQUEST
        self._since = cycle.since = self._shared.now
        turn_away = self._shared.turn_away
        if turn_away is not None and cycle.is_turned_away(turn_away):
            return
        cycle.task = self._loop.create_task(cycle.run())

    def ended(self, cycle: Cycle) -> None:
        """Go on: the whole answer of `cycle` was written."""
        self.cycle = None
        self._since = self._shared.now
        if not cycle.keep_alive:
            if cycle.complete and not self._broken:
                self._phase = LINGERING
                self.transport.close()
            else:
                self._linger()
        elif self.queued:
            self._next()
        elif self._broken:
            self._break(self._broken)
        else:
            self._phase = HEAD if self._partial else IDLE
            # The end of a large body may have stopped the reading.
            self.read_on()

    def _next(self) -> None:
        if self.queued and not self._choked:
            self._start(self.queued.popleft())
        if not self.queued:
            self.read_on()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def read_on(self) -> None:
        """Read more, unless requests wait that were sent ahead."""
        self._unread = 0
        if self._paused and not self.queued and not self.transport.is_closing():
            self._paused = False
            # A client that could not send was not silent.
            self._since = self._shared.now
            self.transport.resume_reading()

    def _break(self, status: int) -> None:
        """After the answers that are owed, say why nothing more is understood, and end the connection."""
        self._broken = status
        cycle = self._reading
        if cycle is not None and cycle is self.cycle and not cycle.started:
            # Its body makes no sense.
            cycle.lose()
            self.cycle = None
        if self.cycle is not None or self.queued:
            return
        self._reading = None
        if status > 0 and not self.transport.is_closing():
            Cycle(self, NO_SCOPE, False).fail(status)
        else:
            self._linger()

    def _linger(self) -> None:
        """Say that nothing more comes, and throw away for a moment what the client still sends."""
        self._phase = LINGERING
        self._since = self._shared.now
        if self.transport.is_closing():
            return
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def reset(self) -> None:
        """End the connection at once, and so that nobody takes what was sent for a whole answer.

        To a client of HTTP/1.0 the end of the connection is the end of the answer, unless it is an error (RFC 9112, 8).
        """
        cycle = self.cycle
        connected = self.transport.get_extra_info("socket")
        if cycle is not None and cycle.started and connected is not None:
            with contextlib.suppress(OSError):
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.transport.abort()

    def look_after(self, now: float) -> None:
        """End what has taken too long."""
        limits, phase = self._limits, self._phase
        passed = now - self._since
        if phase == REQUEST:
            cycle = self.cycle
            if cycle is None or cycle.started:
                pass
            elif limits.request_seconds and now - cycle.since >= limits.request_seconds:
                cycle.expire()
            elif cycle.waiter is not None and self._reading is cycle and 0 < limits.silent_seconds < passed:
                self._break(408)
        elif phase == IDLE:
            if 0 < limits.idle_seconds < passed:
                self.transport.close()
        elif phase == HEAD:
            if 0 < limits.head_seconds < passed:
                if self._partial:
                    self._break(408)
                else:
                    self.transport.close()
        elif passed > LINGER_SECONDS and not self._choked:
            self.transport.abort()
        if self._choked:
            owed = self.transport.get_write_buffer_size()
            if owed != self._owed:
                self._owed, self._taken_at = owed, now
            elif 0 < limits.silent_seconds < now - self._taken_at:
                self.reset()


class Cycle:
    """A request and its answer: `receive` and `send` of ASGI.

    Most of what can happen to a request does not: what it then would have been is the class's own.
    """

    complete = False
    started = False
    expired = False
    gone = False
    since = 0.0
    task: asyncio.Task[None] | None = None
    waiter: asyncio.Future[None] | None = None
    _beginning: Message | None = None
    _invited = False
    _read = False
    _chunked = False
    _left = -1
    _ended = False

    def __init__(self, connection: HttpProtocol, scope: Scope, keep_alive: bool) -> None:
        self._connection = connection
        self.scope = scope
        self.keep_alive = keep_alive
        self.chunks: list[bytes] = []

    async def run(self) -> None:
        """Have the request answered, whatever happens."""
        try:
            await self._connection._shared.application(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self.fail(504 if self.expired else 503)
        except Unfinished:
            self.fail(500)
        except Exception:
            if not self.gone:
                logger.exception("%s %s could not be answered", self.scope["method"], self.scope["path"])
            self.fail(500)
        else:
            if not self._ended and not self.gone:
                logger.error("%s %s was not answered to the end", self.scope["method"], self.scope["path"])
            self.fail(500)

    async def receive(self) -> Message:
        """Return what has arrived of the body; after its end, that the client is gone, once it is."""
        if self._read:
            while not (self.gone or self._ended):
                await self._wait()
        elif not self.chunks and not self.complete:
            if not self._invited and expects_sign(self.scope):
                self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            while not (self.chunks or self.complete or self.gone):
                await self._wait()
        if self.gone or self._ended:
            return {"type": "http.disconnect"}
        chunks, self.chunks = self.chunks, []
        # To continue is said to who waits with a body (RFC 9110, 10.1.1), not to who sends one already.
        self._invited = True
        self._read = self.complete
        if not self._read:
            self._connection.read_on()
        return {
            "type": "http.request",
            "body": chunks[0] if len(chunks) == 1 else b"".join(chunks),
            "more_body": not self._read,
        }

    async def send(self, message: Message) -> None:
        """Write the beginning of the answer with the first part of its body, and each other part when it comes."""
        if self.gone or self._ended:
            return
        if self._beginning is None:
            self._beginning = message
            return
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if self.started:
            if framed := self._framed(body, more):
                self._connection.transport.write(framed)
        else:
            self._begin(self._beginning, body, more)
        if more:
            while self._connection._choked and not self.gone:
                await self._wait()
        else:
            self._end()

    def _begin(self, beginning: Message, body: bytes, more: bool) -> None:
        connection, scope, status = self._connection, self.scope, beginning["status"]
        reason = beginning.get("reason")
        if reason is not None:
            line = f"HTTP/1.1 {status} {reason}\r\n".encode("latin-1", "replace")
        else:
            line = STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        parts = [line, connection.date]
        length = -1
        for name, value in beginning["headers"]:
            if name not in FRAMING:
                parts += (name, b": ", value, b"\r\n")
            elif name == b"content-length":
                length = int(value) if value.isdigit() else -1
            elif value.lower() == b"close":
                self.keep_alive = False
        old = scope["http_version"] != "1.1"
        bodiless = status in BODILESS or scope["method"] == "HEAD"
        self._chunked = False
        if not bodiless and not more:
            length = len(body)
        elif not bodiless and length < 0:
            self._chunked = not old
            self.keep_alive = self.keep_alive and not old
        if not self.complete or (connection.closing and not connection.queued):
            self.keep_alive = False
        if self._chunked:
            parts += CHUNKED
        elif length >= 0 and status != 204:
            parts += (b"content-length", b": ", b"%d" % length, b"\r\n")
        if not self.keep_alive:
            parts += CLOSE
        elif old:
            parts += KEEP_ALIVE
        parts.append(b"\r\n")
        head = b"".join(parts)
        # Status line, date and the empty line are one part each, the other headers four.
        ends = (len(parts) - 3) // 4 + (3 if connection.date else 2)
        if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
            raise ValueError(f"a header or the reason phrase of the answer has a line break in it: {head!r}")
        self.started = True
        self._left = 0 if bodiless else length
        transport = connection.transport
        if bodiless:
            transport.write(head)
            return
        body = self._framed(body, more)
        if len(body) <= JOINED:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)

    def _framed(self, body: bytes, more: bool) -> bytes:
        if self._chunked:
            return (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        if self._left < 0:
            return body
        if len(body) > self._left:
            body = body[: self._left]
        self._left -= len(body)
        return body

    def _end(self) -> None:
        self._ended = True
        self.wake()
        if self._left > 0:
            # Less was sent than announced: only the connection's end tells.
            self._connection.transport.abort()
        else:
            self._connection.ended(self)

    def fail(self, status: int) -> None:
        """Answer with an error if no answer was begun, and end the connection, unless the request was answered."""
        if self.gone or self._ended:
            return
        self.keep_alive = False
        if self.started:
            self._connection.reset()
            return
        error = broken() if status == 500 else too_slow() if status == 504 else refusal(status)
        answer = error_response(error)
        self._begin({"status": status, "headers": answer.headers}, answer.body, False)
        self._end()

    def is_turned_away(self, turn_away: Callable[[Scope], Message | None]) -> bool:
        """Answer at once as `turn_away` says; return whether it said anything."""
        if has_body(self.scope["headers"]):
            return False
        beginning = turn_away(self.scope)
        if beginning is None:
            return False
        self.complete = True
        self._begin(beginning, beginning["body"], False)
        self._end()
        return True

    def expire(self) -> None:
        """Give the request up because its time is over; the application may still answer."""
        if not self.expired and self.task is not None:
            self.expired = True
            self.task.cancel()

    def lose(self) -> None:
        """Give the request up because its client is gone."""
        self.gone = True
        self.wake()
        if self.task is not None and not self._ended and not self.task.done():
            given_up = self._connection._shared.given_up
            given_up.add(self.task)
            self.task.add_done_callback(given_up.discard)
            self.task.cancel()

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self) -> None:
        if self.waiter is None:
            self.waiter = self._connection._loop.create_future()
        await asyncio.shield(self.waiter)


def header(headers: Headers, name: bytes) -> bytes | None:
    """Return the first header of that name."""
    return next((value for key, value in headers if key == name), None)


def expects_sign(scope: Scope) -> bool:
    """Tell whether a client waits to be told to go on before it sends a body (RFC 9110, 10.1.1)."""
    expected = header(scope["headers"], b"expect")
    return expected is not None and expected.lower() == b"100-continue" and scope["http_version"] == "1.1"


def has_body(headers: Headers) -> bool:
    """Tell whether a request's headers announce a body."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")) for name, value in headers
    )


def origin_form(target: bytes) -> bytes:
    """Return a request's target as path and query (RFC 9112, 3.2): of a whole URL what follows the authority."""
    target = _AUTHORITY.sub(b"", target)
    return b"/" + target if target[:1] in (b"", b"?") else target


def in_ascii(data: bytes) -> bytes:
    """Return what begins with a request line, with the bytes of it that URLs cannot have percent-encoded."""
    line, end, rest = data.partition(b"\r\n")
    if line.isascii() or not end:
        return data
    return b"".join(b"%%%02X" % byte if byte > 126 else bytes((byte,)) for byte in line) + end + rest
