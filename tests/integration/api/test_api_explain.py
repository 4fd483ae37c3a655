"""The statement that the gateway renders is planned as one written by hand would be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from tests.integration.api.house import DATABASE, got
from tests.support.cluster import Cluster

PLAN = {"Accept": 'application/vnd.pgrst.plan+json; for="application/json"'}

THREE_LEVELS = "/countries?select=id,name,cities(id,name,streets(id,name))"
BY_HAND = """
SELECT count(rows), coalesce(json_agg(rows), '[]') FROM (
    SELECT co.id, co.name, coalesce(a.list, '[]') AS cities
    FROM api.countries AS co LEFT JOIN LATERAL (
        SELECT json_agg(one) AS list FROM (
            SELECT ci.id, ci.name, coalesce(b.list, '[]') AS streets
            FROM api.cities AS ci LEFT JOIN LATERAL (
                SELECT json_agg(two) AS list FROM (
                    SELECT s.id, s.name FROM api.streets AS s WHERE s.city_id = ci.id
                ) AS two
            ) AS b ON true
            WHERE ci.country_id = co.id
        ) AS one
    ) AS a ON true
) AS rows
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def kinds(plan: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """Return the types of the plan's nodes in their order, with relation and index."""
    return [(node["Node Type"], node.get("Relation Name"), node.get("Index Name")) for node in nodes(plan)]


def explained(api: httpx.Client, target: str) -> dict[str, Any]:
    found: dict[str, Any] = got(api.get(target, headers=PLAN))[0]["Plan"]
    return found


def test_three_levels_over_a_thousand_parents(api: httpx.Client, house: Cluster) -> None:
    """One statement, with the plan of hand-written lateral joins, and the same rows."""
    [[by_hand]] = house.execute(f"EXPLAIN (FORMAT JSON) {BY_HAND}", dbname=DATABASE)
    assert kinds(explained(api, THREE_LEVELS)) == kinds(by_hand[0]["Plan"])
    [[count, rows]] = house.execute(BY_HAND, dbname=DATABASE)
    answer = got(api.get(THREE_LEVELS))
    assert count == len(answer) == 1000
    assert json.dumps(answer, sort_keys=True) == json.dumps(rows, sort_keys=True)


def test_an_embed_of_few_parents_uses_the_index_of_its_key(api: httpx.Client) -> None:
    found = kinds(explained(api, "/countries?id=eq.7&select=name,cities(name,streets(name))"))
    assert {"countries_pkey", "cities_country_id_idx", "streets_city_id_idx"} <= {index for _, _, index in found}
    assert not any(kind == "Seq Scan" for kind, _, _ in found)


def test_a_filter_inside_an_embed_uses_its_index(api: httpx.Client) -> None:
    inside = explained(api, "/cities?id=eq.5&select=id,streets(id)&streets.name=eq.street%204004")
    assert "Seq Scan" not in {kind for kind, relation, _ in kinds(inside) if relation == "streets"}
    inner = explained(api, "/cities?select=id,streets!inner(id)&streets.name=eq.street%2077")
    assert "Seq Scan" not in {kind for kind, relation, _ in kinds(inner) if relation == "streets"}


def test_filters_use_indexes_whatever_their_form(api: httpx.Client) -> None:
    for query in (
        "name=eq.street%207",
        "name=in.(street%207,street%208)",
        "name=eq(any).{street%207}",
        "id=in.(1,2,3)",
    ):
        found = explained(api, f"/streets?{query}")
        assert "Seq Scan" not in {kind for kind, _, _ in kinds(found)}, query
    assert "Seq Scan" not in {kind for kind, _, _ in kinds(explained(api, "/streets?or=(id.eq.1,name.eq.street%205)"))}


def test_order_and_limit_read_no_more_than_they_must(api: httpx.Client) -> None:
    found = kinds(explained(api, "/streets?order=id&limit=5"))
    assert [kind for kind, _, _ in found if kind != "Subquery Scan"] == ["Aggregate", "Limit", "Index Scan"]


def test_an_inlined_function_is_no_scan_of_it(api: httpx.Client) -> None:
    found = {kind for kind, _, _ in kinds(explained(api, "/rpc/best_films?id=eq.4"))}
    assert "Function Scan" not in found


def test_no_count_no_second_scan(api: httpx.Client) -> None:
    counted = {"Prefer": "count=exact"} | PLAN
    scans = [
        [kind for kind, relation, _ in kinds(got(api.get(target, headers=headers))[0]["Plan"]) if relation == "streets"]
        for target, headers in (("/streets", PLAN), ("/streets", counted), ("/streets?limit=5", counted))
    ]
    assert [len(found) for found in scans] == [1, 1, 2]
