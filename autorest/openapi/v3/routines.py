"""Functions: their arguments and operations."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from autorest.catalog.model import Catalog, Parameter, QualifiedName, Relation, Routine, Volatility
from autorest.openapi.comments import summary_and_description
from autorest.openapi.v3 import shared
from autorest.openapi.v3.names import component_key
from autorest.openapi.v3.relations import extra_media_types, filter_references, rows_content
from autorest.openapi.v3.types import Types, nullable, type_of_name

Json = dict[str, Any]

TAG: Final = "Functions (/rpc)"

#: What a function with one unnamed parameter takes as its whole body.
_RAW_BODIES: Final = {
    "json": (shared.JSON, {}),
    "jsonb": (shared.JSON, {}),
    "text": ("text/plain", {"type": "string"}),
    "xml": ("text/xml", {"type": "string"}),
    "bytea": ("application/octet-stream", {"type": "string", "format": "binary"}),
}


def schemas(overloads: tuple[Routine, ...], types: Types) -> Json:
    """Return the schemas of the arguments, one for each overload that takes any by name."""
    return {
        key: _arguments(routine, types)
        for key, routine in zip(_argument_keys(overloads), overloads, strict=True)
        if _takes_named(routine)
    }


def path_item(
    overloads: tuple[Routine, ...],
    catalog: Catalog,
    documented: Collection[QualifiedName],
    types: Types,
    *,
    profiles: bool,
    conditional: bool,
) -> Json:
    """Return POST, and GET if an overload does not write. `documented` are the relations with schemas."""
    first = overloads[0]
    name, key = first.name.name, component_key(first.name.name)
    row = _returned_relation(first, catalog, documented)
    comment = next((routine.description for routine in overloads if routine.description is not None), None)
    summary, description = summary_and_description(comment)
    common: Json = {"tags": [TAG], "summary": summary or f"Call {name}"}
    if description:
        common["description"] = description
    answers = _answers(overloads)
    reading = _reading_parameters(overloads, row)
    by_query = [routine for routine in overloads if routine.volatility is not Volatility.VOLATILE and _takes(routine)]
    item: Json = {}
    if by_query:
        item["get"] = {
            "operationId": f"query_{key}",
            **common,
            "parameters": [
                *_query_arguments(by_query, types),
                *reading,
                shared.parameter("preferCall"),
                *([shared.parameter("If-None-Match")] if conditional else []),
                *([shared.parameter("Accept-Profile")] if profiles else []),
            ],
            "responses": {**(shared.not_modified() if conditional else {}), **answers},
        }
    item["post"] = {
        "operationId": f"call_{key}",
        **common,
        "parameters": [
            *reading,
            shared.parameter("preferCall"),
            *([shared.parameter("Content-Profile")] if profiles else []),
        ],
        **_request_body(overloads, types),
        "responses": answers,
    }
    return item


# --- arguments ------------------------------------------------------------------------------------


def _takes_named(routine: Routine) -> bool:
    return bool(routine.parameters) and all(parameter.name for parameter in routine.parameters)


def _takes(routine: Routine) -> bool:
    """Tell whether the function can be called with arguments by name, or without any."""
    return not routine.parameters or _takes_named(routine)


def _argument_keys(overloads: tuple[Routine, ...]) -> list[str]:
    key = f"rpc.{component_key(overloads[0].name.name)}"
    return [key if number == 1 else f"{key}.overload{number}" for number in range(1, len(overloads) + 1)]


def _arguments(routine: Routine, types: Types) -> Json:
    arguments: Json = {
        "type": "object",
        "properties": {
            parameter.name: {**nullable(types.schema(parameter.type)), "x-pg-type": parameter.type}
            for parameter in routine.parameters
        },
        "additionalProperties": False,
    }
    if routine.description is not None:
        arguments["description"] = routine.description
    if required := [parameter.name for parameter in routine.parameters if parameter.required]:
        arguments["required"] = required
    return arguments


def _request_body(overloads: tuple[Routine, ...], types: Types) -> Json:
    """Describe the bodies of POST. Without parameters there need be none."""
    named = [
        (shared.schema(key), routine)
        for key, routine in zip(_argument_keys(overloads), overloads, strict=True)
        if _takes_named(routine)
    ]
    content: Json = {}
    if named:
        choices = [reference for reference, _ in named]
        arguments = choices[0] if len(choices) == 1 else {"anyOf": choices}
        content[shared.JSON] = {
            "schema": arguments,
            "example": {each.name: types.example_of(each.type) for each in named[0][1].parameters},
        }
    for routine in overloads:
        if len(routine.parameters) == 1 and not routine.parameters[0].name:
            media_type, schema = _RAW_BODIES.get(routine.parameters[0].type, (shared.JSON, {}))
            content.setdefault(media_type, {"schema": schema})
    optional = any(not any(each.required for each in routine.parameters) for routine in overloads)
    return {"requestBody": {"required": not optional, "content": content}} if content else {}


def _query_arguments(overloads: list[Routine], types: Types) -> list[Json]:
    """Return the parameters of all overloads once each; required is what every overload requires."""
    parameters: dict[str, Parameter] = {}
    for routine in overloads:
        for parameter in routine.parameters:
            parameters.setdefault(parameter.name, parameter)
    return [
        {
            "name": name,
            "in": "query",
            "required": all(
                any(each.name == name and each.required for each in routine.parameters) for routine in overloads
            ),
            **_query_argument(parameter, types),
        }
        for name, parameter in parameters.items()
    ]


def _query_argument(parameter: Parameter, types: Types) -> Json:
    if parameter.variadic:
        element = types.schema(parameter.type.removesuffix("[]"))
        return {
            "description": "May be repeated",
            "schema": {"type": "array", "items": element or {"type": "string"}, "x-pg-type": parameter.type},
        }
    schema = types.schema(parameter.type)
    match schema.get("type"):
        case "array":
            return {
                "description": "An array as PostgreSQL writes it: `{1,2,3}`",
                "schema": {"type": "string", "pattern": r"^\{.*\}$", "x-pg-type": parameter.type},
            }
        case None | "object":
            json_text = {"contentMediaType": shared.JSON} if parameter.type in ("json", "jsonb") else {}
            return {"schema": {"type": "string", **json_text, "x-pg-type": parameter.type}}
        case _:
            return {"schema": {**schema, "x-pg-type": parameter.type}}


# --- answers --------------------------------------------------------------------------------------


def _returned_relation(routine: Routine, catalog: Catalog, documented: Collection[QualifiedName]) -> Relation | None:
    """Return the relation whose rows the function returns, None if it is none of the document's."""
    returned = routine.returns
    return catalog.relations.get(returned.name) if returned.composite and returned.name in documented else None


