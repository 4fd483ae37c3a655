"""OpenAPI 3.1: valid, and saying no more and no less than what the API takes and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from autorest.catalog.model import Catalog, Column, QualifiedName, Relation
from autorest.openapi.privileges import Access, routine_key
from autorest.openapi.v3 import document_v3
from autorest.openapi.v3.shared import FILTER_PATTERN
from tests.unit.openapi.sample import ADD, CATALOG, CLIENTS, PROJECTS, UPLOAD, columns, named

ALL: dict[str, Any] = {
    "schema": "api",
    "relations": None,
    "routines": None,
    "schema_comment": None,
    "version": "1.0",
}


def document(catalog: Catalog = CATALOG, **changes: Any) -> dict[str, Any]:
    produced: dict[str, Any] = json.loads(json.dumps(document_v3(catalog, **{**ALL, **changes})))
    return produced


def problems(produced: dict[str, Any]) -> list[str]:
    return [error.message for error in OpenAPIV31SpecValidator(produced).iter_errors()]


def schemas(catalog: Catalog = CATALOG) -> dict[str, Any]:
    found: dict[str, Any] = document(catalog)["components"]["schemas"]
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"profiles": ("api", "other")},
        {"login": True, "registration": True},
        {"relations": {}, "routines": ()},
        {"schema_comment": "Title\n\nDescription"},
        {"conditional": False},
    ],
)
def test_it_is_valid_openapi_31(changes: dict[str, Any]) -> None:
    assert problems(document(**changes)) == []


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(deadline=None, max_examples=30)
@given(relation=names, column=names)
def test_it_is_valid_whatever_things_are_called(relation: str, column: str) -> None:
    table = Relation(named(relation), columns(Column(column, "text", "text")))
    produced = document(Catalog(relations={table.name: table}))
    assert problems(produced) == []
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", each) for each in operation_ids(produced))


@settings(deadline=None, max_examples=50)
@example(["Error", "Filter", "rpc", "auth"])
@given(st.lists(names, min_size=2, max_size=4, unique=True))
def test_different_names_never_meet(given_names: list[str]) -> None:
    relations = {named(name): Relation(named(name), columns(Column("c", "text", "text"))) for name in given_names}
    produced = document(Catalog(relations=relations))
    assert len(produced["paths"]) == 1 + len(given_names)
    assert len(produced["components"]["schemas"]) == 2 + 3 * len(given_names)


def test_operations_are_what_the_relation_allows() -> None:
    paths = document()["paths"]
    assert set(paths["/projects"]) == {"get", "post", "put", "patch", "delete", "summary", "description"}
    assert set(paths["/open_projects"]) == {"get"}
    assert set(paths["/a_clients_view"]) == {"get", "post", "patch", "delete"}, "no key, no PUT"


@pytest.mark.parametrize(
    ("access", "methods"),
    [
        (Access(True, False, False, False), {"get"}),
        (Access(False, True, False, False), {"post"}),
        (Access(True, True, True, False), {"get", "post", "put", "patch"}),
        (Access(False, False, False, True), {"delete"}),
    ],
)
def test_operations_are_what_the_role_may_do(access: Access, methods: set[str]) -> None:
    produced = document(relations={CLIENTS.name: access})
    assert set(produced["paths"]["/clients"]) == methods
    assert problems(produced) == []


def test_a_relation_that_the_role_can_do_nothing_with_is_left_out() -> None:
    produced = document(relations={CLIENTS.name: Access(False, False, False, False)}, routines=())
    assert list(produced["paths"]) == ["/"]
    assert "clients" not in produced["components"]["schemas"]


def test_a_row_as_it_is_read() -> None:
    row = schemas()["projects"]
    assert row["required"] == list(PROJECTS.columns)
    properties = row["properties"]
    assert properties["id"]["type"] == "integer"
    assert properties["client_id"] == {
        "type": ["integer", "null"],
        "format": "int32",
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
        "description": "Who pays",
        "x-pg-type": "integer",
        "x-pg-references": {"relation": "clients", "column": "id"},
    }
    assert properties["id"]["x-pg-primary-key"] is True
    assert properties["state"]["enum"] == ["new", "done"]
    assert properties["made"] == {
        "type": ["string", "null"],
        "format": "date-time",
        "x-pg-type": "timestamp with time zone",
        "x-pg-default": "now()",
    }
    assert properties["slug"]["readOnly"] is True
    assert properties["tags"]["items"] == {"type": ["string", "null"]}
    assert "type" not in properties["extra"]
    assert properties["name"]["maxLength"] == 40


def test_a_row_as_it_is_inserted() -> None:
    body = schemas()["projects.insert"]
    assert body["required"] == ["name"]
    assert body["additionalProperties"] is False
    assert "slug" not in body["properties"]
    defaults = {name: found["default"] for name, found in body["properties"].items() if "default" in found}
    assert defaults == {"state": "new", "budget": 42.5, "active": True, "extra": {}}
    assert body["properties"]["made"]["x-pg-default"] == "now()"


def test_a_row_as_it_is_updated_requires_nothing() -> None:
    body = schemas()["projects.update"]
    assert "required" not in body
    assert not [name for name, found in body["properties"].items() if "default" in found]


def test_what_can_be_embedded() -> None:
    embeds = schemas()["projects"]["x-pg-relationships"]
    assert [(embed["name"], embed["toOne"]) for embed in embeds] == [
        ("a_clients_view", True),
        ("clients", True),
        ("owner_of", True),
    ]


def resolved(produced: dict[str, Any], node: Any) -> Any:
    """Return `node` with its references into the document followed."""
    match node:
        case {"$ref": str(reference), **rest}:
            found: Any = produced
            for part in reference.removeprefix("#/").split("/"):
                found = found[part]
            return resolved(produced, {**found, **rest})
        case dict():
            return {key: resolved(produced, value) for key, value in node.items()}
        case list():
            return [resolved(produced, value) for value in node]
    return node


def media(produced: Any) -> list[dict[str, Any]]:
    """Return every media type object with a schema below `produced`."""
    match produced:
        case {"schema": _, "example": _} | {"schema": _, "examples": _} if "in" not in produced:
            return [produced]
        case dict():
            return [found for value in produced.values() for found in media(value)]
        case list():
            return [found for value in produced for found in media(value)]
    return []


def test_every_example_fits_its_schema() -> None:
    produced = document()
    checked = 0
    for content in media(produced):
        schema = resolved(produced, content["schema"])
        examples = [content["example"]] if "example" in content else []
        examples += [each["value"] for each in content.get("examples", {}).values()]
        for value in examples:
            Draft202012Validator(schema).validate(value)
            checked += 1
    assert checked > 30


def answer(produced: dict[str, Any], path: str, method: str) -> Any:
    """Return the media types that an operation answers with on success; references stay in their schemas."""
    reference = produced["paths"][path][method]["responses"]["200"]["$ref"]
    return produced["components"]["responses"][reference.rpartition("/")[2]]["content"]


def parameters(produced: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    listed = [resolved(produced, each) for each in produced["paths"][path][method]["parameters"]]
    assert len({(each["name"], each["in"]) for each in listed}) == len(listed)
    return {each["name"]: each for each in listed}


def test_every_column_is_a_filter() -> None:
    produced = document()
    assert set(parameters(produced, "/clients", "get")) == {
        "id",
        "name",
        "and",
        "or",
        "select",
        "order",
        "limit",
        "offset",
        "Range",
        "Prefer",
        "If-None-Match",
    }
    odd = parameters(produced, "/odd%20%2F%7Bname%7D~%25%22", "get")
    assert {'"a.b,c"', '"select"', "select", "with space"} <= set(odd)


@pytest.mark.parametrize(
    "value",
    [
        "eq.5",
        "not.eq.5",
        "eq(any).{1,2}",
        "like(all).{a*,*b}",
        "gte.",
        "is.null",
        "not.is.not_null",
        "in.(1,2)",
        "in.()",
        "fts(english).cat",
        "wfts.cat",
        "isdistinct.1",
        "cs.{a}",
        "adj.[1,2)",
    ],
)
def test_the_pattern_of_filters_takes_filters(value: str) -> None:
    assert re.search(FILTER_PATTERN, value)


@pytest.mark.parametrize("value", ["5", "eq", "equals.5", "is.maybe", "in.1,2", "neq(any).{1}", "not.not.eq.1"])
def test_the_pattern_of_filters_refuses_what_is_none(value: str) -> None:
    assert not re.search(FILTER_PATTERN, value)


def test_conditions_are_described_where_they_are_heeded() -> None:
    produced, without = document(), document(conditional=False)
    for method, conditions, status in (
        ("get", {"If-None-Match"}, "304"),
        ("put", {"If-Match", "If-None-Match"}, "412"),
        ("patch", {"If-Match"}, "412"),
        ("delete", {"If-Match"}, "412"),
    ):
        operation, plain = (each["paths"]["/projects"][method] for each in (produced, without))
        assert {name for name in parameters(produced, "/projects", method) if name.startswith("If-")} == conditions
        assert status in operation["responses"] and status not in plain["responses"]
        assert not any(name.startswith("If-") for name in parameters(without, "/projects", method))
    assert "ETag" in produced["components"]["responses"]["projects.rows"]["headers"]
    assert "ETag" not in without["components"]["responses"]["projects.rows"]["headers"]


def test_put_needs_the_whole_key() -> None:
    produced = document()
    key = parameters(produced, "/projects", "put")["id"]
    assert (key["required"], key["schema"]["pattern"]) == (True, r"^eq\.-?[0-9]+$")
    body = produced["paths"]["/projects"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == [name for name in PROJECTS.columns if name != "slug"]


def test_put_is_left_out_where_the_key_is_generated() -> None:
    generated = Column("id", "bigint", "bigint", nullable=False, writable=False)
    table = Relation(named("t"), columns(generated, Column("name", "text", "text")), primary_key=("id",))
    item = document(Catalog(relations={table.name: table}))["paths"]["/t"]
    assert set(item) == {"get", "post", "patch", "delete"}


def test_profiles_are_parameters_where_there_are_several_schemas() -> None:
    produced = document(profiles=("api", "other"))
    assert parameters(produced, "/clients", "get")["Accept-Profile"]["schema"]["enum"] == ["api", "other"]
    assert "Content-Profile" in parameters(produced, "/clients", "post")
    assert "Accept-Profile" not in parameters(document(), "/clients", "get")


def test_arguments_of_a_function() -> None:
    produced = document()
    assert [(each["name"], each["required"]) for each in produced["paths"]["/rpc/add"]["get"]["parameters"][:2]] == [
        ("a", True),
        ("b", False),
    ]
    body = produced["paths"]["/rpc/add"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {
        "anyOf": [{"$ref": "#/components/schemas/rpc.add"}, {"$ref": "#/components/schemas/rpc.add.overload2"}]
    }
    second = produced["components"]["schemas"]["rpc.add.overload2"]
    assert (list(second["properties"]), second["required"]) == (["a", "b"], ["a"])


def test_a_function_that_writes_is_called_by_post_only() -> None:
    assert set(document()["paths"]["/rpc/upload"]) == {"post"}
    only = document(routines={routine_key(ADD), routine_key(UPLOAD)})["paths"]
    assert [path for path in only if path.startswith("/rpc/")] == ["/rpc/add", "/rpc/upload"]


def test_one_unnamed_parameter_is_the_whole_body() -> None:
    post = document()["paths"]["/rpc/upload"]["post"]
    octets = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    assert post["requestBody"] == {"required": True, "content": octets}
    assert "204" in post["responses"] and "200" not in post["responses"]


def test_no_two_bodies_have_the_type_that_a_client_would_choose_by() -> None:
    bodies = [
        operation["requestBody"]["content"]
        for item in document()["paths"].values()
        for operation in item.values()
        if "requestBody" in operation
    ]
    assert bodies and all("application/x-www-form-urlencoded" not in content for content in bodies)


def test_a_variadic_parameter_is_repeated() -> None:
    numbers = document()["paths"]["/rpc/total"]["get"]["parameters"][0]
    assert numbers["schema"]["type"] == "array"
    assert numbers["schema"]["items"]["type"] == "integer"
    assert document()["paths"]["/rpc/total"]["post"]["requestBody"]["required"] is False


def test_a_function_that_returns_rows_takes_filters_but_for_its_arguments() -> None:
    produced = document()
    get = parameters(produced, "/rpc/projects_in", "get")
    assert {"id", "client_id", "select", "order", "limit"} <= set(get)
    assert get["state"]["schema"]["enum"] == ["new", "done"], "the argument, not the column"
    assert answer(produced, "/rpc/projects_in", "get")["application/json"]["schema"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/projects"},
    }


def test_rows_of_a_relation_the_role_cannot_see_are_objects() -> None:
    produced = document(relations={CLIENTS.name: Access()})
    assert answer(produced, "/rpc/projects_in", "get")["application/json"]["schema"] == {
        "type": "array",
        "items": {"type": "object"},
    }
    assert problems(produced) == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/rpc/add", {"type": ["integer", "null"], "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}),
        ("/rpc/mixed", {"type": ["array", "null"], "items": {"type": ["string", "null"]}}),
        ("/rpc/total", {"type": ["number", "null"]}),
    ],
)
def test_what_a_function_returns(path: str, expected: dict[str, Any]) -> None:
    assert answer(document(), path, "post")["application/json"]["schema"] == expected


def test_a_function_that_renders_a_media_type_returns_just_that() -> None:
    assert answer(document(), "/rpc/logo", "get") == {"image/png": {}}


def test_rows_come_in_several_media_types() -> None:
    content = answer(document(), "/clients", "get")
    assert {"application/json", "application/vnd.pgrst.object+json", "text/csv"} <= set(content)
    assert content["application/vnd.pgrst.object+json"]["schema"] == {"$ref": "#/components/schemas/clients"}


def test_geometry_adds_geojson() -> None:
    places = Relation(named("places"), columns(Column("at", "public.geometry", "public.geometry(Point,4326)")))
    assert "application/geo+json" in answer(document(Catalog(relations={places.name: places})), "/places", "get")
    assert "application/geo+json" not in answer(document(), "/clients", "get")


def arrays(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "array" in (node.get("type") or ()):
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from arrays(each)


def test_every_array_says_of_what() -> None:
    """JSON Schema does not ask for it, generators of code do."""
    assert [found for found in arrays(document()["components"]) if "items" not in found] == []


def test_errors_are_described() -> None:
    produced = document()
    for path, item in produced["paths"].items():
        for method in {"get", "post", "put", "patch", "delete"} & item.keys():
            assert {"400", "401", "403", "404", "406", "500", "503", "504", "default"} <= set(
                item[method]["responses"]
            ), (path, method)
    assert "409" in produced["paths"]["/clients"]["post"]["responses"]
    assert "416" in produced["paths"]["/clients"]["get"]["responses"]


def test_a_domain_with_a_representation_may_be_anything() -> None:
    color = Relation(named("colors"), columns(Column("c", "integer", "api.color")))
    catalog = Catalog(
        relations={color.name: color}, representations={("api.color", "json"): QualifiedName("api", "json")}
    )
    assert "type" not in schemas(catalog)["colors"]["properties"]["c"]
    assert schemas(catalog)["colors.insert"]["properties"]["c"]["type"] == ["integer", "null"]


def test_the_token_is_optional_where_anonymous_requests_are_served() -> None:
    assert document()["security"] == [{}, {"JWT": []}]
    assert document(anonymous=False)["security"] == [{"JWT": []}]


def test_the_login_is_described_where_it_is_on() -> None:
    assert not [path for path in document()["paths"] if path.startswith("/auth/")]
    login = document(login=True)["paths"]
    assert {"/auth/login", "/auth/refresh", "/auth/logout", "/auth/me"} <= set(login)
    assert "/auth/register" not in login
    assert "/auth/register" in document(login=True, registration=True)["paths"]


def test_the_address_and_the_title() -> None:
    produced = document(server_url="https://api.example.com/v1", schema_comment="Shop\n\nSells things.")
    assert produced["servers"] == [{"url": "https://api.example.com/v1"}]
    assert (produced["info"]["title"], produced["info"]["description"]) == ("Shop", "Sells things.")


def operation_ids(produced: dict[str, Any]) -> list[str]:
    operations = [operation for item in produced["paths"].values() for operation in item.values()]
    return [operation["operationId"] for operation in operations if isinstance(operation, dict)]


def test_operation_ids_are_unique() -> None:
    ids = operation_ids(document(login=True, registration=True))
    assert len(ids) == len(set(ids))
