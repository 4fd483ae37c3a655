"""The Starlette applications: what is no part of the API itself."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from autorest.auth.login import LoginService


class Later:
    """An application that is made for its first request: the gateway starts faster without Starlette."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._made is None:
            self._made = self._make()
        await self._made(scope, receive, send)


def pages_application() -> ASGIApp:
    """Return the application that gives a browser the page at the root and its files."""

    def make() -> ASGIApp:
        from starlette.applications import Starlette
        from starlette.routing import Route

        from autorest import pages

        return Starlette(routes=[Route("/", pages.page), *pages.routes()])

    return Later(make)


def login_application(service: LoginService) -> ASGIApp:
    """Return the application of the login, below `/auth/`."""

    def make() -> ASGIApp:
        from starlette.applications import Starlette

        from autorest.auth.routes import login_routes, nothing_there

        application = Starlette(routes=login_routes(service), exception_handlers={404: nothing_there})
        application.router.redirect_slashes = False
        return application

    return Later(make)
