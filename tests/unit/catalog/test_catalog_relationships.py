"""Relationships follow from foreign keys and from what shows their columns."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from autorest.catalog.model import AnyRelationship, Cardinality, ComputedRelationship, QualifiedName, Relationship
from autorest.catalog.relationships import (
    Exposure,
    ForeignKey,
    across_junctions,
    from_foreign_keys,
    place,
    without_overridden,
)

BOOKS, AUTHORS = 1, 2
WRITTEN_BY = ForeignKey("written_by", BOOKS, (2,), AUTHORS, (1,), unique=False)


def name(relation: str) -> QualifiedName:
    return QualifiedName("api", relation)


def table(relation: str, **columns: int) -> Exposure:
    return Exposure(name(relation), False, {number: (column,) for column, number in columns.items()})


def view(relation: str, columns: dict[int, Sequence[str]]) -> Exposure:
    return Exposure(name(relation), True, columns)


TABLES = {BOOKS: [table("books", author_id=2)], AUTHORS: [table("authors", id=1)]}


def test_a_foreign_key_leads_both_ways() -> None:
    forth, back = from_foreign_keys([WRITTEN_BY], TABLES)
    assert forth == Relationship(
        name("books"), name("authors"), Cardinality.MANY_TO_ONE, "written_by", (("author_id", "id"),)
    )
    assert back == Relationship(
        name("authors"), name("books"), Cardinality.ONE_TO_MANY, "written_by", (("id", "author_id"),)
    )


def test_a_unique_foreign_key_is_one_to_one_and_knows_its_parent() -> None:
    forth, back = from_foreign_keys([WRITTEN_BY._replace(unique=True)], TABLES)
    assert (forth.cardinality, forth.is_parent) == (Cardinality.ONE_TO_ONE, False)
    assert (back.cardinality, back.is_parent) == (Cardinality.ONE_TO_ONE, True)
    assert back.columns == (("id", "author_id"),)


def test_a_table_that_refers_to_itself_is_on_both_ends() -> None:
    mentor = ForeignKey("mentor", AUTHORS, (3,), AUTHORS, (1,), unique=False)
    forth, back = from_foreign_keys([mentor], {AUTHORS: [table("authors", id=1, mentor_id=3)]})
    assert forth.is_self and back.is_self
    assert (forth.cardinality, back.cardinality) == (Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY)
    assert forth.columns == (("mentor_id", "id"),)


def test_a_hidden_table_has_none() -> None:
    assert list(from_foreign_keys([WRITTEN_BY], {BOOKS: TABLES[BOOKS]})) == []


def test_views_stand_for_their_tables_with_their_own_names() -> None:
    exposures = {
        BOOKS: [*TABLES[BOOKS], view("novels", {2: ["writer"]})],
        AUTHORS: [*TABLES[AUTHORS], view("novelists", {1: ["key"]})],
    }
    found = {
        (one.origin.name, one.target.name): one
        for one in from_foreign_keys([WRITTEN_BY], exposures)
        if one.cardinality is Cardinality.MANY_TO_ONE
    }
    assert {ends: one.columns for ends, one in found.items()} == {
        ("books", "authors"): (("author_id", "id"),),
        ("books", "novelists"): (("author_id", "key"),),
        ("novels", "authors"): (("writer", "id"),),
        ("novels", "novelists"): (("writer", "key"),),
    }
    assert (found["novels", "authors"].origin_is_view, found["novels", "authors"].target_is_view) == (True, False)
    assert (found["books", "novelists"].origin_is_view, found["books", "novelists"].target_is_view) == (False, True)
    assert not any(one.is_self for one in found.values())


def test_a_view_that_refers_to_itself_is_on_both_ends() -> None:
    mentor = ForeignKey("mentor", AUTHORS, (3,), AUTHORS, (1,), unique=False)
    exposures = {AUTHORS: [table("authors", id=1, mentor_id=3), view("novelists", {1: ["id"], 3: ["mentor"]})]}
    ends = {(one.origin.name, one.target.name, one.is_self) for one in from_foreign_keys([mentor], exposures)}
    assert ends == {
        ("authors", "authors", True),
        ("authors", "novelists", False),
        ("novelists", "authors", False),
        ("novelists", "novelists", True),
    }


def test_repeated_columns_make_a_relationship_each_and_missing_ones_none() -> None:
    key = ForeignKey("at", BOOKS, (2, 3), AUTHORS, (1, 4), unique=False)
    exposures = {
        BOOKS: [view("books", {2: ["a", "b"], 3: ["c", "d"]}), view("half", {2: ["a"]})],
        AUTHORS: [table("authors", x=1, y=4)],
    }
    found = [one for one in from_foreign_keys([key], exposures) if one.cardinality is Cardinality.MANY_TO_ONE]
    assert [one.columns for one in found] == [
        (("a", "x"), ("c", "y")),
        (("a", "x"), ("d", "y")),
        (("b", "x"), ("c", "y")),
        (("b", "x"), ("d", "y")),
    ]
    assert {one.origin.name for one in found} == {"books"}


def leg(constraint: str, target: str, *columns: tuple[str, str]) -> Relationship:
    return Relationship(name("book_genres"), name(target), Cardinality.MANY_TO_ONE, constraint, columns)


def test_a_table_whose_key_has_two_foreign_keys_is_a_junction() -> None:
    legs = [leg("of_book", "books", ("book_id", "id")), leg("of_genre", "genres", ("genre_id", "key"))]
    one, other = across_junctions(legs, ["book_id", "genre_id", "since"])
    assert (one.origin.name, one.target.name, one.cardinality) == ("books", "genres", Cardinality.MANY_TO_MANY)
    assert (one.columns, one.is_self) == ((), False)
    assert one.junction is not None
    assert one.junction.name == name("book_genres")
    assert (one.junction.origin_constraint, one.junction.target_constraint) == ("of_book", "of_genre")
    assert one.junction.origin_columns == (("id", "book_id"),)
    assert one.junction.target_columns == (("key", "genre_id"),)
    assert (other.origin, other.target) == (one.target, one.origin)


def test_a_junction_of_one_relation_with_itself() -> None:
    legs = [leg("a", "genres", ("one", "id")), leg("b", "genres", ("other", "id"))]
    assert [across.is_self for across in across_junctions(legs, ["one", "other"])] == [True, True]


def test_foreign_keys_outside_of_the_primary_key_make_no_junction() -> None:
    legs = [leg("of_book", "books", ("book_id", "id")), leg("of_genre", "genres", ("genre_id", "id"))]
    assert list(across_junctions(legs, ["book_id"])) == []
    assert list(across_junctions(legs, [])) == []


def test_two_ways_along_one_foreign_key_make_no_junction() -> None:
    legs = [leg("of_book", "books", ("book_id", "id")), leg("of_book", "novels", ("book_id", "id"))]
    assert list(across_junctions(legs, ["book_id"])) == []


def test_one_to_one_relationships_make_no_junction() -> None:
    legs = [
        leg("of_book", "books", ("book_id", "id")),
        Relationship(name("book_genres"), name("genres"), Cardinality.ONE_TO_ONE, "of_genre", (("genre_id", "id"),)),
    ]
    assert list(across_junctions(legs, ["book_id", "genre_id"])) == []


def test_a_computed_relationship_replaces_what_leads_to_the_relation_of_its_functions_name() -> None:
    to_books, to_genres = leg("of_book", "books"), leg("of_genre", "genres")
    computed = ComputedRelationship(name("x"), name("book_genres"), name("books"), to_one=True)
    assert without_overridden([to_books, to_genres, computed], name("books")) == [to_genres, computed]
    assert without_overridden([to_books], QualifiedName("other", "books")) == [to_books]


@given(st.randoms(use_true_random=False))
def test_relationships_are_listed_in_one_order(shuffle: random.Random) -> None:
    ordered: list[AnyRelationship] = [
        Relationship(name("a"), name("b"), Cardinality.ONE_TO_MANY, "z", (("a", "b"),)),
        Relationship(name("a"), name("b"), Cardinality.MANY_TO_ONE, "a", (("a", "b"),)),
        Relationship(name("a"), name("b"), Cardinality.MANY_TO_ONE, "a", (("a", "c"),)),
        Relationship(name("a"), name("b"), Cardinality.ONE_TO_ONE, "a", (("a", "c"),)),
        Relationship(name("a"), name("b"), Cardinality.ONE_TO_ONE, "a", (("a", "c"),), is_parent=True),
        *across_junctions(
            [leg("x", "b", ("i", "j")), leg("y", "b", ("k", "l"))],
            ["i", "k"],
        ),
        Relationship(name("a"), name("c"), Cardinality.ONE_TO_MANY, "a", (("a", "b"),)),
        ComputedRelationship(name("a"), name("a"), name("z"), to_one=False),
        ComputedRelationship(name("b"), name("a"), name("a"), to_one=False),
    ]
    shuffled = list(ordered)
    shuffle.shuffle(shuffled)
    assert sorted(shuffled, key=place) == ordered
