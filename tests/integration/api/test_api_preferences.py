"""`Prefer`, ranges and counts, transactions' ends."""

from __future__ import annotations

import itertools

import httpx
import pytest

from tests.integration.api.house import DATABASE, REPRESENTATION, error, got
from tests.support.cluster import Cluster

EXACT = {"Prefer": "count=exact"}


@pytest.mark.parametrize(
    ("target", "headers", "status", "content_range", "rows"),
    [
        ("/films", {}, 200, "0-6/*", 7),
        ("/films?limit=2", {}, 200, "0-1/*", 2),
        ("/films?limit=2&offset=6", {}, 200, "6-6/*", 1),
        ("/films?offset=99", {}, 200, "*/*", 0),
        ("/films?limit=0", {}, 200, "*/*", 0),
        ("/films?id=eq.0", {}, 200, "*/*", 0),
        ("/films", EXACT, 200, "0-6/7", 7),
        ("/films?limit=2", EXACT, 206, "0-1/7", 2),
        ("/films?limit=2&offset=6", EXACT, 206, "6-6/7", 1),
        ("/films?limit=9", EXACT, 200, "0-6/7", 7),
        ("/films?offset=7", EXACT, 206, "*/7", 0),
        ("/films?limit=0", EXACT, 206, "*/7", 0),
        ("/films?id=eq.0", EXACT, 200, "*/0", 0),
        ("/films", {"Range": "0-1"}, 200, "0-1/*", 2),
        ("/films", {"Range": "5-"}, 200, "5-6/*", 2),
        ("/films", EXACT | {"Range": "2-3", "Range-Unit": "items"}, 206, "2-3/7", 2),
        ("/films?limit=3&offset=1", EXACT | {"Range": "2-9"}, 206, "2-3/7", 2),
        ("/films", {"Range": "nonsense"}, 200, "0-6/*", 7),
    ],
)
def test_ranges(
    api: httpx.Client, target: str, headers: dict[str, str], status: int, content_range: str, rows: int
) -> None:
    for _ in range(2):
        answer = api.get(target, headers=headers)
        assert (answer.status_code, answer.headers["content-range"], len(answer.json())) == (
            status,
            content_range,
            rows,
        )


def test_beyond_the_end(api: httpx.Client) -> None:
    answer = api.get("/films?offset=8", headers=EXACT)
    assert answer.headers["content-range"] == "*/7"
    body = got(answer, 416)
    assert body["code"] == "PGRST103" and "8" in body["details"] and "7" in body["details"]
    error(api.get("/films", headers={"Range": "3-1"}), 416, "PGRST103")


def test_head_has_the_headers_of_get(api: httpx.Client) -> None:
    for target in ("/films?limit=2", "/rpc/best_films", "/films?select=id,directors(name)"):
        get, head = (api.request(method, target, headers=EXACT) for method in ("GET", "HEAD"))
        assert head.content == b"" and head.status_code == get.status_code
        for name in ("content-range", "content-type", "content-location", "preference-applied", "vary"):
            assert head.headers.get(name) == get.headers.get(name), (target, name)


def test_planned_and_estimated_counts(api: httpx.Client, strict: httpx.Client) -> None:
    planned = api.get("/countries?limit=1", headers={"Prefer": "count=planned"})
    assert (planned.status_code, planned.headers["content-range"]) == (206, "0-0/1000")
    assert (
        api.get("/countries?limit=1&id=eq.5", headers={"Prefer": "count=planned"}).headers["content-range"] == "0-0/1"
    )
    estimated = strict.get("/countries", headers={"Prefer": "count=estimated"})
    assert (estimated.status_code, estimated.headers["content-range"]) == (206, "0-2/1000")
    correlated = 'id=lt.3&name=in.("country 1","country 2")'
    summed = api.get(f"/countries?select=count()&{correlated}", headers={"Prefer": "count=estimated"})
    assert (summed.status_code, summed.headers["content-range"]) == (200, "0-0/1")
    few = strict.get("/films?id=lte.2", headers={"Prefer": "count=estimated"})
    assert (few.status_code, few.headers["content-range"]) == (200, "0-1/2")


def test_max_rows(strict: httpx.Client) -> None:
    """No more rows than the server allows, at any level, whatever is asked for."""
    assert len(got(strict.get("/films"))) == 3
    assert len(got(strict.get("/films?limit=5"))) == 3
    assert len(got(strict.get("/films?limit=2"))) == 2
    assert len(got(strict.get("/films", headers={"Range": "0-9"}))) == 3
    assert strict.get("/films?offset=5", headers=EXACT).headers["content-range"] == "5-6/7"
    counted = strict.get("/films", headers=EXACT)
    assert (counted.status_code, counted.headers["content-range"]) == (206, "0-2/7")
    assert len(got(strict.get("/countries?id=eq.2&select=cities(id)"))[0]["cities"]) == 3
    assert len(got(strict.get("/rpc/numbers?upto=9"))) == 3
    assert len(got(strict.post("/rpc/best_films", json={"lowest": 1}))) == 3
    written = strict.patch("/films?id=gt.0&select=id,roles(part)", json={"year": 1}, headers=REPRESENTATION)
    assert len(got(written)) == 7


