"""The Starlette applications: what is no part of the API itself."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from autorest import pages
from autorest.auth.login import LoginService
from autorest.auth.routes import login_routes


def pages_application() -> Starlette:
    """Return the application that gives a browser the page at the root and its files."""
    return Starlette(routes=[Route("/", pages.page), *pages.routes()])


def login_application(service: LoginService) -> Starlette:
    """Return the application of the login, below `/auth/`."""
    return Starlette(routes=login_routes(service))
