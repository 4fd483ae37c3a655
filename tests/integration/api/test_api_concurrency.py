"""Many clients at once, through pgBouncer: roles stay apart, nothing is lost or doubled, nothing is left open."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import SETTINGS
from tests.integration.api.house import DATABASE, OBJECT, bearer, error
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.pooler import Pooler
from tests.support.skips import available

ROLES = ("house_user", "house_writer")
REQUESTS = 2_000
CONCURRENCY = 50


@pytest.fixture(scope="module")
def house_pooler(house: Cluster) -> Iterator[Pooler]:
    """A pgBouncer with fewer server connections than the gateway has."""
    with available(Pooler, house, {"default_pool_size": "4"}, forced_user="house_authenticator") as server:
        yield server


@pytest.fixture(scope="module")
def pooled(house: Cluster, house_pooler: Pooler) -> Iterator[GatewayProcess]:
    direct = {"db-direct-uri": house.dsn("house_authenticator", DATABASE), "db-pool": "12"}
    with GatewayProcess(house_pooler.dsn("house_authenticator", DATABASE), SETTINGS | direct) as gateway:
        yield gateway


def left_open(house: Cluster) -> list[tuple[Any, ...]]:
    return house.execute(
        "SELECT pid, state, query FROM pg_stat_activity"
        " WHERE usename = 'house_authenticator' AND datname = current_database()"
        " AND (state LIKE 'idle in transaction%' OR state = 'active')",
        dbname=DATABASE,
    )


def assert_nothing_is_left_open(house: Cluster, pooler: Pooler) -> None:
    deadline = time.monotonic() + 10
    while (found := left_open(house)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == []
    servers = [server for server in pooler.show("servers") if server["database"] == DATABASE]
    assert servers and {server["state"] for server in servers} <= {"idle", "used", "tested"}


def posted(target: str, body: bytes, *more: str) -> bytes:
    """Return a POST request as it is sent."""
    head = (
        f"POST {target} HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    )
    return "\r\n".join((*head, "", "")).encode() + body


class Bookkeeper:
    """Sends one role's requests and knows what must have become of them."""

    def __init__(self, role: str, client: httpx.AsyncClient, gateway: GatewayProcess, seed: int) -> None:
        self.role = role
        self.client = client
        self.gateway = gateway
        self.headers = bearer(role)
        self.random = random.Random(seed)
        self.inserted: set[str] = set()
        self.refused: set[str] = set()
        self.uncertain: set[str] = set()
        self.bumps = Counter[str]()
        self.uncertain_bumps = Counter[str]()
        self.counters = [f"{role} counter {number}" for number in range(5)]

    async def prepare(self) -> None:
        rows = [{"tag": tag} for tag in self.counters]
        answer = await self.client.post("/ledger", json=rows, headers=self.headers)
        assert answer.status_code == 201, answer.text

    async def one(self, number: int) -> None:
        kind = self.random.choices(
            ("insert", "read", "who", "bump", "duplicate", "nonsense", "rollback", "singular", "vanish"),
            (20, 20, 15, 20, 5, 5, 5, 5, 5),
        )[0]
        await getattr(self, f"_{kind}")(f"{self.role} {number}")

    async def _insert(self, tag: str) -> None:
        answer = await self.client.post("/ledger", json={"tag": tag}, headers=self.headers)
        assert answer.status_code == 201, answer.text
        self.inserted.add(tag)

    async def _read(self, tag: str) -> None:
        answer = await self.client.get("/ledger?select=owner,tag&limit=500", headers=self.headers)
        assert answer.status_code == 200, answer.text
        assert {row["owner"] for row in answer.json()} == {self.role}

    async def _who(self, tag: str) -> None:
        answer = await self.client.get("/rpc/context", headers=self.headers | {"X-Tag": tag})
        seen = answer.json()
        assert (seen["role"], seen["headers"]["x-tag"], seen["read_only"]) == (self.role, tag, "on")
        assert seen["timeout"] == ("4321ms" if self.role == "house_user" else "0")

    async def _bump(self, tag: str) -> None:
        counter = self.random.choice(self.counters)
        answer = await self.client.post("/rpc/bump", json={"wanted": counter}, headers=self.headers)
        assert answer.status_code == 200 and len(answer.json()) == 1, answer.text
        self.bumps[counter] += 1

    async def _duplicate(self, tag: str) -> None:
        rows = [{"tag": tag}, {"tag": self.counters[0]}]
        error(await self.client.post("/ledger", json=rows, headers=self.headers), 409, "23505")
        self.refused.add(tag)

    async def _nonsense(self, tag: str) -> None:
        error(await self.client.patch("/ledger?n=eq.x", json={"n": 1}, headers=self.headers), 400, "22P02")
        error(await self.client.get("/ledger?n=1", headers=self.headers), 400, "PGRST100")

    async def _rollback(self, tag: str) -> None:
        headers = self.headers | {"Prefer": "tx=rollback"}
        answer = await self.client.post("/ledger", json={"tag": tag}, headers=headers)
        assert answer.status_code == 201, answer.text
        self.refused.add(tag)

    async def _singular(self, tag: str) -> None:
        rows = [{"tag": tag}, {"tag": f"{tag} too"}]
        error(await self.client.post("/ledger", json=rows, headers=self.headers | OBJECT), 406, "PGRST116")
        self.refused.update((tag, f"{tag} too"))

    async def _vanish(self, tag: str) -> None:
        """Ask for a write and hang up before the answer."""
        counter = self.random.choice(self.counters)
        function, body = self.random.choice((("/ledger", {"tag": tag}), ("/rpc/bump", {"wanted": counter})))
        content = json.dumps(body).encode()
        whole = posted(function, content, f"Authorization: {self.headers['Authorization']}")
        _, writer = await asyncio.open_connection(self.gateway.host, self.gateway.port)
        writer.write(whole if self.random.random() < 0.5 else whole[:-3])
        await writer.drain()
        await asyncio.sleep(self.random.random() / 100)
        writer.transport.abort()
        if function == "/ledger":
            self.uncertain.add(tag)
        else:
            self.uncertain_bumps[counter] += 1

    def check(self, house: Cluster) -> None:
        rows = house.execute("SELECT tag, n FROM api.ledger WHERE owner = %s", [self.role], dbname=DATABASE)
        counters = {tag: n for tag, n in rows if tag in self.counters}
        tags = [tag for tag, _ in rows if tag not in self.counters]
        assert len(tags) == len(set(tags))
        assert set(tags) - self.uncertain == self.inserted
        assert not self.refused.intersection(tags)
        for counter in self.counters:
            most = self.bumps[counter] + self.uncertain_bumps[counter]
            assert self.bumps[counter] <= counters[counter] <= most


