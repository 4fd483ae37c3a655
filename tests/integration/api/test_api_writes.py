"""Writes: insert, update, upsert, delete, and what comes back."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.integration.api.house import DATABASE, OBJECT, REPRESENTATION, error, exact, got
from tests.support.cluster import Cluster

pytestmark = pytest.mark.usefixtures("emptied")
MINIMAL = {"Prefer": "return=minimal"}
DEFAULTS = {"Prefer": "missing=default, return=representation"}


def prefer(*preferences: str) -> dict[str, str]:
    return {"Prefer": ", ".join(preferences)}


def test_insert_one_and_many(api: httpx.Client) -> None:
    one = api.post("/items", json={"id": 1, "name": "one"})
    assert (one.status_code, one.content, one.headers["content-length"]) == (201, b"", "0")
    assert one.headers["content-range"] == "*/*" and "content-type" not in one.headers
    many = api.post(
        "/items?select=id,name", json=[{"id": 2, "name": "two"}, {"id": 3, "name": None}], headers=REPRESENTATION
    )
    assert got(many, 201) == [{"id": 2, "name": "two"}, {"id": 3, "name": None}]
    assert many.headers["preference-applied"] == "return=representation"
    assert got(api.post("/items", json={"id": 4}, headers=REPRESENTATION | OBJECT), 201)["id"] == 4


def test_location_needs_headers_only_and_a_key(api: httpx.Client) -> None:
    headers_only = prefer("return=headers-only")
    assert api.post("/items", json={"id": 1}, headers=headers_only).headers["location"] == "/items?id=eq.1"
    pair = api.post("/pairs", json={"a": 1, "b": 2}, headers=headers_only)
    assert pair.headers["location"] == "/pairs?a=eq.1&b=eq.2" and pair.content == b""
    assert "location" not in api.post("/items", json=[{"id": 2}, {"id": 3}], headers=headers_only).headers
    assert "location" not in api.post("/keyless", json={"a": "x"}, headers=headers_only).headers
    assert "location" not in api.post("/items", json={"id": 4}).headers


def test_empty_bodies(api: httpx.Client) -> None:
    assert got(api.post("/things", json={}, headers=REPRESENTATION), 201)[0]["label"] == "none"
    assert len(got(api.post("/things", json=[{}, {}], headers=REPRESENTATION), 201)) == 2
    assert got(api.post("/things", json=[], headers=REPRESENTATION), 201) == []
    assert got(api.patch("/things?id=gt.0", json={}, headers=REPRESENTATION)) == []
    assert got(api.patch("/things?id=gt.0", json=[], headers=REPRESENTATION)) == []
    assert api.patch("/things?id=gt.0", json={}).status_code == 204
    error(api.post("/things", content=b""), 400, "PGRST102")
    error(api.patch("/things", content=b" \n"), 400, "PGRST102")


def test_generated_and_identity_columns(api: httpx.Client) -> None:
    assert got(api.post("/things", json={"n": 4}, headers=REPRESENTATION), 201)[0]["twice"] == 8
    assert error(api.post("/things", json={"id": 5}), 400, "428C9")["message"]
    assert error(api.post("/things", json={"twice": 5}), 400, "428C9")["message"]
    assert error(api.patch("/things?id=eq.1", json={"twice": 5}), 400, "428C9")["message"]
    row = got(api.post("/things?columns=n,label", json={"n": 1, "label": "x", "id": 77}, headers=REPRESENTATION), 201)[
        0
    ]
    assert (row["n"], row["id"] != 77) == (1, True)


def test_missing_is_null_or_the_default(api: httpx.Client) -> None:
    rows = [{"n": 1, "label": "a"}, {"label": "b"}, {"n": None, "label": "c"}]
    as_null = api.post("/things?columns=n,label&select=n", json=rows, headers=REPRESENTATION)
    assert [row["n"] for row in got(as_null, 201)] == [1, None, None]
    as_default = api.post("/things?columns=n,label&select=n", json=rows, headers=DEFAULTS)
    assert [row["n"] for row in got(as_default, 201)] == [1, 7, None]
    assert as_default.headers["preference-applied"] == "missing=default, return=representation"
    first = got(api.get("/things?select=id&order=id&limit=1"))[0]["id"]
    changed = api.patch(f"/things?id=eq.{first}&columns=n,label", json={"n": 9}, headers=DEFAULTS)
    assert [(row["n"], row["label"]) for row in got(changed)] == [(9, "none")]


@pytest.mark.parametrize("element", [1, [], None])
@pytest.mark.parametrize("missing", ["null", "default"])
def test_an_element_that_is_no_object(api: httpx.Client, element: object, missing: str) -> None:
    answer = api.post("/things?columns=n,label", json=[{"n": 1}, element], headers=prefer(f"missing={missing}"))
    kind = "jsonb" if missing == "default" else "json"
    message = error(answer, 400, "22023")["message"]
    assert message == f"argument of {kind}_to_recordset must be an array of objects"


def test_defaults_are_computed_for_every_row(api: httpx.Client) -> None:
    """So that a sequence has moved past the keys that the rows before bring themselves."""
    rows = [{"id": 1, "tag": "a"}, {"id": 2, "tag": "b"}, {"tag": "c"}]
    written = api.post("/ledger?columns=id,tag&select=id,n", json=rows, headers=DEFAULTS)
    assert got(written, 201) == [{"id": 1, "n": 0}, {"id": 2, "n": 0}, {"id": 3, "n": 0}]
    again = prefer("missing=default", "resolution=merge-duplicates", "return=representation")
    more = [{"id": 1, "tag": "d"}, {"tag": "e"}]
    assert got(api.post("/ledger?columns=id,tag&select=id,tag", json=more, headers=again), 201)[1]["id"] == 5


def test_the_default_of_a_domain_that_cannot_be_null(api: httpx.Client) -> None:
    rows = [{"id": 1, "stars": 5}, {"id": 2}]
    assert got(api.post("/hotels?columns=id,stars", json=rows, headers=DEFAULTS), 201)[1] == {"id": 2, "stars": 3}
    assert error(api.post("/hotels?columns=id,stars", json=rows), 400, "23502")["message"]


def test_columns_choose_what_is_written(api: httpx.Client) -> None:
    body = {"id": 1, "name": "kept", "note": "left out", "unknown": 1}
    assert got(api.post("/items?columns=id,name", json=body, headers=REPRESENTATION), 201)[0]["note"] is None
    assert got(
        api.post('/items?columns="id","name"', json=[{"id": 2}, {"name": "x", "id": 3}], headers=REPRESENTATION), 201
    )
    refusal = error(api.post("/items?columns=id,nane", json=body), 400, "PGRST204")
    assert "name" in str(refusal["hint"])
    error(api.post("/items", json={"id": 5, "nope": 1}), 400, "PGRST204")
    error(api.patch("/items", json={"nope": 1}), 400, "PGRST204")
    error(api.post("/items?columns=", json={}), 400, "PGRST100")


def test_keys_must_match(api: httpx.Client) -> None:
    error(api.post("/items", json=[{"id": 1}, {"id": 2, "name": "x"}]), 400, "PGRST102")
    error(api.post("/items", json=[{"id": 1}, 2]), 400, "PGRST102")


def test_constraints(api: httpx.Client) -> None:
    assert api.post("/items", json={"id": 1}).status_code == 201
    taken = error(api.post("/items", json={"id": 1}), 409, "23505")
    assert "(id)=(1)" in taken["details"]
    error(api.post("/films", json={"title": "x", "year": 1, "director_id": 999}), 409, "23503")
    error(api.post("/things", json={"positive": -1}), 400, "23514")
    error(api.post("/things", json={"label": None}), 400, "23502")
    error(api.post("/things", json={"short": "too long"}), 400, "22001")
    error(api.post("/items", json={"id": 10**30}), 400, "22003")
    error(api.post("/items", json={"id": "one"}), 400, "22P02")


def test_everything_or_nothing(api: httpx.Client) -> None:
    error(api.post("/items", json=[{"id": 1}, {"id": 2}, {"id": 1}]), 409, "23505")
    assert got(api.get("/items")) == []


def test_deferred_constraints_fail_the_request(api: httpx.Client) -> None:
    error(api.post("/late", json=[{"code": "a"}, {"code": "a"}]), 409, "23505")
    error(api.post("/late", json=[{"code": "a"}, {"code": "a"}], headers=prefer("tx=rollback")), 409, "23505")
    assert got(api.get("/late")) == []


def test_update(api: httpx.Client) -> None:
    api.post("/items", json=[{"id": 1}, {"id": 2}, {"id": 3}])
    silent = api.patch("/items?id=lt.3", json={"note": "n"})
    assert (silent.status_code, silent.content) == (204, b"")
    assert silent.headers["content-range"] == "0-1/*" and "content-length" not in silent.headers
    counted = api.patch("/items?id=gt.1", json={"note": "m"}, headers=prefer("count=exact", "return=representation"))
    assert counted.headers["content-range"] == "0-1/2" and len(got(counted)) == 2
    none = api.patch("/items?id=gt.9", json={"note": "m"}, headers=prefer("count=exact"))
    assert (none.status_code, none.headers["content-range"]) == (204, "*/0")
    assert [row["note"] for row in got(api.get("/items?order=id"))] == ["n", "m", "m"]
    assert got(api.patch("/items?id=eq.1", json={"id": 11}, headers=REPRESENTATION))[0]["id"] == 11


def test_update_of_a_json_column_writes_all_of_it(api: httpx.Client) -> None:
    api.post("/items", json={"id": 1, "data": {"a": 1}})
    assert got(api.patch("/items?id=eq.1&select=data", json={"data": {"b": [1, None]}}, headers=REPRESENTATION)) == [
        {"data": {"b": [1, None]}}
    ]


def test_every_filter_of_a_read_works_in_writes(api: httpx.Client) -> None:
    api.post("/items", json=[{"id": number, "name": f"name {number}"} for number in range(1, 10)])
    query = "or=(id.lt.3,name.like.*9)&id=not.eq.2"
    assert sorted(
        row["id"] for row in got(api.patch(f"/items?{query}", json={"note": "x"}, headers=REPRESENTATION))
    ) == [1, 9]
    assert sorted(row["id"] for row in got(api.delete(f"/items?{query}&select=id", headers=REPRESENTATION))) == [1, 9]
    assert len(got(api.get("/items"))) == 7


def test_limits_and_orders_do_not_narrow_a_write(api: httpx.Client) -> None:
    """`limit` and `offset` are no filters, and an order sorts what comes back."""
    api.post("/items", json=[{"id": 1}, {"id": 2}, {"id": 3}])
    changed = api.patch("/items?limit=1&order=id.desc&select=id", json={"note": "x"}, headers=REPRESENTATION)
    assert got(changed) == [{"id": 3}, {"id": 2}, {"id": 1}]
    assert got(api.delete("/items?limit=1&offset=1&order=id&select=id", headers=REPRESENTATION)) == [
        {"id": 1},
        {"id": 2},
        {"id": 3},
    ]


def test_delete(api: httpx.Client) -> None:
    api.post("/items", json=[{"id": 1}, {"id": 2}])
    one = api.delete("/items?id=eq.1", headers=prefer("count=exact"))
    assert (one.status_code, one.headers["content-range"]) == (204, "*/1")
    assert got(api.delete("/items?id=eq.1", headers=REPRESENTATION)) == []
    assert got(api.delete("/items", headers=REPRESENTATION | OBJECT))["id"] == 2


def test_upserts(api: httpx.Client) -> None:
    merge, ignore = (prefer(f"resolution={which}-duplicates", "return=representation") for which in ("merge", "ignore"))
    rows: list[dict[str, Any]] = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    first = api.post("/items?select=id,name", json=rows, headers=merge)
    assert got(first, 201) == rows
    assert first.headers["preference-applied"] == "resolution=merge-duplicates, return=representation"
    again = [{"id": 1, "name": "c"}, {"id": 3, "name": "d"}]
    assert got(api.post("/items?select=id,name", json=again, headers=merge), 201) == again
    assert got(api.post("/items?select=name", json=[{"id": 1, "name": "e"}], headers=merge), 200) == [{"name": "e"}]
    assert got(
        api.post("/items?select=id", json=[{"id": 1, "name": "f"}, {"id": 4, "name": "g"}], headers=ignore), 201
    ) == [{"id": 4}]
    assert [row["name"] for row in got(api.get("/items?order=id"))] == ["e", "b", "d", "g"]
    assert got(api.post("/items", json=[{"id": 1}], headers=merge), 200)[0]["id"] == 1


def test_upserts_on_another_key(api: httpx.Client) -> None:
    api.post("/uniques", json={"id": 1, "code": "x", "n": 1})
    merge = prefer("resolution=merge-duplicates", "return=representation")
    assert (
        got(api.post("/uniques?on_conflict=code", json={"id": 1, "code": "x", "n": 2}, headers=merge), 200)[0]["n"] == 2
    )
    error(api.post("/uniques?on_conflict=n", json={"id": 2, "code": "y", "n": 2}, headers=merge), 400, "42P10")
    assert got(api.post("/keyless?on_conflict=", json=[], headers=merge), 400)["code"] == "PGRST100"
    assert api.post("/keyless", json={"a": "x"}, headers=merge).status_code in (200, 201)


def test_upserts_on_views(api: httpx.Client) -> None:
    merge = prefer("resolution=merge-duplicates", "return=representation")
    assert got(api.post("/item_names", json={"id": 1, "name": "a"}, headers=merge), 201) == [{"id": 1, "name": "a"}]
    assert got(api.post("/item_names", json={"id": 1, "name": "b"}, headers=merge), 200) == [{"id": 1, "name": "b"}]
    assert got(api.put("/item_names?id=eq.1", json={"id": 1, "name": "c"}, headers=REPRESENTATION)) == [
        {"id": 1, "name": "c"}
    ]


def test_put(api: httpx.Client) -> None:
    made = api.put("/items?id=eq.1", json={"id": 1, "name": "a"}, headers=REPRESENTATION)
    assert got(made, 201)[0]["name"] == "a"
    changed = api.put("/items?id=eq.1", json=[{"id": 1, "name": "b"}], headers=REPRESENTATION)
    assert got(changed)[0]["name"] == "b"
    silent = api.put("/items?id=eq.1", json={"id": 1, "name": "c"})
    assert (silent.status_code, silent.content) == (204, b"") and "content-range" not in silent.headers
    assert got(api.put("/pairs?a=eq.1&b=eq.2", json={"a": 1, "b": 2, "c": "x"}, headers=REPRESENTATION), 201)


@pytest.mark.parametrize(
    ("target", "body", "status", "code"),
    [
        ("/items", {"id": 1}, 405, "PGRST105"),
        ("/items?id=gt.1", {"id": 1}, 405, "PGRST105"),
        ("/items?id=not.eq.1", {"id": 1}, 405, "PGRST105"),
        ("/items?id=in.(1)", {"id": 1}, 405, "PGRST105"),
        ("/items?name=eq.a", {"id": 1}, 405, "PGRST105"),
        ("/items?id=eq.1&name=eq.a", {"id": 1, "name": "a"}, 405, "PGRST105"),
        ("/items?and=(id.eq.1)", {"id": 1}, 405, "PGRST105"),
        ("/pairs?a=eq.1", {"a": 1, "b": 2}, 405, "PGRST105"),
        ("/keyless?a=eq.x", {"a": "x"}, 405, "PGRST105"),
        ("/items?id=eq.1&limit=1", {"id": 1}, 400, "PGRST114"),
        ("/items?id=eq.1&offset=1", {"id": 1}, 400, "PGRST114"),
        ("/items?id=eq.1", {"id": 2}, 400, "PGRST115"),
        ("/items?id=eq.1", [{"id": 2}, {"id": 3}], 400, "PGRST115"),
        ("/items?id=eq.1", {"name": "without the key"}, 400, "42703"),
    ],
)
def test_rules_of_put(api: httpx.Client, target: str, body: object, status: int, code: str) -> None:
    error(api.put(target, json=body), status, code)
    assert got(api.get("/items")) == []


def test_embeds_on_what_was_written(api: httpx.Client) -> None:
    headers = prefer("tx=rollback", "return=representation")
    body = {"title": "New", "year": 2024, "director_id": 1}
    made = got(api.post("/films?select=title,directors(name,films(id)),actors(name)", json=body, headers=headers), 201)
    assert made[0]["directors"]["name"] == "Agnès Varda" and made[0]["actors"] == []
    changed = got(
        api.patch("/films?id=eq.1&select=id,d:directors(name)&d.name=eq.x", json={"year": 1}, headers=headers)
    )
    assert changed == [{"id": 1, "d": None}]
    gone = got(api.delete("/film_details?film_id=eq.1&select=films(title)", headers=headers))
    assert gone == [{"films": {"title": "Cléo from 5 to 7"}}]
    spread = got(api.patch("/films?id=eq.1&select=...directors(name)", json={"year": 1}, headers=headers))
    assert spread == [{"name": "Agnès Varda"}]


def test_singular_writes_are_rolled_back(api: httpx.Client) -> None:
    api.post("/items", json=[{"id": 1}, {"id": 2}])
    for headers in (OBJECT, OBJECT | REPRESENTATION, OBJECT | MINIMAL):
        error(api.patch("/items?id=gt.0", json={"note": "x"}, headers=headers), 406, "PGRST116")
        error(api.patch("/items?id=gt.9", json={"note": "x"}, headers=headers), 406, "PGRST116")
        error(api.delete("/items", headers=headers), 406, "PGRST116")
        error(api.post("/items", json=[{"id": 3}, {"id": 4}], headers=headers), 406, "PGRST116")
    assert [(row["id"], row["note"]) for row in got(api.get("/items?order=id"))] == [(1, None), (2, None)]
    assert api.patch("/items?id=eq.1", json={"note": "x"}, headers=OBJECT).status_code == 204


def test_max_affected(api: httpx.Client) -> None:
    api.post("/items", json=[{"id": number} for number in range(5)])
    strictly = prefer("handling=strict", "max-affected=3")
    refusal = error(api.patch("/items", json={"note": "x"}, headers=strictly), 400, "PGRST124")
    assert "5" in refusal["details"]
    error(api.delete("/items", headers=strictly), 400, "PGRST124")
    assert len(got(api.get("/items?note=is.null"))) == 5
    assert (
        api.delete("/items?id=lt.2", headers=strictly).headers["preference-applied"]
        == "handling=strict, max-affected=3"
    )
    leniently = api.patch("/items", json={"note": "x"}, headers=prefer("handling=lenient", "max-affected=1"))
    assert (leniently.status_code, leniently.headers["preference-applied"]) == (204, "handling=lenient")
    error(
        api.post("/rpc/keep_none", json={"id": -1}, headers=prefer("handling=strict", "max-affected=1")),
        400,
        "PGRST124",
    )
    error(api.post("/rpc/add", json={"a": 1}, headers=strictly), 400, "PGRST128")
    assert len(got(api.get("/items"))) == 3


def test_views_with_triggers_and_without(api: httpx.Client) -> None:
    assert got(api.post("/shouted", json={"id": 1, "name": "LOUD"}, headers=REPRESENTATION), 201) == [
        {"id": 1, "name": "LOUD"}
    ]
    assert got(api.get("/items?select=name")) == [{"name": "loud"}]
    error(api.patch("/shouted?id=eq.1", json={"name": "x"}), 400, "0A000")
    error(api.patch("/films_per_year", json={"films": 1}), 500, "55000")
    error(api.post("/frozen", json={"id": 1}), 400, "42809")


def test_csv_and_form_bodies(api: httpx.Client) -> None:
    csv = 'id,name,note\n1,"a, ""b""",NULL\n2,ünï,""\r\n'
    headers = {"Content-Type": "text/csv"} | REPRESENTATION
    assert [
        (row["name"], row["note"]) for row in got(api.post("/items", content=csv.encode(), headers=headers), 201)
    ] == [
        ('a, "b"', None),
        ("ünï", ""),
    ]
    for uneven in (b"id,name\n3,a,b\n", b"id,name\n3,a\n4\n"):
        error(api.post("/items", content=uneven, headers=headers), 400, "PGRST102")
    form = api.post("/items?select=id,name", data={"id": "5", "name": "a&b=c ü"}, headers=REPRESENTATION)
    assert got(form, 201) == [{"id": 5, "name": "a&b=c ü"}]
    changed = api.patch("/items?id=eq.5&select=name", data={"name": "d"}, headers=REPRESENTATION)
    assert got(changed) == [{"name": "d"}]


