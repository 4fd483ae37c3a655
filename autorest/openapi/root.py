"""The root of the API: which document answers, made of what the database says the role may use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import orjson

from autorest import __version__
from autorest.catalog.model import Catalog
from autorest.openapi.negotiation import V2, choose_version, content_type
from autorest.openapi.privileges import read_privileges
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


class Documents:
    """The documents of one catalog and configuration that were asked for last, as text.

    Of a large schema, making one takes a tenth of a second; what a role may use seldom differs between two requests.
    """

    def __init__(self, size: int = 16) -> None:
        self.size = size
        self._texts: OrderedDict[Hashable, bytes] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return the text for `key`, made where it is not known."""
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = make()
            if len(self._texts) > self.size:
                self._texts.popitem(last=False)
        return text


def root_response(
    request: ApiRequest, catalog: Catalog, settings: Settings, documents: Documents, results: Sequence[Row]
) -> Response:
    """Return the OpenAPI document in the version that the request asks for, else the one configured.

    `results` are those of `root_statements`, `documents` what was made of them for this catalog and these settings.
    Raises PGRST107 when nothing acceptable can be made.
    """
    version = choose_version(request.accept, settings.document_version)
    row = tuple(results[-1].get_value(0, column) for column in range(results[-1].nfields))
    body = documents.get(
        (version, request.schema, row),
        lambda: orjson.dumps(_document(version, request.schema, catalog, settings, row)),
    )
    headers: Headers = [(b"content-type", content_type(version).encode()), VARY]
    if request.schema_negotiated:
        headers.append((b"content-profile", request.schema.encode()))
    if request.headers_only:
        return Response(200, headers)
    return Response(200, [*headers, content_length(body)], body)


def _document(
    version: str, schema: str, catalog: Catalog, settings: Settings, row: tuple[bytes | None, ...]
) -> dict[str, object]:
    allowed = read_privileges(schema, row) if _follows_privileges(settings) else None
    comment = allowed.comment if allowed else _text(row[0])
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
            search_path=settings.db_extra_search_path,
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
        login=settings.auth_login_enabled,
        registration=settings.auth_login_enabled and settings.auth_registration_enabled,
        conditional=settings.server_etags,
    )


def _follows_privileges(settings: Settings) -> bool:
    return settings.openapi_mode == "follow-privileges"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
