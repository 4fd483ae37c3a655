"""`postgrest`, the client of Python: every method of its builders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from postgrest import APIError, SyncPostgrestClient
from postgrest.types import CountMethod, ReturnMethod

from tests.integration.api.house import bearer
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess) -> Iterator[Any]:
    # Any: what comes back is JSON, and its types say too little of it.
    with SyncPostgrestClient(gateway.url, schema="api") as made:
        yield made


Films = Callable[[Any], Any]

#: What is asked of `select("id").order("id")` on films, and the ids that it gives.
FILTERS: dict[str, tuple[Films, list[int]]] = {
    "eq": (lambda films: films.eq("id", 1), [1]),
    "neq": (lambda films: films.neq("id", 1), [2, 3, 4, 5, 6, 7]),
    "gt": (lambda films: films.gt("id", 6), [7]),
    "gte": (lambda films: films.gte("id", 6), [6, 7]),
    "lt": (lambda films: films.lt("id", 2), [1]),
    "lte": (lambda films: films.lte("id", 2), [1, 2]),
    "like": (lambda films: films.like("title", "%an"), [5, 6]),
    "ilike": (lambda films: films.ilike("title", "%RAN%"), [5]),
    "like_all_of": (lambda films: films.like_all_of("title", "%a%,%n"), [5, 6]),
    "like_any_of": (lambda films: films.like_any_of("title", "Ran,Vaga%"), [2, 5]),
    "ilike_all_of": (lambda films: films.ilike_all_of("title", "%R%,%N"), [5]),
    "ilike_any_of": (lambda films: films.ilike_any_of("title", "ran,VAGA%"), [2, 5]),
    "is_": (lambda films: films.is_("director_id", "null"), [7]),
    "in_": (lambda films: films.in_("title", ["Ran", "Cléo from 5 to 7"]), [1, 5]),
    "not_": (lambda films: films.not_.in_("id", [1, 2, 3]), [4, 5, 6, 7]),
    "contains": (lambda films: films.contains("tags", ["drama", "paris"]), [1]),
    "contains JSON": (lambda films: films.contains("info", {"n": 1}), [1]),
    "cs": (lambda films: films.cs("tags", ["action"]), [4]),
    "contained_by": (lambda films: films.contained_by("tags", ["drama", "paris"]), [1, 2, 5, 6, 7]),
    "cd": (lambda films: films.cd("tags", ["drama"]), [2, 5, 6, 7]),
    "overlaps": (lambda films: films.overlaps("tags", ["action", "documentary"]), [3, 4]),
    "ov": (lambda films: films.ov("tags", ["action"]), [4]),
    "sl": (lambda films: films.sl("shown", ["1970-01-01", "1971-01-01"]), [1, 4]),
    "sr": (lambda films: films.sr("shown", ["1970-01-01", "1971-01-01"]), [2, 3]),
    "nxl": (lambda films: films.nxl("shown", ["1962-04-11", "1963-01-01"]), [2, 3]),
    "nxr": (lambda films: films.nxr("shown", ["1960-01-01", "1962-08-01"]), [1, 4]),
    "adj": (lambda films: films.adj("shown", ["1962-08-01", "1963-01-01"]), []),
    "range_lt": (lambda films: films.range_lt("shown", ["1970-01-01", "1971-01-01"]), [1, 4]),
    "range_gt": (lambda films: films.range_gt("shown", ["1970-01-01", "1971-01-01"]), [2, 3]),
    "range_gte": (lambda films: films.range_gte("shown", ["1970-01-01", "1971-01-01"]), [2, 3]),
    "range_lte": (lambda films: films.range_lte("shown", ["1970-01-01", "1971-01-01"]), [1, 4]),
    "range_adjacent": (lambda films: films.range_adjacent("shown", ["1970-01-01", "1971-01-01"]), []),
    "fts": (lambda films: films.fts("search", "samurai"), [4]),
    "plfts": (lambda films: films.plfts("title", "jeanne dielman"), [6]),
    "phfts": (lambda films: films.phfts("title", "faces places"), [3]),
    "wfts": (lambda films: films.wfts("title", "ran or vagabond"), [2, 5]),
    "match": (lambda films: films.match({"year": 1985, "mood": "wild"}), [5]),
    "or_": (lambda films: films.or_("id.eq.1,and(year.eq.1985,mood.eq.wild)"), [1, 5]),
    "filter": (lambda films: films.filter("id", "in", "(1,2)"), [1, 2]),
    "limit": (lambda films: films.limit(2), [1, 2]),
    "offset": (lambda films: films.offset(5), [6, 7]),
    "range": (lambda films: films.range(2, 3), [3, 4]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(client: Any, name: str) -> None:
    narrow, expected = FILTERS[name]
    found = narrow(client.from_("films").select("id").order("id")).execute()
    assert [row["id"] for row in found.data] == expected


def test_text_search(client: Any) -> None:
    options = {"type": "web_search", "config": "english"}
    found = client.from_("films").select("id").text_search("title", "ran or vagabond", options=options).execute()
    assert sorted(row["id"] for row in found.data) == [2, 5]


def test_embeds(client: Any) -> None:
    directors = client.from_("directors").select("id, films!inner(id)").eq("films.id", 4).execute()
    assert directors.data == [{"id": 2, "films": [{"id": 4}]}]
    query = client.from_("directors").select("id, films(id)").eq("id", 1)
    ordered = query.or_("id.eq.1,id.eq.3", reference_table="films").order("id", desc=True, foreign_table="films")
    assert ordered.execute().data == [{"id": 1, "films": [{"id": 3}, {"id": 1}]}]
    limited = client.from_("directors").select("films(id)").eq("id", 1).order("id", foreign_table="films")
    assert limited.limit(1, foreign_table="films").execute().data == [{"films": [{"id": 1}]}]
    sorted_ = client.from_("films").select("id").order("rating", desc=True, nullsfirst=True).limit(1)
    assert sorted_.execute().data == [{"id": 7}]


def test_counts(client: Any) -> None:
    for method, expected in ((CountMethod.exact, 7), (CountMethod.estimated, 7)):
        assert client.from_("films").select("id", count=method).execute().count == expected
    countries = client.from_("countries").select("id", count=CountMethod.planned).limit(1).execute()
    assert (countries.count, len(countries.data)) == (1000, 1)
    head = client.from_("films").select("*", count=CountMethod.exact, head=True).execute()
    assert (head.count, head.data) == (7, [])


def test_single_and_maybe_single(client: Any) -> None:
    films = client.from_("films")
    assert films.select("id").eq("id", 1).single().execute().data == {"id": 1}
    with pytest.raises(APIError) as failure:
        films.select("id").single().execute()
    assert failure.value.code == "PGRST116"
    found = films.select("id").eq("id", 1).maybe_single().execute()
    assert found is not None and found.data == {"id": 1}
    nothing = films.select("id").eq("id", 0).maybe_single().execute()
    assert nothing is None or nothing.data is None


def test_other_forms(client: Any) -> None:
    films = client.from_("films")
    assert films.select("id,title").eq("id", 5).csv().execute().data == "id,title\n5,Ran"
    assert films.select("id,rating").eq("id", 7).strip_nulls().execute().data == [{"id": 7}]
    plan = films.select("id").eq("id", 1).explain(analyze=True, verbose=True, settings=True, buffers=True, wal=True)
    assert "films" in plan.execute()
    as_json = films.select("id").eq("id", 1).explain(format="json").execute()
    assert as_json.data[0]["Plan"]["Node Type"] == "Aggregate"


def test_errors(client: Any) -> None:
    with pytest.raises(APIError) as failure:
        client.from_("filmz").select("*").execute()
    error = failure.value
    assert error.code == "PGRST205" and "films" in str(error.hint) and error.message


def test_writes(client: Any, emptied: Cluster) -> None:
    items = client.from_("items")
    assert items.insert({"id": 1, "name": "one"}).execute().data[0]["id"] == 1
    minimal = items.insert([{"id": 2}, {"id": 3}], returning=ReturnMethod.minimal).execute()
    assert minimal.data == []
    several = items.insert([{"id": 4}, {"id": 5, "name": "five"}], default_to_null=False, count=CountMethod.exact)
    made = several.execute()
    assert ([row["name"] for row in made.data], made.count) == (["unnamed", "five"], 2)
    with pytest.raises(APIError) as failure:
        items.insert({"id": 1}).execute()
    assert failure.value.code == "23505"
    assert items.upsert({"id": 1, "name": "uno"}).execute().data[0]["name"] == "uno"
    assert items.upsert({"id": 1, "name": "x"}, ignore_duplicates=True).execute().data == []
    on = client.from_("uniques").upsert({"id": 1, "code": "a"}, on_conflict="code").execute()
    assert on.data == [{"id": 1, "code": "a", "n": None}]
    changed = items.update({"note": "n"}, count=CountMethod.exact).lt("id", 3).execute()
    assert changed.count == 2 and {row["note"] for row in changed.data} == {"n"}
    with pytest.raises(APIError) as too_many:
        items.update({"note": "m"}).gt("id", 0).max_affected(1).execute()
    assert too_many.value.code == "PGRST124"
    gone = items.delete(count=CountMethod.exact).in_("id", [4, 5]).execute()
    assert gone.count == 2
    assert items.delete(returning=ReturnMethod.minimal).eq("id", 3).execute().data == []
    assert [row["id"] for row in items.select("id").order("id").execute().data] == [1, 2]


def test_functions(client: Any) -> None:
    assert client.rpc("add", {"a": 1, "b": 2}).execute().data == 3
    assert client.rpc("add", {"a": 1, "b": 3}, get=True).execute().data == 4
    head = client.rpc("best_films", {}, count=CountMethod.exact, head=True).execute()
    assert head.count == 2
    films = client.rpc("best_films", {"lowest": 1}).select("id").gt("id", 4).order("id").limit(1).execute()
    assert films.data == [{"id": 5}]
    assert client.rpc("one_film", {"wanted": 5}).select("title").single().execute().data == {"title": "Ran"}
    assert client.rpc("table_result", {"n": 2}).csv().execute().data == "i,square\n1,1\n2,4"
    with pytest.raises(APIError) as failure:
        client.rpc("best_film", {}).execute()
    assert failure.value.code == "PGRST202"


def test_schemas_and_tokens(gateway: GatewayProcess) -> None:
    with SyncPostgrestClient(gateway.url, schema="api") as made:
        client: Any = made
        assert client.schema("other").from_("items").select("*").execute().data == [
            {"id": 1, "other_name": "other one"}
        ]
        token = bearer("house_user")["Authorization"].removeprefix("Bearer ")
        known = client.schema("api")
        known.auth(token)
        assert known.rpc("context", {}).execute().data["role"] == "house_user"
