"""The admin port: whether the gateway is alive and ready, and what it knows. Never routed to the outside."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from autorest.catalog.document import document
from autorest.service import Service
from autorest.settings.dump import dump


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes `/live`, `/ready`, `/schema_cache` and `/config`."""

    async def live(request: Request) -> Response:
        return Response(status_code=200)

    async def ready(request: Request) -> Response:
        return Response(status_code=200 if service.ready else 503)

    async def schema_cache(request: Request) -> Response:
        if service.catalog is None:
            return Response(status_code=503)
        return Response(document(service.catalog), media_type="application/json")

    async def config(request: Request) -> Response:
        return PlainTextResponse(dump(service.settings))

    return [
        Route("/live", live),
        Route("/ready", ready),
        Route("/schema_cache", schema_cache),
        Route("/config", config),
    ]
