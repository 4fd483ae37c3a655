"""The page that a browser gets at the root: the API explored without any tool, served by the gateway itself.

It is static. All it knows of the API it reads from the OpenAPI 3.1 document, with the token its user
gave it, so it never shows more than that token may use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

#: Two path segments, of which the first is not `rpc`, never name a relation or a function.
PREFIX: Final = "/-"

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)

_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

#: What goes with every file: to be asked for anew each time, answered 304 while it has not changed.
_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def index() -> bytes:
    """Return the page itself; its files are found under `PREFIX`, relative to where it was served."""
    return _assets()["index.html"][0]


def page(request: Request) -> Response:
    """Answer with the page. It varies with `Accept`: the same address serves the OpenAPI document."""
    response = _file(request, "index.html")
    response.headers["vary"] = "Accept"
    return response


def routes() -> list[BaseRoute]:
    """Return the routes of the page's files, `GET` and `HEAD` of each."""
    return [Route(f"{PREFIX}/{name}", _serve(name)) for name in _assets() if name != "index.html"]


def _serve(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        return _file(request, name)

    return serve


@cache
def _assets() -> dict[str, tuple[bytes, str]]:
    """Return each file of the page with its entity tag."""
    folder = files(__name__) / "static"
    contents = {entry.name: entry.read_bytes() for entry in folder.iterdir()}
    return {name: (content, f'"{hashlib.sha256(content).hexdigest()[:32]}"') for name, content in contents.items()}


def _file(request: Request, name: str) -> Response:
    content, tag = _assets()[name]
    headers = {**_HEADERS, "etag": tag}
    known = request.headers.get("if-none-match", "")
    if known == "*" or tag in {entry.strip().removeprefix("W/") for entry in known.split(",")}:
        return Response(status_code=304, headers=headers)
    suffix = name[name.rindex(".") :]
    return Response(content, media_type=_MEDIA_TYPES[suffix], headers=headers)
