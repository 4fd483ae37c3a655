"""The spine: request → plan → sql → database → response. It calls the rooms in order and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from psycopg.pq.abc import PGresult

from autorest.aside import LONG, Aside
from autorest.auth.authenticator import Authenticator
from autorest.auth.identity import Identity
from autorest.auth.refusals import UnknownKey
from autorest.bulk import Bulk
from autorest.catalog.model import Catalog
from autorest.database.errors import ConnectionLost, DatabaseError, Unavailable
from autorest.database.pool import Database, Verdict
from autorest.errors import Error, Refused
from autorest.openapi.root import root_response, root_statements
from autorest.plan.model import InfoPlan
from autorest.prepare import prepare
from autorest.request.model import ApiRequest
from autorest.request.raw import RawRequest, read_headers
from autorest.request.request import parse_request
from autorest.response.errors import Report, database_error, error_response
from autorest.response.info import info_response
from autorest.response.model import Response
from autorest.snapshot import Snapshot
from autorest.sql.statement import Transaction
from autorest.sql.transaction import Caller, Terms
from autorest.streaming import Streaming
from autorest.template import Prepared
from autorest.trace import Trace
from autorest.unavailable import no_catalog, unavailable


class Gateway:
    """Answers requests. `snapshot` may be replaced at any time: a request keeps the one it began with.

    `unready` returns what requests are answered with while there is no catalog.
    """

    def __init__(self, database: Database, authenticator: Authenticator, snapshot: Snapshot) -> None:
        self.database = database
        self.authenticator = authenticator
        self.snapshot = snapshot
        self.aside = Aside()
        self.bulk = Bulk(database, snapshot.settings.db_pool, self.aside)
        self.unready: Callable[[], Refused] = no_catalog

    def refuses(self, authorization: bytes | None) -> bool:
        """Tell whether a request would be refused because too many wait for the database.

        Who makes it must be known already: if that takes work, it is not refused here.
        """
        identity = self.authenticator.recognize(authorization, time.time())
        return identity is not None and self.database.refuses(identity.role)

    async def answer(self, raw: RawRequest, trace: Trace | None = None) -> Response:
        """Return the answer, whatever happens: what goes wrong is answered as an error.

        Where a `trace` is given, it learns how long each stage takes, and the transaction.
        """
        snapshot = self.snapshot
        identity: Identity | None = None
        try:
            head = read_headers(raw.headers)
            authorization = head.heeded.authorization
            try:
                identity = self.authenticator.authenticate(authorization, time.time())
            except UnknownKey:
                identity = await self.authenticator.authenticate_patiently(authorization, time.time())
            if trace is not None:
                trace.mark("jwt")
            if snapshot.catalog is None:
                raise self.unready()
            prepared = None
            if raw.rest is None:
                parsed = await self._parse(snapshot, raw) if len(raw.body) > LONG else None
                prepared = prepare(snapshot, snapshot.catalog, raw, head, trace, parsed)
            caller = Caller(
                identity.role,
                identity.role_bytes,
                identity.claims,
                raw.method.encode(),
                raw.path,
                head.seen,
                head.cookies,
            )
            if isinstance(prepared, Prepared):
                response = await self._run(snapshot, caller, prepared, trace)
            elif isinstance(prepared, InfoPlan):
                response = info_response(prepared.allow)
            elif prepared is None:
                response = await self.bulk.insert(snapshot, snapshot.catalog, caller, raw, trace)
            else:
                response = await self._describe(snapshot, snapshot.catalog, caller, prepared, trace)
        except (Refused, DatabaseError, Unavailable) as error:
            role = None if identity is None else identity.role
            response = error_response(_reported(error, snapshot, role), verbose=snapshot.verbose)
        return response if identity is None else Response(*response[:4], identity.role, *response[5:])

    async def _parse(self, snapshot: Snapshot, raw: RawRequest) -> ApiRequest:
        """Parse a request with a large body, while others are answered."""
        return await self.aside.do(
            parse_request, raw.method, raw.path, raw.query_string, raw.headers, raw.body, snapshot.request_settings
        )

    async def _run(self, snapshot: Snapshot, caller: Caller, prepared: Prepared, trace: Trace | None) -> Response:
        template, statements, facts, values = prepared
        frame = template.frame(snapshot.session, caller.role)
        streaming = template.streaming
        if streaming is not None and streaming.is_expected(values):
            return await self._stream(snapshot, caller, prepared, streaming, trace)
        position = frame.first
        verdict = template.verdict(position, facts) if frame.end == "decide" else None
        transaction = frame.transaction(caller, statements)
        try:
            results = await self._execute(transaction, verdict, trace)
        except DatabaseError as error:
            raise template.cause(error) from None
        if streaming is not None and streaming.is_needed(results[position]):
            return await self._stream(snapshot, caller, prepared, streaming, trace)
        return template.respond(results, position, facts)

    async def _stream(
        self, snapshot: Snapshot, caller: Caller, prepared: Prepared, streaming: Streaming, trace: Trace | None
    ) -> Response:
        template, _, facts, values = prepared
        frame = template.frame(snapshot.session, caller.role)
        transaction = streaming.transaction(frame, caller, values)
        if trace is not None:
            trace.transaction = transaction
            trace.mark("plan")
        rows = self.database.stream(transaction)
        report = partial(_reported, snapshot=snapshot, role=caller.role)
        response = await streaming.respond(rows, frame.first, values, facts, report)
        if trace is not None:
            trace.mark("transaction")
        return response

    async def _describe(
        self, snapshot: Snapshot, catalog: Catalog, caller: Caller, request: ApiRequest, trace: Trace | None
    ) -> Response:
        terms = Terms(request.schema, read_only=True, timezone=request.preferences.timezone)
        frame = snapshot.session.frame(caller.role, terms)
        statements = root_statements(request.schema, snapshot.settings)
        transaction = frame.transaction(caller, statements)
        results = await self._execute(transaction, None, trace)
        return root_response(request, catalog, snapshot.settings, snapshot.documents, results[frame.first :])

    async def _execute(
        self, transaction: Transaction, verdict: Verdict | None, trace: Trace | None
    ) -> Sequence[PGresult]:
        if trace is None:
            return await self.database.run(transaction, verdict)
        trace.transaction = transaction
        trace.mark("plan")
        results = await self.database.run(transaction, verdict)
        trace.mark("transaction")
        return results


def _reported(error: Exception, snapshot: Snapshot, role: str | None) -> Error:
    """Return what to tell of an error: one of `Refused`, `Unavailable` and `DatabaseError`."""
    match error:
        case Refused():
            return error.error
        case DatabaseError():
            report = Report(error.sqlstate, error.message, error.detail, error.hint, error.routine)
            return database_error(report, authenticated=role not in (None, snapshot.settings.db_anon_role))
        case ConnectionLost(error=DatabaseError(sqlstate=state) as last_words, uncommitted=False) if state[:2] != "08":
            return _reported(last_words, snapshot, role)
        case Unavailable():
            return unavailable(error)
    raise error
