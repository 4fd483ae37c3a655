"""Plans: what a request means for this catalog, as immutable values. The SQL room renders them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from autorest.catalog.model import ComputedRelationship, Parameter, QualifiedName, Relationship, Routine
from autorest.request.model import Action, EmbedPath, JsonStep, MediaType, Operand, Preferences, Test

#: The name under which the rows of a write or a call are selected from.
SOURCE = "pgrst_source"


class ColumnRef(NamedTuple):
    """A field of the request, resolved.

    name          the column, computed column, or `*`
    type          its type for reading values, empty when the catalog does not know it
    through_json  whether a path must go through to_jsonb() first, because the type is not JSON
    converter     the function of a domain representation to apply
    text_search   whether it must become a tsvector first, with `language` or the default configuration
    whole_row     `count(*)` of a spread: the row itself
    """

    name: str
    path: tuple[JsonStep, ...] = ()
    type: str = ""
    through_json: bool = False
    converter: QualifiedName | None = None
    default: str | None = None
    text_search: bool = False
    language: str | None = None
    whole_row: bool = False


@dataclass(frozen=True, slots=True)
class PlanFilter:
    column: ColumnRef
    test: Test
    negated: bool = False


@dataclass(frozen=True, slots=True)
class EmbedFilter:
    """`embed=is.null` (an anti-join) or, negated, `embed=not.is.null`; `embed` is its join alias."""

    embed: str
    negated: bool


@dataclass(frozen=True, slots=True)
class PlanLogic:
    connective: str
    children: tuple[PlanFilter | EmbedFilter | PlanLogic, ...]
    negated: bool = False


PlanCondition = PlanFilter | EmbedFilter | PlanLogic


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """`aggregate(cast(column))`, cast again and named, as one item of a SELECT."""

    column: ColumnRef
    alias: str | None = None
    cast: str | None = None
    aggregate: str | None = None
    aggregate_cast: str | None = None


class SortKey(NamedTuple):
    """One term of ORDER BY; `table` overrides the node's own alias."""

    column: ColumnRef
    direction: str | None = None
    nulls: str | None = None
    table: str | None = None


class SpreadColumn(NamedTuple):
    """A column that a spread embed hands to its parent, which may aggregate and rename it there."""

    name: str
    alias: str | None = None
    aggregate: str | None = None
    aggregate_cast: str | None = None


class JoinCondition(NamedTuple):
    """`left_table.left_column = right_table.right_column`; tables are aliases."""

    left_table: str
    left_column: str
    right_table: str
    right_column: str


@dataclass(frozen=True, slots=True)
class ReadNode:
    """One SELECT of the tree.

    relation   what the rows are of; `("", SOURCE)` for the rows of a write or a call
    alias      the name its columns are qualified with
    embeds     the nested SELECTs, each joined laterally
    path       under which the request gives its limit and offset, None when it gives none
    ranged     whether limits apply at all, the server's own included
    """

    relation: QualifiedName
    alias: str
    path: EmbedPath | None = ()
    select: tuple[OutputColumn, ...] = ()
    embeds: tuple[Embed, ...] = ()
    where: tuple[PlanCondition, ...] = ()
    order: tuple[SortKey, ...] = ()
    ranged: bool = False
    joins: tuple[JoinCondition, ...] = ()
    junction: tuple[QualifiedName, str] | None = None
    computed: ComputedRelationship | None = None
    computed_argument: str = ""


@dataclass(frozen=True, slots=True)
class Embed:
    """A nested SELECT as its parent sees it.

    name          the key in the parent's object
    join_alias    the name of the lateral join
    spread        its columns become the parent's: `columns` says which
    hidden        nothing of it is shown (it has an empty select)
    extra_select, sort   for a to-many spread: what its arrays are ordered by
    """

    node: ReadNode
    name: str
    join_alias: str
    to_one: bool
    inner: bool = False
    spread: bool = False
    hidden: bool = False
    columns: tuple[SpreadColumn, ...] = ()
    extra_select: tuple[tuple[str | None, OutputColumn], ...] = ()
    sort: tuple[SortKey, ...] = ()
    relationship: Relationship | ComputedRelationship | None = None


