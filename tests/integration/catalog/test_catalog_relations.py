"""Tables, views, their columns and keys, as PostgreSQL has them."""

from __future__ import annotations

import asyncio

import pytest

from autorest.catalog.model import Catalog, Column, QualifiedName, Relation
from tests.integration.catalog.conftest import read


def relation(catalog: Catalog, name: str, schema: str = "api") -> Relation:
    return catalog.relations[QualifiedName(schema, name)]


def column(catalog: Catalog, name: str, table: str = "books") -> Column:
    return relation(catalog, table).columns[name]


def test_the_relations_of_exposed_schemas_are_resources(catalog: Catalog) -> None:
    assert {name.schema for name in catalog.relations} == {"api", "archive"}
    assert QualifiedName("archive", "notes") in catalog.relations
    assert QualifiedName("api", "people") in catalog.relations
    assert QualifiedName("api", "span") not in catalog.relations
    assert QualifiedName("api", "authors_pkey") not in catalog.relations


def test_partitioned_tables_are_resources_and_partitions_are_not(catalog: Catalog) -> None:
    assert relation(catalog, "loans").primary_key == ("id", "year")
    assert QualifiedName("api", "loans_2024") not in catalog.relations
    assert QualifiedName("api", "loans_2025") not in catalog.relations


def test_schemas_and_relations_have_their_comments(catalog: Catalog) -> None:
    assert catalog.schemas == {"api": "The library", "archive": None}
    assert relation(catalog, "authors").description == "Who writes"
    assert relation(catalog, "genres").description is None
    assert column(catalog, "name", "authors").description == "As printed on the cover"


def test_columns_are_in_the_order_of_the_table_without_dropped_ones(catalog: Catalog) -> None:
    assert " ".join(relation(catalog, "books").columns) == (
        "id title author_id editor_id format medium isbn edition shelf code flags price pages formats tint borrowed"
        " slug added_at"
    )
    assert relation(catalog, "empty").columns == {}


@pytest.mark.parametrize(
    ("name", "type_", "nominal"),
    [
        ("title", "character varying", "character varying(80)"),
        ("code", "character", "character(3)"),
        ("flags", "bit", "bit(4)"),
        ("price", "numeric", "numeric(8,2)"),
        ("pages", "integer[]", "integer[]"),
        ("added_at", "timestamp with time zone", "timestamp with time zone"),
        ("format", "api.format", "api.format"),
        ("formats", "api.format[]", "api.format[]"),
        ("medium", "api.medium", "api.medium"),
        ("isbn", "character varying", "api.isbn"),
        ("edition", "character varying", "api.edition"),
        ("tint", "integer", "api.color"),
        ("borrowed", "api.loan_span", "api.loan_span"),
    ],
)
def test_a_domain_is_read_as_the_built_in_type_below_it(catalog: Catalog, name: str, type_: str, nominal: str) -> None:
    assert (column(catalog, name).type, column(catalog, name).nominal_type) == (type_, nominal)


@pytest.mark.parametrize(
    ("name", "length"), [("title", 80), ("code", 3), ("flags", 4), ("isbn", 17), ("edition", None), ("price", None)]
)
def test_the_length_of_strings_is_known(catalog: Catalog, name: str, length: int | None) -> None:
    assert column(catalog, name).max_length == length


def test_enumerations_list_their_values_under_a_domain_too(catalog: Catalog) -> None:
    assert column(catalog, "format").enum == column(catalog, "medium").enum == ("paper", "audio", "film")
    assert column(catalog, "formats").enum == column(catalog, "title").enum == ()


def test_what_is_not_null_itself_or_by_its_domain_is_not_nullable(catalog: Catalog) -> None:
    nullable = {name for name, one in relation(catalog, "books").columns.items() if one.nullable}
    assert nullable.isdisjoint({"id", "title", "author_id", "isbn", "shelf", "added_at"})
    assert {"editor_id", "format", "slug", "tint"} <= nullable


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("format", "'paper'::api.format"),
        ("price", "9.5"),
        ("added_at", "now()"),
        ("isbn", "'000'::character varying"),
        ("edition", "'000'::character varying"),
        ("shelf", "'A1'::character varying"),
        ("title", None),
        ("id", None),
        ("slug", None),
    ],
)
def test_defaults_come_from_the_column_and_else_from_its_domain(
    catalog: Catalog, name: str, default: str | None
) -> None:
    assert column(catalog, name).default == default


def test_an_identity_that_can_be_given_shows_its_sequence(catalog: Catalog) -> None:
    identity = column(catalog, "id", "authors")
    assert identity.default == "nextval('api.authors_id_seq')"
    assert identity.writable


def test_generated_columns_cannot_be_written(catalog: Catalog) -> None:
    assert {name for name, one in relation(catalog, "books").columns.items() if not one.writable} == {"id", "slug"}


@pytest.mark.parametrize(
    ("name", "is_view", "insertable", "updatable", "deletable"),
    [
        ("books", False, True, True, True),
        ("loans", False, True, True, True),
        ("people", True, True, True, True),
        ("cards", True, False, False, False),
        ("united", True, False, False, False),
        ("stored", True, False, False, False),
        ("triggered", True, True, False, False),
        ("ruled", True, False, False, True),
    ],
)
def test_what_can_be_written_follows_from_the_definition(
    catalog: Catalog, name: str, is_view: bool, insertable: bool, updatable: bool, deletable: bool
) -> None:
    found = relation(catalog, name)
    assert found.is_view is is_view
    assert (found.insertable, found.updatable, found.deletable) == (insertable, updatable, deletable)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("books", ("id",)),
        ("branches", ("city", "number")),
        ("managers", ()),
        ("people", ("id",)),
        ("cards", ("number",)),
        ("chained", ("card",)),
        ("chained_twice", ("card",)),
        ("chained_in_hiding", ()),
        ("twice", ("id",)),
        ("both", ("card", "person")),
        ("half", ("id",)),
        ("members", ("person_id", "genre_id")),
        ("united", ()),
        ("nested", ("id",)),
        ("grouped", ()),
        ("stored", ("id",)),
        ("no_columns", ()),
        ('odd " :targetList view', (" :targetList",)),
    ],
)
def test_a_view_has_the_primary_keys_that_it_shows(catalog: Catalog, name: str, key: tuple[str, ...]) -> None:
    assert relation(catalog, name).primary_key == key


def test_names_are_taken_as_they_are(catalog: Catalog) -> None:
    assert list(relation(catalog, 'Ünïque "names"').columns) == ["of a {QUERY", " :targetList ", "a, b"]


def test_equal_columns_and_strings_are_one_value(catalog: Catalog) -> None:
    assert column(catalog, "number", "branches") is not column(catalog, "number", "managers")
    assert column(catalog, "id", "genres") is column(catalog, "id", "reviews")
    assert column(catalog, "id", "genres").type is column(catalog, "year", "loans").type


def test_a_view_follows_hidden_views_only_in_the_extra_search_path(library: str) -> None:
    without = asyncio.run(read(library, extra=()))
    assert relation(without, "chained").primary_key == ()
    with_hidden = asyncio.run(read(library, extra=("shared", "kept", "nowhere")))
    assert relation(with_hidden, "chained_in_hiding").primary_key == ("card",)
