"""The hot path as a plain ASGI application: HTTP in, the gateway's answer out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from autorest import __version__
from autorest.errors import Error, Refused
from autorest.request.raw import RawRequest
from autorest.response.errors import error_response
from autorest.response.info import cors_headers, preflight_response
from autorest.response.model import Headers, Response

SERVER = (b"server", f"autorest/{__version__}".encode())


class Answers(Protocol):
    """What answers requests: the gateway."""

    async def answer(self, raw: RawRequest) -> Response: ...


class Front:
    """Reads a request's body, has it answered and sends the answer.

    `pages` gets what is no part of the API: paths below `PAGES`, and the root when a browser asks.
    """

    PAGES = "/-/"

    def __init__(
        self,
        gateway: Answers,
        pages: ASGIApp,
        *,
        max_body_size: int,
        allowed_origins: Sequence[str] = (),
        trace_header: str | None = None,
        browsable: bool = True,
    ) -> None:
        self.gateway = gateway
        self.pages = pages
        self.max_body_size = max_body_size
        self.allowed_origins = tuple(origin.encode("latin-1", "replace") for origin in allowed_origins)
        self.trace_header = trace_header.lower().encode("latin-1", "replace") if trace_header else None
        self.browsable = browsable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if path.startswith(self.PAGES) or (path == "/" and self.browsable and _is_browser(scope["method"], headers)):
            await self.pages(scope, receive, send)
            return
        method: str = scope["method"]
        origin = _header(headers, b"origin")
        if method == "OPTIONS" and origin is not None and _header(headers, b"access-control-request-method"):
            requested = _header(headers, b"access-control-request-headers")
            response = preflight_response(origin, requested, self.allowed_origins)
        else:
            try:
                body = await self._body(headers, receive) if method != "GET" else b""
            except Refused as refused:
                response = error_response(refused.error)
                response.headers.append((b"connection", b"close"))
            else:
                if body is None:
                    return
                raw = RawRequest(method, scope["raw_path"], scope["query_string"], headers, body)
                response = await self.gateway.answer(raw)
            if origin is not None:
                _add_missing(response.headers, cors_headers(origin, self.allowed_origins))
        if self.trace_header is not None and (trace := _header(headers, self.trace_header)) is not None:
            response.headers.append((self.trace_header, trace))
        response.headers.append(SERVER)
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else response.body})

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        """Return the whole body; None when the client left before it was there."""
        declared = _header(headers, b"content-length")
        if self.max_body_size and declared is not None and declared.isdigit() and int(declared) > self.max_body_size:
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if self.max_body_size and size > self.max_body_size:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _too_large(self) -> Refused:
        return Refused(
            Error(
                413,
                "PGRST102",
                f"The body is larger than {self.max_body_size} bytes",
                None,
                "Send less in one request, or raise the setting server-max-body-size.",
            )
        )


def _header(headers: Headers, name: bytes) -> bytes | None:
    for key, value in headers:
        if key == name:
            return value
    return None


def _is_browser(method: str, headers: Headers) -> bool:
    return method in ("GET", "HEAD") and b"text/html" in (_header(headers, b"accept") or b"")


def _add_missing(headers: Headers, more: Headers) -> None:
    present = {name for name, _ in headers}
    headers += [header for header in more if header[0] not in present]
