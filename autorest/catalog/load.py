"""Reading the catalog from the database: one snapshot, in small steps that let the event loop run between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from sys import intern
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from autorest.catalog.collector import young_only
from autorest.catalog.columns import Columns, column_type
from autorest.catalog.media import media_handler
from autorest.catalog.model import (
    AnyRelationship,
    Cardinality,
    Catalog,
    Column,
    ComputedRelationship,
    MediaHandler,
    QualifiedName,
    Relation,
    Relationship,
    Routine,
)
from autorest.catalog.relationships import (
    Exposure,
    ForeignKey,
    across_junctions,
    from_foreign_keys,
    place,
    without_overridden,
)
from autorest.catalog.routines import Routines, preference, routine_type
from autorest.catalog.rows import Row, beside_requests, drained, rows, unhurried
from autorest.catalog.views import Origin, base_columns, origins

if TYPE_CHECKING:
    from autorest.catalog.rows import Connection

K = TypeVar("K")
T = TypeVar("T")
#: What is found, by the oid of its relation and then by the column's number.
ByColumn: TypeAlias = dict[int, dict[int, T]]

#: With an empty search path every name is printed with its schema; to compile these queries costs more than it saves.
_SESSION = """
    SELECT current_setting('server_version_num')::int,
           set_config('search_path', '', true),
           set_config('jit', 'off', true)
"""
#: Bits of pg_relation_is_updatable: 1 << CmdType (PostgreSQL's src/include/nodes/nodes.h).
_UPDATE, _INSERT, _DELETE = 4, 8, 16


class MissingSchemas(LookupError):
    """Schemas that should be exposed are not in the database; `names` are theirs."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"not in the database: schema {', '.join(map(repr, names))}")


async def load_catalog(
    connection: Connection,
    *,
    schemas: Sequence[str],
    extra_search_path: Sequence[str],
    hoisted_settings: Sequence[str],
    previous: Catalog | None = None,
) -> Catalog:
    """Read what the planner must know of the `schemas` that are exposed.

    Views are followed to their tables through views in `schemas` and `extra_search_path`. A function's setting is
    hoisted when one of `hoisted_settings`, regular expressions of PostgreSQL, matches its `name=value`.
    What is as it was in `previous` is taken from there, so that two catalogs hardly take more memory than one, and
    little is freed at once when the one before is dropped. Call `gc.freeze()` after the first one: it keeps the garbage
    collector from going through all of it now and then.
    `connection` is outside of any transaction; one that is repeatable and read-only sees the database at one moment.
    It waits for transactions that have locked a table with defaults exclusively.

    Raises MissingSchemas, and asyncpg.PostgresError when a query fails, as it may while objects are being dropped:
    PostgreSQL prints definitions by its newest state, not by the snapshot. Another call reads the new state.
    """
    beside_requests.set(previous is not None)
    with young_only():
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _read(connection, schemas, extra_search_path, hoisted_settings, previous or Catalog())


async def _read(
    connection: Connection,
    schemas: Sequence[str],
    extra_search_path: Sequence[str],
    hoisted_settings: Sequence[str],
    before: Catalog,
) -> Catalog:
    server_version: int = await connection.fetchval(_SESSION)
    known = {row["name"]: row async for row in rows(connection, "schemas", [*schemas, *extra_search_path])}
    if missing := [name for name in schemas if name not in known]:
        raise MissingSchemas(missing)
    exposed = {known[name]["oid"]: intern(name) for name in schemas}

    listed = {row["oid"]: _listed(row, exposed) async for row in rows(connection, "relations", [*exposed])}
    columns = await _columns(connection, [*listed])
    views = await _origins(connection, [row["oid"] for row in known.values()])
    shown = {oid: _by_table(oid, views) async for oid in unhurried(listed) if oid in views}
    tables = {table for by_table in shown.values() for table in by_table}
    primary_keys, foreign_keys = await _constraints(connection, [*listed, *tables.difference(listed)])

    exposures = await _exposures(listed, columns, shown, foreign_keys)
    made = _relations(listed, columns, primary_keys, shown)
    kept = (_kept(before.relations, relation.name, relation) for relation in made)
    relations = {relation.name: relation async for relation in unhurried(kept)}
    computed = [_computed(row, exposed) async for row in rows(connection, "computed_relationships", [*exposed])]
    return Catalog(
        relations=relations,
        relationships=await _relationships(foreign_keys, exposures, relations, computed, before),
        routines=await _routines(connection, exposed, hoisted_settings, before),
        representations=await _representations(connection),
        media_handlers=await _media_handlers(connection, [*exposed]),
        schemas={name: known[name]["description"] for name in exposed.values()},
        server_version=server_version,
        fingerprint=await _fingerprint(connection, [*exposed]),
    )


