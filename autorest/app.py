"""The Starlette applications: everything that is no part of the API itself."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from autorest import admin, pages
from autorest.service import Service


def pages_application() -> Starlette:
    """Return the application that gives a browser the page at the root and its files."""
    return Starlette(routes=[Route("/", pages.page), *pages.routes()])


def admin_application(service: Service) -> Starlette:
    """Return the application of the admin port."""
    return Starlette(routes=admin.routes(service))