# --- what the rows are rendered as --------------------------------------------------------------


class JsonHandler(NamedTuple):
    """A JSON array of rows (or what a function returns)."""

    strip_nulls: bool = False


class SingleHandler(NamedTuple):
    """One JSON object; any other number of rows is an error."""

    strip_nulls: bool = False


class CsvHandler(NamedTuple):
    pass


class LinesHandler(NamedTuple):
    """A line of JSON for each row (NDJSON)."""


class GeoJsonHandler(NamedTuple):
    pass


class CustomHandler(NamedTuple):
    """A media type's own aggregate or function, applied to rows of `target` (None: of anything)."""

    function: QualifiedName
    target: QualifiedName | None


class NoBody(NamedTuple):
    """Nothing is rendered: HEAD, or a write that returns nothing."""


Handler = JsonHandler | SingleHandler | CsvHandler | LinesHandler | GeoJsonHandler | CustomHandler | NoBody


class Explain(NamedTuple):
    """The client wants the execution plan (`application/vnd.pgrst.plan`) instead of the result."""

    format: str
    options: tuple[str, ...]


# --- the plans ----------------------------------------------------------------------------------
# `legacy` of each are (relation, alias) of the embeds that are addressed by the one in spite of the other.


@dataclass(frozen=True, slots=True)
class Rendering:
    """How the rows leave: by which handler, labelled as which media type."""

    handler: Handler
    media_type: MediaType
    explain: Explain | None = None


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """`by_key` tells that a primary key is given, so that there is one row at most."""

    tree: ReadNode
    rendering: Rendering
    relation: QualifiedName
    preferences: Preferences
    legacy: tuple[tuple[str, str], ...] = ()
    by_key: bool = False


@dataclass(frozen=True, slots=True)
class Insert:
    relation: QualifiedName
    columns: tuple[ColumnRef, ...]
    is_object: bool
    resolution: str | None = None
    conflict: tuple[str, ...] = ()
    where: tuple[PlanCondition, ...] = ()
    returning: tuple[str, ...] = ()
    primary_key: tuple[str, ...] = ()
    defaults: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    relation: QualifiedName
    columns: tuple[ColumnRef, ...]
    is_object: bool
    where: tuple[PlanCondition, ...] = ()
    returning: tuple[str, ...] = ()
    defaults: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    relation: QualifiedName
    where: tuple[PlanCondition, ...] = ()
    returning: tuple[str, ...] = ()


Mutation = Insert | Update | Delete


@dataclass(frozen=True, slots=True)
class MutatePlan:
    """`guard` reads what GET on the same URL answers, where the request has preconditions."""

    mutation: Mutation
    action: Action
    tree: ReadNode
    rendering: Rendering
    preferences: Preferences
    resolution_applies: bool = True
    legacy: tuple[tuple[str, str], ...] = ()
    guard: ReadPlan | None = None


class DirectArguments(NamedTuple):
    """Arguments from the query string or a form: name → one value, or several of a variadic."""

    values: tuple[tuple[str, Operand | tuple[Operand, ...]], ...]


class BodyArguments(NamedTuple):
    """Arguments are the keys of the JSON body."""

    is_object: bool


class WholeBody(NamedTuple):
    """The body is the single unnamed argument, or `instead`, where the arguments came another way."""

    instead: bytes | None = None


@dataclass(frozen=True, slots=True)
class CallPlan:
    routine: Routine
    parameters: tuple[Parameter, ...]
    arguments: DirectArguments | BodyArguments | WholeBody
    returning: tuple[str, ...]
    tree: ReadNode
    rendering: Rendering
    preferences: Preferences
    read_only: bool
    legacy: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class InfoPlan:
    """`OPTIONS`: what may be done with the target."""

    allow: str


@dataclass(frozen=True, slots=True)
class RootPlan:
    """`GET /`: the description of the API."""

    schema: str


Plan = ReadPlan | MutatePlan | CallPlan | InfoPlan | RootPlan
