"""The gateway's own statements for a request, without a gateway: for pgbench, and to measure the making of them."""

from __future__ import annotations

import time

from autorest.auth.authenticator import Authenticator
from autorest.catalog.load import load_catalog
from autorest.database.direct import connect_direct
from autorest.database.pool import Database
from autorest.gateway import Gateway
from autorest.prepare import prepare
from autorest.request.raw import RawRequest, read_headers
from autorest.settings import load_settings
from autorest.snapshot import Snapshot
from autorest.sql.statement import Transaction
from autorest.sql.transaction import Caller
from autorest.template import Prepared
from benchmarks import stage as stages
from benchmarks.cases import Request
from benchmarks.stage import Stage


def raw_request(request: Request, host: str = "localhost") -> RawRequest:
    """Return the request as the server would hand it over."""
    path, _, query = request.path.partition("?")
    headers = {"host": host, **{name.lower(): value for name, value in request.headers.items()}}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    return RawRequest(request.method, path.encode(), query.encode(), encoded, request.body)


async def unconnected_gateway(stage: Stage) -> Gateway:
    """Return a gateway that has read the catalog and has no connection."""
    environment = {
        "AUTOREST_DB_URI": stage.dsn,
        "AUTOREST_DB_SCHEMAS": "api",
        "AUTOREST_DB_ANON_ROLE": "api_anon",
        "AUTOREST_JWT_SECRET": stages.SECRET,
    }
    settings = load_settings(None, environment)
    connection = await connect_direct(stage.direct_dsn)
    try:
        catalog = await load_catalog(
            connection,
            schemas=settings.db_schemas,
            extra_search_path=settings.db_extra_search_path,
            hoisted_settings=settings.db_hoisted_tx_settings,
        )
    finally:
        await connection.close()
    authenticator = Authenticator(settings)
    await authenticator.open()
    return Gateway(Database(settings.db_uri), authenticator, Snapshot(settings, catalog))


def transaction(gateway: Gateway, request: Request) -> Transaction:
    """Return what the gateway would do in the database for `request`."""
    raw = raw_request(request)
    head = read_headers(raw.headers)
    identity = gateway.authenticator.authenticate(head.heeded.authorization, time.time())
    snapshot = gateway.snapshot
    assert snapshot.catalog is not None
    prepared = prepare(snapshot, snapshot.catalog, raw, head)
    assert isinstance(prepared, Prepared)
    caller = Caller(
        role=identity.role,
        role_text=identity.role_bytes,
        claims=identity.claims,
        method=raw.method.encode(),
        path=raw.path,
        headers=head.seen,
        cookies=head.cookies,
    )
    frame = prepared.template.frame(gateway.snapshot.session, caller.role)
    return frame.transaction(caller, prepared.statements)
