"""What of the catalog a document shows: what the role may use, and nothing of other schemas."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from autorest.catalog.model import Catalog, QualifiedName, Relation, Routine


class RoutineKey(NamedTuple):
    """One overload of a function: privileges are granted on each, so its name alone does not tell it apart.

    `parameter_types` are those of the input parameters, as `format_type` prints them while nothing
    but pg_catalog is on the search path.
    """

    name: QualifiedName
    parameter_types: tuple[str, ...]


class Access(NamedTuple):
    """What may be done with a relation, with all of its columns or with some."""

    select: bool = True
    insert: bool = True
    update: bool = True
    delete: bool = True


class Privileges(NamedTuple):
    """What a role may use in one schema, and the schema's comment as it is now."""

    relations: Mapping[QualifiedName, Access]
    routines: frozenset[RoutineKey]
    comment: str | None


def routine_key(routine: Routine) -> RoutineKey:
    return RoutineKey(routine.name, tuple(parameter.type for parameter in routine.parameters))


def read_privileges(schema: str, row: Sequence[bytes | str | None]) -> Privileges:
    """Read the one row that `autorest.sql.privileges` asks for: two JSON columns and a text column."""
    relations, routines, comment = row
    return Privileges(
        relations={QualifiedName(schema, name): Access(*access) for name, *access in json.loads(relations or "[]")},
        routines=frozenset(
            RoutineKey(QualifiedName(schema, name), tuple(types)) for name, types in json.loads(routines or "[]")
        ),
        comment=comment.decode() if isinstance(comment, bytes) else comment,
    )


def visible_relations(catalog: Catalog, schema: str, allowed: Collection[QualifiedName] | None) -> Iterator[Relation]:
    """Yield the relations of `schema` that are allowed (None: all of them), by name."""
    for name in sorted(catalog.relations):
        if name.schema == schema and (allowed is None or name in allowed):
            yield catalog.relations[name]


def visible_routines(
    catalog: Catalog, schema: str, allowed: Collection[RoutineKey] | None
) -> Iterator[tuple[QualifiedName, tuple[Routine, ...]]]:
    """Yield the routines of `schema` by name, each with the overloads that are allowed (None: all of them)."""
    for name in sorted(catalog.routines):
        if name.schema != schema:
            continue
        overloads = tuple(
            routine for routine in catalog.routines[name] if allowed is None or routine_key(routine) in allowed
        )
        if overloads:
            yield name, overloads