async def _fingerprint(connection: Connection, schemas: Sequence[int]) -> int:
    [number] = [row["number"] async for row in rows(connection, "fingerprint", schemas)]
    return int(number)


def _kept(before: Mapping[K, T], key: K, made: T) -> T:
    known = before.get(key)
    return known if known is not None and known == made else made


class _Listed(NamedTuple):
    """A relation before its columns are known; `commands` are the bits of those that can change it."""

    name: QualifiedName
    is_view: bool
    is_partition: bool
    commands: int
    description: str | None


def _listed(row: Row, schemas: Mapping[int, str]) -> _Listed:
    return _Listed(
        name=QualifiedName(schemas[row["schema"]], intern(row["name"])),
        is_view=row["is_view"],
        is_partition=row["is_partition"],
        commands=row["commands"],
        description=row["description"],
    )


async def _columns(connection: Connection, relations: Sequence[int]) -> ByColumn[Column]:
    types = {
        (row["type"], row["modifier"]): column_type(row) async for row in rows(connection, "column_types", relations)
    }
    columns = Columns(types)
    found: ByColumn[Column] = defaultdict(dict)
    async for row in rows(connection, "columns", relations):
        found[row["relation"]][row["number"]] = columns.make(row)
    return found


async def _origins(connection: Connection, schemas: Sequence[int]) -> ByColumn[Origin]:
    return {row["view"]: origins(row["target_list"]) async for row in rows(connection, "views", schemas)}


def _by_table(view: int, views: ByColumn[Origin]) -> ByColumn[list[int]]:
    """Return, by table and number of the column there, the columns of `view` that show it."""
    found: ByColumn[list[int]] = {}
    for number, origin in base_columns(view, views):
        found.setdefault(origin.relation, {}).setdefault(origin.column, []).append(number)
    return found


async def _constraints(
    connection: Connection, relations: Sequence[int]
) -> tuple[dict[int, Sequence[int]], list[ForeignKey]]:
    """Return the primary keys by relation, and the foreign keys."""
    primary_keys: dict[int, Sequence[int]] = {}
    unique: set[tuple[int, frozenset[int]]] = set()
    references: list[Row] = []
    async for row in rows(connection, "constraints", relations):
        if row["kind"] == "f":
            references.append(row)
            continue
        unique.add((row["relation"], frozenset(row["key"])))
        if row["kind"] == "p":
            primary_keys[row["relation"]] = row["key"]
    foreign_keys = [
        ForeignKey(
            name=intern(row["name"]),
            origin=row["relation"],
            origin_key=tuple(row["key"]),
            target=row["target"],
            target_key=tuple(row["target_key"]),
            unique=(row["relation"], frozenset(row["key"])) in unique,
        )
        async for row in unhurried(references)
    ]
    return primary_keys, foreign_keys


def _relations(
    listed: Mapping[int, _Listed],
    columns: ByColumn[Column],
    primary_keys: Mapping[int, Sequence[int]],
    shown: Mapping[int, ByColumn[list[int]]],
) -> Iterator[Relation]:
    """Yield the relations that are resources, taking their `columns` away."""
    for oid, entry in listed.items():
        own = columns.pop(oid, {})
        if not entry.is_partition:
            yield Relation(
                name=entry.name,
                columns={column.name: column for column in own.values()},
                primary_key=_primary_key(oid, own, primary_keys, shown.get(oid, {})),
                description=entry.description,
                is_view=entry.is_view,
                insertable=bool(entry.commands & _INSERT),
                updatable=bool(entry.commands & _UPDATE),
                deletable=bool(entry.commands & _DELETE),
            )


def _primary_key(
    oid: int,
    columns: Mapping[int, Column],
    primary_keys: Mapping[int, Sequence[int]],
    shown: ByColumn[list[int]],
) -> tuple[str, ...]:
    """Return the columns of a table's primary key by name, or those of a view that show whole ones of its tables."""
    if oid in primary_keys:
        return tuple(sorted(columns[number].name for number in primary_keys[oid]))
    return tuple(
        columns[places[number][0]].name
        for table, places in shown.items()
        if all(number in places for number in primary_keys.get(table, ()))
        for number in primary_keys.get(table, ())
    )


