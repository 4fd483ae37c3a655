"""The spine: request → plan → sql → database → response. It calls the rooms in order and nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import orjson
from psycopg.pq.abc import PGresult

from autorest.auth.authenticator import Authenticator
from autorest.auth.identity import Identity
from autorest.auth.refusals import UnknownKey
from autorest.catalog.model import Catalog
from autorest.database.errors import ConnectionFailed, ConnectionLost, DatabaseError, PoolTimeout
from autorest.database.pool import Database, Verdict
from autorest.errors import Error, Refused, refuse
from autorest.openapi.root import Documents, root_response, root_statements
from autorest.plan.model import InfoPlan, ReadPlan, RootPlan
from autorest.plan.planner import plan
from autorest.request.columns import parse_columns
from autorest.request.media_types import JSON
from autorest.request.model import ALL_ROWS, Action, ApiRequest, JsonPayload, Payload, Query, RawPayload
from autorest.request.payload import parse_payload
from autorest.request.query import canonical, split_query
from autorest.request.ranges import restricted, top_range
from autorest.request.raw import Heeded, RawRequest, read_headers
from autorest.request.request import RequestSettings, parse_cookies, parse_request
from autorest.request.shape import split_ranges, split_shape
from autorest.response.errors import Report, database_error, error_response
from autorest.response.info import info_response
from autorest.response.model import Response
from autorest.response.respond import Facts
from autorest.settings import Settings
from autorest.sql.binding import Values
from autorest.sql.statement import Transaction
from autorest.sql.transaction import Caller, Session, Terms
from autorest.template import Template, TemplateCache
from autorest.trace import Trace


@dataclass(frozen=True)
class Snapshot:
    """One configuration and one catalog, and what requests under them share. Never changed, only replaced."""

    settings: Settings
    catalog: Catalog | None
    templates: TemplateCache = field(default_factory=TemplateCache)
    documents: Documents = field(default_factory=Documents)

    @cached_property
    def request_settings(self) -> RequestSettings:
        return RequestSettings(
            schemas=self.settings.db_schemas,
            allow_transaction_override=self.settings.db_tx_end.allow_override,
            openapi_disabled=self.settings.openapi_mode == "disabled",
            root_spec=self.settings.db_root_spec,
        )

    @cached_property
    def session(self) -> Session:
        return Session(
            extra_search_path=self.settings.db_extra_search_path,
            role_settings=self.settings.role_settings,
            role_isolation=self.settings.role_isolation_levels,
            app_settings=tuple(self.settings.app_settings.items()),
            pre_request=self.settings.db_pre_request,
        )

    @cached_property
    def max_rows(self) -> int | None:
        return self.settings.db_max_rows

    @cached_property
    def verbose(self) -> bool:
        return self.settings.client_error_verbosity == "verbose"


class Prepared(NamedTuple):
    """A request ready for the database: the template of its shape, its values, what the answer repeats."""

    template: Template
    values: Values
    facts: Facts


class Gateway:
    """Answers requests. `snapshot` may be replaced at any time: a request keeps the one it began with.

    `unready` returns what requests are answered with while there is no catalog.
    """

    def __init__(self, database: Database, authenticator: Authenticator, snapshot: Snapshot) -> None:
        self.database = database
        self.authenticator = authenticator
        self.snapshot = snapshot
        self.unready: Callable[[], Refused] = no_catalog

    async def answer(self, raw: RawRequest, trace: Trace | None = None) -> Response:
        """Return the answer, whatever happens: what goes wrong is answered as an error.

        Where a `trace` is given, it learns how long each stage takes, and the transaction.
        """
        snapshot = self.snapshot
        identity: Identity | None = None
        try:
            heeded, seen = read_headers(raw.headers)
            try:
                identity = self.authenticator.authenticate(heeded.authorization, time.time())
            except UnknownKey:
                identity = await self.authenticator.authenticate_patiently(heeded.authorization, time.time())
            if trace is not None:
                trace.mark("jwt")
            prepared = self.prepare(snapshot, raw, heeded, trace)
            caller = _caller(identity, raw, heeded, seen)
            if isinstance(prepared, Prepared):
                response = await self._run(snapshot, caller, prepared, trace)
            elif isinstance(prepared, InfoPlan):
                response = info_response(prepared.allow)
            else:
                response = await self._describe(snapshot, caller, prepared, trace)
        except Refused as refused:
            response = error_response(refused.error, verbose=snapshot.verbose)
        except DatabaseError as error:
            response = error_response(_reported(error, snapshot, identity), verbose=snapshot.verbose)
        except (ConnectionFailed, ConnectionLost, PoolTimeout) as error:
            response = error_response(unavailable(error), verbose=snapshot.verbose)
        return response if identity is None else Response(*response[:4], identity.role, response.error)

    async def _run(self, snapshot: Snapshot, caller: Caller, prepared: Prepared, trace: Trace | None) -> Response:
        template, values, facts = prepared
        frame = template.frame(snapshot.session, caller.role)
        position = frame.first
        verdict = template.verdict(position) if frame.end == "decide" else None
        transaction = frame.transaction(caller, template.statements(values))
        if trace is None:
            results = await self.database.run(transaction, verdict)
        else:
            results = await self._traced(transaction, verdict, trace)
        explanation = results[position + 1] if template.explanation is not None else None
        return template.respond(results[position], explanation, facts)

    async def _describe(self, snapshot: Snapshot, caller: Caller, request: ApiRequest, trace: Trace | None) -> Response:
        assert snapshot.catalog is not None
        frame = snapshot.session.frame(caller.role, Terms(request.schema, read_only=True))
        statements = root_statements(request.schema, snapshot.settings)
        transaction = frame.transaction(caller, statements)
        if trace is None:
            results = await self.database.run(transaction)
        else:
            results = await self._traced(transaction, None, trace)
        return root_response(request, snapshot.catalog, snapshot.settings, snapshot.documents, results[frame.first :])

    async def _traced(self, transaction: Transaction, verdict: Verdict | None, trace: Trace) -> Sequence[PGresult]:
        trace.transaction = transaction
        trace.mark("plan")
        results = await self.database.run(transaction, verdict)
        trace.mark("transaction")
        return results

    def prepare(
        self, snapshot: Snapshot, raw: RawRequest, heeded: Heeded, trace: Trace | None = None
    ) -> Prepared | InfoPlan | ApiRequest:
        """Go from the request to its SQL: directly when the shape was seen before, else through the rooms.

        Returns the request itself when it asks for the description of the API.
        """
        if snapshot.catalog is None:
            raise self.unready()
        parameters = split_query(raw.query_string)
        query_shape, tails, has_range = split_shape(parameters)
        payload: Payload | None = _json_payload(raw, heeded, parameters)
        shape = _shape(raw, heeded, query_shape, payload)
        template = snapshot.templates.get(shape) if shape is not None else None
        if trace is not None:
            trace.mark("parse")
        if template is None:
            request = parse_request(
                raw.method, raw.path, raw.query_string, raw.headers, raw.body, snapshot.request_settings
            )
            if trace is not None:
                trace.mark("parse")
            planned = plan(request, snapshot.catalog, snapshot.settings)
            if isinstance(planned, InfoPlan):
                return planned
            if isinstance(planned, RootPlan):
                return request
            template = Template.of(
                planned,
                request,
                ranged=has_range or (raw.method == "GET" and heeded.range is not None),
                max_rows=snapshot.max_rows,
                rollback_all=snapshot.settings.db_tx_end.rollback_all,
                verbose=snapshot.verbose,
            )
            payload = request.payload
            if shape is not None:
                snapshot.templates.put(shape, template)
        header = heeded.range.decode("latin-1") if heeded.range is not None else None
        top, values = ALL_ROWS, Values(tails, body=_body(payload))
        if has_range or header is not None or snapshot.max_rows is not None:
            ranges = split_ranges(parameters)
            top = ranges[()] = top_range(raw.method, Query(ranges=tuple(ranges.items())), header)
            values = values._replace(
                ranges={path: restricted(rows, snapshot.max_rows) for path, rows in ranges.items()},
                default_range=restricted(ALL_ROWS, snapshot.max_rows),
            )
        query = canonical(parameters) if parameters and isinstance(template.plan, ReadPlan) else ""
        return Prepared(template, values, Facts(top, query))


_WRITES = {"POST": Action.INSERT, "PUT": Action.UPSERT, "PATCH": Action.UPDATE}


def _json_payload(raw: RawRequest, heeded: Heeded, parameters: Sequence[tuple[str, str | None]]) -> JsonPayload | None:
    """Read a JSON body for its keys, which are part of the shape; None for what the whole grammar must look at."""
    if raw.method not in _WRITES or heeded.content_type not in (None, b"application/json"):
        return None
    action = Action.CALL if raw.path.startswith(b"/rpc/") else _WRITES[raw.method]
    listed = next((value for name, value in parameters if name == "columns"), None)
    try:
        columns = None if listed is None else tuple(sorted(set(parse_columns("columns", listed))))
        payload = parse_payload(raw.body, JSON, action, columns)
    except Refused:
        return None
    return payload if isinstance(payload, JsonPayload) else None


def _shape(raw: RawRequest, heeded: Heeded, query_shape: Hashable, payload: Payload | None) -> Hashable | None:
    """Return what requests must have in common to share a template; None when it cannot be shared."""
    if raw.method in _WRITES and payload is None:
        return None
    return (
        raw.method,
        raw.path,
        query_shape,
        heeded.accept,
        heeded.prefer,
        heeded.accept_profile,
        heeded.content_profile,
        raw.method == "GET" and heeded.range is not None,
        (payload.keys, payload.is_object) if isinstance(payload, JsonPayload) else None,
    )


def _body(payload: Payload | None) -> bytes:
    match payload:
        case JsonPayload(text=text):
            return text
        case RawPayload(content):
            return content
    return b""


def _caller(identity: Identity, raw: RawRequest, heeded: Heeded, seen: dict[str, str]) -> Caller:
    cookies = orjson.dumps(parse_cookies(heeded.cookie.decode("utf-8", "replace"))) if heeded.cookie else b"{}"
    return Caller(
        role=identity.role,
        role_text=identity.role_bytes,
        claims=identity.claims,
        method=raw.method.encode(),
        path=raw.path,
        headers=orjson.dumps(seen),
        cookies=cookies,
    )


def _reported(error: DatabaseError, snapshot: Snapshot, identity: Identity | None) -> Error:
    authenticated = identity is not None and identity.role != snapshot.settings.db_anon_role
    report = Report(error.sqlstate, error.message, error.detail, error.hint)
    return database_error(report, authenticated=authenticated)


def no_catalog(retry_after: float = 0.0) -> Refused:
    """Return what requests are answered with before the catalog was read."""
    return refuse(
        "PGRST002",
        "The catalog of the database is not loaded yet",
        None,
        "Try again in a moment.",
        headers=_retry_after(retry_after),
    )


def unavailable(error: ConnectionFailed | ConnectionLost | PoolTimeout) -> Error:
    """Return the answer for a database that did not answer."""
    match error:
        case PoolTimeout():
            return refuse(
                "PGRST003",
                "No connection to the database became free in time",
                None,
                "The server is busy: try again later, or raise db-pool or db-pool-acquisition-timeout.",
            ).error
        case ConnectionFailed():
            return refuse(
                "PGRST000",
                "The database cannot be reached",
                str(error) or None,
                "Try again later.",
                headers=_retry_after(error.retry_after),
            ).error
        case _:
            return refuse(
                "PGRST001",
                "The connection to the database was lost during the request",
                str(error) or None,
                "What the request was to write may or may not have been written.",
                headers=_retry_after(error.retry_after),
            ).error


def _retry_after(seconds: float) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(max(1, math.ceil(seconds)))),)
