"""Reads: filters, columns, order."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest

from tests.integration.api.house import error, exact, got, ids

FILTERS: list[tuple[str, Sequence[int]]] = [
    ("id=eq.1", [1]),
    ("id=neq.1", [2, 3, 4, 5, 6, 7]),
    ("year=gt.1985", [3, 7]),
    ("year=gte.1985", [2, 3, 5, 7]),
    ("year=lt.1962", [4]),
    ("year=lte.1962", [1, 4]),
    ("title=like.*an*", [5, 6]),
    ("title=like.%25an%25", [5, 6]),
    ("title=ilike.*RAN*", [5]),
    ("title=match.^F.*s$", [3]),
    ("title=imatch.^f", [3]),
    ("title=not.match.a", [1, 7]),
    ("id=in.(1,3,5)", [1, 3, 5]),
    ("id=not.in.(1,3,5)", [2, 4, 6, 7]),
    ("id=in.()", []),
    ('title=in.("Cléo from 5 to 7",Ran)', [1, 5]),
    ("director_id=is.null", [7]),
    ("director_id=not.is.null", [1, 2, 3, 4, 5, 6]),
    ("director_id=is.not_null", [1, 2, 3, 4, 5, 6]),
    ("director_id=isdistinct.1", [4, 5, 6, 7]),
    ("director_id=not.isdistinct.1", [1, 2, 3]),
    ("search=fts.places", [3]),
    ("search=fts(english).faces%26place", [3]),
    ("title=plfts(simple).jeanne dielman", [6]),
    ("title=phfts(simple).seven samurai", [4]),
    ("title=wfts(simple).ran or vagabond", [2, 5]),
    ("title=not.fts(simple).ran", [1, 2, 3, 4, 6, 7]),
    ("tags=cs.{drama}", [1, 2, 4, 6]),
    ("tags=cs.{%22a, b%22}", [3]),
    ("tags=cd.{drama,paris}", [1, 2, 5, 6, 7]),
    ("tags=ov.{action,documentary}", [3, 4]),
    ('info=cs.{"n":1}', [1]),
    ("shown=sl.[1970-01-01,1971-01-01)", [1, 4]),
    ("shown=sr.[1970-01-01,1971-01-01)", [2, 3]),
    ("shown=nxr.[1960-01-01,1962-08-01)", [1, 4]),
    ("shown=nxl.[1962-04-11,1963-01-01)", [1, 2, 3]),
    ("shown=adj.[1962-08-01,1963-01-01)", [1]),
    ("shown=ov.[1985-12-24,1985-12-25)", [2]),
    ("title=like(any).{*Ran*,*Vaga*}", [2, 5]),
    ("title=ilike(all).{*A*,*N*}", [2, 4, 5, 6]),
    ("id=eq(any).{1,2}", [1, 2]),
    ("id=gt(all).{3,5}", [6, 7]),
    ("mood=eq.wild", [4, 5]),
    ("info->n=eq.1", [1]),
    ("info->>n=eq.1", [1]),
    ("info->sound->>mono=eq.true", [1]),
    ("info->reels->0=eq.8", [1]),
    ("info->reels->>-1=eq.3", [4]),
    ("info->>n=is.null", [3, 4, 5, 7]),
    ("or=(id.eq.1,id.eq.2)", [1, 2]),
    ("and=(year.gt.1960,year.lt.1980)", [1, 6]),
    ("not.or=(id.eq.1,year.gt.1970)", [4]),
    ("or=(id.eq.1,and(year.eq.1985,rating.gt.8),not.and(id.lt.7,id.gt.0))", [1, 5, 7]),
    ('or=(title.eq."Cléo from 5 to 7",tags.cs.{documentary},id.in.(5,6))', [1, 3, 5, 6]),
    ("or=(info->>n.eq.1,info->sound->>mono.eq.false)", [1, 2]),
    ("full_title=eq.Ran (1985)", [5]),
    ("full_title=like.*1985*", [2, 5]),
    ("year=eq.1985&rating=gt.8", [5]),
    ("id=gt.1&id=lt.4", [2, 3]),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS, ids=[query for query, _ in FILTERS])
def test_filters(api: httpx.Client, query: str, expected: Sequence[int]) -> None:
    """Every operator finds its rows, alone and from a cached template, and negated the others it can decide."""
    assert ids(api.get(f"/films?select=id&{query}")) == expected
    assert ids(api.get(f"/films?select=id&{query}")) == expected


def test_what_is_ignored_of_one_list_is_not_kept_for_the_next(api: httpx.Client) -> None:
    for number, listed in ((1, "(1)ignored"), (2, "(2)"), (3, " (3)")):
        assert got(api.get(f"/films?select=id&title=not.eq.ignored&id=in.{listed}")) == [{"id": number}]


def test_columns_of_embeds_with_the_names_of_parameters(api: httpx.Client) -> None:
    """Of an embed, select is a column and no parameter."""
    answer = api.get("/films", params={"select": "id,premiere(day)", "id": "eq.1", "premiere.select": "in.(x)"})
    assert error(answer, 400, "42703")["message"] == "column screenings_1.select does not exist"


def test_is_tests_of_booleans(api: httpx.Client) -> None:
    found = {word: ids(api.get(f"/flags?value=is.{word}")) for word in ("true", "false", "null", "unknown", "NOT_NULL")}
    assert found == {"true": [1], "false": [2], "null": [3], "unknown": [3], "NOT_NULL": [1, 2]}


def test_composite_and_array_columns(api: httpx.Client) -> None:
    assert ids(api.get("/places?at->x=eq.1")) == [1]
    assert ids(api.get("/places?spots->1->>y=eq.4")) == [1]
    assert ids(api.get("/places?numbers->2=eq.3")) == [1]
    assert got(api.get("/places?id=eq.1&select=at->x,second:spots->1,last:numbers->-1")) == [
        {"x": 1, "second": {"x": 3, "y": 4}, "last": 3}
    ]


def test_ranges_of_integers(api: httpx.Client) -> None:
    assert ids(api.get("/bookings?nights=adj.[5,9)")) == [1]
    assert ids(api.get("/bookings?nights=cs.[6,8)")) == [2]
    assert ids(api.get("/bookings?nights=cd.[0,10)")) == [1, 2]


def test_names_that_must_be_quoted(api: httpx.Client) -> None:
    path = "/odd%20%22name"
    assert got(api.get(path, params={"select": '"a b","(p)"', '"a b"': "eq.two, three"})) == [
        {"a b": "two, three", "(p)": 4}
    ]
    assert got(api.get(path, params={"select": 'ünï,a:"x.y"', '"x.y"': "gt.1"})) == [{"ünï": "漢字", "a": 3}]
    assert got(api.get(path, params={"select": '"select"', "order": '"select".desc'})) == [
        {"select": "order"},
        {"select": "limit"},
    ]
    assert len(got(api.get(path, params={"or": '("a b".eq."two, three","(p)".eq.2)'}))) == 2


def test_columns_aliases_casts_and_paths(api: httpx.Client) -> None:
    query = "id=eq.1&select=no:id::text,info->sound->mono,second:info->reels->>1,info->>n,full_title,reels:info->reels"
    assert got(api.get(f"/films?{query}")) == [
        {
            "no": "1",
            "mono": True,
            "second": "9",
            "n": "1",
            "full_title": "Cléo from 5 to 7 (1962)",
            "reels": [8, 9],
        }
    ]


def test_cast_cannot_be_more_than_a_type(api: httpx.Client) -> None:
    assert error(api.get("/films?select=id::nope"), 400, "42704")["message"]
    assert error(api.get("/films?select=id::text%3Bdrop"), 400, "PGRST100")["details"]
    error(api.get("/films?select=id::te'xt"), 400, "PGRST100")


def test_order(api: httpx.Client) -> None:
    assert [row["id"] for row in got(api.get("/films?select=id&order=year.desc,id.asc"))] == [7, 3, 2, 5, 6, 1, 4]
    assert [row["id"] for row in got(api.get("/films?select=id&order=rating.desc.nullslast,id"))] == [
        4,
        5,
        1,
        3,
        2,
        6,
        7,
    ]
    assert got(api.get("/films?select=id&order=rating.nullsfirst&limit=1")) == [{"id": 7}]
    assert got(api.get("/films?select=id&order=info->n.desc.nullslast,id&limit=2")) == [{"id": 6}, {"id": 2}]
    assert got(api.get("/films?select=id&order=full_title&limit=1")) == [{"id": 1}]


def test_numbers_keep_every_digit(api: httpx.Client) -> None:
    assert exact(api.get("/films?id=eq.1&select=takings")) == [{"takings": "9007199254740993"}]
    assert ids(api.get("/films?takings=eq.9007199254740993")) == [1]
    assert ids(api.get("/films?takings=eq.9007199254740992")) == []


def test_content_location_is_canonical(api: httpx.Client) -> None:
    answer = api.get("/films?order=id&id=in.(1,2)&id=gt.0")
    assert answer.headers["content-location"] == "/films?id=in.%281%2C2%29,gt.0&order=id"
    assert api.get("/films").headers["content-location"] == "/films"


def test_unknown_things(api: httpx.Client) -> None:
    assert error(api.get("/films?select=nope"), 400, "42703")["message"]
    assert error(api.get("/films?nope=eq.1"), 400, "42703")["message"]
    assert error(api.get("/films?order=nope"), 400, "42703")["message"]
    assert error(api.get("/films?id=eq.one"), 400, "22P02")["message"]
    assert error(api.get("/films?mood=eq.happy"), 400, "22P02")["message"]
    assert error(api.get("/films?title=match.("), 400, "2201B")["message"]
    assert "films" in str(error(api.get("/filmz"), 404, "PGRST205")["hint"])
    assert error(api.get("/vault"), 404, "PGRST205")["hint"] is None


def test_views_and_partitions_read_like_tables(api: httpx.Client) -> None:
    assert ids(api.get("/recent_films?select=id")) == [3, 7]
    assert got(api.get("/recent_titles?film=eq.3")) == [{"film": 3, "called": "Faces Places", "by": 1}]
    assert got(api.get("/films_per_year?year=eq.1985")) == [{"year": 1985, "films": 2}]
    assert got(api.get("/screenings?select=day&film_id=eq.1&order=day")) == [
        {"day": "2023-05-01"},
        {"day": "2024-05-01"},
    ]
    assert len(got(api.get("/frozen"))) == 7


@pytest.mark.parametrize("function", ["count", "sum", "avg", "min", "max"])
def test_aggregates(api: httpx.Client, function: str) -> None:
    expected = {"count": 7, "sum": 13898, "avg": 13898 / 7, "min": 1954, "max": 2020}
    found = got(api.get(f"/films?select=year.{function}()"))
    assert found[0][function] == pytest.approx(expected[function])


def test_aggregates_group_by_the_rest(api: httpx.Client) -> None:
    query = "select=director_id,count(),most:rating.max()::text,years:year::text.min()&order=director_id"
    assert got(api.get(f"/films?{query}")) == [
        {"director_id": 1, "count": 3, "most": "7.8", "years": "1962"},
        {"director_id": 2, "count": 2, "most": "8.6", "years": "1954"},
        {"director_id": 3, "count": 1, "most": "7.5", "years": "1975"},
        {"director_id": None, "count": 1, "most": None, "years": "2020"},
    ]
    assert got(api.get("/films?select=count()&year=eq.1")) == [{"count": 0}]
    assert got(api.get("/films?select=info->n,count()&info->>n=eq.1")) == [{"n": 1, "count": 1}]


def test_a_cast_without_a_name_is_of_what_is_grouped_by(api: httpx.Client) -> None:
    """Only a name says that what was cast is meant."""
    cast = got(api.get("/films?select=rating::int,count()&director_id=eq.1&order=rating"))
    assert cast == [{"rating": 8, "count": 1}, {"rating": 8, "count": 2}]
    named = got(api.get("/films?select=about:rating::int,count()&director_id=eq.1"))
    assert named == [{"about": 8, "count": 3}]


def test_groups_are_of_stored_values(api: httpx.Client) -> None:
    """What keeps the name of its column is grouped by the column, however it is shown; what has a name, by that."""
    rated_alike = "title=in.(Ran,Vagabond)"
    assert got(api.get(f"/films?select=count(),rating::int&{rated_alike}")) == [{"count": 1, "rating": 8}] * 2
    assert got(api.get(f"/films?select=count(),r:rating::int&{rated_alike}")) == [{"count": 2, "r": 8}]
    assert got(api.get("/films?select=count(),tags->1&id=in.(1,4)")) == [{"count": 1, "tags": "drama"}] * 2
    paints = got(api.get("/paints?select=count(),shade&order=shade"))
    assert paints == [{"count": 1, "shade": "#000080"}, {"count": 1, "shade": "#ff0000"}]


def test_aggregates_are_off_unless_allowed(strict: httpx.Client) -> None:
    assert got(strict.get("/films?select=year.max()"), 400)["code"] == "PGRST123"
    assert got(strict.get("/directors?select=name,films(year.max())"), 400)["code"] == "PGRST123"


def test_representations_go_by_the_names_of_relations(api: httpx.Client) -> None:
    """Called otherwise, such as by a function, a relation's fields are as they are stored; its star is not."""
    assert got(api.get("/paints?select=others(shade)&id=eq.1")) == [{"others": [{"shade": 128}]}]
    assert got(api.get("/paints?select=others(*)&id=eq.1"))[0]["others"][0]["shade"] == "#000080"
    assert got(api.get("/paints?select=others(id)&id=eq.1&others.shade=eq.128")) == [{"others": [{"id": 2}]}]