async def _exposures(
    listed: Mapping[int, _Listed],
    columns: ByColumn[Column],
    shown: Mapping[int, ByColumn[list[int]]],
    foreign_keys: Sequence[ForeignKey],
) -> dict[int, list[Exposure]]:
    """Return, for each table with a foreign key or under one, all that shows it."""
    needed: defaultdict[int, set[int]] = defaultdict(set)
    async for foreign_key in unhurried(foreign_keys):
        needed[foreign_key.origin].update(foreign_key.origin_key)
        needed[foreign_key.target].update(foreign_key.target_key)
    exposures: defaultdict[int, list[Exposure]] = defaultdict(list)
    async for table, numbers in unhurried(needed.items()):
        if table in listed:
            names = {number: (columns[table][number].name,) for number in numbers}
            exposures[table].append(Exposure(listed[table].name, False, names))
    async for view, by_table in unhurried(shown.items()):
        for table in needed.keys() & by_table.keys():
            repeated = {
                number: tuple(columns[view][place].name for place in places)
                for number, places in by_table[table].items()
                if number in needed[table]
            }
            exposures[table].append(Exposure(listed[view].name, True, repeated))
    return exposures


def _computed(row: Row, schemas: Mapping[int, str]) -> ComputedRelationship:
    origin = QualifiedName(schemas[row["origin_schema"]], intern(row["origin_name"]))
    target = QualifiedName(schemas[row["target_schema"]], intern(row["target_name"]))
    return ComputedRelationship(
        function=QualifiedName(schemas[row["schema"]], intern(row["name"])),
        origin=origin,
        target=target,
        to_one=row["to_one"],
        is_self=origin == target,
    )


async def _relationships(
    foreign_keys: Sequence[ForeignKey],
    exposures: Mapping[int, Sequence[Exposure]],
    relations: Mapping[QualifiedName, Relation],
    computed: Sequence[ComputedRelationship],
    before: Catalog,
) -> dict[tuple[QualifiedName, str], tuple[AnyRelationship, ...]]:
    found: defaultdict[tuple[QualifiedName, str], list[AnyRelationship]] = defaultdict(list)
    legs: defaultdict[QualifiedName, list[Relationship]] = defaultdict(list)
    async for along in unhurried(from_foreign_keys(foreign_keys, exposures)):
        found[along.origin, along.target.schema].append(along)
        if along.cardinality is Cardinality.MANY_TO_ONE and along.origin in relations:
            legs[along.origin].append(along)
    async for name, to_one in unhurried(legs.items()):
        async for across in unhurried(across_junctions(to_one, relations[name].primary_key)):
            found[across.origin, across.target.schema].append(across)
    for one in computed:
        way = one.origin, one.function.schema
        found[way] = [*without_overridden(found[way], one.function), one]
    made = ((way, tuple(sorted(ways, key=place))) for way, ways in drained(found))
    kept = ((way, _kept(before.relationships, way, ways)) for way, ways in made)
    return {(ways[0].origin, schema): ways async for (_, schema), ways in unhurried(kept)}


async def _routines(
    connection: Connection, schemas: Mapping[int, str], hoisted_settings: Sequence[str], before: Catalog
) -> dict[QualifiedName, tuple[Routine, ...]]:
    types = {row["type"]: routine_type(row) async for row in rows(connection, "routine_types", [*schemas])}
    routines = Routines(schemas, types)
    overloads: defaultdict[QualifiedName, list[Routine]] = defaultdict(list)
    async for row in rows(connection, "routines", [*schemas], [*hoisted_settings]):
        routine = routines.make(row)
        overloads[routine.name].append(routine)
    made = ((name, tuple(sorted(alike, key=preference))) for name, alike in drained(overloads))
    kept = (_kept(before.routines, name, alike) for name, alike in made)
    return {alike[0].name: alike async for alike in unhurried(kept)}


async def _representations(connection: Connection) -> dict[tuple[str, str], QualifiedName]:
    return {
        (row["source"], row["target"]): QualifiedName(row["schema"], row["name"])
        async for row in rows(connection, "representations")
    }


async def _media_handlers(
    connection: Connection, schemas: Sequence[int]
) -> dict[tuple[QualifiedName | None, str], MediaHandler]:
    found = [media_handler(row) async for row in rows(connection, "media_handlers", schemas)]
    return dict(entry for entry in found if entry)
