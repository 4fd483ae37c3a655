"""Tables and views: their schemas, filters and operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from autorest.catalog.model import (
    AnyRelationship,
    Cardinality,
    Catalog,
    Column,
    ComputedRelationship,
    Relation,
    Relationship,
)
from autorest.openapi.comments import summary_and_description
from autorest.openapi.privileges import Access
from autorest.openapi.v3 import shared
from autorest.openapi.v3.names import component_key, field_name
from autorest.openapi.v3.types import Types, literal_default

Json = dict[str, Any]

_GEOMETRY: Final = frozenset({"geometry", "geography"})


def filter_key(relation: Relation, column: str) -> str:
    return f"{component_key(relation.name.name)}.where.{component_key(column)}"


def filter_parameters(relation: Relation) -> Json:
    """Return the parameter of each column, by its key among the components."""
    return {
        filter_key(relation, column.name): shared.filter_parameter(field_name(column.name), column.description)
        for column in relation.columns.values()
    }


def filter_references(relation: Relation, without: frozenset[str] = frozenset()) -> Iterator[Json]:
    """Yield references to the parameters of all columns but `without`."""
    for name in relation.columns:
        if name not in without:
            yield shared.parameter(filter_key(relation, name))


# --- schemas --------------------------------------------------------------------------------------


def schemas(relation: Relation, access: Access, catalog: Catalog, types: Types) -> Json:
    """Return the schemas of a row as it is read, inserted and updated."""
    key = component_key(relation.name.name)
    found = {key: _row_schema(relation, catalog, types)}
    if relation.insertable and access.insert:
        found[f"{key}.insert"] = _insert_schema(relation, types)
    if relation.updatable and access.update:
        found[f"{key}.update"] = _update_schema(relation, types)
    return found


def _row_schema(relation: Relation, catalog: Catalog, types: Types) -> Json:
    relationships = catalog.relationships.get((relation.name, relation.name.schema), ())
    references = _references(relationships)
    row: Json = {"type": "object"}
    if relation.description is not None:
        row["description"] = relation.description
    if relation.columns:
        row["required"] = list(relation.columns)
        row["properties"] = {
            name: _column_schema(column, relation, references.get(name), types)
            for name, column in relation.columns.items()
        }
    row["x-pg-relation"] = {"view": relation.is_view, "primaryKey": list(relation.primary_key)}
    if embeds := list(_embeds(relationships)):
        row["x-pg-relationships"] = embeds
    return row


def _column_schema(column: Column, relation: Relation, reference: Json | None, types: Types) -> Json:
    described = types.read(column)
    if column.description is not None:
        described["description"] = column.description
    if not column.writable:
        described["readOnly"] = True
    described["x-pg-type"] = column.nominal_type
    if column.default is not None:
        described["x-pg-default"] = column.default
    if not column.nullable and "type" not in described:
        described["x-pg-nullable"] = False
    if column.name in relation.primary_key:
        described["x-pg-primary-key"] = True
    if reference is not None:
        described["x-pg-references"] = reference
    return described


def _references(relationships: Iterable[AnyRelationship]) -> dict[str, Json]:
    """Return what each column that alone is a foreign key refers to, a table rather than a view of it."""
    found: dict[str, Json] = {}
    foreign_keys = [each for each in relationships if isinstance(each, Relationship) and len(each.columns) == 1]
    for each in sorted(foreign_keys, key=lambda relationship: relationship.target_is_view):
        if each.cardinality is Cardinality.MANY_TO_ONE or (
            each.cardinality is Cardinality.ONE_TO_ONE and not each.is_parent
        ):
            ((origin, target),) = each.columns
            found.setdefault(origin, {"relation": each.target.name, "column": target})
    return found


def _embeds(relationships: Iterable[AnyRelationship]) -> Iterator[Json]:
    """Yield what `select` can embed: its name, whether it is one row, the constraint that tells it from others."""
    for each in relationships:
        match each:
            case ComputedRelationship():
                yield {"name": each.function.name, "relation": each.target.name, "toOne": each.to_one}
            case Relationship():
                yield {
                    "name": each.target.name,
                    "relation": each.target.name,
                    "toOne": each.to_one,
                    "hint": each.constraint if each.junction is None else each.junction.name.name,
                }


def _insert_schema(relation: Relation, types: Types) -> Json:
    """Describe an object to insert: generated columns cannot be in it, what has neither default nor null must."""
    body = _update_schema(relation, types)
    properties = body.get("properties", {})
    for name, described in properties.items():
        column = relation.columns[name]
        is_literal, value = literal_default(column)
        if is_literal:
            described["default"] = value
        if column.default is not None:
            described["x-pg-default"] = column.default
    required = [
        name for name in properties if not relation.columns[name].nullable and relation.columns[name].default is None
    ]
    return {**body, "required": required} if required else body


def _update_schema(relation: Relation, types: Types) -> Json:
    body: Json = {"type": "object", "additionalProperties": False}
    if properties := {column.name: _written(column, types) for column in _writable(relation)}:
        body["properties"] = properties
    return body


def _written(column: Column, types: Types) -> Json:
    described = types.written(column)
    if column.description is not None:
        described["description"] = column.description
    described["x-pg-type"] = column.nominal_type
    if not column.nullable and "type" not in described:
        described["x-pg-nullable"] = False
    return described


def _writable(relation: Relation) -> Iterator[Column]:
    return (column for column in relation.columns.values() if column.writable)


def _example_insert(relation: Relation, types: Types) -> Json:
    """Return an object that leaves to the database what it computes itself."""
    return {
        column.name: types.example(column)
        for column in _writable(relation)
        if column.default is None or literal_default(column)[0]
    }


# --- answers --------------------------------------------------------------------------------------


def rows_content(row: Json, example: Json | None, extra: Iterable[str] = ()) -> Json:
    """Return the media types rows come in: the built-in ones and `extra`."""
    rows: Json = {"schema": {"type": "array", "items": row}}
    one: Json = {"schema": row}
    if example is not None:
        rows["example"], one["example"] = [example], example
    return {
        shared.JSON: rows,
        shared.OBJECT: one,
        shared.STRIPPED_ARRAY: {"schema": {"type": "array", "items": {"type": "object"}}},
        shared.STRIPPED_OBJECT: {"schema": {"type": "object"}},
        shared.CSV: {"schema": {"type": "string"}},
        shared.NDJSON: {"schema": {"type": "string"}},
        **{media_type: {} for media_type in extra},
    }


def _lines() -> Json:
    """Return the media types of bodies that have a row a line."""
    return {
        shared.CSV: {"schema": {"type": "string", "description": "The names of the columns, then a row a line"}},
        shared.NDJSON: {"schema": {"type": "string", "description": "A JSON object a line"}},
    }


def responses(relation: Relation, catalog: Catalog, types: Types, *, conditional: bool) -> Json:
    """Return the answer with rows of the relation, which all its operations share, by its key."""
    tags = ("ETag",) if conditional else ()
    key = component_key(relation.name.name)
    example = {column.name: types.example(column) for column in relation.columns.values()}
    return {
        _rows_key(relation): {
            "description": f"Rows of {relation.name.name}",
            "headers": shared.headers("Content-Range", "Content-Location", "Preference-Applied", *tags),
            "content": rows_content(shared.schema(key), example, extra_media_types(relation, catalog)),
        }
    }


def _rows_key(relation: Relation) -> str:
    return f"{component_key(relation.name.name)}.rows"


def extra_media_types(relation: Relation, catalog: Catalog) -> list[str]:
    """Return the media types this relation comes in beside the usual ones: GeoJSON, the database's own handlers'."""
    has_geometry = any(column.type.rpartition(".")[2] in _GEOMETRY for column in relation.columns.values())
    own = {
        media_type
        for target, media_type in catalog.media_handlers
        if target in (None, relation.name) and media_type not in ("*/*", shared.JSON, shared.CSV, shared.NDJSON)
    }
    return sorted(own | {shared.GEOJSON} if has_geometry else own)


# --- operations -----------------------------------------------------------------------------------


def path_item(relation: Relation, access: Access, types: Types, *, profiles: bool, conditional: bool) -> Json:
    """Return the operations that the database allows on the relation; empty if it allows none."""
    operations = _Operations(relation, types, profiles, conditional)
    inserts, updates = relation.insertable and access.insert, relation.updatable and access.update
    item: Json = {}
    if access.select:
        item["get"] = operations.read()
    if inserts:
        item["post"] = operations.insert()
    if inserts and updates and _key_is_written(relation):
        item["put"] = operations.upsert()
    if updates:
        item["patch"] = operations.update()
    if relation.deletable and access.delete:
        item["delete"] = operations.delete()
    if item:
        summary, description = summary_and_description(relation.description)
        item |= {"summary": summary} if summary else {}
        item |= {"description": description} if description else {}
    return item


def _key_is_written(relation: Relation) -> bool:
    """Tell whether a body can hold the whole primary key: PUT needs it there."""
    key = [relation.columns.get(name) for name in relation.primary_key]
    return bool(key) and all(column is not None and column.writable for column in key)


class _Operations:
    """Makes the operations of one relation."""

    def __init__(self, relation: Relation, types: Types, profiles: bool, conditional: bool) -> None:
        self.relation = relation
        self.types = types
        self.profiles = profiles
        self.conditional = conditional
        self.name = relation.name.name
        self.key = component_key(self.name)

    def read(self) -> Json:
        return self._operation(
            "read",
            f"Read rows of {self.name}",
            [
                *self._filters(),
                *map(shared.parameter, ("select", "order", "limit", "offset", "Range", "preferRead")),
                *self._conditions("If-None-Match"),
            ],
            {
                "200": self._rows("All rows that were asked for"),
                "206": self._rows("A part of the rows, which were counted"),
                **(shared.not_modified() if self.conditional else {}),
                **shared.failures(300, 416),
            },
        )

    def insert(self) -> Json:
        row = shared.schema(f"{self.key}.insert")
        example = _example_insert(self.relation, self.types)
        content: Json = {
            shared.JSON: {
                "schema": {"oneOf": [row, {"type": "array", "items": row}]},
                "examples": {"one": {"value": example}, "several": {"value": [example, example]}},
            },
            **_lines(),
        }
        return self._operation(
            "insert",
            f"Insert rows into {self.name}",
            list(map(shared.parameter, ("select", "columns", "on_conflict", "preferInsert"))),
            {
                "200": self._rows("Rows that existed were updated, with `resolution=merge-duplicates`"),
                "201": self._rows(
                    "Inserted. The body holds the rows with `return=representation` and is empty otherwise; the header "
                    "`Location` is sent with `return=headers-only`."
                ),
                **shared.failures(409, 413),
            },
            {"required": True, "content": content},
        )

    def upsert(self) -> Json:
        row = {**shared.schema(f"{self.key}.insert"), "required": [column.name for column in _writable(self.relation)]}
        example = {column.name: self.types.example(column) for column in _writable(self.relation)}
        key = [
            {
                "name": field_name(column),
                "in": "query",
                "required": True,
                "description": "`eq.` and the value that the body has as well",
                "schema": {"type": "string", "pattern": self._key_pattern(column)},
                "example": f"eq.{self.types.example(self.relation.columns[column])}",
            }
            for column in self.relation.primary_key
        ]
        return self._operation(
            "upsert",
            f"Insert or replace one row of {self.name}",
            [
                *key,
                *map(shared.parameter, ("select", "columns", "preferUpsert")),
                *self._conditions("If-Match", "If-None-Match"),
            ],
            {
                "200": self._rows("Replaced; the row, with `return=representation`"),
                "201": self._rows("Inserted; the body holds the row with `return=representation`"),
                "204": shared.response("Done", "Replaced"),
                **shared.failures(405, 409, 413, *self._refusals()),
            },
            {
                "required": True,
                "content": {shared.JSON: {"schema": row, "example": example}},
            },
        )

    def update(self) -> Json:
        row = shared.schema(f"{self.key}.update")
        example = dict(list(_example_insert(self.relation, self.types).items())[:1])
        return self._operation(
            "update",
            f"Update rows of {self.name}",
            [
                *self._filters(),
                *map(shared.parameter, ("select", "columns", "preferUpdate")),
                *self._conditions("If-Match"),
            ],
            self._changed("Updated"),
            {
                "required": True,
                "content": {
                    shared.JSON: {"schema": row, "example": example},
                    **_lines(),
                },
            },
        )

    def delete(self) -> Json:
        return self._operation(
            "delete",
            f"Delete rows of {self.name}",
            [*self._filters(), *map(shared.parameter, ("select", "preferDelete")), *self._conditions("If-Match")],
            self._changed("Deleted"),
        )

    def _operation(
        self, verb: str, summary: str, parameters: list[Json], responses: Json, body: Json | None = None
    ) -> Json:
        if self.profiles:
            parameters.append(shared.parameter("Accept-Profile" if verb == "read" else "Content-Profile"))
        operation: Json = {
            "operationId": f"{verb}_{self.key}",
            "tags": [self.name],
            "summary": summary,
            "parameters": parameters,
        }
        if body is not None:
            operation["requestBody"] = body
        return {**operation, "responses": responses}

    def _key_pattern(self, column: str) -> str:
        kind = self.types.schema(self.relation.columns[column].type).get("type")
        return r"^eq\.-?[0-9]+$" if kind == "integer" else r"^eq\..+$"

    def _rows(self, description: str) -> Json:
        return shared.response(_rows_key(self.relation), description)

    def _changed(self, done: str) -> Json:
        return {
            "200": self._rows(f"{done}; the rows, with `return=representation`"),
            "204": shared.response("Done", done),
            **shared.failures(409, 413, *self._refusals()),
        }

    def _conditions(self, *names: str) -> Iterable[Json]:
        return map(shared.parameter, names) if self.conditional else ()

    def _refusals(self) -> tuple[int, ...]:
        return (412,) if self.conditional else ()

    def _filters(self) -> list[Json]:
        return [*filter_references(self.relation), shared.parameter("and"), shared.parameter("or")]
