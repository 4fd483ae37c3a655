"""Answers of any size: the bytes that the database would make, from a gateway that does not hold them."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import sys
from typing import Any

import httpx
import pytest

from autorest.streaming import FIRST_SMALL
from tests.integration.streams.conftest import DATABASE
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES = {"Accept": "application/x-ndjson"}
CSV = {"Accept": "text/csv"}
JSON = {"Accept": "application/json"}
EXACT = {"Prefer": "count=exact"}
STRIPPED = {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}
MEGABYTE = 1 << 20

SMALL: list[tuple[str, dict[str, str]]] = [
    ("/small", JSON),
    ("/small?order=id.desc&select=id,name", JSON),
    ("/small?select=id,parts(label)", JSON),
    ("/small?select=id,parts(label)", CSV),
    ("/small?select=id,parts(label)", LINES),
    ("/parts?select=id,...small(name,tags)", JSON),
    ("/small", CSV),
    ("/small", LINES),
    ("/small", STRIPPED),
    ("/small?select=gr%C3%B6%C3%9Fe,a:id,b:id", CSV),
    ("/small?select=total:id.count()", JSON),
    ("/small?select=nothing", CSV),
    ("/nothing", JSON),
    ("/nothing", CSV),
    ("/nothing", LINES),
    ("/nothing", STRIPPED),
    ("/nothing", EXACT),
    ("/small", EXACT),
    ("/small", CSV | EXACT),
    ("/small", {"Prefer": "count=planned"}),
    ("/small", {"Prefer": "count=estimated"}),
    ("/small?offset=1", EXACT),
    ("/small?offset=1", JSON),
    ("/small?offset=3", EXACT),
    ("/small?offset=4", EXACT),
    ("/small?limit=1000&offset=1", EXACT),
    ("/small?limit=1000&offset=1", {"Prefer": "count=planned"}),
    ("/small", {"Range": "1-1000"}),
    ("/small", {"Range": "1-1000"} | EXACT),
    ("/small?id=eq.77", JSON),
    ("/small?id=gt.1", JSON),
    ("/small?name=in.(one,three)", JSON),
    ("/small", {"Prefer": "timezone=Asia/Tokyo"}),
    ("/rpc/some_numbers?most=3", JSON),
    ("/rpc/some_numbers?most=3", CSV),
    ("/rpc/some_numbers?most=3", LINES),
    ("/rpc/some_numbers?most=3", STRIPPED),
    ("/rpc/some_numbers?most=0", JSON),
    ("/rpc/some_arrays", JSON),
    ("/rpc/some_arrays", STRIPPED),
    ("/rpc/some_json", JSON),
    ("/rpc/some_json", LINES),
    ("/rpc/some_rows?most=4", JSON),
    ("/rpc/some_rows?most=4&select=id,data", LINES),
    ("/rpc/some_rows?most=4&id=gt.2", CSV),
    ("/rpc/some_rows?most=4", EXACT),
    ("/rpc/a_table?most=2", JSON),
    ("/rpc/a_table?most=2", CSV),
    ("/rpc/telling?most=2", JSON),
    ("/small", {"X-Headers": '[{"X-Own": "a"}, {"Content-Type": "text/own"}]', "X-Status": "202"}),
    ("/small", {"X-Status": "204"}),
    ("/small", {"X-Status": "nonsense"}),
    ("/small", {"Origin": "http://example.test", "X-Trace": "7"}),
]


@pytest.mark.parametrize(("target", "headers"), SMALL)
def test_a_small_answer_is_the_same_whichever_way_it_is_read(
    api: httpx.Client, target: str, headers: dict[str, str]
) -> None:
    """The first requests of a shape read single rows, later ones what the database made of them."""
    answers = [api.get(target, headers=headers) for _ in range(FIRST_SMALL + 1)]
    seen = [
        (answer.status_code, answer.content, [pair for pair in answer.headers.multi_items() if pair[0] != "date"])
        for answer in answers
    ]
    assert seen == [seen[0]] * len(seen)
    assert "transfer-encoding" not in answers[0].headers


def test_a_function_called_by_post_is_read_both_ways_too(api: httpx.Client) -> None:
    answers = [api.post("/rpc/a_table", json={"most": 3}) for _ in range(FIRST_SMALL + 1)]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert [row["n"] for row in answers[0].json()] == [1, 2, 3]
    large = api.post("/rpc/a_table", json={"most": 50_000})
    assert large.headers["transfer-encoding"] == "chunked" and len(large.json()) == 50_000


def test_json_is_what_the_database_makes_of_all_rows(api: httpx.Client, large: Cluster) -> None:
    answer = api.get("/big?order=id")
    assert answer.status_code == 200
    assert answer.headers["transfer-encoding"] == "chunked" and "content-length" not in answer.headers
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    made = large.psql("SELECT md5(json_agg(b ORDER BY id)::text) FROM api.big AS b", dbname=DATABASE)
    assert hashlib.md5(answer.content).hexdigest() == made
    assert [row["id"] for row in answer.json()] == list(range(1, 60_001))


def test_csv_is_what_the_database_makes_of_all_rows(api: httpx.Client, large: Cluster) -> None:
    answer = api.get("/big?order=id", headers=CSV)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    header, _, lines = answer.text.partition("\n")
    assert header == "id,title,digest,done,amount,created_at,data"
    made = large.psql(
        "SET timezone = 'UTC'; SELECT md5(string_agg(substring(b::text, 2, length(b::text) - 2), E'\\n' ORDER BY id))"
        " FROM api.big AS b",
        dbname=DATABASE,
    )
    assert hashlib.md5(lines.encode()).hexdigest() == made
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) == 60_001 and rows[7][1] == 'a "title", 7 größer'


def test_lines_are_one_object_each(api: httpx.Client, large: Cluster) -> None:
    answer = api.get("/big?order=id", headers=LINES)
    assert answer.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert b"\r" not in answer.content
    lines = answer.content.split(b"\n")
    assert lines.pop() == b"" and len(lines) == 60_000
    listed = large.psql("SELECT json_agg(b ORDER BY id) FROM api.big AS b", dbname=DATABASE)
    assert [json.loads(line) for line in lines] == json.loads(listed)


def test_large_embeds_and_functions_are_streamed(api: httpx.Client) -> None:
    answer = api.get("/rpc/some_rows?most=20000&select=id,digest&order=id.desc", headers=LINES)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == list(range(20_000, 0, -1))
    numbers = api.get("/rpc/some_numbers?most=100000")
    assert numbers.headers["transfer-encoding"] == "chunked"
    assert numbers.json() == [1, None, *range(3, 100_001)]


@pytest.mark.parametrize(
    ("target", "headers", "status", "span", "first", "rows"),
    [
        ("/big?select=id,digest", {}, 200, "0-*/*", 1, 60_000),
        ("/big?select=id,digest&order=id&offset=10", {}, 200, "10-*/*", 11, 59_990),
        ("/big?select=id,digest", EXACT, 200, "0-59999/60000", 1, 60_000),
        ("/big?select=id,digest&order=id&offset=10", EXACT, 206, "10-59999/60000", 11, 59_990),
        ("/big?select=id,digest&order=id&limit=40000", EXACT, 206, "0-39999/60000", 1, 40_000),
        ("/big?select=id,digest&order=id&limit=90000", EXACT, 200, "0-59999/60000", 1, 60_000),
        ("/big?select=id,digest&order=id", {"Range": "5-30004"} | EXACT, 206, "5-30004/60000", 6, 30_000),
        ("/big?select=id,digest&order=id", {"Range": "5-30004"}, 200, "5-*/*", 6, 30_000),
        ("/big?select=id,digest&done=is.true&order=id", EXACT, 200, "0-29999/30000", 2, 30_000),
        ("/big?select=id,digest", {"Prefer": "count=planned"}, 200, "0-*/60000", 1, 60_000),
        ("/big?select=id,digest&order=id&limit=30000", {"Prefer": "count=planned"}, 206, "0-*/60000", 1, 30_000),
        ("/big?select=id,digest", {"Prefer": "count=estimated"}, 200, "0-*/60000", 1, 60_000),
    ],
)
def test_ranges_and_counts_of_large_answers(
    api: httpx.Client, target: str, headers: dict[str, str], status: int, span: str, first: int, rows: int
) -> None:
    answer = api.get(target, headers=headers)
    assert (answer.status_code, answer.headers["content-range"]) == (status, span)
    assert answer.headers["transfer-encoding"] == "chunked"
    found = answer.json()
    assert len(found) == rows and found[0]["id"] == first
    if "Prefer" in headers:
        assert answer.headers["preference-applied"] == headers["Prefer"]


def test_a_large_answer_has_the_headers_of_any_other(api: httpx.Client) -> None:
    headers = {"Origin": "http://example.test", "X-Trace": "abc", "X-Headers": '[{"X-Own": "a"}]', "X-Status": "203"}
    answer = api.get("/big", headers=headers)
    assert answer.status_code == 203 and answer.headers["x-own"] == "a"
    assert answer.headers["access-control-allow-origin"] == "*" and answer.headers["x-trace"] == "abc"
    assert answer.headers["content-location"] == "/big" and answer.headers["server"].startswith("autorest/")
    assert len(answer.json()) == 60_000
    without = api.get("/big", headers={"X-Status": "204"})
    assert without.status_code == 204 and without.content == b""
    assert api.get("/big", headers={"X-Status": "nonsense"}).json()["code"] == "PGRST112"


def test_what_the_rows_themselves_say_comes_too_late_for_a_large_answer(api: httpx.Client) -> None:
    small = api.get("/rpc/telling?most=10")
    assert small.status_code == 203 and small.headers["x-told"] == "by the rows"
    large = api.get("/rpc/telling?most=100000")
    assert large.status_code == 200 and "x-told" not in large.headers
    assert len(large.json()) == 100_000


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_large_answer_is_compressed_while_it_is_sent(api: httpx.Client, coding: str) -> None:
    plain = api.get("/big?select=id,digest&order=id", headers=CSV)
    with api.stream("GET", "/big?select=id,digest&order=id", headers=CSV | {"Accept-Encoding": coding}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == coding and "Accept-Encoding" in answer.headers["vary"]
    assert answer.headers["transfer-encoding"] == "chunked" and "content-length" not in answer.headers
    unpacked = gzip.decompress(packed) if coding == "gzip" else zstd.decompress(packed)
    assert unpacked == plain.content and len(packed) < len(plain.content) * 0.7
    assert "content-encoding" not in plain.headers and "Accept-Encoding" in plain.headers["vary"]


def test_head_has_no_body_to_stream(api: httpx.Client) -> None:
    for headers in ({}, EXACT, CSV, LINES):
        answer = api.head("/big", headers=headers)
        assert answer.status_code == 200 and answer.content == b""
        assert answer.headers["content-range"] == ("0-59999/60000" if headers == EXACT else "0-59999/*")


def test_lines_are_negotiated_like_any_media_type(api: httpx.Client) -> None:
    for accept, expected in {
        "application/x-ndjson;q=0.4, application/json;q=0.5": "application/json; charset=utf-8",
        "text/csv;q=0.1, application/x-ndjson;q=0.5": "application/x-ndjson; charset=utf-8",
        "image/png, application/x-ndjson": "application/x-ndjson; charset=utf-8",
        "APPLICATION/X-NDJSON": "application/x-ndjson; charset=utf-8",
    }.items():
        assert api.get("/small", headers={"Accept": accept}).headers["content-type"] == expected, accept
    refused = api.get("/small", headers={"Accept": "application/x-ndjsonp"})
    assert refused.status_code == 406 and refused.json()["code"] == "PGRST107"
    wrong = api.get("/small?nowhere=eq.1", headers=LINES)
    assert wrong.status_code == 400 and wrong.headers["content-type"] == "application/json; charset=utf-8"
    one = api.get("/small?id=eq.2", headers=LINES)
    assert one.content.count(b"\n") == 1 and one.json()["name"] == 'two\nlines, "quoted"'


def grown(gateway: GatewayProcess, api: httpx.Client, target: str, headers: dict[str, str]) -> tuple[int, int]:
    """Return by how much a request made the gateway's memory grow at most, and the size of its answer."""
    api.get("/small")
    gateway.forget_peak_memory()
    before = gateway.peak_memory
    size = 0
    with api.stream("GET", target, headers=headers) as answer:
        assert answer.status_code == 200
        for chunk in answer.iter_raw(1 << 16):
            size += len(chunk)
    return gateway.peak_memory - before, size


