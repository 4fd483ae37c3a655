"""Columns and what their types come down to, from the rows of the catalog's queries."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any, NamedTuple

from autorest.catalog.model import Column
from autorest.catalog.rows import Row


class ColumnType(NamedTuple):
    """What a declared type, with its modifier, tells of a column; `fallback` is a domain's default."""

    name: str
    nominal: str
    not_null: bool
    fallback: str | None
    max_length: int | None
    labels: tuple[str, ...]


def column_type(row: Row) -> ColumnType:
    """Make a `ColumnType` of a row of queries/column_types.sql."""
    return ColumnType(
        name=intern(row["name"]),
        nominal=intern(row["nominal"]),
        not_null=row["not_null"],
        fallback=row["fallback"],
        max_length=row["max_length"],
        labels=tuple(row["labels"]),
    )


class Columns:
    """Makes columns of the rows of queries/columns.sql; equal columns are one value."""

    def __init__(self, types: Mapping[tuple[int, int], ColumnType]) -> None:
        self._types = types
        self._made: dict[tuple[Any, ...], Column] = {}

    def make(self, row: Row) -> Column:
        facts = (
            row["name"],
            row["type"],
            row["modifier"],
            row["not_null"],
            row["has_default"],
            row["fallback"],
            row["writable"],
            row["description"],
        )
        column = self._made.get(facts)
        if column is None:
            declared = self._types[row["type"], row["modifier"]]
            column = self._made[facts] = Column(
                name=intern(row["name"]),
                type=declared.name,
                nominal_type=declared.nominal,
                nullable=not (row["not_null"] or declared.not_null),
                description=row["description"],
                max_length=declared.max_length,
                default=row["fallback"] if row["has_default"] else row["fallback"] or declared.fallback,
                enum=declared.labels,
                writable=row["writable"],
            )
        return column
