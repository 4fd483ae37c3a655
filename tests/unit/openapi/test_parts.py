"""The parts of the documents: names, types, addresses, privileges, and which document it is."""

from __future__ import annotations

from typing import Any

import pytest

from autorest.catalog.model import Catalog, Column, QualifiedName, Relation
from autorest.errors import Refused
from autorest.openapi.negotiation import choose_version, content_type, prefers_page
from autorest.openapi.privileges import Access, RoutineKey, read_privileges, routine_key
from autorest.openapi.v3.names import component_key, field_name, path_segment
from autorest.openapi.v3.types import Types, literal_default, nullable, type_of_name
from autorest.request.media_types import parse_accept
from autorest.sql.privileges import privileges, schema_comment
from tests.unit.openapi.sample import ADD, CATALOG, columns, named

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "configured", "version"),
    [
        (None, "3.1", "3.1"),
        (None, "2.0", "2.0"),
        ("", "2.0", "2.0"),
        ("*/*", "2.0", "2.0"),
        ("application/json", "2.0", "2.0"),
        ("application/vnd.pgrst.array+json", "2.0", "2.0"),
        ("application/openapi+json", "3.1", "3.1"),
        ("application/openapi+json;version=2.0", "3.1", "2.0"),
        ('application/openapi+json;version="3.1"', "2.0", "3.1"),
        ("application/vnd.oai.openapi+json;version=3.1", "2.0", "3.1"),
        ("application/vnd.oai.openapi+json", "2.0", "2.0"),
        ("text/csv, application/openapi+json;version=2.0", "3.1", "2.0"),
        ("application/openapi+json;version=9, application/json", "3.1", "3.1"),
        (BROWSER, "2.0", "2.0"),
    ],
)
def test_the_version(accept: str | None, configured: str, version: str) -> None:
    assert choose_version(parse_accept(accept), configured) == version


@pytest.mark.parametrize(
    "accept",
    [
        "text/csv",
        "application/openapi+json;version=1.2",
        "image/png, text/html",
        "application/vnd.pgrst.array+json;nulls=stripped",
    ],
)
def test_what_cannot_be_made_is_refused(accept: str) -> None:
    with pytest.raises(Refused) as refused:
        choose_version(parse_accept(accept), "3.1")
    assert (refused.value.error.status, refused.value.error.code) == (406, "PGRST107")


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("application/json, text/html", False),
        ("text/html;q=0.5, application/json", False),
        ("*/*", False),
        (None, False),
        ("text/csv, text/html", True),
        ("application/openapi+json;version=3.1, text/html", False),
    ],
)
def test_who_gets_the_page(accept: str | None, page: bool) -> None:
    assert prefers_page(parse_accept(accept)) is page


def test_only_31_says_its_version() -> None:
    assert content_type("2.0") == "application/openapi+json; charset=utf-8"
    assert content_type("3.1") == "application/openapi+json;version=3.1; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "key", "segment", "field"),
    [
        ("todos", "todos", "todos", "todos"),
        ("a.b", "a.2Eb", "a.b", '"a.b"'),
        ("Server Today", "Server.20Today", "Server%20Today", "Server Today"),
        ("{x}/y", ".7Bx.7D.2Fy", "%7Bx%7D%2Fy", '"{x}/y"'),
        ("größe", "gr.C3.B6.C3.9Fe", "gr%C3%B6%C3%9Fe", "größe"),
        ("field-with_sep", "field-with_sep", "field-with_sep", "field-with_sep"),
        ('say "hi"\\', "say.20.22hi.22.5C", "say%20%22hi%22%5C", '"say \\"hi\\"\\\\"'),
        ("select", "select", "select", '"select"'),
        (" padded", ".20padded", "%20padded", '" padded"'),
        ("a->b", "a-.3Eb", "a-%3Eb", '"a->b"'),
    ],
)
def test_names(name: str, key: str, segment: str, field: str) -> None:
    assert (component_key(name), path_segment(name), field_name(name)) == (key, segment, field)


@pytest.mark.parametrize(
    ("type_", "default", "expected"),
    [
        ("text", "'it''s'::text", (True, "it's")),
        ("character varying", "'a'::character varying", (True, "a")),
        ("integer", "7", (True, 7)),
        ("integer", "'-7'::integer", (True, -7)),
        ("numeric", "1.5", (True, 1.5)),
        ("boolean", "true", (True, True)),
        ("jsonb", "'{\"a\": [1]}'::jsonb", (True, {"a": [1]})),
        ("api.state", "'new'::api.state", (True, "new")),
        ("date", "'2020-01-01'::date", (True, "2020-01-01")),
    ],
)
def test_constant_defaults(type_: str, default: str, expected: tuple[bool, Any]) -> None:
    assert literal_default(Column("c", type_, type_, default=default)) == expected


