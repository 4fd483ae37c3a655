"""From the pieces of an HTTP request to the `ApiRequest` they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autorest.catalog.model import QualifiedName
from autorest.request.media_types import JSON, parse_accept, parse_content_type
from autorest.request.model import ALL_ROWS, Action, ApiRequest, Payload
from autorest.request.payload import parse_payload
from autorest.request.preconditions import Preconditions, parse_preconditions
from autorest.request.preferences import parse_preferences
from autorest.request.profile import choose_schema
from autorest.request.query import parse_query, split_query
from autorest.request.ranges import top_range
from autorest.request.target import choose_action, parse_path


class RequestSettings(NamedTuple):
    """What the grammar must know of the configuration.

    schemas                     the exposed ones, at least one, the default first
    allow_transaction_override  whether `Prefer: tx=` is heeded
    openapi_disabled            whether the root answers PGRST126
    root_spec                   the function that answers at the root instead of OpenAPI
    conditional                 whether `If-Match` and `If-None-Match` are heeded
    """

    schemas: tuple[str, ...]
    allow_transaction_override: bool = False
    openapi_disabled: bool = False
    root_spec: QualifiedName | None = None
    conditional: bool = True


#: Methods that heed preconditions before there is an answer; of GET the answer's own tag is compared.
_CONDITIONAL = frozenset(("HEAD", "PATCH", "PUT", "DELETE"))


def parse_request(
    method: str,
    raw_path: bytes | str,
    query_string: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    body: bytes,
    settings: RequestSettings,
    payload: Payload | None = None,
) -> ApiRequest:
    """Return what is asked for.

    `raw_path` is the path as it was sent, percent-encoded; `query_string` is without its question
    mark; names of `headers` may be in any case. Of a header sent twice, SQL sees the last; the
    gateway itself goes by the first, as PostgREST does. Where a `payload` is given, the body is not looked at.

    Raises: Refused, with the first error in this order: path, schema, method, query string, range, body.
    """
    path = raw_path if isinstance(raw_path, str) else raw_path.decode("utf-8", "replace")
    decoded = [(name.decode("latin-1").lower(), value.decode("utf-8", "replace")) for name, value in headers]
    seen = dict(decoded)
    heeded = seen if len(seen) == len(decoded) else dict(reversed(decoded))

    root_routine = None if settings.root_spec is None else settings.root_spec.name
    resource, target = parse_path(
        raw_path.encode() if isinstance(raw_path, str) else raw_path,
        openapi_disabled=settings.openapi_disabled,
        root_routine=root_routine,
    )
    schema, schema_negotiated = choose_schema(method, heeded, settings.schemas)
    action = choose_action(resource, method)
    query = parse_query(split_query(query_string), is_call_safe=action is Action.CALL_SAFE)
    asked = next((found for path, found in query.ranges if not path), ALL_ROWS)
    rows = top_range(method, asked, heeded.get("range"))
    content_type = parse_content_type(heeded["content-type"]) if "content-type" in heeded else JSON
    if payload is None:
        payload = parse_payload(body, content_type, action, query.columns)
    cookie = heeded.get("cookie")
    seen.pop("cookie", None)
    return ApiRequest(
        action=action,
        method=method,
        path=path,
        target=target,
        schema=schema,
        query=query,
        preferences=parse_preferences(
            [value for name, value in decoded if name == "prefer"],
            allow_transaction_override=settings.allow_transaction_override,
        ),
        accept=parse_accept(heeded.get("accept")),
        content_type=content_type,
        schema_negotiated=schema_negotiated,
        headers_only=method == "HEAD",
        payload=payload,
        top_range=rows,
        headers=seen,
        cookies=parse_cookies(cookie) if cookie else {},
        preconditions=_preconditions(headers) if settings.conditional and method in _CONDITIONAL else None,
    )


def _preconditions(headers: Sequence[tuple[bytes, bytes]]) -> Preconditions | None:
    match, none_match = (
        [value for name, value in headers if name.lower() == wanted] for wanted in (b"if-match", b"if-none-match")
    )
    return parse_preconditions(
        b", ".join(match) if match else None,
        b", ".join(none_match) if none_match else None,
    )


def parse_cookies(header: str) -> dict[str, str]:
    """Return names and values of a `Cookie` header (RFC 6265, section 4.2.1); of one given twice the last counts."""
    pairs = [pair.partition("=") for pair in header.removesuffix(";").split(";")]
    return {name.lstrip(" "): _without_quotes(value) for name, _, value in pairs}


def _without_quotes(value: str) -> str:
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value
