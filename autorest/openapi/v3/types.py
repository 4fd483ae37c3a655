"""PostgreSQL's types as JSON Schema (2020-12): how their values look in the JSON that PostgreSQL writes and reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from autorest.catalog.model import Catalog, Column, QualifiedName

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}

#: By the name `format_type` prints. json and jsonb are the empty schema: anything.
_SCHEMAS: Final[Mapping[str, Json]] = {
    "smallint": {"type": "integer", "format": "int32", "minimum": -(2**15), "maximum": 2**15 - 1},
    "integer": {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
    "bigint": {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
    "real": {"type": "number", "format": "float"},
    "double precision": {"type": "number", "format": "double"},
    "numeric": {"type": "number"},
    "boolean": {"type": "boolean"},
    "uuid": {"type": "string", "format": "uuid"},
    "date": {"type": "string", "format": "date"},
    "timestamp with time zone": {"type": "string", "format": "date-time"},
    "time with time zone": {"type": "string", "format": "time"},
    "bit": {"type": "string", "pattern": "^[01]*$"},
    "bit varying": {"type": "string", "pattern": "^[01]*$"},
    "bytea": {"type": "string", "pattern": r"^\\x([0-9a-f]{2})*$"},
    "xml": {"type": "string", "contentMediaType": "application/xml"},
    "json": {},
    "jsonb": {},
    "record": {"type": "object"},
    "void": {"type": "null"},
}

#: Types of extensions, wherever they are installed: geometry is GeoJSON, hstore an object of texts.
_EXTENSION_SCHEMAS: Final[Mapping[str, Json]] = {
    **dict.fromkeys(
        ("citext", "ltree", "lquery", "ltxtquery", "isbn", "isbn13", "ean13", "issn", "cube", "vector", "halfvec"),
        _TEXT,
    ),
    "hstore": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
    "geometry": {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}},
    "geography": {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}},
}

_EXAMPLES: Final[Mapping[str, Any]] = {
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "date": "2025-01-31",
    "timestamp with time zone": "2025-01-31T12:00:00+00:00",
    "timestamp without time zone": "2025-01-31T12:00:00",
    "time with time zone": "12:00:00+00",
    "time without time zone": "12:00:00",
    "interval": "1 day",
    "bytea": "\\x00ff",
    "xml": "<greeting>hello</greeting>",
    "inet": "192.0.2.1",
    "cidr": "192.0.2.0/24",
    "macaddr": "08:00:2b:01:02:03",
    "money": "$1.50",
    "point": "(1,2)",
    "int4range": "[1,10)",
    "int8range": "[1,10)",
    "numrange": "[1.5,2.5)",
    "daterange": "[2025-01-01,2025-02-01)",
    "tsvector": "'fat':2 'rat':3",
    "tsquery": "'fat' & 'rat'",
    "bigint": 1,
    "real": 1.5,
    "double precision": 1.5,
    "numeric": 1.5,
    "json": {"key": "value"},
    "jsonb": {"key": "value"},
}

#: pg_type's own names for what `format_type` prints otherwise.
_INTERNAL_NAMES: Final = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "bpchar": "character",
    "varbit": "bit varying",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
}

_NUMERIC: Final = re.compile(r"numeric\((\d+),(-?\d+)\)")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_QUOTED: Final = re.compile(r"""'((?:[^'\\]|'')*)'(?:::[\w .,"()\[\]]+)?""")


def type_of_name(name: QualifiedName) -> str:
    """Return what `format_type` prints for the type that pg_type has under `name`."""
    if name.name.startswith("_"):
        return type_of_name(QualifiedName(name.schema, name.name[1:])) + "[]"
    if name.schema == "pg_catalog":
        return _INTERNAL_NAMES.get(name.name, name.name)
    return f"{name.schema}.{name.name}"


def nullable(schema: Json) -> Json:
    """Return `schema` with null allowed."""
    if "type" not in schema or schema["type"] == "null":
        return schema
    widened: Json = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        widened["enum"] = [*schema["enum"], None]
    return widened


