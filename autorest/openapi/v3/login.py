"""The login, where it is switched on: e-mail and password become a token."""

from __future__ import annotations

from typing import Any, Final

from autorest.openapi.v3 import shared

Json = dict[str, Any]

TAG: Final = "Login"

_REFUSALS: Final = {
    400: "Something is missing or cannot be used (`AUTH400`).",
    401: "The e-mail address, the password or the token is wrong or has expired (`AUTH401`).",
    403: "Registration is switched off (`AUTH403`).",
    409: "There is a user with this e-mail address already (`AUTH409`).",
    415: "The body is neither JSON nor a form (`AUTH415`).",
    429: "Too many attempts; `Retry-After` tells when to try again (`AUTH429`).",
}


def schemas() -> Json:
    """Return the schemas of what is sent and answered."""
    text = {"type": "string", "minLength": 1}
    return {
        "auth.credentials": {
            "type": "object",
            "required": ["email", "password"],
            "properties": {"email": {**text, "format": "email"}, "password": {**text, "format": "password"}},
        },
        "auth.passwordForm": {
            "type": "object",
            "required": ["grant_type", "username", "password"],
            "properties": {
                "grant_type": {"type": "string", "const": "password"},
                "username": text,
                "password": {**text, "format": "password"},
            },
        },
        "auth.refreshForm": {
            "type": "object",
            "required": ["grant_type", "refresh_token"],
            "properties": {"grant_type": {"type": "string", "const": "refresh_token"}, "refresh_token": text},
        },
        "auth.refresh": {"type": "object", "required": ["refresh_token"], "properties": {"refresh_token": text}},
        "auth.tokens": {
            "type": "object",
            "required": ["access_token", "token_type", "expires_in", "refresh_token"],
            "properties": {
                "access_token": {"type": "string", "description": "What `Authorization: Bearer` takes"},
                "token_type": {"type": "string"},
                "expires_in": {"type": "integer", "description": "Seconds until the access token expires"},
                "refresh_token": {"type": "string", "description": "Exchanged once for new tokens"},
            },
        },
    }


def paths(*, registration: bool) -> Json:
    """Return the paths of the login, that of registration only where it is open to everyone."""
    forms = {"oneOf": [shared.schema("auth.passwordForm"), shared.schema("auth.refreshForm")]}
    tokens = _json_answer("New tokens", shared.schema("auth.tokens"))
    found: Json = {
        "/auth/login": _operation(
            "post",
            "log_in",
            "Log in with e-mail and password",
            {"200": tokens, **_refusals(400, 401, 415, 429)},
            {shared.JSON: shared.schema("auth.credentials"), shared.FORM: forms},
        ),
        "/auth/refresh": _operation(
            "post",
            "refresh_tokens",
            "Exchange a refresh token for new tokens",
            {"200": tokens, **_refusals(400, 401, 415)},
            {shared.JSON: shared.schema("auth.refresh"), shared.FORM: shared.schema("auth.refresh")},
        ),
        "/auth/logout": _operation(
            "post",
            "log_out",
            "End the session of the refresh token, or of the access token",
            {"204": {"description": "Logged out"}, **_refusals(400, 401, 415)},
            {shared.JSON: {**shared.schema("auth.refresh"), "description": "May be left out"}},
            body_required=False,
        ),
        "/auth/me": _operation(
            "get",
            "show_user",
            "Who the token belongs to",
            {
                "200": _json_answer("The user", {"type": "object"}),
                **_refusals(401),
                "404": _refusal("The token is not one of this login (`AUTH404`)."),
            },
        ),
    }
    if registration:
        found["/auth/register"] = _operation(
            "post",
            "register",
            "Register with e-mail and password",
            {"201": tokens, **_refusals(400, 403, 409, 415, 429)},
            {shared.JSON: shared.schema("auth.credentials"), shared.FORM: shared.schema("auth.credentials")},
        )
    return found


def _operation(
    method: str,
    identifier: str,
    summary: str,
    responses: Json,
    bodies: Json | None = None,
    *,
    body_required: bool = True,
) -> Json:
    operation: Json = {"operationId": f"auth.{identifier}", "tags": [TAG], "summary": summary}
    if bodies is not None:
        content = {media_type: {"schema": schema} for media_type, schema in bodies.items()}
        operation["requestBody"] = {"required": body_required, "content": content}
    operation["responses"] = {**responses, "default": {"$ref": "#/components/responses/Error"}}
    return {method: operation}


def _json_answer(description: str, schema: Json) -> Json:
    return {"description": description, "content": {shared.JSON: {"schema": schema}}}


def _refusals(*statuses: int) -> Json:
    return {str(status): _refusal(_REFUSALS[status]) for status in statuses}


def _refusal(description: str) -> Json:
    return _json_answer(description, shared.schema("Error"))
