"""OpenAPI 2.0: the structure that PostgREST's clients and tools read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator

from autorest.catalog.model import Cardinality, Catalog, Column, Parameter, Relation, Volatility
from autorest.openapi.privileges import routine_key
from autorest.openapi.v2 import document_v2
from tests.unit.openapi.sample import (
    ADD,
    ADD_ONE,
    CATALOG,
    CLIENTS,
    LOGO,
    ODD,
    PROJECTS,
    PROJECTS_IN,
    columns,
    foreign_key,
    named,
)

ALL: dict[str, Any] = {
    "schema": "api",
    "relations": None,
    "routines": None,
    "schema_comment": None,
    "security_active": False,
    "host": "127.0.0.1",
    "port": 3000,
    "proxy_uri": None,
    "version": "1.0",
}


def document(catalog: Catalog = CATALOG, **changes: Any) -> dict[str, Any]:
    return document_v2(catalog, **{**ALL, **changes})


def property_of(column: Column) -> dict[str, Any]:
    relation = Relation(named("t"), columns(column))
    definition = document(Catalog(relations={relation.name: relation}))["definitions"]["t"]
    found: dict[str, Any] = definition["properties"][column.name]
    return found


def test_it_is_valid_openapi_2() -> None:
    catalog = replace(CATALOG, relations={name: each for name, each in CATALOG.relations.items() if each is not ODD})
    catalog = replace(catalog, relations={**catalog.relations, CLIENTS.name: CLIENTS})
    produced = json.loads(json.dumps(document(catalog, security_active=True)))
    assert [error.message for error in OpenAPIV2SpecValidator(produced).iter_errors()] == []


def test_every_relation_and_function_of_the_schema_has_a_path() -> None:
    paths = document()["paths"]
    assert {path: sorted(methods) for path, methods in paths.items()} == {
        "/": ["get"],
        "/a_clients_view": ["delete", "get", "patch", "post"],
        "/clients": ["delete", "get", "patch", "post"],
        "/empty": ["delete", "get", "patch", "post"],
        '/odd /{name}~%"': ["delete", "get", "patch", "post"],
        "/open_projects": ["get"],
        "/projects": ["delete", "get", "patch", "post"],
        "/rpc/add": ["get", "post"],
        "/rpc/logo": ["get", "post"],
        "/rpc/mixed": ["get", "post"],
        "/rpc/projects_in": ["get", "post"],
        "/rpc/total": ["get", "post"],
        "/rpc/upload": ["post"],
    }


def test_a_relation_that_takes_any_change_has_all_methods() -> None:
    relation = replace(CLIENTS, insertable=False, updatable=False, deletable=True)
    paths = document(Catalog(relations={relation.name: relation}))["paths"]
    assert sorted(paths["/clients"]) == ["delete", "get", "patch", "post"]


def test_only_what_the_role_may_use_is_shown() -> None:
    shown = document(relations={CLIENTS.name}, routines={routine_key(LOGO)})
    assert list(shown["paths"]) == ["/", "/clients", "/rpc/logo"]
    assert list(shown["definitions"]) == ["clients"]
    assert not [name for name in shown["parameters"] if "projects" in name]


def test_without_relations_there_are_no_definitions() -> None:
    shown = document(relations=(), routines=())
    assert list(shown["paths"]) == ["/"]
    assert "definitions" not in shown


def test_privileges_tell_overloads_apart() -> None:
    shown = document(relations=(), routines={routine_key(ADD_ONE)})
    assert sorted(shown["paths"]["/rpc/add"]) == ["post"]
    assert shown["paths"]["/rpc/add"]["post"]["parameters"][0]["schema"]["required"] == ["a"]


def test_the_overload_with_most_parameters_stands_for_all() -> None:
    call = document()["paths"]["/rpc/add"]["post"]
    assert list(call["parameters"][0]["schema"]["properties"]) == ["a", "b"]
    assert (call["summary"], call["description"]) == ("Adds", "Two numbers.")


def test_among_equals_a_commented_overload_stands_for_all() -> None:
    silent = replace(ADD, description=None, volatility=Volatility.VOLATILE)
    commented = replace(ADD, parameters=(Parameter("x", "text", "text"), Parameter("y", "text", "text")))
    catalog = Catalog(routines={ADD.name: (commented, silent)})
    assert sorted(document(catalog)["paths"]["/rpc/add"]) == ["get", "post"]


def test_a_definition_has_types_formats_and_requiredness() -> None:
    definition = document()["definitions"]["projects"]
    assert definition["required"] == ["id", "name", "state", "active", "extra"]
    assert definition["description"] == "Projects\n\nWhat we do\nfor clients."
    properties = {name: dict(found) for name, found in definition["properties"].items()}
    assert properties.pop("id") == {
        "format": "int64",
        "type": "integer",
        "description": "Note:\nA part of the Primary Key.<pk/>",
    }
    assert properties.pop("client_id") == {
        "format": "int32",
        "type": "integer",
        "description": "Who pays\n\nNote:\nA Foreign Key to `clients.id`.<fk table='clients' column='id'/>",
    }
    assert properties == {
        "name": {"format": "character varying", "type": "string", "maxLength": 40},
        "state": {"format": "api.state", "type": "string", "default": "new", "enum": ["new", "done"]},
        "budget": {"format": "numeric", "type": "number", "default": 42.5},
        "active": {"format": "boolean", "type": "boolean", "default": True},
        "tags": {"format": "text[]", "type": "array", "items": {"type": "string"}},
        "extra": {"format": "jsonb"},
        "made": {"format": "timestamp with time zone", "type": "string", "default": "now()"},
        "slug": {"format": "text", "type": "string"},
    }


@pytest.mark.parametrize(
    ("type_", "default", "expected"),
    [
        ("text", "'it''s'::text", "it''s"),
        ("text", "''::text", ""),
        ("date", "'1900-01-01'::date", "1900-01-01"),
        ("timestamp with time zone", "'2018-01-01'::date", "'2018-01-01'::date"),
        ("integer", "42", 42),
        ("integer", "0", 0),
        ("numeric", "42.2", 42.2),
        ("numeric", "100000000000000000000", 1e20),
        ("boolean", "false", False),
        ("uuid", "gen_random_uuid()", "gen_random_uuid()"),
    ],
)
def test_defaults(type_: str, default: str, expected: Any) -> None:
    assert property_of(Column("c", type_, type_, default=default))["default"] == expected


@pytest.mark.parametrize(
    ("type_", "default"),
    [
        ("integer", "'-1'::integer"),
        ("integer", "nextval('s'::regclass)"),
        ("integer", "(1 + 1)"),
        ("numeric", "NaN"),
        ("numeric", "9" * 5000),
        ("double precision", "1e400"),
        ("text", "'say \"hi\"'::text"),
        ("text", "'two\nlines'::text"),
        ("jsonb", "'{}'::jsonb"),
        ("text[]", "'{}'::text[]"),
    ],
)
def test_defaults_that_are_no_json_are_left_out(type_: str, default: str) -> None:
    assert "default" not in property_of(Column("c", type_, type_, default=default))


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("smallint", {"format": "int32", "type": "integer"}),
        ("real", {"format": "real", "type": "number"}),
        ("double precision", {"format": "double precision", "type": "number"}),
        ("json", {"format": "json"}),
        ("character", {"format": "character", "type": "string"}),
        ("jsonb[]", {"format": "jsonb[]", "type": "array", "items": {}}),
        ("bigint[]", {"format": "bigint[]", "type": "array", "items": {"type": "integer"}}),
        ("api.mood", {"format": "api.mood", "type": "string"}),
    ],
)
def test_types(type_: str, expected: dict[str, Any]) -> None:
    assert property_of(Column("c", type_, type_)) == expected


def test_a_foreign_key_names_the_table_rather_than_its_view() -> None:
    only_view = replace(
        CATALOG, relationships={(PROJECTS.name, "api"): (foreign_key(named("a_clients_view"), target_is_view=True),)}
    )
    both = document()["definitions"]["projects"]["properties"]["client_id"]["description"]
    view = document(only_view)["definitions"]["projects"]["properties"]["client_id"]["description"]
    assert "<fk table='clients' column='id'/>" in both
    assert "<fk table='a_clients_view' column='id'/>" in view


@pytest.mark.parametrize(
    ("cardinality", "is_parent", "noted"),
    [
        (Cardinality.ONE_TO_ONE, False, True),
        (Cardinality.ONE_TO_ONE, True, False),
        (Cardinality.ONE_TO_MANY, False, False),
    ],
)
def test_only_the_referring_side_is_noted(cardinality: Cardinality, is_parent: bool, noted: bool) -> None:
    relationship = replace(foreign_key(CLIENTS.name), cardinality=cardinality, is_parent=is_parent)
    catalog = replace(CATALOG, relationships={(PROJECTS.name, "api"): (relationship,)})
    description = document(catalog)["definitions"]["projects"]["properties"]["client_id"]["description"]
    assert ("<fk" in description) is noted


def test_a_foreign_key_of_two_columns_is_not_noted() -> None:
    relationship = replace(foreign_key(CLIENTS.name), columns=(("client_id", "id"), ("name", "name")))
    catalog = replace(CATALOG, relationships={(PROJECTS.name, "api"): (relationship,)})
    assert document(catalog)["definitions"]["projects"]["properties"]["client_id"]["description"] == "Who pays"


def test_parameters_of_a_relation() -> None:
    produced = document()
    get = [parameter["$ref"] for parameter in produced["paths"]["/clients"]["get"]["parameters"]]
    assert get == [
        f"#/parameters/{name}"
        for name in (
            "rowFilter.clients.id",
            "rowFilter.clients.name",
            "select",
            "order",
            "range",
            "rangeUnit",
            "offset",
            "limit",
            "preferCount",
        )
    ]
    post = [parameter["$ref"] for parameter in produced["paths"]["/clients"]["post"]["parameters"]]
    assert post == ["#/parameters/body.clients", "#/parameters/select", "#/parameters/preferPost"]
    assert produced["parameters"]["rowFilter.projects.client_id"] == {
        "name": "client_id",
        "in": "query",
        "description": "Who pays",
        "required": False,
        "type": "string",
    }
    assert produced["parameters"]["body.clients"]["schema"] == {"$ref": "#/definitions/clients"}
    assert "enum" not in produced["parameters"]["preferParams"]
    assert produced["parameters"]["rangeUnit"]["default"] == "items"


def test_references_to_odd_names_can_be_followed() -> None:
    rows = document()["paths"]['/odd /{name}~%"']["get"]["responses"]["200"]["schema"]["items"]
    assert rows == {"$ref": '#/definitions/odd ~1{name}~0%25"'}


def test_arguments_in_the_query_string() -> None:
    arguments = {each["name"]: each for each in document()["paths"]["/rpc/mixed"]["get"]["parameters"]}
    assert arguments["list"] == {
        "name": "list",
        "in": "query",
        "required": True,
        "format": "integer[]",
        "type": "string",
    }
    assert arguments["doc"] == {"name": "doc", "in": "query", "required": True, "format": "json", "type": "string"}
    assert arguments["flag"]["required"] is False
    assert document()["paths"]["/rpc/total"]["get"]["parameters"] == [
        {
            "name": "numbers",
            "in": "query",
            "required": False,
            "type": "array",
            "collectionFormat": "multi",
            "items": {"type": "integer", "format": "int64"},
        }
    ]


def test_arguments_in_the_body() -> None:
    call = document()["paths"]["/rpc/mixed"]["post"]
    assert call["parameters"][1] == {"$ref": "#/parameters/preferParams"}
    assert call["parameters"][0]["schema"] == {
        "type": "object",
        "properties": {
            "list": {"format": "integer[]", "type": "array", "items": {"type": "integer"}},
            "doc": {"format": "json"},
            "docs": {"format": "jsonb[]", "type": "array", "items": {}},
            "flag": {"format": "boolean", "type": "boolean"},
        },
        "required": ["list", "doc", "docs"],
    }


def test_a_role_sees_the_types_of_its_schema_by_their_bare_name() -> None:
    everything = document()["paths"]["/rpc/projects_in"]["get"]["parameters"][0]
    role = document(routines={routine_key(PROJECTS_IN)})["paths"]["/rpc/projects_in"]["get"]["parameters"][0]
    assert (everything["format"], role["format"]) == ("api.state", "state")


def test_so_it_does_those_of_the_schemas_that_it_sees_besides() -> None:
    routine = replace(PROJECTS_IN, parameters=(replace(PROJECTS_IN.parameters[0], type="extra.state"),))
    catalog = Catalog(routines={routine.name: (routine,)})
    shown = document(catalog, routines={routine_key(routine)}, search_path=("public", "extra"))
    assert shown["paths"]["/rpc/projects_in"]["get"]["parameters"][0]["format"] == "state"


def test_summary_and_description_come_from_the_comment() -> None:
    get = document()["paths"]["/projects"]["get"]
    assert (get["summary"], get["description"]) == ("Projects", "What we do\nfor clients.")
    assert "summary" not in document()["paths"]["/clients"]["get"]


@pytest.mark.parametrize(
    ("comment", "title", "description"),
    [("My API", "My API", ""), ("My API\n\nIs\ngood.", "My API", "Is\ngood."), ("", "", "")],
)
def test_title_and_description_come_from_the_schema(comment: str, title: str, description: str) -> None:
    info = document(schema_comment=comment)["info"]
    assert info == {"title": title, "description": description, "version": "1.0"}


@pytest.mark.parametrize(
    ("changes", "host", "base_path", "scheme"),
    [
        ({}, "127.0.0.1:3000", "/", "http"),
        ({"host": "!4"}, "0.0.0.0:3000", "/", "http"),
        ({"host": "*6"}, "0.0.0.0:3000", "/", "http"),
        ({"proxy_uri": "https://api.example.com"}, "api.example.com:443", "/", "https"),
        ({"proxy_uri": "HTTP://api.example.com:8443/base/"}, "api.example.com:8443", "/base/", "http"),
        ({"proxy_uri": "https://[::1]:8/x"}, "[::1]:8", "/x", "https"),
        ({"proxy_uri": "ftp://api.example.com"}, "127.0.0.1:3000", "/", "http"),
        ({"proxy_uri": "https://user@api.example.com"}, "127.0.0.1:3000", "/", "http"),
        ({"proxy_uri": "https://api.example.com?query"}, "127.0.0.1:3000", "/", "http"),
        ({"proxy_uri": "https://api.example.com:70000"}, "127.0.0.1:3000", "/", "http"),
    ],
)
def test_where_the_api_is_reached(changes: dict[str, Any], host: str, base_path: str, scheme: str) -> None:
    produced = document(**changes)
    assert (produced["host"], produced["basePath"], produced["schemes"]) == (host, base_path, [scheme])


def test_security_is_described_when_switched_on() -> None:
    assert {"security", "securityDefinitions"}.isdisjoint(document())
    produced = document(security_active=True)
    assert produced["security"] == [{"JWT": []}]
    definition = produced["securityDefinitions"]["JWT"]
    assert (definition["type"], definition["in"], definition["name"]) == ("apiKey", "header", "Authorization")
