"""Functions, from the rows of the catalog's queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import intern
from typing import Any, NamedTuple

from autorest.catalog.model import Parameter, QualifiedName, ReturnType, Routine, Volatility
from autorest.catalog.rows import Row

#: Types whose plain name has a length of 1, which would cut an argument, and what takes it whole.
_UNCUT = {
    "bit": "bit varying",
    "bit[]": "bit varying[]",
    "character": "character varying",
    "character[]": "character varying[]",
}
_INPUT = frozenset("ibv")
_OUTPUT = frozenset("bot")
_ISOLATION_LEVELS = frozenset({"repeatable read", "serializable"})


class RoutineType(NamedTuple):
    """A type in a signature: how it is written, and the type at the bottom of its domains."""

    name: str
    base: QualifiedName
    is_composite: bool


def routine_type(row: Row) -> RoutineType:
    """Make a `RoutineType` of a row of queries/routine_types.sql."""
    base = QualifiedName(intern(row["base_schema"]), intern(row["base_name"]))
    return RoutineType(intern(row["name"]), base, row["is_composite"])


class Routines:
    """Makes routines of the rows of queries/routines.sql; equal parameters and results are one value.

    `schemas` and `types` are by oid.
    """

    def __init__(self, schemas: Mapping[int, str], types: Mapping[int, RoutineType]) -> None:
        self._schemas = schemas
        self._types = types
        self._parameters: dict[Parameter, Parameter] = {}
        self._results: dict[ReturnType, ReturnType] = {}

    def make(self, row: Row) -> Routine:
        returned = self._types[row["returns"]]
        result = ReturnType(
            name=returned.base,
            set_of=row["returns_set"],
            composite=returned.is_composite or not _OUTPUT.isdisjoint(row["modes"]),
        )
        return Routine(
            name=QualifiedName(self._schemas[row["schema"]], intern(row["name"])),
            parameters=tuple(self._inputs(row)),
            returns=self._results.setdefault(result, result),
            volatility=Volatility(row["volatility"]),
            description=row["description"],
            variadic=row["variadic"],
            isolation_level=_isolation_level(row["isolation_level"]),
            settings=tuple(_setting(written) for written in row["settings"]),
        )

    def _inputs(self, row: Row) -> list[Parameter]:
        types: Sequence[int] = row["types"]
        modes: Sequence[str] = row["modes"] or ["i"] * len(types)
        names: Sequence[str] = row["names"] or [""] * len(types)
        found: list[Parameter] = []
        for name, type_, mode in zip(names, types, modes, strict=True):
            if mode in _INPUT:
                written = self._types[type_].name
                parameter = Parameter(
                    name=intern(name),
                    type=written,
                    cast_type=_UNCUT.get(written, written),
                    required=len(found) < row["required"],
                    variadic=mode == "v",
                )
                found.append(self._parameters.setdefault(parameter, parameter))
        return found


def _isolation_level(written: str | None) -> str | None:
    if written is None:
        return None
    return written.lower() if written.lower() in _ISOLATION_LEVELS else "read committed"


def _setting(written: str) -> tuple[str, str]:
    name, _, value = written.partition("=")
    return intern(name), value


def preference(routine: Routine) -> tuple[Any, ...]:
    """Return the key that sorts overloads: those with fewest parameters first, then by what they are."""
    return (
        len(routine.parameters),
        routine.description is not None,
        routine.description or "",
        [(one.name, one.type, one.cast_type, one.required, one.variadic) for one in routine.parameters],
        routine.returns.set_of,
        routine.returns.composite,
        routine.returns.name,
    )