def test_numbers_arrive_whole(api: httpx.Client, emptied: Cluster) -> None:
    body = b'{"id": 9007199254740993, "big": -9223372036854775808, "amount": 123456789012345678901234567890.123456789}'
    written = api.post("/items?select=id,big,amount", content=body, headers=REPRESENTATION)
    assert written.status_code == 201
    assert exact(written) == [
        {
            "id": "9007199254740993",
            "big": "-9223372036854775808",
            "amount": "123456789012345678901234567890.123456789",
        }
    ]
    assert emptied.execute("SELECT amount::text FROM api.items", dbname=DATABASE) == [
        ("123456789012345678901234567890.123456789",)
    ]
    huge = b'[{"id": 1, "data": {"x": 1e400, "y": 0.10}}]'
    kept = api.post("/items?select=data", content=huge, headers=REPRESENTATION)
    assert kept.text == '[{"data":{"x": 1e400, "y": 0.10}}]'


def test_a_body_that_looks_like_something_else(api: httpx.Client) -> None:
    assert got(api.post("/items", content=b' \n{"id": 1}', headers=REPRESENTATION), 201)
    duplicate = api.post(
        "/items?select=id,name", content=b'{"id": 2, "name": "a", "name": "b"}', headers=REPRESENTATION
    )
    assert got(duplicate, 201)[0]["name"] in ("a", "b")
    for body in (b"1", b'"text"', b"null", b"true"):
        assert got(api.post("/items", content=body, headers=REPRESENTATION), 201) == []
    for body in (b"{", b"[1,]", b"{'id': 1}", b"\xff\xfe", b'{"id": 1} x', b"NaN", b'{"id": Infinity}'):
        error(api.post("/items", content=body), 400, "PGRST102")


def test_bytes_and_text(api: httpx.Client) -> None:
    text = "".join(map(chr, range(1, 128))) + "äöü 漢字 🐘"
    made = got(api.post("/items", json={"id": 1, "name": text, "bits": "\\x00ff"}, headers=REPRESENTATION), 201)
    assert (made[0]["name"], made[0]["bits"]) == (text, "\\x00ff")
    assert json.loads(api.get("/items", params={"name": f"eq.{text}"}).text)[0]["id"] == 1
