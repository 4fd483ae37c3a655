"""Large bodies that go wrong, stop, or come while others want to be served."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from tests.integration.bulk.bodies import CSV, NDJSON, Upload, count, csv, ndjson, padded, post, refused, under_way
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.pooler import Pooler
from tests.support.waiting import until

Begin = Callable[..., Upload]

#: More than is read before the first rows are written, and less than two chunks.
BEGINNING = ndjson(padded(range(1800)))


def wait(condition: Callable[[], bool]) -> None:
    asyncio.run(until(condition, 20))


def wait_for_writing(cluster: Cluster) -> None:
    """Return when a body's first rows are written and more are waited for."""
    wait(lambda: under_way(cluster) == ["idle in transaction"])


@pytest.mark.parametrize(
    ("body", "line", "content_type"),
    [
        (csv(padded(range(3000))) + b"1,2,3\n", "line 3002 has 3", CSV),
        (csv(padded(range(3000))) + b'1,x"\n', "line 3002, character 4", CSV),
        (csv(padded(range(3000))) + b'1,"x', "line 3002, character 3", CSV),
        (csv(padded(range(3000))) + b"1,\xff\n", "", CSV),
        (ndjson(padded(range(3000))) + b"{}\n", "Line 3001 ", NDJSON),
        (ndjson(padded(range(3000))) + b'\n\n{"id":\n', "Line 3003,", NDJSON),
        (ndjson(padded(range(3000))) + b"[1]", "Line 3001 ", NDJSON),
    ],
)
def test_a_wrong_line_is_named_and_nothing_written(
    api: httpx.Client, emptied: Cluster, body: bytes, line: str, content_type: str
) -> None:
    error = refused(api.post("/items", content=body, headers={"Content-Type": content_type}), 400, "PGRST102")
    assert line in error["details"]
    assert count(emptied, "api.items") == 0
    wait(lambda: under_way(emptied) == [])


@pytest.mark.parametrize("length", [None, 30_000_000])
def test_a_body_is_refused_before_it_has_ended(upload: Begin, emptied: Cluster, length: int | None) -> None:
    request = upload("/items", NDJSON, length)
    request.send(BEGINNING)
    wait_for_writing(emptied)
    request.send(b"what is this?\n" + b"{}\n" * 100_000)
    status, body = request.answer()
    assert (status, body["code"]) == (400, "PGRST102")
    assert "Line 1801," in body["details"]
    assert count(emptied, "api.items") == 0
    wait(lambda: under_way(emptied) == [])


def test_a_client_that_sends_all_before_it_reads(api: httpx.Client, emptied: Cluster) -> None:
    body = ndjson(padded(range(1500))) + b"wrong\n" + ndjson(padded(range(2000, 37_000)))
    for _ in range(3):
        refused(api.post("/items", content=body, headers={"Content-Type": NDJSON}), 400, "PGRST102")
    assert count(emptied, "api.items") == 0


def test_what_the_database_refuses_is_told_at_once(upload: Begin, emptied: Cluster) -> None:
    request = upload("/items", NDJSON)
    request.send(BEGINNING)
    wait_for_writing(emptied)
    request.send(ndjson(padded([1] * 2000)))
    status, body = request.answer()
    assert (status, body["code"]) == (409, "23505")
    wait(lambda: under_way(emptied) == [])
    assert count(emptied, "api.items") == 0


def test_a_body_beyond_the_limit(upload: Begin, emptied: Cluster) -> None:
    request = upload("/items", NDJSON)
    part = ndjson(padded(range(4000)))
    for start in range(0, 44_000_000, len(part)):
        request.send(ndjson(padded(range(start, start + 4000))))
    status, body = request.answer()
    assert (status, body["code"]) == (413, "HTTP413")
    wait(lambda: under_way(emptied) == [])
    assert count(emptied, "api.items") == 0


def test_a_body_in_bits(upload: Begin, emptied: Cluster) -> None:
    request = upload("/items", NDJSON)
    body = ndjson(padded(range(2500)))
    for start in range(0, len(body), 300_007):
        request.send(body[start : start + 300_007])
        time.sleep(0.01)
    assert request.finish()[0] == 201
    assert count(emptied, "api.items") == 2500


