"""The names that a gateway knows, from the catalog that its admin server shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Vocabulary:
    """Columns by relation, embeds by relation (target and constraint), parameters by function."""

    relations: Mapping[str, Sequence[str]]
    embeds: Mapping[str, Sequence[tuple[str, str]]]
    routines: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, catalog: Any, schema: str) -> Vocabulary:
        """Return the names of a schema, from what `/schema_cache` answers."""
        relations = {
            relation["name"]["name"]: tuple(relation["columns"])
            for _, relation in catalog["relations"]
            if relation["name"]["schema"] == schema
        }
        embeds: dict[str, list[tuple[str, str]]] = {}
        for (origin, target_schema), ways in catalog["relationships"]:
            if origin["schema"] == target_schema == schema:
                embeds.setdefault(origin["name"], []).extend(_way(way) for way in ways)
        routines: dict[str, list[str]] = {}
        for name, overloads in catalog["routines"]:
            if name["schema"] == schema:
                for overload in overloads:
                    parameters = (parameter["name"] for parameter in overload["parameters"])
                    routines.setdefault(name["name"], []).extend(parameters)
        return cls(relations, embeds, routines)


def _way(way: Any) -> tuple[str, str]:
    if "function" in way:
        return way["function"]["name"], ""
    return way["target"]["name"], way["constraint"]