def _reading_parameters(overloads: tuple[Routine, ...], row: Relation | None) -> list[Json]:
    """Return what narrows the rows a function returns, none where it returns no rows."""
    if not any(routine.returns.set_of or routine.returns.composite for routine in overloads):
        return []
    if row is None:
        return [shared.parameter(name) for name in ("select", "order", "limit", "offset")]
    arguments = frozenset(parameter.name for routine in overloads for parameter in routine.parameters)
    return [
        *filter_references(row, without=arguments),
        *(
            shared.parameter(name)
            for name in ("and", "or", "select", "order", "limit", "offset")
            if name not in arguments
        ),
    ]


def responses(
    overloads: tuple[Routine, ...], catalog: Catalog, documented: Collection[QualifiedName], types: Types
) -> Json:
    """Return the answer with what the function returns, by its key; none if it returns nothing."""
    returning = [routine for routine in overloads if not routine.returns_void]
    if not returning:
        return {}
    row = _returned_relation(returning[0], catalog, documented)
    return {
        _answer_key(overloads): {
            "description": "What the function returned",
            "headers": shared.headers("Content-Range", "Preference-Applied"),
            "content": _content(returning[0], row, catalog, types),
        }
    }


def _answer_key(overloads: tuple[Routine, ...]) -> str:
    return f"rpc.{component_key(overloads[0].name.name)}.returned"


def _answers(overloads: tuple[Routine, ...]) -> Json:
    answers: Json = {}
    if not all(routine.returns_void for routine in overloads):
        answers["200"] = shared.response(_answer_key(overloads), "What the function returned")
    if any(routine.returns.set_of for routine in overloads):
        answers["206"] = shared.response(_answer_key(overloads), "A part of the rows, which were counted")
    if any(routine.returns_void for routine in overloads):
        answers["204"] = {"description": "Done; the function returns nothing"}
    return {**answers, **shared.failures(300, 405, 409, 413, 416)}


def _content(routine: Routine, row: Relation | None, catalog: Catalog, types: Types) -> Json:
    own = [media_type for target, media_type in catalog.media_handlers if target == routine.name]
    if own:
        return {media_type: {} for media_type in sorted(own) if media_type != "*/*"}
    if row is not None:
        reference = shared.schema(component_key(row.name.name))
        content = rows_content(reference, None, extra_media_types(row, catalog))
        return content if routine.returns.set_of else {**content, shared.JSON: {"schema": reference}}
    schema = (
        {"type": "object"} if routine.returns.composite else nullable(types.schema(type_of_name(routine.returns.name)))
    )
    if routine.returns.set_of:
        schema = {"type": "array", "items": schema}
    text = {"schema": {"type": "string"}}
    return {shared.JSON: {"schema": schema}, shared.CSV: text, shared.NDJSON: text}
