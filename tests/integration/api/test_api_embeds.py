"""Embedding: every kind of relationship, spreads, filters and order inside and across."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.api.house import error, got, ids


def test_kinds_of_relationships(api: httpx.Client) -> None:
    assert got(api.get("/films?id=eq.1&select=title,directors(name)")) == [
        {"title": "Cléo from 5 to 7", "directors": {"name": "Agnès Varda"}}
    ]
    assert got(api.get("/directors?id=eq.2&select=name,films(title)&films.order=year")) == [
        {"name": "Akira Kurosawa", "films": [{"title": "Seven Samurai"}, {"title": "Ran"}]}
    ]
    assert got(api.get("/films?id=eq.4&select=actors(name)&actors.order=name")) == [
        {"actors": [{"name": "Extra"}, {"name": "Toshiro Mifune"}]}
    ]
    assert got(api.get("/films?id=in.(1,5)&select=id,film_details(minutes)&order=id")) == [
        {"id": 1, "film_details": {"minutes": 90}},
        {"id": 5, "film_details": None},
    ]
    assert got(api.get("/film_details?film_id=eq.1&select=films(title)")) == [{"films": {"title": "Cléo from 5 to 7"}}]


def test_through_views_and_chains_of_views(api: httpx.Client) -> None:
    assert got(api.get("/recent_films?id=eq.3&select=title,directors(name)")) == [
        {"title": "Faces Places", "directors": {"name": "Agnès Varda"}}
    ]
    assert got(api.get("/recent_titles?film=eq.3&select=called,directors(name)")) == [
        {"called": "Faces Places", "directors": {"name": "Agnès Varda"}}
    ]
    assert got(api.get("/directors?id=eq.1&select=name,recent_titles(called)")) == [
        {"name": "Agnès Varda", "recent_titles": [{"called": "Faces Places"}]}
    ]


def test_partitioned_tables(api: httpx.Client) -> None:
    assert got(api.get("/films?id=eq.1&select=screenings(seats)&screenings.order=day")) == [
        {"screenings": [{"seats": 80}, {"seats": 70}]}
    ]
    assert got(api.get("/screenings?day=eq.2024-06-01&select=films(title)")) == [{"films": {"title": "Seven Samurai"}}]


def test_recursion(api: httpx.Client) -> None:
    assert got(api.get("/people?id=eq.2&select=name,boss:boss_id(name),reports:people!boss_id(name)")) == [
        {"name": "Ben", "boss": {"name": "Ada"}, "reports": [{"name": "Di"}]}
    ]
    assert got(api.get("/people?id=eq.4&select=boss:boss_id(name,boss:boss_id(name,boss:boss_id(name)))")) == [
        {"boss": {"name": "Ben", "boss": {"name": "Ada", "boss": None}}}
    ]


def test_computed_relationships(api: httpx.Client) -> None:
    assert got(api.get("/films?id=in.(1,5)&select=id,premiere(seats)&order=id")) == [
        {"id": 1, "premiere": {"seats": 80}},
        {"id": 5, "premiere": None},
    ]
    assert got(api.get("/films?id=eq.2&select=contemporaries(title,directors(name))")) == [
        {"contemporaries": [{"title": "Ran", "directors": {"name": "Akira Kurosawa"}}]}
    ]
    assert ids(api.get("/films?select=id,premiere!inner(seats)")) == [1, 2, 4]
    beside = got(api.get("/films?id=eq.2&select=directors(films(id)),contemporaries(title)"))
    assert beside[0]["contemporaries"] == [{"title": "Ran"}]


def test_ambiguity_names_the_candidates(api: httpx.Client) -> None:
    refusal = error(api.get("/orders?select=*,addresses(*)"), 300, "PGRST201")
    assert [set(one) for one in refusal["details"]] == [{"cardinality", "embedding", "relationship"}] * 2
    assert "addresses!billing" in refusal["hint"] and "addresses!shipping" in refusal["hint"]
    by_constraint = "/orders?id=eq.1&select=to:addresses!shipping(street),from:addresses!billing_id(street)"
    assert got(api.get(by_constraint)) == [{"to": {"street": "High Street"}, "from": {"street": "Low Road"}}]
    assert got(api.get("/orders?id=eq.1&select=billing(street)")) == [{"billing": {"street": "Low Road"}}]
    assert got(api.get("/addresses?id=eq.2&select=orders!billing(name)")) == [{"orders": [{"name": "second"}]}]


def test_no_relationship(api: httpx.Client) -> None:
    assert "'directors'" in str(error(api.get("/films?select=director(*)"), 400, "PGRST200")["hint"])
    assert "api.films" in str(error(api.get("/film?select=directors(*)"), 404, "PGRST205")["hint"])
    assert error(api.get("/films?select=keyless(*)"), 400, "PGRST200")["details"]
    assert error(api.get("/films?select=directors!nope(*)"), 400, "PGRST200")["hint"] is None


def test_filters_order_and_ranges_inside(api: httpx.Client) -> None:
    inside = "/directors?id=eq.1&select=films(id)&films."
    assert got(api.get(f"{inside}year=gt.1970&films.order=id.desc")) == [{"films": [{"id": 3}, {"id": 2}]}]
    assert got(api.get(f"{inside}order=year&films.limit=1")) == [{"films": [{"id": 1}]}]
    assert got(api.get(f"{inside}order=year&films.limit=1&films.offset=1")) == [{"films": [{"id": 2}]}]
    assert got(api.get(f"{inside}or=(id.eq.1,id.eq.3)&films.order=id")) == [{"films": [{"id": 1}, {"id": 3}]}]
    assert got(api.get(f"{inside}not.and=(id.gt.1,id.lt.9)")) == [{"films": [{"id": 1}]}]
    deep = "/directors?id=eq.2&select=films(id,roles(part,actors(name)))&films.roles.actors.name=like.T*&films.id=eq.4"
    parts = got(api.get(deep))[0]["films"][0]["roles"]
    assert sorted(parts, key=lambda row: row["part"]) == [
        {"part": "Kikuchiyo", "actors": {"name": "Toshiro Mifune"}},
        {"part": "Villager", "actors": None},
    ]


def test_inner_joins_and_anti_joins(api: httpx.Client) -> None:
    assert ids(api.get("/directors?select=id,films!inner(id)&films.year=gt.2000")) == [1]
    assert ids(api.get("/directors?select=id,films()&films=is.null")) == [4]
    assert ids(api.get("/directors?select=id,films()&films=not.is.null")) == [1, 2, 3]
    assert ids(api.get("/films?select=id,directors()&directors.born=lt.1920-01-01&directors=not.is.null")) == [4, 5]
    across = "/films?select=id,directors(),film_details()&directors.name=like.Chantal*&film_details.minutes=gt.200"
    assert ids(api.get(f"{across}&or=(directors.not.is.null,film_details.not.is.null)")) == [4, 6]
    assert ids(api.get(f"{across}&not.or=(directors.not.is.null,film_details.not.is.null)")) == [1, 2, 3, 5, 7]
    assert ids(api.get("/films?select=id,actors!inner()&actors.name=eq.Extra")) == [1, 4]


@pytest.mark.parametrize("limit", ["", "&limit=1"])
def test_counts_heed_joins(api: httpx.Client, limit: str) -> None:
    count = {"Prefer": "count=exact"}
    for query, total in {
        "select=id,films!inner(id)&films.year=gt.2000": 1,
        "select=id,films()&films=is.null": 1,
        "select=id,films!inner(id,actors!inner(id))": 2,
        "select=id,films(id)&films.id=eq.1": 4,
        "select=id,films()&or=(films.is.null,id.eq.1)": 2,
    }.items():
        answer = api.get(f"/directors?{query}{limit}", headers=count)
        assert answer.headers["content-range"].endswith(f"/{total}"), query


@pytest.mark.parametrize(
    ("target", "total"),
    [
        ("/directors?select=id,films!inner(id)&films.offset=1", 2),
        ("/directors?select=id,films!inner(id)&films.offset=1&offset=0", 2),
        ("/directors?select=id,films!inner(id)&films.offset=1&limit=9", 3),
        ("/films?select=count()&offset=0", 1),
        ("/films?select=count()&limit=9", 7),
    ],
)
def test_without_a_range_what_is_answered_is_counted(api: httpx.Client, target: str, total: int) -> None:
    """The range of an embed is none of these: only one at the top has the rows counted apart from the answer."""
    answer = api.get(target, headers={"Prefer": "count=exact"})
    assert answer.headers["content-range"].endswith(f"/{total}")


def test_only_null_tests_on_embeds(api: httpx.Client) -> None:
    error(api.get("/directors?select=id,films(id)&films=eq.1"), 400, "42703")


def test_what_is_not_embedded(api: httpx.Client) -> None:
    for query in ("films.id=eq.1", "films.order=id", "films.limit=1", "films.or=(id.eq.1,id.eq.2)", "a.b.c=eq.1"):
        assert error(api.get(f"/directors?{query}"), 400, "PGRST108")["hint"]


def test_related_order(api: httpx.Client) -> None:
    rows = got(api.get("/films?select=id,directors()&id=in.(1,4,6)&order=directors(born).desc"))
    assert [row["id"] for row in rows] == [6, 1, 4]
    refusal = error(api.get("/directors?select=id,films(id)&order=films(id)"), 400, "PGRST118")
    assert "films" in refusal["details"]
    error(api.get("/films?order=directors(name)"), 400, "PGRST108")


def test_spreads(api: httpx.Client) -> None:
    assert got(api.get("/films?id=eq.1&select=title,...directors(by:name,born)")) == [
        {"title": "Cléo from 5 to 7", "by": "Agnès Varda", "born": "1928-05-30"}
    ]
    assert got(api.get("/films?id=eq.7&select=id,...directors(name)")) == [{"id": 7, "name": None}]
    assert got(api.get("/directors?id=eq.1&select=name,...films(titles:title,year)&films.order=year.desc")) == [
        {
            "name": "Agnès Varda",
            "titles": ["Faces Places", "Vagabond", "Cléo from 5 to 7"],
            "year": [2017, 1985, 1962],
        }
    ]
    assert got(api.get("/directors?id=eq.4&select=...films(title)")) == [{"title": []}]
    nested = "/roles?film_id=eq.4&actor_id=eq.3&select=part,...films(title,...directors(by:name))"
    assert got(api.get(nested)) == [{"part": "Kikuchiyo", "title": "Seven Samurai", "by": "Akira Kurosawa"}]


def test_aggregates_in_embeds_and_spreads(api: httpx.Client) -> None:
    assert got(api.get("/directors?id=eq.2&select=films(count(),year.max())")) == [
        {"films": [{"count": 2, "max": 1985}]}
    ]
    grouped = got(api.get("/films?select=...directors(name),rating.avg()&director_id=lte.2&order=directors(name)"))
    assert [row["name"] for row in grouped] == ["Agnès Varda", "Akira Kurosawa"]
    hoisted = got(api.get("/roles?select=part:film_id,...films(year.max())&film_id=eq.4"))
    assert hoisted == [{"part": 4, "max": 1954}]
    assert error(api.get("/directors?select=...films(year.max())"), 400, "PGRST127")["details"]
    assert got(api.get("/films?select=title:year,count()&title=like.*a*&order=year")) == [
        {"title": year, "count": count} for year, count in ((1954, 1), (1975, 1), (1985, 2), (2017, 1))
    ]
    by_embed = got(api.get("/films?select=count(),directors(name)&director_id=eq.1"))
    assert by_embed == [{"count": 3, "directors": {"name": "Agnès Varda"}}]


def test_the_same_relation_twice_and_deep(api: httpx.Client) -> None:
    twice = "/directors?id=eq.1&select=old:films(id),new:films(id)&old.year=lt.1970&new.year=gt.2000"
    assert got(api.get(twice)) == [{"old": [{"id": 1}], "new": [{"id": 3}]}]
    there_and_back = (
        "/films?id=eq.1&select=directors(films(directors(films(id))))&directors.films.directors.films.id=eq.2"
    )
    films = got(api.get(there_and_back))[0]["directors"]["films"]
    assert films == [{"directors": {"films": [{"id": 2}]}}] * 3


def test_two_embeds_of_one_name(api: httpx.Client) -> None:
    for select in (
        "addresses!billing(street),addresses!shipping(street)",
        "a:addresses!billing(street),a:addresses!shipping(street)",
        "...addresses!billing(street),...addresses!shipping(to:street)",
        "id,addresses!billing(orders!billing(id),orders!shipping(id))",
        "id,addresses!billing(),addresses!shipping()",
    ):
        assert error(api.get(f"/orders?select={select}"), 400, "42712")["hint"], select


def test_embeds_on_function_results(api: httpx.Client) -> None:
    assert got(api.get("/rpc/best_films?lowest=8.5&select=title,directors(name),actors(name)&actors.name=like.T*")) == [
        {"title": "Seven Samurai", "directors": {"name": "Akira Kurosawa"}, "actors": [{"name": "Toshiro Mifune"}]}
    ]
    assert got(api.get("/rpc/one_film?wanted=1&select=id,directors(name)")) == {
        "id": 1,
        "directors": {"name": "Agnès Varda"},
    }


def test_embeds_in_csv_are_written_as_jsonb(api: httpx.Client) -> None:
    answer = api.get("/films?id=eq.1&select=id,directors(id,name)", headers={"Accept": "text/csv"})
    assert answer.text == 'id,directors\n1,"{""id"": 1, ""name"": ""Agnès Varda""}"'
