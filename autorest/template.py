"""What all requests of one shape share: the plan, its SQL, and how its rows are answered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol

import orjson

from autorest.errors import Refused, refuse
from autorest.plan.model import CallPlan, MutatePlan, ReadPlan
from autorest.request.model import Action, ApiRequest
from autorest.response.model import Answer, Response
from autorest.response.respond import Facts, Responder
from autorest.sql.answer import Counting, Rendered, call_statement, count_explanation, mutate_statement, read_statement
from autorest.sql.binding import Values, bind
from autorest.sql.statement import Statement
from autorest.sql.transaction import Work

DatabasePlan = ReadPlan | MutatePlan | CallPlan
OBJECT = "application/vnd.pgrst.object+json"


class Result(Protocol):
    """The rows of one statement, as psycopg's libpq wrapper gives them."""

    @property
    def ntuples(self) -> int: ...
    def get_value(self, row_number: int, column_number: int) -> bytes | None: ...
    def ftype(self, column_number: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Template:
    """A plan rendered once, to be filled with the values of each request of its shape."""

    plan: DatabasePlan
    schema: str
    main: Rendered
    explanation: Rendered | None
    responder: Responder
    max_rows: int | None
    rollback: bool

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
    ) -> Template:
        """`ranged` tells whether requests of the shape can ask for less than all rows."""
        if not ranged and plan.tree.path is not None:
            plan = replace(plan, tree=replace(plan.tree, path=None))
        count = plan.preferences.count
        explained = isinstance(plan, ReadPlan) and count in ("planned", "estimated")
        estimate_from = max_rows if count == "estimated" and isinstance(plan, ReadPlan) else None
        counting = Counting(count in ("exact", "estimated"), ranged or max_rows is not None, estimate_from)
        transaction = plan.preferences.transaction
        return cls(
            plan=plan,
            schema=request.schema,
            main=_main(plan, counting, limited=max_rows is not None),
            explanation=count_explanation(plan) if explained and isinstance(plan, ReadPlan) else None,
            responder=Responder.of(
                plan,
                profile=request.schema if request.schema_negotiated else None,
                headers_only=request.headers_only,
                verbose=verbose,
            ),
            max_rows=max_rows,
            rollback=transaction == "rollback" or (rollback_all and transaction != "commit"),
        )

    def work(self, values: Values) -> Work:
        """Return what is to be done for a request with these values."""
        statements = tuple(
            Statement(rendered.text, bind(rendered.bindings, values))
            for rendered in (self.main, self.explanation)
            if rendered is not None
        )
        plan = self.plan
        routine = plan.routine if isinstance(plan, CallPlan) else None
        read_only = isinstance(plan, ReadPlan) or (isinstance(plan, CallPlan) and plan.read_only)
        return Work(
            schema=self.schema,
            statements=statements,
            read_only=read_only,
            rollback=self.rollback,
            decided=not read_only and self.decides,
            timezone=plan.preferences.timezone,
            settings=routine.settings if routine else (),
            isolation=routine.isolation_level if routine else None,
        )

    @property
    def decides(self) -> bool:
        """Whether the rows can turn a success into a refusal."""
        if self.plan.rendering.explain is not None:
            return False
        action = self.plan.action if isinstance(self.plan, MutatePlan) else None
        return action is Action.UPSERT or self._singular or self._most_affected is not None

    @property
    def _singular(self) -> bool:
        return self.plan.rendering.media_type.essence == OBJECT

    @property
    def _most_affected(self) -> int | None:
        preferences = self.plan.preferences
        if isinstance(self.plan, ReadPlan) or preferences.handling != "strict":
            return None
        if isinstance(self.plan, MutatePlan) and self.plan.action not in (Action.UPDATE, Action.DELETE):
            return None
        return preferences.max_affected

    def objection(self, rows: int) -> Refused | None:
        """Return why this number of rows must not be the answer: PGRST115, PGRST116, PGRST124, or nothing."""
        if self.plan.rendering.explain is not None:
            return None
        if isinstance(self.plan, MutatePlan) and self.plan.action is Action.UPSERT:
            return None if rows == 1 else _other_key()
        if self._singular and rows != 1:
            return _not_singular(rows)
        most = self._most_affected
        return _too_many(rows, most) if most is not None and rows > most else None

    def answer(self, result: Result, explanation: Result | None) -> Answer:
        """Read the row of the answer's statement, and the estimate of the count where there is one."""
        value = result.get_value
        total = _integer(value(0, 0))
        if explanation is not None:
            estimate = orjson.loads(explanation.get_value(0, 0) or b"[]")[0]["Plan"]["Plan Rows"]
            total = _estimated(total, estimate, self.max_rows)
        location = value(0, 5)
        return Answer(
            total=total,
            page=_integer(value(0, 1)) or 0,
            body=_body(result),
            headers=value(0, 3),
            status=value(0, 4),
            location=None if location is None else orjson.loads(location),
            inserted=_integer(value(0, 6)),
        )

    def respond(self, result: Result, explanation: Result | None, facts: Facts) -> Response:
        """Return the answer, or raise why there is none."""
        if self.plan.rendering.explain is not None:
            lines = [result.get_value(row, 0) or b"" for row in range(result.ntuples)]
            return self.responder.explain(b"\n".join([*lines, b""]))
        answer = self.answer(result, explanation)
        objection = self.objection(answer.page)
        if objection is not None:
            raise objection
        return self.responder.respond(answer, facts)


def _main(plan: DatabasePlan, counting: Counting, *, limited: bool) -> Rendered:
    match plan:
        case ReadPlan():
            return read_statement(plan, counting, limited=limited)
        case CallPlan():
            return call_statement(plan, counting, limited=limited)
        case MutatePlan():
            return mutate_statement(plan)


class Type(IntEnum):
    """Types by their number in pg_type."""

    BYTEA = 17
    JSONB = 3802


def _body(result: Result) -> bytes:
    """Return the body. A handler may make bytea, which arrives in its hexadecimal format (8.4.1).

    jsonb that a handler makes is sent as PostgREST sends it, after the byte of its binary format.
    """
    body = result.get_value(0, 2) or b""
    match result.ftype(2):
        case Type.BYTEA:
            return bytes.fromhex(body[2:].decode("ascii"))
        case Type.JSONB:
            return b"\x01" + body
    return body


def _integer(text: bytes | None) -> int | None:
    return None if text is None else int(text)


def _estimated(exact: int | None, planned: int, max_rows: int | None) -> int:
    """The planner's number, but the exact one while that is no more than the server's own limit."""
    if exact is None:
        return planned
    return max(exact, planned) if max_rows is None or exact > max_rows else exact


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
        "The result is not exactly one row",
        f"There are {rows} rows where one was asked for.",
        "Filter down to one row, or ask for an array with Accept: application/json.",
    )


def _too_many(rows: int, most: int) -> Refused:
    return refuse(
        "PGRST124",
        "More rows are affected than max-affected allows",
        f"The query affects {rows} rows; at most {most} were allowed. Nothing was changed.",
    )


class TemplateCache:
    """The templates of the shapes seen last, for one catalog and one configuration."""

    def __init__(self, size: int = 2000) -> None:
        self.size = size
        self._templates: OrderedDict[Hashable, Template] = OrderedDict()

    def get(self, shape: Hashable) -> Template | None:
        template = self._templates.get(shape)
        if template is not None:
            self._templates.move_to_end(shape)
        return template

    def put(self, shape: Hashable, template: Template) -> None:
        self._templates[shape] = template
        if len(self._templates) > self.size:
            self._templates.popitem(last=False)

    def __len__(self) -> int:
        return len(self._templates)