@pytest.mark.parametrize("headers", [JSON, CSV, LINES, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "zstd"}])
def test_a_million_rows_take_no_memory(gateway: GatewayProcess, api: httpx.Client, headers: dict[str, str]) -> None:
    growth, size = grown(gateway, api, "/million", headers)
    print(f"{size / MEGABYTE:.0f} MB of {headers}: memory grew by {growth / MEGABYTE:.1f} MB")
    assert size > 170 * MEGABYTE or "Accept-Encoding" in headers
    assert growth < 32 * MEGABYTE


def test_rows_of_a_megabyte_take_that_of_a_few(gateway: GatewayProcess, api: httpx.Client) -> None:
    growth, size = grown(gateway, api, "/wide", JSON)
    print(f"{size / MEGABYTE:.0f} MB: memory grew by {growth / MEGABYTE:.1f} MB")
    assert size > 200 * MEGABYTE
    assert growth < 32 * MEGABYTE


def test_few_rows_may_be_large_all_the_same(gateway: GatewayProcess, api: httpx.Client) -> None:
    growth, size = grown(gateway, api, "/wide?limit=100", JSON)
    assert size > 100 * MEGABYTE and growth < 32 * MEGABYTE


def test_an_answer_that_was_small_so_far_may_be_a_large_one(
    gateway: GatewayProcess, api: httpx.Client, large: Cluster
) -> None:
    for _ in range(FIRST_SMALL + 2):
        assert api.get("/growing").json() == [{"id": 1, "note": "first"}]
    large.execute(
        "INSERT INTO api.growing SELECT g, repeat('x', 1000) FROM generate_series(2, 100000) AS g", dbname=DATABASE
    )
    for _ in range(2):
        growth, size = grown(gateway, api, "/growing", JSON)
        assert size > 100_000_000 and growth < 32 * MEGABYTE
    large.execute("DELETE FROM api.growing WHERE id > 1", dbname=DATABASE)
    for _ in range(2 * FIRST_SMALL + 2):
        assert api.get("/growing").json() == [{"id": 1, "note": "first"}]


def test_a_column_that_changes_its_type_does_not_break_a_large_answer(api: httpx.Client, large: Cluster) -> None:
    first: list[dict[str, Any]] = api.get("/big?select=id,amount,note:digest&order=id").json()
    large.execute("ALTER TABLE api.big ALTER amount TYPE text", dbname=DATABASE)
    try:
        answers = [api.get("/big?select=id,amount,note:digest&order=id") for _ in range(3)]
        assert all(answer.json()[0]["amount"] == str(first[0]["amount"]) for answer in answers)
    finally:
        large.execute("ALTER TABLE api.big ALTER amount TYPE numeric USING amount::numeric", dbname=DATABASE)