def test_two_roles_and_everything_that_happens(
    house: Cluster, house_pooler: Pooler, pooled: GatewayProcess, emptied: Cluster
) -> None:
    async def run() -> list[Bookkeeper]:
        limits = httpx.Limits(max_connections=CONCURRENCY)
        async with httpx.AsyncClient(base_url=pooled.url, timeout=60, limits=limits) as client:
            keepers = [Bookkeeper(role, client, pooled, seed) for seed, role in enumerate(ROLES)]
            for keeper in keepers:
                await keeper.prepare()
            numbers = iter(range(REQUESTS))

            async def work() -> None:
                for number in numbers:
                    await keepers[number % 2].one(number)

            await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
        return keepers

    keepers = asyncio.run(run())
    assert_nothing_is_left_open(house, house_pooler)
    for keeper in keepers:
        keeper.check(house)
        assert keeper.inserted and keeper.bumps and keeper.uncertain


def test_a_client_that_is_killed_leaves_nothing_dirty(
    house: Cluster, house_pooler: Pooler, pooled: GatewayProcess, emptied: Cluster
) -> None:
    """Its transaction is whole or not there, and the next requests find the connections clean."""

    async def vanish(number: int) -> None:
        body = json.dumps({"id": number, "seconds": 0.6}).encode()
        _, writer = await asyncio.open_connection(pooled.host, pooled.port)
        writer.write(posted("/rpc/write_and_wait", body))
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.transport.abort()

    async def all_vanish() -> None:
        await asyncio.gather(*map(vanish, range(12)))

    asyncio.run(all_vanish())
    for _ in range(20):
        answer = httpx.post(f"{pooled.url}/rpc/context_rw", json={}, timeout=30)
        assert answer.json()["role"] == "house_anon" and answer.json()["read_only"] == "off"
    assert_nothing_is_left_open(house, house_pooler)
    [[found]] = house.execute("SELECT count(*) FROM api.items WHERE id < 12", dbname=DATABASE)
    assert 0 <= found <= 12


def test_serialization_failures_are_told(pooled: GatewayProcess, emptied: Cluster) -> None:
    """One of two transactions that cannot both have been first fails, with nothing written, and is not tried again."""
    headers = bearer("house_careful")
    httpx.post(f"{pooled.url}/ledger", json={"tag": "both"}, headers=headers).raise_for_status()

    async def both() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=pooled.url, timeout=30, headers=headers) as client:
            return list(
                await asyncio.gather(*(client.post("/rpc/slow_bump", json={"wanted": "both"}) for _ in range(2)))
            )

    first, second = sorted(asyncio.run(both()), key=lambda answer: answer.status_code)
    assert (first.status_code, first.json()) == (200, 1)
    error(second, 500, "40001")
    assert httpx.get(f"{pooled.url}/ledger?select=n", headers=headers).json() == [{"n": 1}]
