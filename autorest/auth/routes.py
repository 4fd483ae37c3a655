"""The login over HTTP: `/auth/login`, `/auth/refresh`, `/auth/logout`, `/auth/me`, `/auth/register`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from autorest.auth.client import client_network
from autorest.auth.login import Credentials, LoginService
from autorest.errors import Refused, refuse, sent_as_form

MAXIMUM_BODY = 16 << 10
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: The paths below `/auth/`, and the one method of each.
ENDPOINTS = {"login": "POST", "refresh": "POST", "logout": "POST", "me": "GET", "register": "POST"}
FORM = "application/x-www-form-urlencoded"
#: OAuth 2's names for what went wrong (RFC 6749 section 5.2), added to the answers to its form.
OAUTH_ERRORS = {"AUTH401": "invalid_grant", "AUTH429": "invalid_grant", "AUTH415": "invalid_request"}

Fields = dict[str, Any]
Answer = Callable[[Request], Awaitable[Response]]


def login_routes(service: LoginService) -> list[Route]:
    """Return the routes of the login. Every error is answered as JSON like the rest of the API's.

    They take JSON, or a form as OAuth 2 has it: `grant_type=password` with `username` and `password`,
    `grant_type=refresh_token` with `refresh_token`.
    """

    async def log_in(request: Request) -> Response:
        fields = await _fields(request)
        grant = fields.get("grant_type", "password")
        if grant == "refresh_token":
            return _json(await service.refresh(_text(fields, "refresh_token")))
        if grant != "password":
            raise refuse("AUTH400", "The grant_type must be password or refresh_token", status=400)
        return _json(await service.log_in(_credentials(fields), address(request)))

    async def refresh(request: Request) -> Response:
        return _json(await service.refresh(_text(await _fields(request), "refresh_token")))

    async def log_out(request: Request) -> Response:
        fields = await _fields(request)
        token = _text(fields, "refresh_token") if "refresh_token" in fields else None
        await service.log_out(token, _authorization(request))
        return Response(status_code=204)

    async def me(request: Request) -> Response:
        return _json(await service.me(_authorization(request)))

    async def register(request: Request) -> Response:
        fields = await _fields(request)
        return _json(await service.register(_credentials(fields), address(request)), 201)

    def address(request: Request) -> str | None:
        peer = request.client.host if request.client else None
        return client_network(peer, request.headers.getlist("x-forwarded-for"), service.trusted_proxies)

    answers = (log_in, refresh, log_out, me, register)
    return [
        Route(f"/auth/{name}", _answering(method, answer), methods=METHODS)
        for (name, method), answer in zip(ENDPOINTS.items(), answers, strict=True)
    ]


def _answering(method: str, answer: Answer) -> Answer:
    async def endpoint(request: Request) -> Response:
        try:
            if request.method != method:
                raise refuse("AUTH405", f"Only {method} is possible here", status=405, headers=(("Allow", method),))
            return await answer(request)
        except Refused as refused:
            error = refused.error
            body = error.body()
            if _media_type(request) == FORM:
                oauth = OAUTH_ERRORS.get(error.code, "invalid_request")
                body |= {"error": oauth, "error_description": error.message}
            return _json(body, error.status, dict(error.headers))

    return endpoint


async def nothing_there(_: Request, __: Exception) -> Response:
    """Answer for a path below `/auth/` that is none of the login's."""
    names = ", ".join(ENDPOINTS)
    error = refuse("PGRST125", "The path names nothing in this API", f"Below /auth/ there are {names}.").error
    return _json(error.body(), error.status)


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = orjson.dumps(content._asdict() if hasattr(content, "_asdict") else content)
    more = {"Cache-Control": "no-store"} | (headers or {})
    return Response(body, status, more, "application/json; charset=utf-8")


async def _fields(request: Request) -> Fields:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAXIMUM_BODY:
            raise refuse("AUTH413", f"The body is larger than {MAXIMUM_BODY} bytes", status=413)
    if not body:
        return {}
    try:
        match _media_type(request):
            case "application/json" | "":
                fields = orjson.loads(body)
            case "application/x-www-form-urlencoded":
                fields = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=32))
            case _:
                raise refuse("AUTH415", f"The body must be JSON, or a form of type {FORM}", status=415)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise refuse("AUTH400", "The body is neither a JSON object nor a form, as its type says", status=400)
    return fields


def _credentials(fields: Fields) -> Credentials:
    return Credentials(_text(fields, "email" if "email" in fields else "username"), _text(fields, "password"))


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise refuse("AUTH400", f"The field {name} is missing, or not a text", None, sent_as_form(fields), status=400)
    return value


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _authorization(request: Request) -> bytes | None:
    value = request.headers.get("authorization")
    return None if value is None else value.encode("latin-1")
