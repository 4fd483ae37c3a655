"""The admin port: whether the gateway is alive and ready, and what it knows. Never routed to the outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import orjson
from starlette.types import Receive, Scope, Send

from autorest.catalog.document import document
from autorest.metrics import Numbers, exposition
from autorest.settings.dump import dump

if TYPE_CHECKING:
    from autorest.service import Service

JSON, TEXT = b"application/json", b"text/plain; charset=utf-8"
#: Where a worker tells its supervisor the numbers that `/metrics` adds up, and is told of signals, by their names.
NUMBERS, SIGNAL = "/numbers", "/signal/"


class Insight(Protocol):
    """What there is to know of a gateway, be it one process or several."""

    async def is_live(self) -> bool:
        """Whether requests are accepted."""

    async def readiness(self) -> int:
        """Return 200 when requests can be answered, 503 when not yet or for a while, 500 when not any more."""

    async def numbers(self) -> Numbers:
        """Return the metrics."""

    async def schema_cache(self) -> bytes:
        """Return the catalog as JSON, nothing when there is none yet."""

    async def config(self) -> str:
        """Return the settings in force, as a configuration file without secrets."""


class ServiceInsight:
    """What there is to know of the gateway in this process; `accepts` tells whether its main socket is in order."""

    def __init__(self, service: Service, accepts: Callable[[], bool], connections: Callable[[], int]) -> None:
        self._service = service
        self._accepts = accepts
        self._connections = connections

    async def is_live(self) -> bool:
        return self._accepts()

    async def readiness(self) -> int:
        if not await self._service.is_ready():
            return 503
        return 200 if self._accepts() else 500

    async def numbers(self) -> Numbers:
        numbers = self._service.numbers()
        numbers.single["autorest_http_connections", ""] = self._connections()
        return numbers

    async def schema_cache(self) -> bytes:
        catalog = self._service.catalog
        return b"" if catalog is None else document(catalog)

    async def config(self) -> str:
        return dump(self._service.settings, secrets=False)


class Admin:
    """The ASGI application of the admin port. Any method will do, as for PostgREST."""

    def __init__(self, insight: Insight) -> None:
        self.insight = insight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, of_type, body = await self.answer(scope["path"])
        headers = [(b"content-length", b"%d" % len(body))]
        if of_type:
            headers.append((b"content-type", of_type))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def answer(self, path: str) -> tuple[int, bytes, bytes]:
        """Return status, media type and body."""
        insight = self.insight
        match path:
            case "/live":
                return (200 if await insight.is_live() else 500), b"", b""
            case "/ready":
                return await insight.readiness(), b"", b""
            case "/schema_cache":
                return 200, JSON, await insight.schema_cache()
            case "/config":
                return 200, TEXT, (await insight.config()).encode()
            case "/metrics":
                return 200, TEXT, exposition(await insight.numbers())
        return 404, b"", b""


class Control(Admin):
    """What a worker answers its supervisor. `signalled` does as a signal says."""

    def __init__(self, insight: Insight, signalled: Callable[[str], None]) -> None:
        super().__init__(insight)
        self._signalled = signalled

    async def answer(self, path: str) -> tuple[int, bytes, bytes]:
        if path == NUMBERS:
            return 200, JSON, orjson.dumps((await self.insight.numbers()).plain())
        if path.startswith(SIGNAL):
            self._signalled(path.removeprefix(SIGNAL))
            return 200, b"", b""
        return await super().answer(path)
