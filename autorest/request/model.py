"""What a request asks for, as immutable values. The grammar's modules make them, the planner reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from autorest.request.preconditions import Preconditions

# --- fields and filters -------------------------------------------------------------------------


class JsonStep(NamedTuple):
    """One step of a JSON path: `->key`, `->>key`, or an integer index when `is_index`.

    The key of an index keeps its sign only when negative (`-1`, `2`).
    """

    as_text: bool
    key: str
    is_index: bool = False


class Field(NamedTuple):
    """A column, computed column or embed name, with a path into its JSON."""

    name: str
    path: tuple[JsonStep, ...] = ()


class Operand(NamedTuple):
    """A value of the request.

    `source` is the index of the query parameter whose value ends in exactly this text, so that a
    request of the same shape can be bound without parsing it; None where there is no such parameter.
    """

    text: str
    source: int | None = None


class Comparison(NamedTuple):
    """`eq gt gte lt lte neq like ilike match imatch cs cd ov sl sr nxr nxl adj`, the first nine
    without `neq` also with a quantifier `any` or `all`."""

    operator: str
    operand: Operand
    quantifier: str | None = None


class IsTest(NamedTuple):
    """`is.null`, `is.not_null`, `is.true`, `is.false`, `is.unknown`."""

    value: str


class IsDistinct(NamedTuple):
    operand: Operand


class InList(NamedTuple):
    """`in.(a,b)`; `source` is the index of the query parameter that this list follows the operator of."""

    items: tuple[str, ...]
    source: int | None = None


class FullText(NamedTuple):
    """`fts`, `plfts`, `phfts`, `wfts`, with a text-search configuration or without."""

    operator: str
    operand: Operand
    language: str | None = None


Test = Comparison | IsTest | IsDistinct | InList | FullText


@dataclass(frozen=True, slots=True)
class Filter:
    field: Field
    test: Test
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Logic:
    """`and(...)` or `or(...)`; `connective` is one of these two words."""

    connective: str
    children: tuple[Filter | Logic, ...]
    negated: bool = False


Condition = Filter | Logic
EmbedPath = tuple[str, ...]

# --- select and order ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SelectField:
    """`alias:field::cast.aggregate()::aggregate_cast`; `*` and `count()` have the field named `*`."""

    field: Field
    alias: str | None = None
    cast: str | None = None
    aggregate: str | None = None
    aggregate_cast: str | None = None


@dataclass(frozen=True, slots=True)
class SelectRelation:
    """`alias:name!hint!inner(...)`, or `...name(...)` when `spread`; `join` is `inner`, `left` or None."""

    name: str
    children: tuple[SelectField | SelectRelation, ...]
    alias: str | None = None
    hint: str | None = None
    join: str | None = None
    spread: bool = False


SelectItem = SelectField | SelectRelation


class OrderTerm(NamedTuple):
    """`field.desc.nullslast`; with `relation`, `relation(field).desc`: ordering by a to-one embed.

    `direction` is `asc`, `desc` or None; `nulls` is `first`, `last` or None.
    """

    field: Field
    direction: str | None = None
    nulls: str | None = None
    relation: str | None = None


class Range(NamedTuple):
    """Rows from `offset` on, at most `limit` of them (None: all). `limit` may be negative: then it
    is PostgreSQL's to refuse (2201W) in an embed and ours (PGRST103) at the top."""

    offset: int = 0
    limit: int | None = None


ALL_ROWS = Range()

# --- the query string ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query string.

    filters, logic, order   with the path of embeds they apply to; () is the top
    ranges                  by path; only paths with a limit or an offset are there
    columns                 of `columns=`, sorted; on_conflict in their order
    arguments               name and value of what is no filter, for a function called by GET
    filter_names            the raw names of all filter parameters (for PUT's rules)
    canonical               the parameters percent-encoded and sorted by name, for Content-Location
    """

    select: tuple[SelectItem, ...] = (SelectField(Field("*")),)
    filters: tuple[tuple[EmbedPath, Filter], ...] = ()
    logic: tuple[tuple[EmbedPath, Logic], ...] = ()
    order: tuple[tuple[EmbedPath, tuple[OrderTerm, ...]], ...] = ()
    ranges: tuple[tuple[EmbedPath, Range], ...] = ()
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None
    arguments: tuple[tuple[str, Operand], ...] = ()
    filter_names: frozenset[str] = frozenset()
    canonical: str = ""


# --- headers ------------------------------------------------------------------------------------


class MediaType(NamedTuple):
    """A media type: `type/subtype` in lower case, parameters in order with lower-case names.

    One that only a handler of the database can make is all essence, as it is written.
    """

    essence: str
    parameters: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str | None:
        return next((value for key, value in self.parameters if key == name), None)


@dataclass(frozen=True, slots=True)
class Preferences:
    """The `Prefer` header (RFC 7240), each value as it was sent, None where it was not.

    `invalid` lists what was not understood, in order; `handling=strict` refuses it (PGRST122).
    """

    resolution: str | None = None
    representation: str | None = None
    count: str | None = None
    transaction: str | None = None
    missing: str | None = None
    handling: str | None = None
    timezone: str | None = None
    max_affected: int | None = None
    invalid: tuple[str, ...] = ()


# --- the body -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JsonPayload:
    """JSON for json_to_recordset: the raw text (never parsed and printed again where it was JSON:
    numbers keep every digit), its keys sorted, whether it is one object."""

    text: bytes
    keys: tuple[str, ...]
    is_object: bool


@dataclass(frozen=True, slots=True)
class FormPayload:
    """`application/x-www-form-urlencoded` for a function: pairs in order, repeated names kept."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RawPayload:
    """A body for a function with one unnamed parameter of type text, xml or bytea."""

    content: bytes


Payload = JsonPayload | FormPayload | RawPayload

# --- the request --------------------------------------------------------------------------------


class Action(Enum):
    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    UPSERT = "upsert"
    DELETE = "delete"
    CALL_SAFE = "call safe"  # GET or HEAD on a function
    CALL = "call"  # POST on a function
    RELATION_INFO = "relation info"
    ROUTINE_INFO = "routine info"
    ROOT = "root"
    ROOT_INFO = "root info"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What was asked, independent of what the database has.

    `target` is the relation or routine name, empty for the root. `schema_negotiated` tells whether
    Content-Profile must name the schema in the answer. `headers` and `cookies` are what SQL sees as
    `request.headers` and `request.cookies` (names in lower case, no Cookie among the headers).
    `preconditions` are there for what is judged by them before it is answered: writes of known rows, and HEAD.
    """

    action: Action
    method: str
    path: str
    target: str
    schema: str
    query: Query
    preferences: Preferences
    accept: tuple[MediaType, ...]
    content_type: MediaType
    schema_negotiated: bool = False
    headers_only: bool = False
    payload: Payload | None = None
    top_range: Range = ALL_ROWS
    headers: Mapping[str, str] | None = None
    cookies: Mapping[str, str] | None = None
    preconditions: Preconditions | None = None
