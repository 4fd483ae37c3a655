"""The root of the API: which document answers, made of what the database says the role may use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import orjson

from autorest import __version__
from autorest.catalog.model import Catalog
from autorest.openapi.negotiation import V2, choose_version, content_type
from autorest.openapi.privileges import Privileges, read_privileges
from autorest.openapi.v2 import document_v2
from autorest.openapi.v3 import document_v3
from autorest.request.model import ApiRequest
from autorest.response.headers import VARY, content_length
from autorest.response.model import Headers, Response
from autorest.settings import Settings
from autorest.sql.privileges import privileges, schema_comment
from autorest.sql.statement import Statement


class Row(Protocol):
    """The result of one statement."""

    @property
    def nfields(self) -> int: ...
    def get_value(self, row_number: int, column_number: int) -> bytes | None: ...


def root_statements(schema: str, settings: Settings) -> tuple[Statement, ...]:
    """Return what the database must be asked: the privileges of the role, or just the schema's comment."""
    return privileges(schema) if _follows_privileges(settings) else (schema_comment(schema),)


def root_response(request: ApiRequest, catalog: Catalog, settings: Settings, results: Sequence[Row]) -> Response:
    """Return the OpenAPI document in the version that the request asks for, else the one configured.

    `results` are those of `root_statements`. Raises PGRST107 when nothing acceptable can be made.
    """
    version = choose_version(request.accept, settings.document_version)
    row = [results[-1].get_value(0, column) for column in range(results[-1].nfields)]
    allowed = read_privileges(request.schema, row) if _follows_privileges(settings) else None
    comment = allowed.comment if allowed else _text(row[0])
    document = _document(version, request.schema, catalog, settings, allowed, comment)
    body = orjson.dumps(document)
    headers: Headers = [(b"content-type", content_type(version).encode()), VARY]
    if request.schema_negotiated:
        headers.append((b"content-profile", request.schema.encode()))
    if request.headers_only:
        return Response(200, headers)
    return Response(200, [*headers, content_length(body)], body)


def _document(
    version: str, schema: str, catalog: Catalog, settings: Settings, allowed: Privileges | None, comment: str | None
) -> dict[str, object]:
    if version == V2:
        return document_v2(
            catalog,
            schema=schema,
            relations=allowed.relations if allowed else None,
            routines=allowed.routines if allowed else None,
            schema_comment=comment,
            security_active=settings.openapi_security_active,
            host=settings.server_host,
            port=settings.server_port,
            proxy_uri=settings.openapi_server_proxy_uri,
            version=__version__,
        )
    return document_v3(
        catalog,
        schema=schema,
        relations=allowed.relations if allowed else None,
        routines=allowed.routines if allowed else None,
        schema_comment=comment,
        version=__version__,
        server_url=settings.openapi_server_proxy_uri or "/",
        profiles=settings.db_schemas,
        anonymous=settings.db_anon_role is not None,
    )


def _follows_privileges(settings: Settings) -> bool:
    return settings.openapi_mode == "follow-privileges"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
