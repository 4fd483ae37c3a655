"""Relationships between all that is exposed, directly and through views."""

from __future__ import annotations

from autorest.catalog.model import Cardinality, Catalog, ComputedRelationship, QualifiedName, Relationship

M2O, O2M, O2O, M2M = (
    Cardinality.MANY_TO_ONE,
    Cardinality.ONE_TO_MANY,
    Cardinality.ONE_TO_ONE,
    Cardinality.MANY_TO_MANY,
)


def api(name: str) -> QualifiedName:
    return QualifiedName("api", name)


def between(catalog: Catalog, origin: str, target: str, schema: str = "api") -> list[Relationship]:
    ways = catalog.relationships.get((api(origin), schema), ())
    return [one for one in ways if isinstance(one, Relationship) and one.target.name == target]


def told(ways: list[Relationship]) -> list[tuple[Cardinality, str, tuple[tuple[str, str], ...]]]:
    return [(one.cardinality, one.constraint, one.columns) for one in ways]


def test_two_foreign_keys_are_two_relationships(catalog: Catalog) -> None:
    assert told(between(catalog, "books", "authors")) == [
        (M2O, "edited_by", (("editor_id", "id"),)),
        (M2O, "written_by", (("author_id", "id"),)),
    ]
    assert told(between(catalog, "authors", "books")) == [
        (O2M, "edited_by", (("id", "editor_id"),)),
        (O2M, "written_by", (("id", "author_id"),)),
    ]


def test_a_key_or_unique_constraint_makes_it_one_to_one(catalog: Catalog) -> None:
    for name, key in (("cover", "cover_book_id_fkey"), ("summary", "summary_book_id_fkey")):
        (forth,) = between(catalog, name, "books")
        (back,) = between(catalog, "books", name)
        assert told([forth, back]) == [(O2O, key, (("book_id", "id"),)), (O2O, key, (("id", "book_id"),))]
        assert (forth.is_parent, back.is_parent) == (False, True)


def test_a_unique_constraint_over_more_columns_does_not(catalog: Catalog) -> None:
    assert all(one.cardinality is M2O for one in between(catalog, "books", "authors"))


def test_a_composite_key_pairs_its_columns_in_its_own_order(catalog: Catalog) -> None:
    assert told(between(catalog, "copies", "branches")) == [
        (M2O, "copies_branch", (("branch_city", "city"), ("branch_number", "number"))),
    ]
    assert told(between(catalog, "managers", "branches")) == [
        (O2O, "managers_branch", (("city", "city"), ("number", "number"))),
    ]


def test_a_table_that_refers_to_itself(catalog: Catalog) -> None:
    ways = between(catalog, "authors", "authors")
    assert [(one.cardinality, one.is_self) for one in ways] == [(O2M, True), (M2O, True)]


def test_a_junction_joins_what_its_key_refers_to(catalog: Catalog) -> None:
    (way,) = between(catalog, "books", "genres")
    assert way.cardinality is M2M
    assert way.junction is not None
    assert way.junction.name == api("book_genres")
    assert way.junction.origin_columns == (("id", "book_id"),)
    assert way.junction.target_columns == (("id", "genre_id"),)
    assert [one.cardinality for one in between(catalog, "genres", "books")] == [M2M]
    itself = between(catalog, "genres", "genres")
    assert [one.junction and (one.junction.origin_constraint, one.is_self) for one in itself] == [
        ("similar_one", True),
        ("similar_other", True),
    ]


def test_a_partitioned_table_has_its_own_foreign_keys_once(catalog: Catalog) -> None:
    assert told(between(catalog, "loans", "copies")) == [(M2O, "loans_copy_id_fkey", (("copy_id", "id"),))]
    assert told(between(catalog, "fines", "loans")) == [
        (M2O, "fines_loan_id_loan_year_fkey", (("loan_id", "id"), ("loan_year", "year")))
    ]
    assert between(catalog, "copies", "loans_2024") == between(catalog, "fines", "loans_2024") == []


def test_a_foreign_key_declared_on_a_partition_alone_leads_there(catalog: Catalog) -> None:
    assert told(between(catalog, "copies", "loans_2025")) == [(O2M, "copies_of_2025", (("id", "copy_id"),))]


def test_views_have_the_relationships_of_their_tables(catalog: Catalog) -> None:
    assert told(between(catalog, "cards", "people")) == [(M2O, "held_by", (("holder", "id"),))]
    assert told(between(catalog, "cards", "branches")) == [
        (M2O, "issued_at", (("city", "city"), ("branch", "number"))),
    ]
    assert told(between(catalog, "people", "cards")) == [(O2M, "held_by", (("id", "holder"),))]
    (way,) = between(catalog, "branches", "cards")
    assert (way.origin_is_view, way.target_is_view) == (False, True)
    assert [(one.cardinality, one.is_self) for one in between(catalog, "people", "people")] == [
        (O2M, True),
        (M2O, True),
    ]