def test_domain_representations(api: httpx.Client, emptied: object) -> None:
    """A domain's casts translate columns to JSON, filters from text and bodies from JSON."""
    assert got(api.get("/paints?order=id&select=*")) == [
        {"id": 1, "name": "red", "shade": "#ff0000"},
        {"id": 2, "name": "navy", "shade": "#000080"},
    ]
    assert got(api.get("/paints?select=id,tone:shade&shade=eq.%23ff0000")) == [{"id": 1, "tone": "#ff0000"}]
    assert got(api.get("/paints?select=shade,count()&id=eq.2")) == [{"shade": "#000080", "count": 1}]
    assert ids(api.get("/paints?shade=in.(%23ff0000,%23000080)")) == [1, 2]
    assert ids(api.get("/paints?or=(shade.eq.%23000080,id.eq.5)")) == [2]
    assert ids(api.get("/paints?shade=gt.%23000080")) == [1]
    headers = {"Prefer": "return=representation, tx=rollback"}
    written = api.post("/paints?select=id,shade", json={"id": 9, "shade": "#00ff00"}, headers=headers)
    assert got(written, 201) == [{"id": 9, "shade": "#00ff00"}]
    changed = api.patch("/paints?shade=eq.%23ff0000", json={"shade": "#010203"}, headers=headers)
    assert got(changed)[0]["shade"] == "#010203"
    assert got(api.get("/paints?select=shade::text&id=eq.1"))[0]["shade"] in ("16711680", '"#ff0000"')