@pytest.mark.parametrize(
    ("type_", "default"),
    [
        ("text", None),
        ("text", "CURRENT_USER"),
        ("text", "('a'::text || 'b'::text)"),
        ("text", "'a'::text || 'b'::text"),
        ("integer", "nextval('s'::regclass)"),
        ("integer", "99999999999999999999"),
        ("boolean", "random() > 0.5"),
        ("jsonb", "'[NaN]'::jsonb"),
        ("jsonb", "jsonb_build_object()"),
        ("text[]", "'{}'::text[]"),
        ("timestamp with time zone", "now()"),
    ],
)
def test_computed_defaults(type_: str, default: str | None) -> None:
    assert literal_default(Column("c", type_, type_, default=default))[0] is False


@pytest.mark.parametrize(
    ("pg_type", "expected"),
    [
        ("uuid", {"type": "string", "format": "uuid"}),
        ("timestamp without time zone", {"type": "string"}),
        ("json", {}),
        ("jsonb[]", {"type": "array", "items": {}}),
        ("integer[]", {"type": "array"}),
        ("api.state", {"type": "string", "enum": ["new", "done"]}),
        ("api.projects", {"type": "object"}),
        ("api.something", {}),
        ("extensions.citext", {"type": "string"}),
        ("daterange", {"type": "string"}),
    ],
)
def test_schemas_of_types(pg_type: str, expected: dict[str, Any]) -> None:
    found = Types.of(CATALOG).schema(pg_type)
    assert {key: found[key] for key in expected} == expected
    assert found.keys() == expected.keys() or pg_type == "integer[]"


def test_modifiers_narrow_the_schema() -> None:
    types = Types.of(Catalog())
    money = types.read(Column("c", "numeric", "numeric(5,2)", nullable=False))
    assert (money["exclusiveMinimum"], money["exclusiveMaximum"]) == (-1000, 1000)
    bits = types.read(Column("c", "bit", "bit(4)", nullable=False, max_length=4))
    assert (bits["minLength"], bits["maxLength"]) == (4, 4)
    assert "exclusiveMaximum" not in types.read(Column("c", "numeric", "numeric", nullable=False))


def test_null_is_allowed_beside_the_choices() -> None:
    assert nullable({"type": "string", "enum": ["a"]}) == {"type": ["string", "null"], "enum": ["a", None]}
    assert nullable({}) == {}


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        (("pg_catalog", "int4"), "integer"),
        (("pg_catalog", "_int8"), "bigint[]"),
        (("pg_catalog", "uuid"), "uuid"),
        (("api", "state"), "api.state"),
        (("api", "_state"), "api.state[]"),
    ],
)
def test_names_of_types(name: tuple[str, str], printed: str) -> None:
    assert type_of_name(QualifiedName(*name)) == printed


def test_examples_fit_a_modifier() -> None:
    types = Types.of(Catalog())
    assert types.example(Column("c", "character varying", "character varying(2)", max_length=2)) == "te"
    assert types.example(Column("c", "bit", "bit(3)", max_length=3)) == "111"


def test_privileges_are_read_from_one_row() -> None:
    row = (b'[["todos", true, false, false, true]]', b'[["add", ["integer", "integer"]]]', b"An API")
    assert read_privileges("api", row) == (
        {named("todos"): Access(True, False, False, True)},
        frozenset({routine_key(ADD)}),
        "An API",
    )
    assert read_privileges("api", (None, None, None)) == ({}, frozenset(), None)


def test_statements_bind_the_schema() -> None:
    hostile = 'x"; drop schema api; --'
    for statement in (*privileges(hostile), schema_comment(hostile)):
        assert hostile.encode() not in statement.text
    assert privileges(hostile)[1].parameters == (hostile.encode(),)


def test_overloads_have_different_keys() -> None:
    assert routine_key(ADD) == RoutineKey(named("add"), ("integer", "integer"))
    assert len({routine_key(each) for each in CATALOG.routines[ADD.name]}) == 2


def test_an_enumeration_is_known_by_any_column_of_it() -> None:
    moods = Relation(named("moods"), columns(Column("m", "api.mood", "api.mood", enum=("good", "bad"))))
    types = Types.of(Catalog(relations={moods.name: moods}))
    assert types.schema("api.mood[]")["items"]["enum"] == ["good", "bad", None]
