"""The hot path as an ASGI application: HTTP in, the gateway's answer out, counted and logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autorest import __version__
from autorest.database.errors import PoolFull
from autorest.errors import Refused
from autorest.incoming import ClientGone, Rest
from autorest.logs import RequestLog
from autorest.metrics import RequestMetrics
from autorest.openapi.negotiation import prefers_page
from autorest.refusals import broken, too_large, too_slow
from autorest.request.media_types import parse_accept
from autorest.request.preconditions import Tags, parse_tags
from autorest.request.raw import RawRequest
from autorest.request.streaming import STREAMED_FROM, is_streamed
from autorest.response.compression import PackedStream, as_coded, chosen_coding, compressed, is_compressible, shrinks
from autorest.response.errors import error_response
from autorest.response.headers import content_length
from autorest.response.info import METHODS, cors_headers, preflight_response
from autorest.response.model import Headers, Response, Stream, Unfinished
from autorest.response.tags import unchanged
from autorest.settings import Settings
from autorest.trace import Trace
from autorest.unavailable import unavailable

logger = logging.getLogger("autorest")

SERVER = (b"server", f"autorest/{__version__}".encode())
#: Below these paths are the page's files, and the login.
PAGES, LOGIN = "/-/", "/auth/"
#: The body of a GET, and that nothing more of it comes.
NO_BODY = (b"", None)
#: The status under which requests are counted whose client did not wait for the answer.
CLIENT_GONE = 499
#: Bodies of this size and more are compressed in a thread: other requests do not wait that long.
THREADED = 1 << 17
#: Under this name the server's connection stands in a scope: it tells whether a request's time is over.
CONNECTION = "autorest.connection"
READS = ("GET", "HEAD")


class Answers(Protocol):
    """What answers requests: the gateway."""

    async def answer(self, raw: RawRequest, trace: Trace | None = None) -> Response: ...

    def refuses(self, authorization: bytes | None) -> bool: ...


class Front:
    """Reads a request's body, has it answered and sends the answer.

    `pages` gets what is no part of the API: the page's files, and the root when a browser asks. `login`, where there
    is one, gets what is below `/auth/`.
    """

    def __init__(
        self,
        gateway: Answers,
        settings: Settings,
        *,
        pages: ASGIApp,
        login: ASGIApp | None = None,
        metrics: RequestMetrics | None = None,
        log: RequestLog | None = None,
    ) -> None:
        self.gateway = gateway
        self.pages = pages
        self.login = login
        self.metrics = metrics or RequestMetrics()
        self.log = log or RequestLog(settings.log_level, settings.log_format)
        self.max_body_size = settings.server_max_body_size
        self.browsable = settings.server_docs_enabled
        self.compresses = settings.server_compression
        self.crowded = False
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Follow the settings that a reload changes, or that the database holds."""
        self.allowed_origins: Sequence[bytes] = tuple(
            origin.encode("latin-1", "replace") for origin in settings.server_cors_allowed_origins
        )
        name = settings.server_trace_header
        self.trace_header = name.lower().encode("latin-1", "replace") if name else None
        self.timed = settings.server_timing_enabled
        self.logs_queries = settings.log_query
        self.tags = settings.server_etags
        verbose = settings.client_error_verbosity == "verbose"
        full = unavailable(PoolFull())
        self.shed_code = full.code
        self.refusal = error_response(full, verbose=verbose)
        self.log.set_level(settings.log_level)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = perf_counter()
        method: str = scope["method"]
        path: str = scope["path"]
        headers = dict(reversed(scope["headers"]))
        origin = headers.get(b"origin")
        if method == "OPTIONS" and origin is not None:
            if headers.get(b"access-control-request-method") in METHODS:
                requested = headers.get(b"access-control-request-headers")
                await self._send(send, preflight_response(origin, requested, self.allowed_origins))
                return
            origin = None
        if path.startswith(PAGES) or (self.browsable and path == "/" and is_browser(method, headers)):
            await Delegated(self, scope, send, origin, began).run(self.pages, receive, PAGES)
            return
        if self.login is not None and path.startswith(LOGIN):
            await Delegated(self, scope, send, origin, began).run(self.login, receive, LOGIN)
            return
        if self.crowded and (response := self.turn_away(scope)) is not None:
            await self._send(send, response, method != "HEAD")
            return
        trace = Trace() if self.timed or self.logs_queries else None
        try:
            body, rest = await self._body(scope, headers, receive) if method != "GET" else NO_BODY
            raw = RawRequest(method, scope["raw_path"], scope["query_string"], scope["headers"], body, rest)
            response = await self.gateway.answer(raw, trace)
        except Refused as refused:
            response = error_response(refused.error)
        except ClientGone:
            self.count(scope, Response(CLIENT_GONE, []), 0, began)
            return
        except asyncio.CancelledError:
            if not is_expired(scope):
                self.count(scope, Response(CLIENT_GONE, []), 0, began)
                raise
            response = error_response(too_slow())
        except Exception:
            logger.exception("%s %s could not be answered", method, path)
            response = error_response(broken())
        if origin is not None or self.trace_header is not None:
            self._add_asked_for(response, headers, origin)
        if trace is not None:
            self._follow(trace, response)
        if response.stream is not None:
            stream = response.stream
            if self.compresses and shrinks(response.headers):
                coding = chosen_coding(headers.get(b"accept-encoding", b"identity"))
                response = response._replace(headers=as_coded(response.headers, coding))
                stream = stream if coding is None else PackedStream(stream, coding)
            await self._send_stream(scope, send, response, stream, began)
            return
        coding = None
        if self.compresses and is_compressible(response.headers, response.body):
            coding = chosen_coding(headers.get(b"accept-encoding", b"identity"))
            response = response._replace(headers=as_coded(response.headers, coding))
        if b"if-none-match" in headers and self.tags and method in READS:
            response = unchanged(response, asked_tags(scope["headers"])) or response
        if coding is not None and response.body and method != "HEAD":
            response = await packed(response, coding)
        await self._send(send, response, method != "HEAD")
        self.count(scope, response, len(response.body), began)

    def turn_away(self, scope: Scope) -> Response | None:
        """Return the answer to a request that there is no place for, None to one that is to be answered as usual.

        To be asked while the database is `crowded`, of as many requests as come, before anything else is done for them.
        """
        path: str = scope["path"]
        if scope["method"] == "OPTIONS" or path == "/" or path.startswith((PAGES, LOGIN)):
            return None
        headers = dict(reversed(scope["headers"]))
        if not self.gateway.refuses(headers.get(b"authorization")):
            return None
        response = self.refusal._replace(headers=[*self.refusal.headers])
        self._add_asked_for(response, headers, headers.get(b"origin"))
        self.metrics.count(path, scope["method"], response.status, 0.0, len(response.body))
        if self.log.logged_from == 0:
            self.log.write(scope, response, len(response.body), 0.0)
        return response

    def refusal_of(self, scope: Scope) -> Message | None:
        """Return the message with which the answer of `turn_away` begins, its body included."""
        response = self.turn_away(scope)
        return None if response is None else {**beginning_of(response), "body": response.body}

    def _add_asked_for(self, response: Response, headers: dict[bytes, bytes], origin: bytes | None) -> None:
        """Add the headers that a page of another `origin` needs, and the one that follows a request."""
        if origin is not None:
            add_missing(response.headers, cors_headers(origin, self.allowed_origins))
        if self.trace_header is not None and (value := headers.get(self.trace_header)) is not None:
            response.headers.append((self.trace_header, value))

    async def _send(self, send: Send, response: Response, with_body: bool = True) -> None:
        await send(beginning_of(response))
        await send({"type": "http.response.body", "body": response.body if with_body else b""})

    async def _send_stream(self, scope: Scope, send: Send, response: Response, stream: Stream, began: float) -> None:
        """Send an answer piece by piece, as fast as the client takes it; it is counted when it ends.

        Raises Unfinished when it cannot be sent to its end: then it is counted under the status of the reason.
        """
        size = 0
        status = CLIENT_GONE
        try:
            await send(beginning_of(response))
            while piece := await stream.next():
                size += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                # Where rows and client are both fast, nothing else would let others be answered.
                await asyncio.sleep(0)
            await send({"type": "http.response.body"})
            status = response.status
        except Unfinished as unfinished:
            status = unfinished.error.status
            self.log.write_error(unfinished.error)
            raise
        finally:
            stream.close()
            self.count(scope, response._replace(status=status), size, began)

    def _follow(self, trace: Trace, response: Response) -> None:
        """Tell what the trace of a request has to tell."""
        trace.mark("response")
        if self.timed and response.error is None:
            response.headers.append((b"server-timing", trace.server_timing))
        if self.logs_queries and trace.transaction is not None and response.status >= self.log.logged_from:
            self.log.write_queries(trace.transaction)

    def count(self, scope: Scope, response: Response, size: int, began: float, route: str | None = None) -> None:
        """Count an answered request, and log it where the level asks for it."""
        seconds = perf_counter() - began
        if route is None:
            self.metrics.count(scope["path"], scope["method"], response.status, seconds, size)
        else:
            self.metrics.count_route(route, scope["method"], response.status, seconds, size)
        if response.status >= self.log.logged_from:
            if response.error is not None and response.status >= 500:
                if response.error.code == self.shed_code and self.log.logged_from:
                    # There are too many of them; the pool tells how many.
                    return
                self.log.write_error(response.error)
            self.log.write(scope, response, size, seconds)

    async def _body(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> tuple[bytes, Rest | None]:
        """Return the whole body, or the beginning and the rest of a large one that is taken as a stream.

        Raises Refused when it is too large, ClientGone when it does not end.
        """
        most = self.max_body_size
        declared = headers.get(b"content-length")
        if most and declared is not None and declared.isdigit() and int(declared) > most:
            raise Refused(too_large(most))
        rest = Rest(receive, most)
        pieces: list[bytes] = []
        while piece := await rest.read():
            pieces.append(piece)
            if (
                rest.size > STREAMED_FROM
                and not rest.ended
                and is_streamed(scope["method"], scope["raw_path"], scope["headers"])
            ):
                return b"".join(pieces), rest
        return b"".join(pieces), None


class Delegated:
    """A request that another application answers; what goes for all answers is seen to here."""

    def __init__(self, front: Front, scope: Scope, send: Send, origin: bytes | None, began: float) -> None:
        self._front = front
        self._scope = scope
        self._send = send
        self._origin = origin
        self._began = began
        self._status = 0
        self._size = 0

    async def run(self, application: ASGIApp, receive: Receive, route: str) -> None:
        """Have the request answered, and count it under `route`."""
        try:
            await application(self._scope, receive, self.send)
        except asyncio.CancelledError:
            if self._status or not is_expired(self._scope):
                raise
            await self._answer(error_response(too_slow()))
        except Exception:
            logger.exception("%s %s could not be answered", self._scope["method"], self._scope["path"])
            if self._status:
                raise
            await self._answer(error_response(broken()))
        finally:
            status = self._status or CLIENT_GONE
            self._front.count(self._scope, Response(status, []), self._size, self._began, route)

    async def _answer(self, response: Response) -> None:
        await self.send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await self.send({"type": "http.response.body", "body": response.body})

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers: Headers = [*message["headers"], SERVER]
            if self._origin is not None:
                add_missing(headers, cors_headers(self._origin, self._front.allowed_origins))
            message = {**message, "headers": headers}
        else:
            self._size += len(message.get("body", b""))
        await self._send(message)


def is_browser(method: str, headers: dict[bytes, bytes]) -> bool:
    """Tell whether somebody wants to look at the root rather than to read it."""
    accept = headers.get(b"accept", b"")
    return method in ("GET", "HEAD") and b"html" in accept and prefers_page(parse_accept(accept.decode("latin-1")))


def is_expired(scope: Scope) -> bool:
    """Tell whether the server cancelled the request because its time is over."""
    connection = scope.get(CONNECTION)
    cycle = None if connection is None else connection.cycle
    return cycle is not None and cycle.scope is scope and bool(cycle.expired)


def beginning_of(response: Response) -> Message:
    """Return the message with which an answer begins."""
    response.headers.append(SERVER)
    beginning: dict[str, Any] = {
        "type": "http.response.start",
        "status": response.status,
        "headers": response.headers,
    }
    if response.reason is not None:
        beginning["reason"] = response.reason
    return beginning


def add_missing(headers: Headers, more: Headers) -> None:
    """Add those of `more` whose name is not among `headers`."""
    present = {name for name, _ in headers}
    headers += [header for header in more if header[0] not in present]


def asked_tags(headers: Sequence[tuple[bytes, bytes]]) -> Tags:
    """Return the tags of answers that a client has."""
    return parse_tags(b", ".join(value for name, value in headers if name == b"if-none-match"))


async def packed(response: Response, coding: bytes) -> Response:
    """Return an answer whose body is coded as its headers say."""
    body = response.body
    if len(body) < THREADED:
        smaller = compressed(body, coding)
    else:
        smaller = await asyncio.to_thread(compressed, body, coding)
    return response._replace(headers=[*response.headers, content_length(smaller)], body=smaller)
