"""Every way to lose the database, a pooler, the network or a worker, under load.

In each drill: only right answers, or 503 and 504 with a code; no acknowledged write is lost; no request is older
than its time-out; and the service is back within three seconds of the cause's end.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.integration.server.conftest import DATABASE, SCHEMA
from tests.integration.server.load import Load
from tests.integration.server.running import Running, metric
from tests.integration.server.test_server_life import sleepers
from tests.integration.server.test_server_workers import children
from tests.support.cluster import Cluster
from tests.support.pooler import Pooler
from tests.support.process import Unavailable
from tests.support.proxy import Proxy
from tests.support.skips import lacking

#: The time-out of a request, and what a busy machine may add to it; how soon after its cause a trouble must end.
REQUEST_SECONDS, SLACK_SECONDS = 3.0, 1.5
RECOVERY_SECONDS = 3.0
#: How long a drill watches before and after, and how long a network is cut.
CALM_SECONDS, AFTER_SECONDS, CUT_SECONDS = 1.0, 4.0, 10.0
#: How long the request takes that is under way when trouble comes; it would be answered in time.
SLEEP_SECONDS = 2.0


class House:
    """A PostgreSQL, a pgBouncer before it, networks to both that can be cut, and a gateway."""

    def __init__(self, cluster: Cluster, pooler: Pooler, networks: tuple[Proxy, Proxy], gateway: Running) -> None:
        self.cluster = cluster
        self.pooler = pooler
        self.networks = networks
        self.gateway = gateway
        self._asking = ThreadPoolExecutor(1)

    def sleep(self) -> Future[httpx.Response]:
        """Return the answer to come to a request that the database is at work on now."""
        # A client of its own: it waits in a thread.
        asked = self._asking.submit(
            httpx.post,
            f"http://127.0.0.1:{self.gateway.port}/rpc/sleep",
            json={"seconds": SLEEP_SECONDS},
            timeout=REQUEST_SECONDS + SLACK_SECONDS,
        )
        self.gateway.wait(lambda: sleepers(self.cluster) == 1, "nobody sleeps")
        return asked

    def check(self, load: Load, ended: float, *, lost_connections: bool = False) -> None:
        """Look at what the clients got, where the cause of trouble ended at `ended`."""
        summary = load.summary()
        told = self.gateway.told(str(summary))
        assert load.wrong == []
        allowed = (200, 201, 503, 504, *((0,) if lost_connections else ()))
        assert {status for status, _ in summary} <= {*allowed}, told
        assert all(code for status, code in summary if status in (503, 504)), told
        assert load.oldest() <= REQUEST_SECONDS + SLACK_SECONDS, told
        assert load.good_since(ended) <= RECOVERY_SECONDS, told
        assert any(outcome.sent > ended for outcome in load.outcomes)
        rows = self.cluster.execute("SELECT client, number FROM api.written", dbname=DATABASE)
        assert load.written <= {*rows}, "an acknowledged write is lost"
        assert len(load.written) > 50
        self.gateway.wait_ready()


@pytest.fixture(scope="module")
def base() -> Iterator[tuple[Cluster, Pooler]]:
    """A PostgreSQL and a pgBouncer that may be killed."""
    try:
        # A killed server must not have forgotten what it acknowledged.
        with Cluster({"fsync": "on", "synchronous_commit": "on"}) as cluster:
            cluster.createdb(DATABASE)
            cluster.psql(SCHEMA, dbname=DATABASE)
            with Pooler(cluster, {"default_pool_size": "10"}, forced_user="server_authenticator") as pooler:
                yield cluster, pooler
    except Unavailable as error:
        lacking(str(error))


@pytest.fixture
def house(base: tuple[Cluster, Pooler], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """A gateway before them, with as many workers as the test says."""
    cluster, pooler = base
    cluster.execute("TRUNCATE api.written", dbname=DATABASE)
    workers = getattr(request, "param", 1)
    with ExitStack() as stack:
        network = stack.enter_context(Proxy(pooler.host, pooler.port))
        direct = stack.enter_context(Proxy(cluster.host, cluster.port))
        settings = {
            "db-uri": f"host={network.host} port={network.port} user=server_authenticator dbname={DATABASE}",
            "db-direct-uri": f"host={direct.host} port={direct.port} user=server_authenticator dbname={DATABASE}",
            "db-schemas": "api",
            "db-anon-role": "server_anon",
            "db-pool": "8",
            "db-pool-acquisition-timeout": "2",
            "server-request-timeout": str(int(REQUEST_SECONDS)),
            "server-workers": str(workers),
        }
        gateway = stack.enter_context(Running(tmp_path, settings))
        yield House(cluster, pooler, (network, direct), gateway)


def assert_lost(asked: Future[httpx.Response]) -> None:
    """The request that was under way is told that it came to nothing, with a code."""
    response = asked.result()
    assert response.status_code in (503, 504)
    assert response.json()["code"]


def test_postgresql_is_restarted(house: House) -> None:
    with Load(house.gateway.port) as load:
        time.sleep(CALM_SECONDS)
        asked = house.sleep()
        house.cluster.restart()
        ended = time.monotonic()
        time.sleep(AFTER_SECONDS)
    house.check(load, ended)
    assert_lost(asked)


def test_postgresql_is_killed(house: House) -> None:
    with Load(house.gateway.port) as load:
        time.sleep(CALM_SECONDS)
        asked = house.sleep()
        house.cluster.kill()
        time.sleep(0.5)
        house.cluster.start()
        ended = time.monotonic()
        time.sleep(AFTER_SECONDS)
    house.check(load, ended)
    assert_lost(asked)


def test_pgbouncer_is_restarted(house: House) -> None:
    with Load(house.gateway.port) as load:
        time.sleep(CALM_SECONDS)
        asked = house.sleep()
        house.pooler.kill()
        time.sleep(1.0)
        house.pooler.start()
        ended = time.monotonic()
        time.sleep(AFTER_SECONDS)
    house.check(load, ended)
    assert_lost(asked)


@pytest.mark.parametrize("revive", [True, False], ids=["late", "never"])
def test_the_network_swallows_everything(house: House, revive: bool) -> None:
    with Load(house.gateway.port) as load:
        time.sleep(CALM_SECONDS)
        asked = house.sleep()
        for network in house.networks:
            network.cut()
        time.sleep(CUT_SECONDS)
        for network in house.networks:
            network.mend(revive=revive)
        ended = time.monotonic()
        time.sleep(AFTER_SECONDS)
    house.check(load, ended)
    assert_lost(asked)
    assert load.failures


def test_every_connection_is_terminated(house: House) -> None:
    with Load(house.gateway.port) as load:
        for _ in range(4):
            time.sleep(CALM_SECONDS)
            asked = house.sleep()
            house.cluster.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'server_authenticator'"
            )
            assert_lost(asked)
        ended = time.monotonic()
        time.sleep(AFTER_SECONDS)
    house.check(load, ended)


def test_the_catalog_is_replaced_all_the_time(house: House) -> None:
    with Load(house.gateway.port) as load:
        began = time.monotonic()
        number = 0
        while time.monotonic() - began < 5.0:
            number += 1
            house.cluster.psql(
                f"CREATE TABLE api.new_{number} (); ALTER TABLE api.items ADD c{number} int;"
                f"ALTER TABLE api.items DROP c{number}; DROP TABLE api.new_{number}; NOTIFY pgrst",
                dbname=DATABASE,
            )
            time.sleep(0.2)
        ended = time.monotonic()
        time.sleep(CALM_SECONDS)
    house.check(load, ended)
    assert load.failures == []
    assert metric(house.gateway, 'pgrst_schema_cache_loads_total{status="SUCCESS"}') >= 5


@pytest.mark.parametrize("house", [2], indirect=True)
def test_workers_are_killed_one_by_one(house: House) -> None:
    with Load(house.gateway.port) as load:
        time.sleep(CALM_SECONDS)
        for worker in sorted(children(house.gateway)):
            os.kill(worker, signal.SIGKILL)
            ended = time.monotonic()
            house.gateway.wait(lambda: len(children(house.gateway)) == 2, "it is not replaced")
            house.gateway.wait_ready()
            time.sleep(CALM_SECONDS)
        time.sleep(CALM_SECONDS)
    house.check(load, ended, lost_connections=True)
    # Of each client at most the request under way is lost with a worker.
    assert len(load.failures) <= 2 * load.clients


def test_a_column_gets_another_type_behind_the_pooler(house: House) -> None:
    gateway = house.gateway
    house.cluster.psql(
        "CREATE TABLE api.cats (id uuid); GRANT SELECT ON api.cats TO server_anon; NOTIFY pgrst", dbname=DATABASE
    )
    try:
        gateway.wait_answered(200, "/cats?id=eq.dea27321-f988-4a57-93e4-8eeb38f3cf1e")
        house.cluster.psql(
            "ALTER TABLE api.cats ALTER id TYPE int USING 1; INSERT INTO api.cats VALUES (1); NOTIFY pgrst",
            dbname=DATABASE,
        )
        # pgBouncer still has what was prepared for the text of this query, with a uuid for its parameter.
        assert gateway.wait_answered(200, "/cats?id=eq.1").json() == [{"id": 1}]
    finally:
        house.cluster.psql("DROP TABLE api.cats", dbname=DATABASE)
