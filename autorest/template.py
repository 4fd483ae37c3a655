"""What all requests of one shape share: the plan, its SQL, and how its rows are answered."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import orjson

from autorest.database.errors import DatabaseError
from autorest.errors import Error, Refused, refuse
from autorest.guard import Guard, understood
from autorest.plan.model import CallPlan, CustomHandler, MutatePlan, ReadPlan
from autorest.request.model import Action, ApiRequest
from autorest.response.headers import legacy_advice
from autorest.response.model import Answer, Response
from autorest.response.respond import Facts, Responder
from autorest.result import Result, estimated, handled_body, integer, page_of
from autorest.sql.answer import Counting, Rendered, call_statement, count_explanation, mutate_statement, read_statement
from autorest.sql.binding import Values
from autorest.sql.statement import Statement
from autorest.sql.transaction import Frame, Session, Terms
from autorest.streaming import MOST_WHOLE, Streaming

logger = logging.getLogger(__name__)

T = TypeVar("T")
DatabasePlan = ReadPlan | MutatePlan | CallPlan
OBJECT = "application/vnd.pgrst.object+json"
#: Bytes of SQL of all templates that are kept: in memory they take about twenty times as much.
MOST_SQL = 1 << 22
#: How many roles a template keeps the frame of a transaction for.
MOST_FRAMES = 200


class Prepared(NamedTuple):
    """A request ready for the database: the template of its shape, its statements, what the answer repeats.

    `values` are those that the statements are filled with.
    """

    template: Template
    statements: tuple[Statement, ...]
    facts: Facts
    values: Values


class Demand(NamedTuple):
    """What the number of rows must be for the answer to be one.

    one_key   exactly one, the row that the key of a PUT names
    singular  exactly one, for it is answered as an object
    most      no more than this
    """

    one_key: bool
    singular: bool
    most: int | None


@dataclass(frozen=True, slots=True)
class Template:
    """A plan rendered once, to be filled with the values of each request of its shape.

    Where there is `streaming`, `main` has no body if it would be a very large one.
    """

    plan: DatabasePlan
    main: Rendered
    explanation: Rendered | None
    responder: Responder
    max_rows: int | None
    by_handler: bool
    demand: Demand | None
    guard: Guard | None
    terms: Terms
    frames: dict[str, Frame]
    streaming: Streaming | None

    @classmethod
    def of(
        cls,
        plan: DatabasePlan,
        request: ApiRequest,
        *,
        ranged: bool,
        max_rows: int | None,
        rollback_all: bool,
        verbose: bool,
        etags: bool = True,
    ) -> Template:
        """`ranged` tells whether requests of the shape can ask for less than all rows."""
        if not ranged and plan.tree.path is not None:
            plan = replace(plan, tree=replace(plan.tree, path=None))
        if plan.legacy:
            logger.warning(
                "%s %s?%s: %s", request.method, request.path, request.query.canonical, legacy_advice(plan.legacy)
            )
        count = plan.preferences.count
        explanation = None
        if isinstance(plan, ReadPlan) and count in ("planned", "estimated"):
            explanation = count_explanation(plan)
        estimate_from = max_rows if count == "estimated" and isinstance(plan, ReadPlan) else None
        terms = _terms(plan, request.schema, rollback_all=rollback_all)
        counting = Counting(count in ("exact", "estimated"), ranged or max_rows is not None, estimate_from)
        responder = Responder.of(
            plan,
            profile=request.schema if request.schema_negotiated else None,
            headers_only=request.headers_only,
            verbose=verbose,
            tagged=etags and request.action in (Action.READ, Action.CALL_SAFE),
        )
        streaming = Streaming.of(plan, counting, explanation, max_rows, responder)
        return cls(
            plan=plan,
            main=_main(plan, counting, max_rows is not None, None if streaming is None else MOST_WHOLE),
            explanation=explanation,
            responder=responder,
            max_rows=max_rows,
            by_handler=isinstance(plan.rendering.handler, CustomHandler),
            demand=_demand(plan),
            guard=_guard(plan, limited=max_rows is not None, kept=not terms.rollback),
            terms=terms,
            frames={},
            streaming=streaming,
        )

    def statements(self, values: Values) -> tuple[Statement, ...]:
        """Return what is to be run for a request with these values."""
        main = self.main.filled(values)
        if self.explanation is None:
            return (main,) if self.guard is None else self.guard.around(main, values)
        return main, self.explanation.filled(values)

    def frame(self, session: Session, role: str) -> Frame:
        """Return the frame of this template's transactions for `role`; `session` is always the same one."""
        frame = self.frames.get(role)
        if frame is None:
            if len(self.frames) >= MOST_FRAMES:
                self.frames.clear()
            frame = self.frames[role] = session.frame(role, self.terms)
        return frame

    def objection(self, rows: int) -> Refused | None:
        """Return why this number of rows must not be the answer: PGRST115, PGRST116, PGRST124, or nothing."""
        demand = self.demand
        if demand is None:
            return None
        if rows != 1 and demand.one_key:
            return _other_key()
        if rows != 1 and demand.singular:
            return _not_singular(rows)
        return _too_many(rows, demand.most) if demand.most is not None and rows > demand.most else None

    def verdict(self, position: int, facts: Facts) -> Callable[[Sequence[Result]], bool]:
        """Return what decides on the results of a transaction, in which this template's begin at `position`."""
        return lambda results: self._is_kept(results, position, facts)

    def _is_kept(self, results: Sequence[Result], position: int, facts: Facts) -> bool:
        if self.guard is not None and facts.preconditions is not None:
            if self.guard.objection(results[position], results[position + 1], facts.preconditions) is not None:
                return False
            position += 1
        return self.demand is None or self.objection(page_of(results[position])) is None

    def answer(self, result: Result, explanation: Result | None) -> Answer:
        """Read the row of the answer's statement, and the estimate of the count where there is one."""
        value = result.get_value
        total = integer(value(0, 0)) if result.ntuples else 0
        if explanation is not None:
            total = estimated(total, explanation, self.max_rows)
        location = value(0, 5)
        return Answer(
            total,
            page_of(result),
            handled_body(result) if self.by_handler else value(0, 2) or b"",
            value(0, 3),
            value(0, 4),
            None if location is None else orjson.loads(location),
            integer(value(0, 6)),
        )

    def respond(self, results: Sequence[Result], position: int, facts: Facts) -> Response:
        """Return the answer to results of which this template's begin at `position`, or raise why there is none."""
        guard = self.guard
        if guard is None or facts.preconditions is None:
            explanation = results[position + 1] if self.explanation is not None else None
            return self._respond(results[position], explanation, facts)
        objection = guard.objection(results[position], results[position + 1], facts.preconditions)
        if objection is not None:
            raise objection
        return guard.tagged(self._respond(results[position + 1], None, facts), results[-1])

    def cause(self, error: DatabaseError) -> Exception:
        """Return what to raise for an error of the database: itself, unless it means more to this template."""
        return error if self.guard is None else understood(error.sqlstate) or error

    def _respond(self, result: Result, explanation: Result | None, facts: Facts) -> Response:
        if self.plan.rendering.explain is not None:
            lines = [result.get_value(row, 0) or b"" for row in range(result.ntuples)]
            return self.responder.explain(b"\n".join([*lines, b""]))
        answer = self.answer(result, explanation)
        objection = self.objection(answer.page)
        if objection is not None:
            raise objection
        return self.responder.respond(answer, facts)


