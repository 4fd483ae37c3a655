"""Large bodies: speed, memory, and the limit."""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Callable

import httpx
import pytest

from tests.integration.api.house import DATABASE, REPRESENTATION, error, got
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess

COLUMNS = ("id", "label", "amount", "made", "flag")
ROWS = [
    {"id": n, "label": f"row {n}", "amount": f"{n}.25", "made": "2024-01-01T00:00:00Z", "flag": n % 2 == 0}
    for n in range(10_000)
]


def fastest(times: int, run: Callable[[], object]) -> float:
    def once() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return min(once() for _ in range(times))


def test_ten_thousand_rows_in_one_request(
    api: httpx.Client, gateway: GatewayProcess, emptied: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    body = json.dumps(ROWS).encode()
    copied = "COPY api.bulk FROM STDIN;\n" + "".join(
        "\t".join(str(row[column]) for column in COLUMNS) + "\n" for row in ROWS
    )

    def post() -> None:
        assert api.post("/bulk", content=body).status_code == 201

    before = gateway.peak_memory if sys.platform == "linux" else 0
    by_post = fastest(5, post)
    by_copy = fastest(3, lambda: emptied.psql(copied + "\\.\n", dbname=DATABASE))
    with capsys.disabled():
        print(
            f"\n10,000 rows: POST {by_post:.3f} s, COPY by psql {by_copy:.3f} s, {by_copy / by_post:.2f} of its speed"
        )
    assert emptied.execute("SELECT count(*), sum(amount) FROM api.bulk", dbname=DATABASE)[0][0] == 80_000
    if sys.platform == "linux":
        growth = gateway.peak_memory - before
        with capsys.disabled():
            print(f"body {len(body):,} bytes, most growth {growth:,} bytes")
        assert growth < 5 * len(body) + 20_000_000
    assert by_post < 20 * by_copy + 2


def test_many_rows_come_back_whole(api: httpx.Client, emptied: Cluster) -> None:
    made = api.post("/bulk?select=id", json=ROWS, headers=REPRESENTATION)
    assert [row["id"] for row in got(made, 201)] == list(range(10_000))
    csv = "id,label\n" + "".join(f'{n},"a ""quoted"" {n}"\n' for n in range(5_000))
    assert api.post("/bulk", content=csv.encode(), headers={"Content-Type": "text/csv"}).status_code == 201
    assert len(got(api.get("/bulk?select=id"))) == 15_000


def send_much(gateway: GatewayProcess, size: int, *, declared: bool) -> tuple[int, dict[str, str]]:
    """Send a body that is too large; return status and body of what comes back, perhaps before it is sent."""
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=30)
    connection.putrequest("POST", "/items")
    connection.putheader("Content-Type", "application/json")
    connection.putheader(*(("Content-Length", str(size)) if declared else ("Transfer-Encoding", "chunked")))
    connection.endheaders()
    chunk = b" " * 1_000_000
    try:
        for _ in range(size // len(chunk)):
            connection.send(chunk if declared else b"%x\r\n%b\r\n" % (len(chunk), chunk))
    except OSError:
        pass  # the gateway may stop reading once it has answered
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_the_limit(api: httpx.Client, gateway: GatewayProcess, declared: bool) -> None:
    """100 MB against a limit of 8: refused without being kept."""
    before = gateway.peak_memory if sys.platform == "linux" else 0
    status, body = send_much(gateway, 100_000_000, declared=declared)
    assert status == 413
    assert set(body) == {"code", "message", "details", "hint"} and body["code"] == "HTTP413"
    assert "8000000" in body["details"]
    if sys.platform == "linux":
        assert gateway.peak_memory - before < 40_000_000
    assert got(api.get("/rpc/add?a=1")) == 11


def test_a_body_at_the_limit(api: httpx.Client) -> None:
    text = "x" * 7_000_000
    assert len(got(api.post("/rpc/whole", json={"text": text}))["text"]) == len(text)
    error(api.post("/rpc/whole", content=b" " * 8_000_001), 413, "HTTP413")
