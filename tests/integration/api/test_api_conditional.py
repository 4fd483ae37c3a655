"""Entity tags: what did not change is not sent again, and what did change is not overwritten."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.api.conftest import SETTINGS, Gateways
from tests.integration.api.house import DATABASE, OBJECT, REPRESENTATION, bearer, error, got
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.pooler import Pooler
from tests.support.skips import available
from tests.support.waiting import until

EXACT = {"Prefer": "count=exact"}
STRIPPED = {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}
ITEM = "/items?id=eq.1"


def tag(answer: httpx.Response) -> str:
    found: str = answer.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{16}(\.[0-9*/-]+)?(-gzip|-zstd)?"', found)
    return found


def unless(*tags: str) -> dict[str, str]:
    return {"If-None-Match": ", ".join(tags)}


def given(*tags: str) -> dict[str, str]:
    return {"If-Match": ", ".join(tags)}


@pytest.fixture
def item(api: httpx.Client, emptied: Cluster) -> str:
    """The URL of a row that was just written."""
    assert api.post("/items", json={"id": 1, "name": "milk", "amount": 2}).status_code == 201
    return ITEM


@pytest.fixture(scope="module")
def untagged(gateways: Gateways) -> Iterator[httpx.Client]:
    gateway = gateways(SETTINGS | {"server-etags": "false"})
    with httpx.Client(base_url=gateway.url) as client:
        yield client


# --- reads ------------------------------------------------------------------------------------------


READS = ["/films", "/films?id=eq.1", "/films?limit=2&offset=1", "/recent_films", "/rpc/best_films", "/rpc/add?a=1"]


@pytest.mark.parametrize("target", READS)
@pytest.mark.parametrize("headers", [{}, EXACT, {"Accept": "text/csv"}, {"Range": "0-1"}], ids=str)
def test_what_did_not_change_is_not_sent_again(api: httpx.Client, target: str, headers: dict[str, str]) -> None:
    first = api.get(target, headers=headers)
    if first.status_code == 406:
        pytest.skip("no rows, no CSV")
    again = api.get(target, headers=headers | unless(tag(first)))
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag(first)
    assert first.headers["cache-control"] == "no-cache"
    for name in ("vary", "cache-control", "content-location", "preference-applied"):
        assert again.headers.get(name) == first.headers.get(name)
    for name in ("content-type", "content-length", "content-range", "content-encoding", "transfer-encoding"):
        assert name not in again.headers


@pytest.mark.parametrize(
    "target", [*READS, "/films?select=id,info,roles(part)", "/items?id=eq.0", "/rpc/numbers?upto=3"]
)
@pytest.mark.parametrize("headers", [{}, EXACT, STRIPPED, {"Accept": "text/csv"}], ids=str)
def test_the_tag_is_the_same_however_often_it_is_read(api: httpx.Client, target: str, headers: dict[str, str]) -> None:
    """Whether the rows are put together by the database or by the gateway."""
    answers = [api.get(target, headers=headers) for _ in range(6)]
    if answers[0].status_code < 300:
        assert len({(answer.content, tag(answer)) for answer in answers}) == 1


def test_a_tag_belongs_to_one_representation(api: httpx.Client) -> None:
    asked: list[dict[str, str]] = [{}, EXACT, OBJECT, STRIPPED, {"Accept": "text/csv"}]
    tags = [tag(api.get("/flags?limit=1", headers=headers)) for headers in asked]
    assert len(set(tags)) == len(tags)
    assert tag(api.get("/flags?limit=1")) == tags[0]


def test_a_tag_changes_with_the_row_and_with_the_total(api: httpx.Client, item: str) -> None:
    plain, counted = tag(api.get(item)), tag(api.get("/items?limit=1&order=id", headers=EXACT))
    api.post("/items", json={"id": 2})
    assert tag(api.get(item)) == plain
    assert api.get("/items?limit=1&order=id", headers=EXACT | unless(counted)).headers["content-range"] == "0-0/2"
    api.patch(item, json={"name": "bread"})
    changed = api.get(item, headers=unless(plain))
    assert changed.status_code == 200 and got(changed)[0]["name"] == "bread"


def test_the_same_rows_elsewhere_in_the_table_have_another_tag(api: httpx.Client) -> None:
    at = [tag(api.get(f"/flags?select=c:id.count()&limit=1&offset={offset}")) for offset in (0, 1)]
    assert at[0] != at[1]


@pytest.mark.parametrize(
    ("wrap", "status"),
    [
        ("{}", 304),
        ("W/{}", 304),
        ('"other", {}', 304),
        ('W/"a,b" ,{} , "x"', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
        (",", 200),
        ("nonsense", 200),
        ("nonsense, {}", 304),
        ('"open, {}', 304),
        ("w/{}", 200),
        ("{0}{0}", 200),
        ("*, *", 200),
        ("\xff\xfe", 200),
        ('"' * 5000, 200),
    ],
)
def test_if_none_match(api: httpx.Client, wrap: str, status: int) -> None:
    value = wrap.format(tag(api.get("/films?id=eq.1")))
    answer = api.get("/films?id=eq.1", headers=[(b"If-None-Match", value.encode("latin-1"))])
    assert answer.status_code == status
    assert bool(answer.content) == (status == 200)


def test_several_headers_are_one_list(api: httpx.Client) -> None:
    known = tag(api.get("/films?id=eq.1"))
    assert api.get("/films?id=eq.1", headers=[("If-None-Match", known), ("If-None-Match", '"x"')]).status_code == 304


def test_errors_and_writes_have_no_tag(api: httpx.Client, emptied: Cluster) -> None:
    answers = [
        api.get("/nothing_there"),
        api.get("/films?id=eq.1", headers=OBJECT | {"Accept-Profile": "nowhere"}),
        api.get("/films?offset=99", headers=EXACT),
        api.get("/rpc/get_nothing"),
        api.post("/rpc/add", json={"a": 1}),
        api.post("/items", json={"id": 1}, headers=REPRESENTATION),
        api.patch(ITEM, json={"name": "x"}, headers=REPRESENTATION),
        api.get("/films", headers={"Accept": "application/vnd.pgrst.plan+json"}),
    ]
    assert [answer.headers.get("etag") for answer in answers] == [None] * len(answers)


def test_an_error_is_no_match(api: httpx.Client) -> None:
    error(api.get("/nothing_there", headers=unless("*")), 404, "PGRST205")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_compressed_answer_has_a_tag_of_its_own(api: httpx.Client, coding: str) -> None:
    target, packed, plain = "/countries", {"Accept-Encoding": coding}, {"Accept-Encoding": "identity"}
    coded, whole = api.get(target, headers=packed), api.get(target, headers=plain)
    assert coded.headers["content-encoding"] == coding
    assert tag(coded) == tag(whole)[:-1] + f'-{coding}"'
    assert "Accept-Encoding" in whole.headers["vary"]
    for headers, mine, other in ((packed, tag(coded), tag(whole)), (plain, tag(whole), tag(coded))):
        known = api.get(target, headers=headers | unless(other, mine))
        assert (known.status_code, known.headers["etag"], known.content) == (304, mine, b"")
        assert known.headers["vary"] == whole.headers["vary"]
        assert "content-encoding" not in known.headers
        assert api.get(target, headers=headers | unless(other)).status_code == 200


@pytest.mark.parametrize("target", ["/films?id=eq.1", "/countries", "/rpc/best_films"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_head_is_answered_like_get_where_it_is_about_a_tag(api: httpx.Client, target: str, coding: str) -> None:
    packed = {"Accept-Encoding": coding}
    known = tag(api.get(target, headers=packed))
    answers = {wanted: api.head(target, headers=packed | unless(wanted)) for wanted in (known, '"other"')}
    assert {wanted: answer.status_code for wanted, answer in answers.items()} == {known: 304, '"other"': 200}
    assert {tag(answer) for answer in answers.values()} == {known}
    assert answers['"other"'].headers.get("content-encoding") == (
        api.get(target, headers=packed).headers.get("content-encoding")
    )
    assert "etag" not in api.head(target).headers


def test_a_connection_stays_usable_after_304(gateway: GatewayProcess) -> None:
    """Nothing of a body follows: the next answer begins where the first ends."""
    request = b"GET /films?id=eq.1 HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n"
    with socket.create_connection((gateway.host, gateway.port), timeout=10) as line:
        line.sendall(request + b"\r\n" + request + b"Connection: close\r\n\r\n")
        received = b"".join(iter(lambda: line.recv(65536), b""))
    heads = received.split(b"\r\n\r\n")
    assert [head[:12] for head in heads] == [b"HTTP/1.1 304", b"HTTP/1.1 304", b""]


def test_pages_of_other_origins_read_the_tag(api: httpx.Client) -> None:
    origin = {"Origin": "http://page.example"}
    first = api.get("/films", headers=origin)
    assert "ETag" in first.headers["access-control-expose-headers"].split(", ")
    again = api.get("/films", headers=origin | unless(tag(first)))
    assert (again.status_code, again.headers["access-control-allow-origin"]) == (304, "*")
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
    assert "if-match" in api.options("/films", headers=origin | asked).headers["access-control-allow-headers"]


def test_the_tag_that_sql_sets_wins(gateways: Gateways, emptied: Cluster) -> None:
    gateway = gateways(SETTINGS | {"db-pre-request": "hidden.tag_request"})
    with httpx.Client(base_url=gateway.url) as own:
        assert own.post("/items", json={"id": 1}).headers["etag"] == '"version-7"'
        assert own.get(ITEM).headers.get_list("etag") == ['"version-7"']
        known = own.get(ITEM, headers=unless('W/"version-7"'))
        assert (known.status_code, known.headers["etag"]) == (304, '"version-7"')
        assert known.headers["cache-control"] == "no-cache"
        packed = own.get("/countries", headers={"Accept-Encoding": "gzip"} | unless('"version-6"'))
        assert (packed.status_code, packed.headers["etag"]) == (200, 'W/"version-7"')
        assert own.get("/countries", headers=unless('"version-7"')).status_code == 304
        error(own.patch(ITEM, json={"name": "x"}, headers=given('"version-6"')), 412, "HTTP412")
        assert own.patch(ITEM, json={"name": "x"}, headers=given('"version-7"')).status_code == 204


def test_switched_off(untagged: httpx.Client, item: str) -> None:
    first = untagged.get(item)
    assert "etag" not in first.headers
    assert "cache-control" not in first.headers
    assert untagged.get(item, headers=unless("*")).status_code == 200
    assert untagged.head(item, headers=unless("*")).status_code == 200
    assert untagged.patch(item, json={"name": "x"}, headers=given('"x"')).status_code == 204
    assert untagged.put(item, json={"id": 1, "name": "y"}, headers=unless("*")).status_code in (200, 204)
    assert untagged.delete(item, headers=given('"x"')).status_code == 204


# --- writes -----------------------------------------------------------------------------------------


#: All the ways in which a client may have read the row that it is about to change.
WAYS: dict[str, dict[str, str]] = {
    "array": {},
    "object": OBJECT,
    "counted": EXACT,
    "counted object": OBJECT | EXACT,
    "by range": {"Range": "0-0"},
}


def name_of(house: Cluster, id_: int = 1) -> Any:
    rows = house.execute(f"SELECT name FROM api.items WHERE id = {id_}", dbname=DATABASE)
    return rows[0][0] if rows else None


@pytest.mark.parametrize("way", WAYS)
def test_a_row_is_changed_by_who_knows_it(api: httpx.Client, emptied: Cluster, item: str, way: str) -> None:
    known = tag(api.get(item, headers=WAYS[way]))
    assert api.patch(item, json={"name": "bread"}, headers=given(known)).status_code == 204
    found = error(api.patch(item, json={"name": "wine"}, headers=given(known)), 412, "HTTP412")
    assert "If-Match" in found["details"] and found["hint"]
    assert name_of(emptied) == "bread"
    error(api.delete(item, headers=given(known)), 412, "HTTP412")
    assert name_of(emptied) == "bread"
    assert api.delete(item, headers=given(tag(api.get(item, headers=WAYS[way])))).status_code == 204
    assert name_of(emptied) is None


def test_stripped_rows_are_known_too(api: httpx.Client, item: str) -> None:
    for strip in (STRIPPED, {"Accept": "application/vnd.pgrst.object+json;nulls=stripped"}):
        known = tag(api.get(item, headers=strip))
        assert api.patch(item, json={"amount": 9}, headers=given(known) | strip).status_code == 204
        error(api.patch(item, json={"amount": 8}, headers=given(known) | strip), 412, "HTTP412")
        api.patch(item, json={"amount": 1})


def test_csv_is_known_where_csv_is_asked_for(api: httpx.Client, item: str) -> None:
    csv = {"Accept": "text/csv"}
    known = tag(api.get(item, headers=csv))
    error(api.patch(item, json={"amount": 9}, headers=given(known)), 412, "HTTP412")
    assert api.patch(item, json={"amount": 9}, headers=given(known) | csv).status_code == 204


def test_a_compressed_answer_is_known_too(api: httpx.Client, item: str) -> None:
    api.patch(item, json={"note": "x" * 5000})
    for coding in ("gzip", "zstd"):
        known = api.get(item, headers={"Accept-Encoding": coding})
        assert known.headers["content-encoding"] == coding
        assert api.patch(item, json={"name": coding}, headers=given(tag(known))).status_code == 204
        error(api.patch(item, json={"name": "x"}, headers=given(tag(known))), 412, "HTTP412")


@pytest.mark.parametrize("value", ["", "nonsense", '"other"', "W/{}", "*, *", '"open', "\xff", "undefined"])
def test_what_names_nothing_protects_all_the_same(api: httpx.Client, emptied: Cluster, item: str, value: str) -> None:
    headers = [(b"If-Match", value.format(tag(api.get(item))).encode("latin-1"))]
    for method in ("PATCH", "PUT", "DELETE"):
        body = None if method == "DELETE" else {"id": 1, "name": "bread"}
        error(api.request(method, item, json=body, headers=headers), 412, "HTTP412")
    assert name_of(emptied) == "milk"


def test_lists_and_several_headers(api: httpx.Client, item: str) -> None:
    known = tag(api.get(item))
    assert api.patch(item, json={"name": "a"}, headers=given('"x"', known, "junk")).status_code == 204
    known = tag(api.get(item))
    several = [("If-Match", '"x"'), ("If-Match", known)]
    assert api.patch(item, json={"name": "b"}, headers=several).status_code == 204


def test_a_star_asks_for_any_row(api: httpx.Client, emptied: Cluster, item: str) -> None:
    assert api.patch(item, json={"name": "bread"}, headers=given("*")).status_code == 204
    assert name_of(emptied) == "bread"
    for method in ("PATCH", "DELETE"):
        body = {"name": "x"} if method == "PATCH" else None
        error(api.request(method, "/items?id=eq.2", json=body, headers=given("*")), 412, "HTTP412")
    error(api.put("/items?id=eq.2", json={"id": 2}, headers=given("*")), 412, "HTTP412")
    assert name_of(emptied, 2) is None


def test_no_row_matches_no_tag(api: httpx.Client, item: str) -> None:
    empty = tag(api.get("/items?id=eq.2"))
    error(api.patch("/items?id=eq.2", json={"name": "x"}, headers=given(empty)), 412, "HTTP412")


def test_put_replaces_what_is_known_and_creates_what_is_not_there(
    api: httpx.Client, emptied: Cluster, item: str
) -> None:
    known = tag(api.get(item))
    assert api.put(item, json={"id": 1, "name": "bread"}, headers=given(known)).status_code in (200, 204)
    error(api.put(item, json={"id": 1, "name": "wine"}, headers=given(known)), 412, "HTTP412")
    error(api.put(item, json={"id": 1, "name": "wine"}, headers=unless("*")), 412, "HTTP412")
    assert name_of(emptied) == "bread"
    new = api.put("/items?id=eq.2", json={"id": 2, "name": "oil"}, headers=REPRESENTATION | unless("*"))
    assert (new.status_code, name_of(emptied, 2)) == (201, "oil")


def test_if_none_match_forbids_what_is_there(api: httpx.Client, emptied: Cluster, item: str) -> None:
    known = tag(api.get(item))
    error(api.patch(item, json={"name": "x"}, headers=unless("W/" + known)), 412, "HTTP412")
    error(api.delete(item, headers=unless("*")), 412, "HTTP412")
    assert api.patch(item, json={"name": "bread"}, headers=unless('"other"')).status_code == 204
    assert name_of(emptied) == "bread"


@pytest.mark.parametrize("accept", [{}, OBJECT, STRIPPED])
def test_the_new_row_comes_with_its_tag(api: httpx.Client, item: str, accept: dict[str, str]) -> None:
    """A client edits on without reading again."""
    known = tag(api.get(item, headers=accept))
    for name in ("bread", "wine", "oil"):
        answer = api.patch(item, json={"name": name}, headers=REPRESENTATION | given(known) | accept)
        assert answer.status_code == 200
        known = tag(answer)
        read = api.get(item, headers=accept)
        assert (read.content, tag(read)) == (answer.content, known)


def test_an_answer_that_get_would_not_give_has_no_tag(api: httpx.Client, item: str) -> None:
    known = tag(api.get("/items?name=eq.milk"))
    moved = api.patch("/items?name=eq.milk", json={"name": "bread"}, headers=REPRESENTATION | given(known))
    assert got(moved)[0]["name"] == "bread" and "etag" not in moved.headers
    known = tag(api.get(item))
    gone = api.delete(item, headers=REPRESENTATION | given(known))
    assert gone.status_code == 200 and "etag" not in gone.headers


def test_the_tag_of_a_compressed_answer_to_a_write(api: httpx.Client, item: str) -> None:
    packed = {"Accept-Encoding": "gzip"}
    answer = api.patch(item, json={"note": "x" * 5000}, headers=REPRESENTATION | given("*") | packed)
    assert answer.headers["content-encoding"] == "gzip"
    assert tag(answer) == tag(api.get(item, headers=packed))


def test_only_the_columns_of_the_url_count(api: httpx.Client, item: str) -> None:
    url = f"{item}&select=id,name"
    known = tag(api.get(url))
    api.patch(item, json={"note": "elsewhere"})
    assert api.patch(url, json={"amount": 5}, headers=given(known)).status_code == 204
    api.patch(item, json={"name": "here"})
    error(api.patch(url, json={"amount": 6}, headers=given(known)), 412, "HTTP412")


def test_embedded_rows_count(api: httpx.Client, emptied: Cluster) -> None:
    url = "/films?id=eq.7&select=id,title,roles(part)"
    known = tag(api.get(url))
    api.post("/roles", json={"film_id": 7, "actor_id": 1, "part": "new"})
    error(api.patch(url, json={"title": "x"}, headers=given(known)), 412, "HTTP412")
    api.delete("/roles?film_id=eq.7&actor_id=eq.1")
    assert api.patch(url, json={"title": "Unsigned"}, headers=given(known)).status_code == 204


def test_several_rows_are_guarded_together(api: httpx.Client, emptied: Cluster, item: str) -> None:
    api.post("/items", json=[{"id": 2}, {"id": 3}])
    url = "/items?id=gt.0&order=id"
    known = tag(api.get(url))
    assert api.patch(url, json={"name": "all"}, headers=given(known)).status_code == 204
    known = tag(api.get(url))
    api.patch("/items?id=eq.3", json={"name": "third"})
    error(api.patch(url, json={"name": "again"}, headers=given(known)), 412, "HTTP412")
    assert [name_of(emptied, id_) for id_ in (1, 2, 3)] == ["all", "all", "third"]


def test_no_row_is_written_that_the_tag_does_not_cover(api: httpx.Client, emptied: Cluster, item: str) -> None:
    api.post("/items", json=[{"id": 2}, {"id": 3}])
    url = "/items?id=gt.0&order=id&limit=1"
    found = error(api.patch(url, json={"name": "x"}, headers=given(tag(api.get(url)))), 412, "HTTP412")
    assert "limit" in found["hint"]
    assert name_of(emptied) == "milk"


def test_too_many_rows_to_guard(api: httpx.Client) -> None:
    known = tag(api.get("/streets?limit=1"))
    found = error(api.patch("/streets", json={"length": 1}, headers=given(known)), 412, "HTTP412")
    assert "1000" in found["details"]


def test_a_large_row_is_guarded(api: httpx.Client, emptied: Cluster, item: str) -> None:
    api.patch(item, json={"note": "x" * 3_000_000})
    known = tag(api.get(item))
    error(api.patch(item, json={"name": "x"}, headers=given('"x"')), 412, "HTTP412")
    assert name_of(emptied) == "milk"
    assert api.patch(item, json={"name": "x"}, headers=given(known)).status_code == 204


def test_rows_too_large_for_a_tag(api: httpx.Client, emptied: Cluster, item: str) -> None:
    for id_ in (2, 3, 4):
        assert api.post("/items", json={"id": id_, "note": "x" * 6_000_000}).status_code == 201
    url = "/items?id=gt.1"
    assert "etag" not in api.get(url).headers
    error(api.patch(url, json={"name": "x"}, headers=given('"x"')), 412, "HTTP412")
    assert name_of(emptied, 2) == "unnamed"
    assert api.patch(url, json={"name": "x"}, headers=given("*")).status_code == 204
    assert name_of(emptied, 2) == "x"


def test_other_demands_hold_as_well(api: httpx.Client, emptied: Cluster, item: str) -> None:
    api.post("/items", json={"id": 2})
    known = tag(api.get("/items?order=id"))
    limited = {"Prefer": "handling=strict, max-affected=1"}
    error(api.patch("/items?order=id", json={"name": "x"}, headers=limited | given(known)), 400, "PGRST124")
    whole = OBJECT | REPRESENTATION
    error(api.patch("/items?order=id", json={"name": "x"}, headers=whole | given(known)), 406, "PGRST116")
    error(api.patch("/items?order=id", json={"name": "x"}, headers=limited | given('"x"')), 412, "HTTP412")
    assert name_of(emptied) == "milk"
    error(api.put(item, json={"id": 9}, headers=given("*")), 400, "PGRST115")


def test_a_rolled_back_write_is_judged_too(api: httpx.Client, emptied: Cluster, item: str) -> None:
    undone = {"Prefer": "tx=rollback, return=representation"}
    error(api.patch(item, json={"name": "x"}, headers=undone | given('"x"')), 412, "HTTP412")
    tried = api.patch(item, json={"name": "x"}, headers=undone | given(tag(api.get(item))))
    assert got(tried)[0]["name"] == "x" and name_of(emptied) == "milk"
    assert "etag" not in tried.headers


def test_an_explained_write_is_judged_too(api: httpx.Client, emptied: Cluster, item: str) -> None:
    plan = {"Accept": "application/vnd.pgrst.plan+json; options=analyze"}
    error(api.patch(item, json={"name": "x"}, headers=plan | given('"x"')), 412, "HTTP412")
    assert name_of(emptied) == "milk"
    assert got(api.patch(item, json={"name": "x"}, headers=plan | given(tag(api.get(item)))))


def test_what_the_role_sees_is_what_counts(api: httpx.Client, emptied: Cluster) -> None:
    owner, other = bearer("house_user"), bearer("house_writer")
    api.post("/notes", json={"id": 1, "body": "mine"}, headers=owner)
    known = tag(api.get("/notes?id=eq.1", headers=owner))
    error(api.patch("/notes?id=eq.1", json={"body": "x"}, headers=other | given(known)), 412, "HTTP412")
    error(api.patch("/notes?id=eq.1", json={"body": "x"}, headers=other | given("*")), 412, "HTTP412")
    assert api.patch("/notes?id=eq.1", json={"body": "x"}, headers=owner | given(known)).status_code == 204
    error(api.patch("/secrets?id=eq.1", json={"word": "x"}, headers=owner | given("*")), 403, "42501")


def test_a_role_of_higher_isolation_keeps_it(api: httpx.Client, emptied: Cluster, item: str) -> None:
    careful = bearer("house_careful")
    known = tag(api.get(item, headers=careful))
    assert api.patch(item, json={"name": "x"}, headers=careful | given(known)).status_code == 204
    error(api.patch(item, json={"name": "y"}, headers=careful | given(known)), 412, "HTTP412")


def test_views_are_guarded(api: httpx.Client, emptied: Cluster, item: str) -> None:
    url = "/item_names?id=eq.1"
    known = tag(api.get(url))
    assert api.patch(url, json={"name": "bread"}, headers=given(known)).status_code == 204
    error(api.patch(url, json={"name": "wine"}, headers=given(known)), 412, "HTTP412")


def test_writes_without_a_condition_are_as_ever(api: httpx.Client, item: str) -> None:
    assert api.post("/items", json={"id": 5}, headers=given('"x"') | unless("*")).status_code == 201
    assert api.patch("/items?id=eq.77", json={"name": "x"}).status_code == 204
    assert api.patch(item, json={"name": "x"}, headers=REPRESENTATION).status_code == 200


# --- two at once ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pooled(house: Cluster) -> Iterator[GatewayProcess]:
    pooler = available(Pooler, house, {"default_pool_size": "6"}, forced_user="house_authenticator")
    direct = {"db-direct-uri": house.dsn("house_authenticator", DATABASE), "db-pool": "8"}
    with pooler, GatewayProcess(pooler.dsn("house_authenticator", DATABASE), SETTINGS | direct) as gateway:
        yield gateway


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_who_waited_for_another_s_write_does_not_overwrite_it(
    emptied: Cluster, pooled: GatewayProcess, method: str
) -> None:
    """The tag is the right one when it is compared; the row changes between that and the write."""
    emptied.execute("INSERT INTO api.items (id, name) VALUES (1, 'milk')", dbname=DATABASE)
    with httpx.Client(base_url=pooled.url, timeout=20) as client, ThreadPoolExecutor(1) as pool:
        known = tag(client.get(ITEM))
        body = None if method == "DELETE" else {"id": 1, "name": "wine"}
        with psycopg.connect(emptied.dsn(dbname=DATABASE)) as other:
            other.execute("UPDATE api.items SET name = 'bread' WHERE id = 1")
            answer = pool.submit(client.request, method, ITEM, json=body, headers=given(known))
            asyncio.run(until(lambda: bool(emptied.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))))
            other.commit()
        assert "at the same time" in error(answer.result(), 412, "HTTP412")["details"]
    assert name_of(emptied) == "bread"


@pytest.mark.parametrize("role", ["house_anon", "house_careful"])
def test_of_several_writers_who_know_the_same_row_one_wins(emptied: Cluster, pooled: GatewayProcess, role: str) -> None:
    """Each round, all of them add one to what they read: what is there in the end is how often one was told it won."""
    writers, rounds = 4, 40
    with httpx.Client(base_url=pooled.url, headers=bearer(role), timeout=20) as client:
        client.post("/uniques", json={"id": 1, "n": 0})
        url = "/uniques?id=eq.1"

        def add(read: httpx.Response) -> int:
            one = {"n": json.loads(read.text)[0]["n"] + 1}
            return client.patch(url, json=one, headers=given(tag(read))).status_code

        won = lost = 0
        with ThreadPoolExecutor(writers) as pool:
            for _ in range(rounds):
                read = client.get(url)
                statuses = list(pool.map(add, [read] * writers))
                assert set(statuses) <= {204, 412}
                assert statuses.count(204) == 1, statuses
                won += statuses.count(204)
                lost += statuses.count(412)
        assert got(client.get(url))[0]["n"] == won == rounds
        assert lost == rounds * (writers - 1)


def test_no_update_is_lost_among_writers_who_try_again(emptied: Cluster, pooled: GatewayProcess) -> None:
    writers, each = 4, 15
    with httpx.Client(base_url=pooled.url, timeout=20) as client:
        client.post("/uniques", json={"id": 1, "n": 0})
        url = "/uniques?id=eq.1"

        def add(_: int) -> int:
            refused = 0
            known = client.get(url, headers=OBJECT)
            for _ in range(each):
                while True:
                    one = {"n": got(known)["n"] + 1}
                    answer = client.patch(url, json=one, headers=OBJECT | REPRESENTATION | given(tag(known)))
                    if answer.status_code == 200:
                        known = answer
                        break
                    error(answer, 412, "HTTP412")
                    refused += 1
                    known = client.get(url, headers=OBJECT)
            return refused

        with ThreadPoolExecutor(writers) as pool:
            refused = sum(pool.map(add, range(writers)))
        assert got(client.get(url))[0]["n"] == writers * each
        assert refused > 0


def test_of_several_who_create_a_row_one_does(emptied: Cluster, pooled: GatewayProcess) -> None:
    writers = 4
    with httpx.Client(base_url=pooled.url, timeout=20) as client, ThreadPoolExecutor(writers) as pool:
        for id_ in range(1, 21):

            def create(writer: int, id_: int = id_) -> tuple[int, int]:
                body = {"id": id_, "name": f"writer {writer}"}
                return writer, client.put(
                    f"/items?id=eq.{id_}", json=body, headers=unless("*") | REPRESENTATION
                ).status_code

            statuses = dict(pool.map(create, range(writers)))
            assert sorted(statuses.values()) == [201] + [412] * (writers - 1)
            winner = next(writer for writer, status in statuses.items() if status == 201)
            assert name_of(emptied, id_) == f"writer {winner}"