def applied(answer: httpx.Response) -> str | None:
    found: str | None = answer.headers.get("preference-applied")
    return found


def test_preferences_applied_to_reads(api: httpx.Client) -> None:
    everything = (
        "return=minimal, resolution=merge-duplicates, missing=default, max-affected=1, count=exact, handling=strict"
    )
    assert applied(api.get("/films", headers={"Prefer": everything + ", timezone=UTC"})) == (
        "count=exact, handling=strict, timezone=UTC"
    )
    assert applied(api.get("/films")) is None
    assert applied(api.get("/films", headers={"Prefer": "nonsense"})) is None
    assert applied(api.get("/rpc/best_films", headers={"Prefer": "count=exact, max-affected=5, handling=strict"})) == (
        "count=exact, handling=strict, max-affected=5"
    )


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_preferences_applied_to_writes(api: httpx.Client, emptied: object, method: str) -> None:
    """Every combination names exactly those that the method heeds, in one order."""
    heeded = {
        "resolution=merge-duplicates": method == "POST",
        "missing=default": method in ("POST", "PATCH"),
        "return=representation": True,
        "count=exact": True,
        "tx=commit": True,
        "handling=strict": True,
        "timezone=UTC": True,
        "max-affected=9": method in ("PATCH", "DELETE"),
    }
    body = None if method == "DELETE" else {"id": 1, "name": "x"}
    names = list(heeded)
    combinations = [tuple(names), (), *itertools.combinations(names, 2)]
    for combination in combinations:
        answer = api.request(method, "/items?id=eq.1", json=body, headers={"Prefer": ", ".join(combination)})
        if method == "POST" and "resolution=merge-duplicates" not in combination:
            api.delete("/items?id=eq.1")
        strictly = "handling=strict" in combination
        expected = [
            name for name in names if name in combination and heeded[name] and (strictly or not name.startswith("max"))
        ]
        if answer.status_code < 400:
            assert applied(answer) == (", ".join(expected) or None), (method, combination)
        else:
            assert answer.json()["code"] == "23505"


def test_several_headers_and_repetitions(api: httpx.Client) -> None:
    answer = api.get("/films", headers=[("Prefer", "count=exact"), ("Prefer", "timezone=UTC,count=planned")])
    assert applied(answer) == "count=exact, timezone=UTC"
    assert answer.headers["content-range"] == "0-6/7"


def test_strict_handling_lists_what_is_wrong(api: httpx.Client) -> None:
    found = error(api.get("/films", headers={"Prefer": "handling=strict, foo, bar=1, count=some"}), 400, "PGRST122")
    assert all(word in found["details"] for word in ("foo", "bar=1", "count=some"))
    assert got(api.get("/films?id=eq.1", headers={"Prefer": "handling=lenient, foo"}))


def test_timezones(api: httpx.Client) -> None:
    for zone, shown in {
        "America/Los_Angeles": "04:00:00-08:00",
        "Asia/Kolkata": "17:30:00+05:30",
        "UTC": "12:00:00+00:00",
    }.items():
        answer = api.get("/moments", headers={"Prefer": f"timezone={zone}"})
        assert got(answer)[0]["at"] == f"2024-01-01T{shown}"
        assert applied(answer) == f"timezone={zone}"
    for target in ("/moments", "/rpc/context", "/"):
        error(api.get(target, headers={"Prefer": "timezone=Jupiter/Red_Spot"}), 400, "22023")


def written(house: Cluster) -> int:
    return int(house.execute("SELECT count(*) FROM api.items", dbname=DATABASE)[0][0])


def test_transactions_end_as_asked_where_that_is_allowed(api: httpx.Client, emptied: Cluster) -> None:
    rolled_back = api.post("/items", json={"id": 1}, headers={"Prefer": "tx=rollback, return=representation"})
    assert got(rolled_back, 201)[0]["id"] == 1
    assert applied(rolled_back) == "return=representation, tx=rollback"
    assert written(emptied) == 0
    api.post("/items", json={"id": 1}, headers={"Prefer": "tx=commit"})
    assert written(emptied) == 1
    api.post("/rpc/keep", json={"id": 2, "name": "x"}, headers={"Prefer": "tx=rollback"})
    api.delete("/items", headers={"Prefer": "tx=rollback"})
    api.put("/items?id=eq.3", json={"id": 3}, headers={"Prefer": "tx=rollback"})
    assert written(emptied) == 1


def test_transactions_always_rolled_back(strict: httpx.Client, emptied: Cluster) -> None:
    for headers in ({}, {"Prefer": "tx=commit"}):
        answer = strict.post("/items", json={"id": 1}, headers=headers)
        assert answer.status_code == 201 and applied(answer) is None
        assert got(strict.post("/rpc/keep", json={"id": 2, "name": "x"}, headers=headers))["id"] == 2
    error_free = strict.post("/late", json=[{"code": "a"}, {"code": "a"}])
    assert got(error_free, 409)["code"] == "23505"
    assert written(emptied) == 0
