"""Relationships from foreign keys: between tables, between the views over them, and across junctions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from autorest.catalog.model import (
    AnyRelationship,
    Cardinality,
    ComputedRelationship,
    Junction,
    QualifiedName,
    Relationship,
)

#: The order in which the relationships of two relations are listed.
_RANK = {
    Cardinality.ONE_TO_MANY: 0,
    Cardinality.MANY_TO_ONE: 1,
    Cardinality.ONE_TO_ONE: 2,
    Cardinality.MANY_TO_MANY: 3,
}
_INVERSE = {
    Cardinality.MANY_TO_ONE: Cardinality.ONE_TO_MANY,
    Cardinality.ONE_TO_ONE: Cardinality.ONE_TO_ONE,
}


class ForeignKey(NamedTuple):
    """A foreign key between two tables, given by oid; the keys are column numbers, in pairs.

    `unique`: a primary key or unique constraint of the origin has exactly the columns of `origin_key`.
    """

    name: str
    origin: int
    origin_key: tuple[int, ...]
    target: int
    target_key: tuple[int, ...]
    unique: bool


class Exposure(NamedTuple):
    """A relation that shows columns of a table: the table itself, or a view over it.

    `columns` maps the table's column numbers to the names they have here; a view can repeat a column.
    """

    relation: QualifiedName
    is_view: bool
    columns: Mapping[int, Sequence[str]]

    def keys(self, numbers: Sequence[int]) -> Iterator[tuple[str, ...]]:
        """Yield every way to name the columns of a key here; none if one of them is not shown."""
        return product(*(self.columns.get(number, ()) for number in numbers))


def from_foreign_keys(
    foreign_keys: Iterable[ForeignKey], exposures: Mapping[int, Sequence[Exposure]]
) -> Iterator[Relationship]:
    """Yield the relationships along `foreign_keys` between all that shows their two ends, in both directions.

    `exposures` maps the oid of a table to what shows it. Equal pairs of columns are one value.
    """
    known: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}
    for foreign_key in foreign_keys:
        cardinality = Cardinality.ONE_TO_ONE if foreign_key.unique else Cardinality.MANY_TO_ONE
        for origin, target in product(exposures.get(foreign_key.origin, ()), exposures.get(foreign_key.target, ())):
            for key, referenced in product(origin.keys(foreign_key.origin_key), target.keys(foreign_key.target_key)):
                forward, backward = tuple(zip(key, referenced, strict=True)), tuple(zip(referenced, key, strict=True))
                forth = Relationship(
                    origin=origin.relation,
                    target=target.relation,
                    cardinality=cardinality,
                    constraint=foreign_key.name,
                    columns=known.setdefault(forward, forward),
                    is_self=origin.relation == target.relation,
                    origin_is_view=origin.is_view,
                    target_is_view=target.is_view,
                )
                yield forth
                yield Relationship(
                    origin=forth.target,
                    target=forth.origin,
                    cardinality=_INVERSE[cardinality],
                    constraint=foreign_key.name,
                    columns=known.setdefault(backward, backward),
                    is_self=forth.is_self,
                    is_parent=cardinality is Cardinality.ONE_TO_ONE,
                    origin_is_view=target.is_view,
                    target_is_view=origin.is_view,
                )


def across_junctions(relationships: Iterable[AnyRelationship], primary_key: Sequence[str]) -> Iterator[Relationship]:
    """Yield the many-to-many relationships that the origin of `relationships` is the junction of.

    A junction's `primary_key` includes the columns of both foreign keys.
    """
    legs = [
        leg
        for leg in relationships
        if isinstance(leg, Relationship)
        and leg.cardinality is Cardinality.MANY_TO_ONE
        and all(column in primary_key for column, _ in leg.columns)
    ]
    for one, other in product(legs, legs):
        if one.constraint != other.constraint:
            yield Relationship(
                origin=one.target,
                target=other.target,
                cardinality=Cardinality.MANY_TO_MANY,
                constraint="",
                junction=Junction(
                    name=one.origin,
                    origin_constraint=one.constraint,
                    target_constraint=other.constraint,
                    origin_columns=_swapped(one.columns),
                    target_columns=_swapped(other.columns),
                ),
                is_self=one.target == other.target,
                origin_is_view=one.target_is_view,
                target_is_view=other.target_is_view,
            )


def _swapped(columns: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((there, here) for here, there in columns)


def without_overridden(relationships: Iterable[AnyRelationship], function: QualifiedName) -> list[AnyRelationship]:
    """Return those of `relationships` that a computed relationship by `function` leaves: it replaces the foreign
    keys to the relation of the function's own schema and name.
    """
    return [one for one in relationships if isinstance(one, ComputedRelationship) or one.target != function]


def place(relationship: AnyRelationship) -> tuple[Any, ...]:
    """Return the key that sorts the relationships of one origin into the order they are listed in."""
    if isinstance(relationship, ComputedRelationship):
        return 1, relationship.function, relationship.target, relationship.to_one
    return (
        0,
        relationship.target,
        relationship.is_self,
        _RANK[relationship.cardinality],
        _way(relationship),
        relationship.origin_is_view,
        relationship.target_is_view,
    )


def _way(relationship: Relationship) -> tuple[Any, ...]:
    junction = relationship.junction
    if junction is None:
        return relationship.constraint, relationship.columns, relationship.is_parent
    return (
        junction.name,
        junction.origin_constraint,
        junction.target_constraint,
        junction.origin_columns,
        junction.target_columns,
    )