def _demand(plan: DatabasePlan) -> Demand | None:
    """Return what the plan demands of the number of rows, None when any number will do."""
    if plan.rendering.explain is not None:
        return None
    action = plan.action if isinstance(plan, MutatePlan) else None
    if action is Action.UPSERT:
        return Demand(True, False, None)
    preferences = plan.preferences
    counted = isinstance(plan, CallPlan) or action in (Action.UPDATE, Action.DELETE)
    most = preferences.max_affected if counted and preferences.handling == "strict" else None
    singular = plan.rendering.media_type.essence == OBJECT
    return Demand(False, singular, most) if singular or most is not None else None


def _guard(plan: DatabasePlan, *, limited: bool, kept: bool) -> Guard | None:
    if not isinstance(plan, MutatePlan) or plan.guard is None:
        return None
    return Guard.of(plan, plan.guard, limited=limited, kept=kept)


def _terms(plan: DatabasePlan, schema: str, *, rollback_all: bool) -> Terms:
    asked = plan.preferences.transaction
    routine = plan.routine if isinstance(plan, CallPlan) else None
    guarded = isinstance(plan, MutatePlan) and plan.guard is not None
    read_only = isinstance(plan, ReadPlan) or (isinstance(plan, CallPlan) and plan.read_only)
    return Terms(
        schema=schema,
        read_only=read_only,
        rollback=asked == "rollback" or (rollback_all and asked != "commit"),
        decided=not read_only and (_demand(plan) is not None or guarded),
        timezone=plan.preferences.timezone,
        settings=routine.settings if routine else (),
        isolation=routine.isolation_level if routine else None,
        stable=guarded,
    )


