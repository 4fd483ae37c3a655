"""Finding the one relationship that an embed means, or saying why there is none or too many."""

from __future__ import annotations

from collections.abc import Sequence

from autorest.catalog.model import (
    AnyRelationship,
    Cardinality,
    Catalog,
    ComputedRelationship,
    QualifiedName,
    Relationship,
)
from autorest.catalog.suggest import closest
from autorest.errors import Refused, refuse


def find_relationship(catalog: Catalog, origin: QualifiedName, target: str, hint: str | None) -> AnyRelationship:
    """Return the relationship from `origin` to what `target` names in the same schema.

    `target` is a relation, a computed relationship, a foreign key constraint or its single column;
    `hint` a constraint, a single column on either side, or a junction.
    Raises PGRST200 when there is none and PGRST201 when there is more than one.
    """
    known = catalog.relationships.get((origin, origin.schema), ())
    found = [relationship for relationship in known if _means(relationship, target, hint)]
    if not found:
        raise _missing(catalog, origin, target, hint)
    if len(found) > 1:
        raise _ambiguous(origin, target, [one for one in found if isinstance(one, Relationship)])
    return found[0]


def _means(relationship: AnyRelationship, target: str, hint: str | None) -> bool:
    if isinstance(relationship, ComputedRelationship):
        return relationship.function.name == target
    names_relation = relationship.target.name == target
    origin_column, target_column = _single_columns(relationship)
    if relationship.is_self:
        to_many = relationship.cardinality is Cardinality.ONE_TO_MANY
        if hint is None:
            to_one = relationship.cardinality is Cardinality.MANY_TO_ONE
            return (names_relation and to_many) or (to_one and origin_column == target)
        return names_relation and to_many and target_column == hint
    if hint is None:
        by_key = not relationship.target_is_view and target in (_constraint(relationship), origin_column)
        return names_relation or by_key
    junction = relationship.junction.name.name if relationship.junction else None
    return names_relation and hint in (_constraint(relationship), origin_column, target_column, junction)


def _single_columns(relationship: Relationship) -> tuple[str | None, str | None]:
    return relationship.columns[0] if len(relationship.columns) == 1 else (None, None)


def _constraint(relationship: Relationship) -> str | None:
    return None if relationship.junction else relationship.constraint


def _missing(catalog: Catalog, origin: QualifiedName, target: str, hint: str | None) -> Refused:
    by_hint = f", with the hint '{hint}'" if hint else ""
    return refuse(
        "PGRST200",
        f"There is no relationship from '{origin.name}' to '{target}' in the schema cache",
        f"No foreign key or computed relationship in schema '{origin.schema}' leads from"
        f" '{origin.name}' to '{target}'{by_hint}.",
        _suggestion(catalog, origin, target),
    )


def _suggestion(catalog: Catalog, origin: QualifiedName, target: str) -> str | None:
    known = catalog.relationships.get((origin, origin.schema))
    if known is None:
        parents = {
            name.name
            for (name, schema), ways in catalog.relationships.items()
            if name.schema == schema == origin.schema and any(_means(way, target, None) for way in ways)
        }
        parent = closest(origin.name, parents, 0.5)
        return parent and f"Did you mean '{parent}' where you wrote '{origin.name}'?"
    children = {
        relationship.function.name if isinstance(relationship, ComputedRelationship) else relationship.target.name
        for relationship in known
    }
    if target in children:
        return None
    child = closest(target, children, 0.5)
    return child and f"Did you mean '{child}' where you wrote '{target}'?"


def _ambiguous(origin: QualifiedName, target: str, found: Sequence[Relationship]) -> Refused:
    choices = ", ".join(f"'{one.target.name}!{_handle(one)}'" for one in found)
    return refuse(
        "PGRST201",
        f"There is more than one relationship from '{origin.name}' to '{target}'",
        [_described(one) for one in found],
        f"Write one of these instead of '{target}': {choices}. The details say what each one means.",
    )


def _handle(relationship: Relationship) -> str:
    return relationship.junction.name.name if relationship.junction else relationship.constraint


def _described(relationship: Relationship) -> dict[str, str]:
    def listed(columns: Sequence[str]) -> str:
        return f"({', '.join(columns)})"

    origin, target, junction = relationship.origin.name, relationship.target.name, relationship.junction
    if junction:
        way = (
            f"{junction.name.name} using {junction.origin_constraint}"
            f"{listed([column for _, column in junction.origin_columns])} and {junction.target_constraint}"
            f"{listed([column for _, column in junction.target_columns])}"
        )
    else:
        way = (
            f"{relationship.constraint} using {origin}{listed([column for column, _ in relationship.columns])}"
            f" and {target}{listed([column for _, column in relationship.columns])}"
        )
    return {
        "cardinality": relationship.cardinality.value,
        "embedding": f"{origin} with {target}",
        "relationship": way,
    }
