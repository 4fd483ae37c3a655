"""The API as an OpenAPI 2.0 ("Swagger") document, built the way PostgREST builds it.

Tools read more out of it than the specification says: the `<pk/>` and `<fk table= column=/>` marks in
descriptions, PostgreSQL's type as `format`, `rowFilter.<relation>.<column>` among the parameters.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NoReturn

from autorest.catalog.model import (
    AnyRelationship,
    Cardinality,
    Catalog,
    Column,
    Parameter,
    QualifiedName,
    Relation,
    Relationship,
    Routine,
    Volatility,
)
from autorest.openapi.address import public_address
from autorest.openapi.comments import summary_and_description
from autorest.openapi.privileges import RoutineKey, visible_relations, visible_routines
from autorest.sql.quote import identifier

Json = dict[str, Any]

_JSON: Final = "application/json"
_OBJECT: Final = ("application/vnd.pgrst.object+json;nulls=stripped", "application/vnd.pgrst.object+json")
_DOCUMENTATION: Final = "https://postgrest.org/en/v16/references/api.html"

_TYPES: Final[Mapping[str, str | None]] = {
    "boolean": "boolean",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "numeric": "number",
    "real": "number",
    "double precision": "number",
    "json": None,
    "jsonb": None,
}
_FORMATS: Final = {"smallint": "int32", "integer": "int32", "bigint": "int64"}

_READ_PARAMETERS: Final = ("select", "order", "range", "rangeUnit", "offset", "limit", "preferCount")


def document_v2(
    catalog: Catalog,
    *,
    schema: str,
    relations: Collection[QualifiedName] | None,
    routines: Collection[RoutineKey] | None,
    schema_comment: str | None,
    security_active: bool,
    host: str,
    port: int,
    proxy_uri: str | None,
    version: str,
    search_path: Sequence[str] = (),
) -> Json:
    """Return the OpenAPI 2.0 document of `schema`.

    `relations` and `routines` are what the role may use; None shows everything. The first line of
    `schema_comment` is the title, the rest the description. `host` and `port` are the server's own,
    told to clients unless `proxy_uri` is set. `search_path` are the schemas that requests see besides.
    """
    shown = list(visible_relations(catalog, schema, relations))
    functions = [
        _last_overload(overloads, () if routines is None else (schema, *search_path))
        for _, overloads in visible_routines(catalog, schema, routines)
    ]
    title, description = summary_and_description(schema_comment)
    address = public_address(host, port, proxy_uri)
    media_types = [_JSON, *_OBJECT, "text/csv"]
    document: Json = {
        "swagger": "2.0",
        "info": {
            "title": "REST API" if title is None else title,
            "description": "The tables, views and functions of a PostgreSQL schema"
            if description is None
            else description,
            "version": version,
        },
        "externalDocs": {"description": "How to query this API", "url": _DOCUMENTATION},
        "host": f"{address.host}:{address.port}",
        "basePath": address.path,
        "schemes": [address.scheme],
        "consumes": media_types,
        "produces": media_types,
        "paths": {
            "/": _root_path(),
            **{f"/{relation.name.name}": _relation_path(relation) for relation in shown},
            **{f"/rpc/{routine.name.name}": _routine_path(routine) for routine in functions},
        },
        "parameters": {**_shared_parameters(), **_relation_parameters(shown)},
    }
    if shown:
        document["definitions"] = {
            relation.name.name: _definition(relation, catalog.relationships.get((relation.name, schema), ()))
            for relation in shown
        }
    if security_active:
        document["securityDefinitions"] = {
            "JWT": {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "description": 'A token (JWT), written after the word "Bearer" and a space',
            }
        }
        document["security"] = [{"JWT": []}]
    return document


# --- types ----------------------------------------------------------------------------------------


def _type_of(pg_type: str) -> str | None:
    if pg_type in _TYPES:
        return _TYPES[pg_type]
    return "array" if pg_type.endswith("[]") else "string"


def _typed(pg_type: str) -> Json:
    """Return `format`, and `type` and `items` where the type has them; json has none: it may be anything."""
    kind = _type_of(pg_type)
    typed: Json = {"format": _FORMATS.get(pg_type, pg_type)}
    if kind is not None:
        typed["type"] = kind
    if kind == "array":
        element = _type_of(pg_type[:-2])
        typed["items"] = {} if element is None else {"type": element}
    return typed


def _default(column: Column) -> Any:
    """Return what the default is as JSON, None where its expression is no JSON.

    Of a string the cast to the column's own type and the quotes are taken away; any other expression
    stands as it is (`now()`).
    """
    if column.default is None:
        return None
    source = column.default
    if _type_of(column.type) == "string":
        literal = source.removesuffix(f"::{column.type}")
        source = f'"{literal if literal == source else literal.strip(chr(39))}"'
    try:
        value = json.loads(source, parse_constant=_no_json)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return float(value) if type(value) is int and not -(2**63) <= value < 2**63 else value


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


# --- definitions ----------------------------------------------------------------------------------


def _definition(relation: Relation, relationships: Iterable[AnyRelationship]) -> Json:
    definition: Json = {"type": "object"}
    if relation.description is not None:
        definition["description"] = relation.description
    references = _references(relationships)
    if relation.columns:
        definition["properties"] = {
            name: _property(column, name in relation.primary_key, references.get(name))
            for name, column in relation.columns.items()
        }
    if required := [name for name, column in relation.columns.items() if not column.nullable]:
        definition["required"] = required
    return definition


def _references(relationships: Iterable[AnyRelationship]) -> dict[str, tuple[str, str]]:
    """Return, for each column that alone is a foreign key, the relation and column it refers to.

    A table is named rather than a view of it.
    """
    found: dict[str, tuple[str, str]] = {}
    candidates = [relationship for relationship in relationships if isinstance(relationship, Relationship)]
    for relationship in sorted(candidates, key=lambda candidate: candidate.target_is_view):
        refers = relationship.cardinality is Cardinality.MANY_TO_ONE or (
            relationship.cardinality is Cardinality.ONE_TO_ONE and not relationship.is_parent
        )
        if refers and len(relationship.columns) == 1:
            ((origin, target),) = relationship.columns
            found.setdefault(origin, (relationship.target.name, target))
    return found


def _property(column: Column, primary: bool, reference: tuple[str, str] | None) -> Json:
    described: Json = _typed(column.type)
    notes = []
    if primary:
        notes.append("A part of the Primary Key.<pk/>")
    if reference is not None:
        table, target = reference
        notes.append(f"A Foreign Key to `{table}.{target}`.<fk table='{table}' column='{target}'/>")
    if notes:
        comment = "" if column.description is None else f"{column.description}\n\n"
        described["description"] = comment + "\n".join(["Note:", *notes])
    elif column.description is not None:
        described["description"] = column.description
    if (default := _default(column)) is not None:
        described["default"] = default
    if column.enum:
        described["enum"] = list(column.enum)
    if column.max_length is not None:
        described["maxLength"] = column.max_length
    return described


# --- parameters -----------------------------------------------------------------------------------


def _shared_parameters() -> Json:
    resolutions = ("resolution=ignore-duplicates", "resolution=merge-duplicates")
    returns = ("return=representation", "return=minimal", "return=none")
    return {
        "preferParams": _prefer(),
        "preferReturn": _prefer(*returns),
        "preferCount": _prefer("count=none"),
        "preferPost": _prefer(*returns, *resolutions),
        "select": _text_parameter("query", "select", "Columns to return"),
        "on_conflict": _text_parameter("query", "on_conflict", "Columns that tell a duplicate"),
        "order": _text_parameter("query", "order", "Order of the rows"),
        "range": _text_parameter("header", "Range", "First and last row"),
        "rangeUnit": {**_text_parameter("header", "Range-Unit", "Unit of Range"), "default": "items"},
        "offset": _text_parameter("query", "offset", "Rows to skip"),
        "limit": _text_parameter("query", "limit", "Rows to return at most"),
    }


def _text_parameter(place: str, name: str, description: str | None) -> Json:
    parameter: Json = {"name": name, "in": place, "required": False, "type": "string"}
    if description is not None:
        parameter["description"] = description
    return parameter


def _prefer(*choices: str) -> Json:
    parameter = _text_parameter("header", "Prefer", "What the client would like (RFC 7240)")
    return {**parameter, "enum": list(choices)} if choices else parameter


def _relation_parameters(relations: Iterable[Relation]) -> Json:
    parameters: Json = {}
    for relation in relations:
        name = relation.name.name
        parameters[f"body.{name}"] = {
            "name": name,
            "in": "body",
            "description": name,
            "required": False,
            "schema": _reference("definitions", name),
        }
        for column in relation.columns.values():
            parameters[_row_filter(relation, column)] = _text_parameter("query", column.name, column.description)
    return parameters


def _row_filter(relation: Relation, column: Column) -> str:
    return f"rowFilter.{relation.name.name}.{column.name}"


def _reference(section: str, name: str) -> Json:
    """Return a reference by JSON pointer in a URI fragment (RFC 6901), escaped only where it would mislead."""
    return {"$ref": f"#/{section}/" + name.replace("%", "%25").replace("~", "~0").replace("/", "~1")}


def _references_to(*parameters: str) -> list[Json]:
    return [_reference("parameters", parameter) for parameter in parameters]


# --- paths ----------------------------------------------------------------------------------------


def _root_path() -> Json:
    return {
        "get": {
            "tags": ["Introspection"],
            "summary": "This document",
            "produces": ["application/openapi+json", _JSON],
            "responses": {"200": {"description": "OK"}},
        }
    }


def _relation_path(relation: Relation) -> Json:
    name = relation.name.name
    filters = [_row_filter(relation, column) for column in relation.columns.values()]
    common = {"tags": [name], **_prose(relation.description)}
    rows = {"type": "array", "items": _reference("definitions", name)}
    path: Json = {
        "get": {
            **common,
            "parameters": _references_to(*filters, *_READ_PARAMETERS),
            "responses": {
                "200": {"description": "OK", "schema": rows},
                "206": {"description": "Partial Content"},
            },
        }
    }
    if relation.insertable or relation.updatable or relation.deletable:
        path["post"] = {
            **common,
            "parameters": _references_to(f"body.{name}", "select", "preferPost"),
            "responses": {"201": {"description": "Created"}},
        }
        path["patch"] = {
            **common,
            "parameters": _references_to(*filters, f"body.{name}", "preferReturn"),
            "responses": {"204": {"description": "No Content"}},
        }
        path["delete"] = {
            **common,
            "parameters": _references_to(*filters, "preferReturn"),
            "responses": {"204": {"description": "No Content"}},
        }
    return path


def _prose(comment: str | None) -> Json:
    summary, description = summary_and_description(comment)
    prose: Json = {}
    if summary is not None:
        prose["summary"] = summary
    if description:
        prose["description"] = description
    return prose


# --- functions ------------------------------------------------------------------------------------


def _last_overload(overloads: Iterable[Routine], seen_from: Sequence[str]) -> Routine:
    """Return the overload that stands for all: a path has room for one.

    It is the one with most parameters; among equals a commented one, then the last by its comment
    and parameters. Types of the schemas `seen_from` are named without them, as roles see them.
    """
    chosen = max(
        overloads,
        key=lambda routine: (
            len(routine.parameters),
            routine.description is not None,
            routine.description or "",
            [(each.name, each.type, each.cast_type, each.required, each.variadic) for each in routine.parameters],
        ),
    )
    prefixes = [f"{written}." for schema in seen_from for written in (schema, identifier(schema))]
    return replace(
        chosen,
        parameters=tuple(
            replace(
                parameter,
                type=next((parameter.type[len(p) :] for p in prefixes if parameter.type.startswith(p)), parameter.type),
            )
            for parameter in chosen.parameters
        ),
    )


def _routine_path(routine: Routine) -> Json:
    common = {
        "tags": [f"(rpc) {routine.name.name}"],
        **_prose(routine.description),
        "produces": [_JSON, *_OBJECT],
        "responses": {"200": {"description": "OK"}},
    }
    post = {
        **common,
        "parameters": [
            {"name": "args", "in": "body", "required": True, "schema": _arguments(routine)},
            *_references_to("preferParams"),
        ],
    }
    if routine.volatility is Volatility.VOLATILE:
        return {"post": post}
    get = dict(common)
    if routine.parameters:
        get["parameters"] = [_argument(parameter) for parameter in routine.parameters]
    return {"get": get, "post": post}


def _arguments(routine: Routine) -> Json:
    arguments: Json = {"type": "object"}
    if routine.description is not None:
        arguments["description"] = routine.description
    if routine.parameters:
        arguments["properties"] = {parameter.name: _typed(parameter.type) for parameter in routine.parameters}
    if required := [parameter.name for parameter in routine.parameters if parameter.required]:
        arguments["required"] = required
    return arguments


def _argument(parameter: Parameter) -> Json:
    """Describe an argument in the query string: arrays as literals (`{1,2}`), variadic ones repeated."""
    argument: Json = {"name": parameter.name, "in": "query", "required": parameter.required}
    typed = _typed(parameter.type)
    if not parameter.variadic:
        kind = typed.get("type", "string")
        return {**argument, "format": typed["format"], "type": "string" if kind == "array" else kind}
    element = parameter.type[:-2]
    kind = _type_of(element)
    items: Json = {"format": _FORMATS.get(element, element)}
    if kind is not None:
        items["type"] = kind
    return {**argument, "type": typed.get("type", "string"), "collectionFormat": "multi", "items": items}