def _main(plan: DatabasePlan, counting: Counting, limited: bool, most: int | None) -> Rendered:
    match plan:
        case ReadPlan():
            return read_statement(plan, counting, limited=limited, most=most)
        case CallPlan():
            return call_statement(plan, counting, limited=limited, most=most)
        case MutatePlan():
            return mutate_statement(plan)


def _other_key() -> Refused:
    return refuse(
        "PGRST115",
        "The body has other primary key values than the URL",
        None,
        "PUT writes the row that the URL names: give its key the same values in both.",
    )


def _not_singular(rows: int) -> Refused:
    return refuse(
        "PGRST116",
        "Cannot coerce the result to one object: it is not exactly one row",
        # Clients of PostgREST tell no row at all from too many by these very words (postgrest-py up to 2.21,
        # applications), or by the number before the first word that begins with "row" (supabase-swift).
        f"The result contains {rows} rows, and exactly one was asked for",
        "Filter down to one row, or ask for an array with Accept: application/json.",
    )


def _too_many(rows: int, most: int) -> Refused:
    return refuse(
        "PGRST124",
        "More rows are affected than max-affected allows",
        f"The query affects {rows} rows; at most {most} were allowed. Nothing was changed.",
    )


class TemplateCache:
    """What was made of the shapes seen last, for one catalog and one configuration.

    `size` bounds how many templates are kept, MOST_SQL how much. Of a shape that the planner refuses, the refusal is
    kept, apart from the templates: requests for what is not there push out nothing that is. Of requests that may well
    come again as they are, all that was prepared is kept.
    """

    def __init__(self, size: int = 2000) -> None:
        self.size = size
        self._sql = 0
        self._templates: OrderedDict[Hashable, Template] = OrderedDict()
        self._refusals: OrderedDict[Hashable, Error] = OrderedDict()
        self._requests: OrderedDict[Hashable, Prepared] = OrderedDict()

    def recall(self, request: Hashable) -> Prepared | None:
        """Return what was prepared for the same request, None where it is not known. Raises its refusal if it is."""
        return self._find(self._requests, request)

    def remember(self, request: Hashable, prepared: Prepared) -> None:
        _put(self._requests, request, prepared, self.size // 2)

    def get(self, shape: Hashable) -> Template | None:
        """Return the template of a shape, None where none is known. Raises the refusal that is known for it."""
        return self._find(self._templates, shape)

    def put(self, shape: Hashable, template: Template) -> None:
        """Keep the template of a shape that none is known of."""
        self._templates[shape] = template
        self._sql += len(template.main.text)
        while len(self._templates) > self.size or self._sql > MOST_SQL:
            _, oldest = self._templates.popitem(last=False)
            self._sql -= len(oldest.main.text)

    def refuse(self, shape: Hashable, error: Error) -> None:
        """Keep the refusal of a shape, or of a request."""
        _put(self._refusals, shape, error, self.size // 4)

    def _find(self, known: OrderedDict[Hashable, T], key: Hashable) -> T | None:
        made = known.get(key)
        if made is not None:
            known.move_to_end(key)
        elif key in self._refusals:
            raise Refused(self._refusals[key])
        return made

    def __len__(self) -> int:
        return len(self._templates)


def _put(known: OrderedDict[Hashable, T], shape: Hashable, made: T, size: int) -> None:
    known[shape] = made
    if len(known) > size:
        known.popitem(last=False)