def test_a_chain_of_views_keeps_them(catalog: Catalog) -> None:
    for name in ("chained", "chained_twice"):
        assert told(between(catalog, name, "people")) == [(M2O, "held_by", (("bearer", "id"),))]
    assert between(catalog, "chained_in_hiding", "people") == []


def test_a_repeated_column_is_one_relationship_each(catalog: Catalog) -> None:
    assert [one.columns for one in between(catalog, "twice", "people")] == [
        (("person_id", "id"),),
        (("person_too", "id"),),
    ]


def test_part_of_a_key_is_none(catalog: Catalog) -> None:
    assert between(catalog, "half", "branches") == []


def test_what_a_view_computes_or_unites_is_no_column_of_a_table(catalog: Catalog) -> None:
    for name in ("united", "no_columns"):
        assert not [way for (origin, _), way in catalog.relationships.items() if origin == api(name)]


def test_subqueries_grouping_storing_and_renaming_keep_the_columns_origin(catalog: Catalog) -> None:
    for name, column in (
        ("nested", "person_id"),
        ("grouped", "person_id"),
        ("stored", "person_id"),
        ("renamed", "who"),
    ):
        assert told(between(catalog, name, "people")) == [(M2O, "held_by", ((column, "id"),))]


def test_strange_names_do_not_mislead(catalog: Catalog) -> None:
    assert told(between(catalog, 'odd " :targetList view', "people")) == [(M2O, "held_by", (("b } c) {", "id"),))]
    assert told(between(catalog, 'Ünïque "names"', "genres")) == [(M2O, 'Ünïque "names"_a, b_fkey', (("a, b", "id"),))]


def test_a_hidden_junction_is_used_through_its_view(catalog: Catalog) -> None:
    (way,) = between(catalog, "people", "genres")
    assert way.cardinality is M2M
    assert way.junction is not None
    assert way.junction.name == api("members")
    assert (way.origin_is_view, way.target_is_view) == (True, False)


def test_relationships_lead_to_other_exposed_schemas_and_to_no_hidden_one(catalog: Catalog) -> None:
    assert told(between(catalog, "books", "notes", "archive")) == [(O2M, "notes_book_id_fkey", (("id", "book_id"),))]
    assert told(between(catalog, "cards", "people", "archive")) == [(M2O, "held_by", (("holder", "id"),))]
    for (origin, schema), ways in catalog.relationships.items():
        assert {origin.schema, schema} <= {"api", "archive"}
        for way in ways:
            assert way.origin == origin
            assert {way.origin.schema, way.target.schema} <= {"api", "archive"}
            if isinstance(way, Relationship) and way.junction:
                assert way.junction.name.schema in {"api", "archive"}


def computed(catalog: Catalog, origin: str) -> list[ComputedRelationship]:
    ways = catalog.relationships[api(origin), "api"]
    return [one for one in ways if isinstance(one, ComputedRelationship)]


def test_a_function_from_rows_to_rows_is_a_relationship(catalog: Catalog) -> None:
    assert computed(catalog, "authors") == [
        ComputedRelationship(api("namesakes"), api("authors"), api("authors"), to_one=False, is_self=True)
    ]


def test_it_takes_the_place_of_foreign_keys_to_the_relation_of_its_name(catalog: Catalog) -> None:
    assert computed(catalog, "reviews") == [
        ComputedRelationship(api("genres"), api("reviews"), api("genres"), to_one=True)
    ]
    assert between(catalog, "reviews", "genres") == []
    assert told(between(catalog, "genres", "reviews")) == [(O2M, "reviews_genre_id_fkey", (("id", "genre_id"),))]
    assert told(between(catalog, "reviews", "books")) == [(M2O, "reviews_book_id_fkey", (("book_id", "id"),))]


def test_every_end_is_known(catalog: Catalog) -> None:
    partitions = {api("loans_2024"), api("loans_2025")}
    for ways in catalog.relationships.values():
        for way in ways:
            assert {way.origin, way.target} - partitions <= catalog.relations.keys()
            if isinstance(way, Relationship) and way.target in catalog.relations and way.origin in catalog.relations:
                assert {here for here, _ in way.columns} <= catalog.relations[way.origin].columns.keys()
                assert {there for _, there in way.columns} <= catalog.relations[way.target].columns.keys()
