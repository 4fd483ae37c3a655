"""What PostgreSQL reports, as an error of the gateway: SQLSTATE to status, and SQL's own say in it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from autorest.errors import Error, Refused, refuse
from autorest.response.headers import content_length, is_header, is_status, retry_hint, without_controls
from autorest.response.model import Headers, Response

#: Statuses by SQLSTATE, and by its class where nothing more specific is known (PostgreSQL, appendix A).
BY_STATE = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53400": 500,
    "57P01": 503,
    "P0001": 400,
}
BY_CLASS = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "XX": 500,
}


_DENIED = (
    "The role of the request may not do this. GRANT gives it a privilege on the object,"
    " CREATE POLICY a rule for its rows where row-level security is on."
    " A role that a token names must be granted to the role that the gateway connects as."
)
#: What helps when a privilege is missing, by the function of PostgreSQL's source that found it missing.
_DENIED_BY = {
    "aclcheck_error": "The role of the request was not granted this privilege: GRANT gives it.",
    "aclcheck_error_col": "The role of the request was not granted this column: GRANT gives it.",
    "ExecWithCheckOptions": "No policy lets the role of the request write such a row: CREATE POLICY … WITH CHECK does.",
    "call_string_check_hook": "A role that a token names must be granted to the role that the gateway connects as.",
}
_OR_A_TOKEN = " This request is anonymous: one with a token has another role."


class Report(NamedTuple):
    """An error report of PostgreSQL (protocol 55.8): SQLSTATE, message, detail, hint, the function that reported it."""

    sqlstate: str
    message: str
    detail: str | None = None
    hint: str | None = None
    routine: str | None = None


def database_error(report: Report, *, authenticated: bool) -> Error:
    """Return the answer for an error of the database.

    `authenticated` tells whether the request has another role than the anonymous one: a missing
    privilege is then 403, otherwise 401.
    """
    if report.sqlstate == "PGRST":
        try:
            return _raised(report)
        except Refused as refused:
            return refused.error
    status, reason = _status(report, authenticated)
    headers = (("WWW-Authenticate", "Bearer"),) if status == 401 else ()
    hint = report.hint
    if hint is None and report.sqlstate == "42501":
        hint = _who_may(report, authenticated)
    return Error(status, report.sqlstate, report.message, report.detail, hint, headers, reason)


def _who_may(report: Report, authenticated: bool) -> str:
    """Return what helps where PostgreSQL itself gives no hint."""
    hint = _DENIED_BY.get(report.routine or "", _DENIED)
    return hint if authenticated else hint + _OR_A_TOKEN


def _status(report: Report, authenticated: bool) -> tuple[int, str | None]:
    state, message = report.sqlstate, report.message
    if state.startswith("PT"):
        number = state[2:]
        return (int(number), message) if number.isdigit() and is_status(int(number)) else (500, None)
    match state:
        case "42501":
            return (403 if authenticated else 401), None
        case "21000":
            return (400 if message.endswith("requires a WHERE clause") else 500), None
        case "22023" if message.startswith("role") and message.endswith("does not exist"):
            return 401, None
        case "42883" if message.startswith("function xmlagg("):
            return 406, None
    return BY_STATE.get(state) or BY_CLASS.get(state[:2], 400), None


def _raised(report: Report) -> Error:
    """Read an error that SQL raised with SQLSTATE `PGRST`: message and detail are JSON that say it all."""
    message = _object(report.message, "MESSAGE", ("code", "message"))
    if report.detail is None:
        raise _unreadable("DETAIL is missing in the RAISE statement", _DETAIL_HINT)
    detail = _object(report.detail, "DETAIL", ("status", "headers"))
    for key in ("code", "message", "details", "hint"):
        if not isinstance(message.get(key), str) and (message.get(key) is not None or key in ("code", "message")):
            raise _unreadable(f"MESSAGE has a {key} that is no text: {report.message}", _MESSAGE_HINT)
    headers, status, reason = detail["headers"], detail["status"], detail.get("status_text")
    if not isinstance(headers, dict) or not all(map(is_header, headers.items())):
        raise _unreadable(f"DETAIL has no readable headers: {report.detail}", _DETAIL_HINT)
    if not isinstance(status, int | float) or not is_status(status):
        raise _unreadable(f"DETAIL has no readable status: {report.detail}", _DETAIL_HINT)
    if reason is not None and not isinstance(reason, str):
        raise _unreadable(f"DETAIL has a status_text that is no text: {report.detail}", _DETAIL_HINT)
    return Error(
        int(status),
        message["code"],
        message["message"],
        message.get("details"),
        message.get("hint"),
        tuple(headers.items()),
        reason,
    )


_MESSAGE_HINT = "MESSAGE must be a JSON object with the texts code and message, and may have details and hint."
_DETAIL_HINT = "DETAIL must be a JSON object with status and headers, and may have status_text."


def _object(text: str, where: str, keys: tuple[str, ...]) -> dict[str, Any]:
    hint = _MESSAGE_HINT if where == "MESSAGE" else _DETAIL_HINT
    try:
        value = orjson.loads(text)
    except ValueError:
        raise _unreadable(f"{where} is not JSON: {text}", hint) from None
    if not isinstance(value, dict) or any(key not in value for key in keys):
        raise _unreadable(f"{where} lacks a key: {text}", hint)
    return value


def _unreadable(details: str, hint: str) -> Refused:
    return refuse("PGRST121", "An error that SQL raised with SQLSTATE 'PGRST' cannot be read", details, hint)


JSON_TYPE = (b"content-type", b"application/json; charset=utf-8")


def error_response(error: Error, *, verbose: bool = True) -> Response:
    """Return an error as the JSON that clients of PostgREST expect."""
    body = orjson.dumps(error.body(verbose))
    headers: Headers = [
        JSON_TYPE,
        content_length(body),
        _proxy_status(error.code),
    ]
    if error.headers:
        headers += [(name.lower().encode(), value.encode()) for name, value in error.headers]
    headers += retry_hint(error.status, [name for name, _ in headers])
    reason = error.reason and without_controls(error.reason)
    return Response(error.status, headers, body, reason, error=error)


@lru_cache(maxsize=256)
def _proxy_status(code: str) -> tuple[bytes, bytes]:
    """Return `Proxy-Status` (RFC 9209) for a code."""
    return b"proxy-status", f"autorest; error={without_controls(code)}".encode()