def test_a_client_that_leaves(
    api: httpx.Client, upload: Begin, emptied: Cluster, own_pooler: Pooler, gateway: GatewayProcess
) -> None:
    lost = metrics(gateway)["autorest_db_connections_lost_total"]
    for _ in range(6):
        request = upload("/items", NDJSON)
        request.send(BEGINNING)
        wait_for_writing(emptied)
        request.close()
        wait(lambda: under_way(emptied) == [])
    assert count(emptied, "api.items") == 0
    assert all(server["state"] == "idle" for server in own_pooler.show("servers"))
    wait(lambda: metrics(gateway)["pgrst_db_pool_available"] == metrics(gateway)["autorest_db_connections"])
    assert metrics(gateway)["autorest_db_connections_lost_total"] == lost
    assert api.post("/items", json={"id": 1}).status_code == 201


def test_a_client_that_leaves_while_the_database_works(upload: Begin, emptied: Cluster) -> None:
    request = upload("/watched", NDJSON)
    request.send(ndjson([{"id": -1, "label": "sleep"}, *padded(range(1800))]))
    wait(lambda: under_way(emptied) == ["active"])
    request.close()
    wait(lambda: under_way(emptied) == [])
    assert count(emptied, "api.watched") == 0


@pytest.mark.parametrize("while_working", [True, False])
def test_a_connection_that_is_killed(api: httpx.Client, upload: Begin, emptied: Cluster, while_working: bool) -> None:
    request = upload("/watched", NDJSON)
    if while_working:
        request.send(ndjson([{"id": -1, "label": "sleep"}]))
    request.send(BEGINNING)
    wait(lambda: under_way(emptied) == ["active" if while_working else "idle in transaction"])
    killed = emptied.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bulk_authenticator'"
        " AND state <> 'idle'",
        dbname="bulk",
    )
    assert killed == [(True,)]
    if not while_working:
        request.send(ndjson(padded(range(5000, 7000))))
    status, body = request.answer()
    assert (status, body["code"]) == (503, "PGRST001")
    assert body["hint"].startswith("Nothing ")
    assert count(emptied, "api.watched") == 0
    assert post(api, "/items", padded(range(3000))).status_code == 201


def test_others_are_served_while_a_body_arrives(api: httpx.Client, upload: Begin, emptied: Cluster) -> None:
    request = upload("/items", NDJSON)
    request.send(BEGINNING)
    wait_for_writing(emptied)
    assert api.post("/notes?columns=id", json={"id": 1}).status_code == 401
    assert api.get("/items").json() == []
    assert request.finish()[0] == 201
    assert count(emptied, "api.items") == 1800


def test_others_are_served_while_a_body_is_written(
    api: httpx.Client, gateway: GatewayProcess, emptied: Cluster
) -> None:
    body = ndjson({"id": number, "n": 1} for number in range(400_000))
    answers: list[httpx.Response] = []

    def load() -> None:
        answers.append(httpx.post(f"{gateway.url}/items", content=body, headers={"Content-Type": NDJSON}, timeout=120))

    loading = threading.Thread(target=load)
    loading.start()
    served = 0
    while loading.is_alive():
        assert api.get("/watched").status_code == 200
        served += 1
    loading.join()
    assert answers[0].status_code == 201
    assert count(emptied, "api.items") == 400_000
    # It takes seconds in which a gateway that did one thing after the other would answer a few.
    assert served > 40


def test_bodies_that_arrive_slowly_leave_connections_to_others(
    api: httpx.Client, upload: Begin, emptied: Cluster
) -> None:
    slow = [upload("/items", NDJSON), upload("/watched", NDJSON)]
    for request in slow:
        request.send(BEGINNING)
    wait(lambda: under_way(emptied) == ["idle in transaction"] * 2)
    third = upload("/late", NDJSON)
    third.send(BEGINNING)
    status, body = third.answer()
    assert (status, body["code"]) == (504, "PGRST003")
    assert api.get("/items").status_code == 200
    assert [request.finish()[0] for request in slow] == [201, 201]
    assert post(api, "/late", padded(range(2000))).status_code == 201


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("content_type", [CSV, NDJSON])
def test_memory_does_not_grow_with_the_body(
    api: httpx.Client, gateway: GatewayProcess, emptied: Cluster, content_type: str
) -> None:
    """The second body is several times as long as the first, and as what it may take."""
    writer = csv if content_type == CSV else ndjson
    headers = {"Content-Type": content_type}
    assert api.post("/items", content=writer(padded(range(4000))), headers=headers).status_code == 201
    before = gateway.peak_memory
    body = writer(padded(range(10_000, 46_000)))
    assert len(body) > 36_000_000
    assert api.post("/items", content=body, headers=headers).status_code == 201
    assert gateway.peak_memory - before < 8_000_000
    assert count(emptied, "api.items") == 40_000


def metrics(gateway: GatewayProcess) -> dict[str, float]:
    lines = httpx.get(f"{gateway.admin_url}/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