def literal_default(column: Column) -> tuple[bool, Any]:
    """Tell whether a column's default is a constant, and which, as JSON.

    `'{}'::jsonb`, `false`, `42`, `'new'::text` are constants, `now()` and `nextval(…)` are not.
    """
    expression = column.default or ""
    quoted = _QUOTED.fullmatch(expression)
    text = quoted[1].replace("''", "'") if quoted else expression
    try:
        match column.type:
            case "json" | "jsonb" if quoted:
                return True, json.loads(text, parse_constant=_no_json)
            case "boolean":
                return expression in ("true", "false"), expression == "true"
            case "smallint" | "integer" | "bigint" | "real" | "double precision" | "numeric":
                value = json.loads(text) if _NUMBER.fullmatch(text) else None
                return value is not None and -(2**63) <= value < 2**63, value
    except (ValueError, RecursionError):
        return False, None
    return quoted is not None and not column.type.endswith("[]"), text


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


@dataclass(frozen=True, slots=True)
class Types:
    """The types of one catalog. `enums` are the labels of each enumerated type that a column has."""

    catalog: Catalog
    enums: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, catalog: Catalog) -> Types:
        columns = (column for relation in catalog.relations.values() for column in relation.columns.values())
        return cls(catalog, {column.type: column.enum for column in columns if column.enum})

    def schema(self, pg_type: str) -> Json:
        """Return the schema of a value of this type that is not null; empty where it may be anything."""
        if pg_type.endswith("[]"):
            return {"type": "array", "items": nullable(self.schema(pg_type[:-2]))}
        if pg_type in _SCHEMAS:
            return dict(_SCHEMAS[pg_type])
        if pg_type in self.enums:
            return {"type": "string", "enum": list(self.enums[pg_type])}
        schema, dot, name = pg_type.rpartition(".")
        if not dot:
            return dict(_TEXT)
        if QualifiedName(schema.strip('"'), name.strip('"')) in self.catalog.relations:
            return {"type": "object"}
        return dict(_EXTENSION_SCHEMAS.get(name, {}))

    def read(self, column: Column) -> Json:
        """Return the schema of a column in an answer."""
        return self._column(column, (column.nominal_type, "json"))

    def written(self, column: Column) -> Json:
        """Return the schema of a column in a body."""
        return self._column(column, ("json", column.nominal_type))

    def _column(self, column: Column, representation: tuple[str, str]) -> Json:
        if representation in self.catalog.representations:
            return {}
        schema = self.schema(column.type)
        if column.enum:
            schema = {"type": "string", "enum": list(column.enum)}
        if schema.get("type") == "string" and column.max_length is not None:
            schema["maxLength"] = column.max_length
            if column.type == "bit":
                schema["minLength"] = column.max_length
        if modifier := _NUMERIC.fullmatch(column.nominal_type):
            precision, scale = int(modifier[1]), int(modifier[2])
            if 0 <= precision - scale <= 18:
                schema["exclusiveMinimum"] = -(10 ** (precision - scale))
                schema["exclusiveMaximum"] = 10 ** (precision - scale)
        return nullable(schema) if column.nullable else schema

    def example(self, column: Column) -> Any:
        """Return a value this column could have."""
        is_literal, value = literal_default(column)
        if is_literal:
            return value
        if column.enum:
            return column.enum[0]
        example = self.example_of(column.type)
        if isinstance(example, str) and column.max_length is not None:
            return ("1" * column.max_length if column.type == "bit" else example)[: column.max_length]
        if isinstance(example, float) and _NUMERIC.fullmatch(column.nominal_type):
            return 0.5
        return example

    def example_of(self, pg_type: str) -> Any:
        """Return a value of this type."""
        if pg_type.endswith("[]"):
            return [self.example_of(pg_type[:-2])]
        if pg_type in _EXAMPLES:
            return _EXAMPLES[pg_type]
        schema = self.schema(pg_type)
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "integer":
                return 1
            case "boolean":
                return True
            case "object":
                return {"type": "Point", "coordinates": [7.5, 47.5]} if "required" in schema else {}
            case "null":
                return None
        return "1" if "pattern" in schema else "text"
