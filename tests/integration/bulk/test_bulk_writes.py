"""Large bodies of rows: written as they were sent, answered as small ones are."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.bulk.bodies import (
    CSV,
    DATABASE,
    NDJSON,
    PADDING,
    WRITERS,
    bearer,
    count,
    padded,
    post,
    refused,
    under_way,
)
from tests.support.cluster import Cluster

both = pytest.mark.parametrize("content_type", [CSV, NDJSON])


@both
def test_rows_arrive_as_they_were_sent(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    labels = ["plain", 'a "quoted" one', "two, three", "two\nlines\r\n", "größe 國😀", "", None, "\\N", " blank "]
    rows = [
        {"id": number, "label": (label := labels[number % len(labels)]) and f"{label}{PADDING}", "n": number % 100 + 1}
        for number in range(4000)
    ]
    answer = post(api, "/items", rows, content_type, Prefer="count=exact")
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["content-range"] == "*/4000"
    assert answer.headers["preference-applied"] == "count=exact"
    written = emptied.execute("SELECT id, label, n FROM api.items ORDER BY id", dbname=DATABASE)
    assert written == [(row["id"], row["label"], row["n"]) for row in rows]
    [[twice, numbers]] = emptied.execute(
        "SELECT bool_and(twice = 2 * n), count(DISTINCT number) FROM api.items", dbname=DATABASE
    )
    assert (twice, numbers) == (True, 4000)


@both
@pytest.mark.parametrize(
    "prefer",
    [
        "",
        "return=minimal",
        "return=headers-only, count=exact",
        "missing=default",
        "tx=rollback, count=planned",
        "resolution=merge-duplicates, count=exact",
        "resolution=ignore-duplicates",
        "handling=lenient, max-affected=1",
    ],
)
def test_the_answer_is_that_of_a_small_body(
    api: httpx.Client, emptied: Cluster, content_type: str, prefer: str
) -> None:
    small = post(api, "/items", padded(range(3)), content_type, Prefer=prefer)
    large = post(api, "/items", padded(range(10, 3010)), content_type, Prefer=prefer)
    assert (large.status_code, large.content) == (small.status_code, b"")
    expected = {**small.headers}
    expected["content-range"] = expected["content-range"].replace("/3", "/3000")
    assert {**large.headers} | {"date": ""} == expected | {"date": ""}
    assert count(emptied, "api.items") == (0 if "rollback" in prefer else 3003)


@both
def test_rows_that_are_there_already(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    merging = {"Prefer": "resolution=merge-duplicates, count=exact"}
    first = post(api, "/items", padded(range(3000), n=1), content_type, **merging)
    again = post(api, "/items", padded(range(3000), n=2), content_type, **merging)
    partly = post(api, "/items?on_conflict=id", padded(range(2900, 5900), n=3), content_type, **merging)
    assert [answer.status_code for answer in (first, again, partly)] == [201, 200, 201]
    assert [answer.headers["content-range"] for answer in (first, again, partly)] == ["*/3000"] * 3
    sums = emptied.execute("SELECT n, count(*) FROM api.items GROUP BY n ORDER BY n", dbname=DATABASE)
    assert sums == [(2, 2900), (3, 3000)]
    ignoring = post(
        api, "/items", padded(range(5000, 8000), n=4), content_type, Prefer="resolution=ignore-duplicates, count=exact"
    )
    assert (ignoring.status_code, ignoring.headers["content-range"]) == (201, "*/2100")
    assert count(emptied, "api.items WHERE n = 4") == 2100


def test_columns_and_defaults(api: httpx.Client, emptied: Cluster) -> None:
    rows = [row if row["id"] % 2 else row | {"n": 1, "unknown": [1]} for row in padded(range(3000))]
    details = refused(post(api, "/items", rows), 400, "PGRST102")["details"]
    assert "Line 2 " in details
    assert post(api, "/items?columns=id,n", rows, Prefer="missing=default").status_code == 201
    found = emptied.execute("SELECT n, count(*), count(label) FROM api.items GROUP BY n ORDER BY n", dbname=DATABASE)
    assert found == [(1, 1500, 0), (7, 1500, 0)]
    assert post(api, "/items?columns=label", padded(range(3000))).status_code == 400


@both
def test_what_triggers_see_and_say(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    headers = bearer("bulk_careful", sub="somebody") | {"X-Mark": "blue"}
    answer = post(api, "/watched", padded(range(3000)), content_type, **headers)
    assert (answer.status_code, answer.headers["x-seen"]) == (201, "2999")
    seen = emptied.execute("SELECT * FROM hidden.seen", dbname=DATABASE)
    assert len(seen) > 1
    [(role, claims, method, path, mark, isolation, read_only, _)] = {(row[0], row[1]["sub"], *row[2:]) for row in seen}
    assert (role, claims, method, path) == ("bulk_careful", "somebody", "POST", "/watched")
    assert (mark, isolation, read_only) == ("blue", "repeatable read", "off")
    rows = [*padded(range(3000, 6000)), {"id": 6000, "label": "status"}]
    assert post(api, "/watched", rows, content_type).status_code == 299


@both
def test_a_view_with_a_trigger(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    rows = [row | {"label": row["label"].upper()} for row in padded(range(2500))]
    assert post(api, "/shouted", rows, content_type).status_code == 201
    assert count(emptied, "api.items WHERE label = id || ' ' || repeat('x', 1000)") == 2500


@both
def test_only_own_rows(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    token = bearer("bulk_user", sub="me")
    mine = padded(range(3000), owner="me")
    assert post(api, "/notes", mine, content_type, **token).status_code == 201
    others = [*padded(range(3000, 6000), owner="me"), *padded([6000], owner="you")]
    error = refused(post(api, "/notes", others, content_type, **token), 403, "42501")
    assert "of the body" in error["details"]
    assert refused(post(api, "/notes", padded(range(9000, 12000), owner="me"), content_type), 401, "42501")
    assert count(emptied, "api.notes") == 3000
    assert under_way(emptied) == []


@both
def test_one_wrong_row_at_the_end_undoes_all(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    rows = padded(range(3000))
    doubled = refused(post(api, "/items", [*rows, *padded([1])], content_type), 409, "23505")
    assert doubled["details"].startswith("Key (id)=(1) already exists. ")
    first, last = (int(word) for word in doubled["details"].split() if word.isdigit())
    header = content_type == CSV
    assert 2000 < first < last == 3001 + header
    checked = [row | {"n": 1} for row in rows] + padded([3000], n=-1)
    assert refused(post(api, "/items", checked, content_type), 400, "23514")["details"]
    typed = [row | {"n": 1} for row in rows] + padded([3000], n="many")
    assert refused(post(api, "/items", typed, content_type), 400, "22P02")
    generated = padded(range(3000), twice=1)
    assert refused(post(api, "/items", generated, content_type), 400, "428C9")
    assert count(emptied, "api.items") == 0
    assert under_way(emptied) == []


@both
def test_what_is_checked_at_the_commit(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    rows = [*padded(range(3000)), *padded([0])]
    assert refused(post(api, "/late", rows, content_type), 409, "23505")
    assert refused(post(api, "/late", rows, content_type, Prefer="tx=rollback"), 409, "23505")
    assert count(emptied, "api.late") == 0
    assert post(api, "/late", rows[:-1], content_type).status_code == 201


@both
def test_errors_that_sql_raises(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    for place in (0, 3000):
        rows = padded(range(3000))
        rows.insert(place, {"id": -1, "label": "raise"})
        answer = post(api, "/watched", rows, content_type)
        assert (answer.status_code, answer.json()["code"]) == (418, "mine")
    before = refused(post(api, "/watched", padded(range(3000)), content_type, X_Refused="yes"), 403, "PT403")
    assert before["details"] is None
    assert count(emptied, "api.watched") == 0


@both
def test_a_statement_that_takes_too_long(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    rows = [*padded(range(3000)), {"id": 3000, "label": "sleep"}]
    refused(post(api, "/watched", rows, content_type, **bearer("bulk_careful")), 500, "57014")
    assert count(emptied, "api.watched") == 0


@both
def test_an_object_is_not_many(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    as_object = {"Accept": "application/vnd.pgrst.object+json"}
    refused(post(api, "/items", padded(range(3000)), content_type, **as_object), 406, "PGRST116")
    assert count(emptied, "api.items") == 0
    one = [{"id": 1, "label": PADDING * 3000}]
    answer = post(api, "/items", one, content_type, **as_object, Prefer="return=headers-only")
    assert (answer.status_code, answer.headers["location"]) == (201, "/items?id=eq.1")


@both
def test_rows_can_come_back(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    rows = padded(range(3000))
    answer = post(api, "/items?select=id", rows, content_type, Prefer="return=representation")
    assert answer.status_code == 201
    assert answer.json() == [{"id": number} for number in range(3000)]
    plan = {"Accept": "application/vnd.pgrst.plan"}
    refused(post(api, "/items", rows, content_type, **plan), 406, "PGRST107")


@both
def test_requests_that_mean_nothing(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    rows = padded(range(3000))
    refused(post(api, "/itemz", rows, content_type), 404, "PGRST205")
    refused(post(api, "/items", padded(range(3000), nn=1), content_type), 400, "PGRST204")
    refused(post(api, "/items?columns=", rows, content_type), 400, "PGRST100")
    refused(post(api, "/items", rows, content_type, Accept="image/x-none"), 406, "PGRST107")
    refused(post(api, "/items", rows, content_type, Authorization="Bearer none"), 401, "PGRST301")
    refused(post(api, "/items", rows, f"{content_type}", Accept_Profile="no", Content_Profile="no"), 406, "PGRST106")
    charset = {"Content-Type": f"{content_type}; charset=klingon"}
    refused(api.post("/items", content=WRITERS[content_type](rows), headers=charset), 400, "PGRST102")
    refused(api.post("/", content=WRITERS[content_type](rows), headers={"Content-Type": content_type}), 405, "PGRST117")
    assert count(emptied, "api.items") == 0


@both
def test_no_rows_at_all(api: httpx.Client, emptied: Cluster, content_type: str) -> None:
    body = (b"id,label\n" if content_type == CSV else b"") + b"\n" * 1_500_000
    headers = {"Content-Type": content_type, "Prefer": "count=exact"}
    answer = api.post("/items", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-range"]) == (201, "*/0")


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-16"])
@both
def test_character_sets(api: httpx.Client, emptied: Cluster, content_type: str, charset: str) -> None:
    text = WRITERS[content_type](padded(range(2000), label="größe" + PADDING)).decode()
    if content_type == CSV and charset == "utf-8":
        text = "\ufeff" + text.replace("\n", "\r\n")
    headers = {"Content-Type": f"{content_type}; charset={charset}"}
    assert api.post("/items", content=text.encode(charset), headers=headers).status_code == 201
    assert count(emptied, "api.items WHERE label LIKE 'größe%'") == 2000


def test_numbers_keep_every_digit(api: httpx.Client, emptied: Cluster) -> None:
    rows = b"".join(b'{"id":%d,"number":%d,"label":"%b"}\n' % (n, 2**63 - 1 - n, PADDING.encode()) for n in range(2000))
    assert api.post("/items", content=rows, headers={"Content-Type": NDJSON}).status_code == 201
    assert count(emptied, "api.items WHERE number = 9223372036854775807 - id") == 2000


def test_small_bodies_of_ndjson(api: httpx.Client, emptied: Cluster) -> None:
    headers = {"Content-Type": NDJSON}
    returned = headers | {"Prefer": "return=representation"}
    made = api.post("/items?select=id,label", content=b'{"id":1,"label":"a"}\n\n{"id":2,"label":"b"}', headers=returned)
    assert (made.status_code, made.json()) == (201, [{"id": 1, "label": "a"}, {"id": 2, "label": "b"}])
    changed = api.patch("/items?id=eq.1&select=label", content=b'{"label":"c"}\n', headers=returned)
    assert (changed.status_code, changed.json()) == (200, [{"label": "c"}])
    put = api.put("/items?id=eq.3&select=label", content=b'{"id":3,"label":"d"}', headers=returned)
    assert (put.status_code, put.json()) == (201, [{"label": "d"}])
    assert api.post("/rpc/length_of", content=b'{"label":"four"}\n', headers=headers).json() == 4
    refused(api.post("/items", content=b'{"id":4}\n[]\n', headers=headers), 400, "PGRST102")
    assert count(emptied, "api.items") == 3


@both
def test_a_large_body_of_a_function(api: httpx.Client, content_type: str) -> None:
    assert post(api, "/rpc/length_of", [{"label": PADDING * 3000}], content_type).json() == 3_000_000
