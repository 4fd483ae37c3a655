"""A long time in short: a worker's memory stays what it was after requests of every kind, and nothing is left open.

AUTOREST_SOAK_REQUESTS says how many are sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from benchmarks.processes import memory
from tests.integration.server.conftest import DATABASE, settings_for
from tests.integration.server.load import ask
from tests.integration.server.running import SECRET, Running, metric
from tests.support.cluster import Cluster
from tests.support.pooler import Pooler
from tests.support.skips import available

REQUESTS = int(os.environ.get("AUTOREST_SOAK_REQUESTS", "20000"))
CLIENTS = 30
#: How many go before: caches are full then, and memory is what it will be.
WARM_UP = max(20_000, REQUESTS // 3)
GROWTH = 0.05


@pytest.fixture
def pooler(stocked: Cluster) -> Iterator[Pooler]:
    with available(Pooler, stocked, {"default_pool_size": "10"}, forced_user="server_authenticator") as server:
        yield server


@pytest.fixture
def gateway(stocked: Cluster, pooler: Pooler, tmp_path: Path) -> Iterator[Running]:
    direct = settings_for(stocked)["db-uri"]
    settings = settings_for(
        stocked, db_uri=pooler.dsn("server_authenticator", DATABASE), db_direct_uri=direct, db_pool="8"
    )
    with Running(tmp_path, settings) as running:
        yield running


class Client:
    """Sends one request after another, of all kinds at random, and counts the wrong answers."""

    def __init__(self, port: int, number: int, wrong: Counter[str]) -> None:
        self.port = port
        self.number = number
        self.random = random.Random(number)
        self.wrong = wrong
        self.connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, count: int) -> None:
        """Send the request of this number."""
        if count % 50 == 0:
            await self.leave()
            return
        method, target, status, headers, body = self.chosen(count)
        head = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "", ""]
        if self.connection is None:
            self.connection = await asyncio.open_connection("127.0.0.1", self.port)
        got, answer, kept = await ask(*self.connection, "\r\n".join(head).encode() + body)
        if got != status:
            self.wrong[f"{method} {target}: {got} {answer[:200]!r}"] += 1
        if not kept or count % 200 == 1:
            self.close()

    def chosen(self, count: int) -> tuple[str, str, int, list[str], bytes]:
        """Return method, target, expected status, headers and body."""
        any_number = self.random.randrange(1 << 30)
        token = jwt.encode({"role": "server_user", "sub": str(any_number)}, SECRET, "HS256")
        signed = f"Authorization: Bearer {token}"
        written = json.dumps({"client": 1000 + self.number, "number": count}).encode()
        return self.random.choice(
            (
                ("GET", f"/items?id=eq.{any_number % 9}", 200, [], b""),
                ("GET", f"/items?select=a{any_number}:name,id&order=id.desc", 200, [], b""),
                ("GET", f"/many?id=gt.{any_number % 3000}&limit={any_number % 300}", 200, [], b""),
                ("GET", "/many?limit=900", 200, ["Accept-Encoding: gzip", "Accept: text/csv"], b""),
                ("GET", "/secrets", 200, [signed], b""),
                ("GET", "/secrets", 401, [], b""),
                ("GET", "/secrets", 401, [signed + "x"], b""),
                ("GET", f"/nothing{any_number}", 404, [], b""),
                ("GET", f"/items?id=eq.x{any_number}", 400, [], b""),
                ("GET", f"/items?column{any_number}=eq.1", 400, [], b""),
                ("POST", "/written", 201, [], written),
                ("POST", "/written", 201, [signed, "Prefer: return=representation, tx=rollback"], written),
                ("POST", "/written", 400, [], written[:-1]),
                ("POST", "/items", 409, [], b'[{"id":%d,"name":"a"},{"id":1,"name":"b"}]' % (any_number + 100)),
                ("POST", "/items", 400, [], json.dumps([{f"key{any_number}": 1}]).encode()),
                ("PATCH", f"/items?id=eq.{any_number + 100}", 204, [], b'{"name":"c"}'),
                ("DELETE", f"/written?client=eq.{any_number + 5000}", 204, [], b""),
                ("POST", "/rpc/status", 418, [], b'{"code":418}'),
                ("POST", "/rpc/broken", 500, [], b"{}"),
                ("POST", "/rpc/setting", 200, [], b'{"name":"request.headers"}'),
                ("OPTIONS", "/items", 200, [f"Origin: http://{any_number}.example"], b""),
            )
        )

    async def leave(self) -> None:
        """Ask for much, or for what takes long, and be gone."""
        target = self.random.choice((b"/many", b"/rpc/sleep?seconds=0.2"))
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
        await asyncio.sleep(0.005)
        writer.transport.abort()

    def close(self) -> None:
        if self.connection is not None:
            self.connection[1].close()
            self.connection = None


async def send(port: int, first: int, requests: int) -> Counter[str]:
    """Send so many requests, of which the first has this number; return what was wrong and how often."""
    wrong = Counter[str]()
    numbers = iter(range(first, first + requests))

    async def work(number: int) -> None:
        client = Client(port, number, wrong)
        for count in numbers:
            await client.send(count)
        client.close()

    await asyncio.gather(*map(work, range(CLIENTS)))
    return wrong


def resident(gateway: Running) -> float:
    return memory([gateway.process.pid], "VmRSS")


def open_files(gateway: Running) -> int:
    return sum(1 for _ in Path(f"/proc/{gateway.process.pid}/fd").iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_grows(stocked: Cluster, pooler: Pooler, gateway: Running) -> None:
    def is_idle() -> bool:
        clients = metric(gateway, "autorest_http_connections")
        return clients == 0 and metric(gateway, "pgrst_db_pool_available") == metric(gateway, "pgrst_db_pool_max")

    wrong = asyncio.run(send(gateway.port, 0, WARM_UP))
    gateway.wait(is_idle, "connections are not given back")
    before, files = resident(gateway), open_files(gateway)
    wrong += asyncio.run(send(gateway.port, WARM_UP, REQUESTS))
    assert not wrong, wrong.most_common(5)
    gateway.wait(is_idle, "connections are not given back")
    assert resident(gateway) < before * (1 + GROWTH), (before, resident(gateway))
    gateway.wait(lambda: open_files(gateway) <= files, f"more than {files} files are open")
    servers = [server for server in pooler.show("servers") if server["database"] == DATABASE]
    assert servers and {server["state"] for server in servers} <= {"idle", "used", "tested"}
    left = stocked.execute(
        "SELECT state, query FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' OR wait_event = 'PgSleep'",
        dbname=DATABASE,
    )
    assert left == []
