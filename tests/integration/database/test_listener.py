"""LISTEN: payloads arrive once for a burst, and nothing is missed when the connection is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from autorest.database.listener import Listener
from tests.integration.database.conftest import DATABASE
from tests.support.cluster import Cluster
from tests.support.proxy import Proxy
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


class Heard:
    """What a listener passed on."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self.delay = 0.0

    async def notified(self, payload: str) -> None:
        self.payloads.append(payload)
        await asyncio.sleep(self.delay)

    async def becomes(self, payloads: list[str], seconds: float = 3.0) -> None:
        """Wait until exactly these payloads were passed on, and a little for one too many."""
        deadline = time.monotonic() + seconds
        while self.payloads != payloads:
            assert time.monotonic() < deadline, f"heard {self.payloads}"
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        assert self.payloads == payloads


@asynccontextmanager
async def listening(conninfo: str, heard: Heard, channel: str = "pgrst", **more: Any) -> AsyncIterator[Listener]:
    listener = Listener(conninfo, channel, heard.notified, **more)
    await listener.start()
    try:
        await until(lambda: listener.listening)
        yield listener
    finally:
        await listener.stop()
        assert not listener.listening


def terminate(house: Cluster) -> None:
    house.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listener'")


@pytest.fixture
def where(house: Cluster) -> str:
    return house.dsn("authenticator", DATABASE, application_name="listener")


async def test_payloads_are_passed_on(house: Cluster, where: str) -> None:
    heard = Heard()
    async with listening(where, heard):
        house.execute("NOTIFY pgrst, 'reload schema'", dbname=DATABASE)
        await heard.becomes(["reload schema"])
        house.execute("NOTIFY pgrst, 'reload config'", dbname=DATABASE)
        await heard.becomes(["reload schema", "reload config"])
        house.execute("NOTIFY pgrst; NOTIFY elsewhere, 'not ours'", dbname=DATABASE)
        await heard.becomes(["reload schema", "reload config", ""])


async def test_a_burst_is_passed_on_once(house: Cluster, where: str) -> None:
    heard = Heard()
    async with listening(where, heard):
        house.execute(
            "DO $$ BEGIN FOR n IN 1..200 LOOP PERFORM pg_notify('pgrst', 'reload schema'); COMMIT; END LOOP;"
            " PERFORM pg_notify('pgrst', 'reload config'); END $$",
            dbname=DATABASE,
        )
        await heard.becomes(["reload schema", "reload config"])
        house.execute("NOTIFY pgrst, 'reload schema'; NOTIFY pgrst, 'reload config'; NOTIFY pgrst", dbname=DATABASE)
        await heard.becomes(["reload schema", "reload config", ""])


async def test_a_stream_of_notifications_does_not_put_it_off_for_ever(house: Cluster, where: str) -> None:
    heard = Heard()
    async with listening(where, heard):
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            await asyncio.to_thread(house.execute, "NOTIFY pgrst, 'reload schema'", dbname=DATABASE)
        assert heard.payloads


async def test_what_arrives_during_a_reload_leads_to_another(house: Cluster, where: str) -> None:
    heard = Heard()
    heard.delay = 0.6
    async with listening(where, heard):
        house.execute("NOTIFY pgrst, 'reload schema'", dbname=DATABASE)
        await until(lambda: bool(heard.payloads))
        for _ in range(5):
            house.execute("NOTIFY pgrst, 'reload schema'", dbname=DATABASE)
        await heard.becomes(["reload schema", "reload schema"])


@pytest.mark.parametrize("channel", ["Mixed Case", 'quo"ted', "select"])
async def test_any_channel_name(house: Cluster, where: str, channel: str) -> None:
    heard = Heard()
    async with listening(where, heard, channel):
        house.execute("SELECT pg_notify(%s, 'here')", (channel,), dbname=DATABASE)
        await heard.becomes(["here"])


async def test_a_lost_connection_is_found_again_and_everything_reloaded(house: Cluster, where: str) -> None:
    heard = Heard()
    async with listening(where, heard) as listener:
        for losses in (1, 2):
            terminate(house)
            await until(lambda: not listener.listening)
            await until(lambda: listener.listening)
            await heard.becomes([""] * losses)
        house.execute("NOTIFY pgrst, 'reload schema'", dbname=DATABASE)
        await heard.becomes(["", "", "reload schema"])


async def test_without_recovery_a_lost_connection_stays_lost(
    house: Cluster, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    async with listening(where, heard, recover=False) as listener:
        terminate(house)
        await until(lambda: not listener.listening)
        await asyncio.sleep(1)
        assert not listener.listening
        assert heard.payloads == []
    assert "next attempt" not in caplog.text


async def test_a_database_that_is_down_at_first() -> None:
    server = Cluster()
    heard = Heard()
    listener = Listener(server.dsn(), "pgrst", heard.notified)
    try:
        await listener.start()
        await asyncio.sleep(0.6)
        assert not listener.listening
        await asyncio.to_thread(server.start)
        await until(lambda: listener.listening)
        server.execute("NOTIFY pgrst, 'reload schema'")
        await heard.becomes(["reload schema"])
        server.kill()
        await asyncio.to_thread(server.start)
        await until(lambda: listener.listening)
        await heard.becomes(["reload schema", ""], 5)
    finally:
        await listener.stop()
        server.remove()


async def test_a_silent_network_is_noticed(house: Cluster) -> None:
    heard = Heard()
    with Proxy(house.host, house.port) as proxy:
        where = f"host={proxy.host} port={proxy.port} user=authenticator dbname={DATABASE} connect_timeout=2"
        async with listening(where, heard, keepalive=0.5) as listener:
            await asyncio.sleep(1.2)
            assert listener.listening
            proxy.cut()
            await until(lambda: not listener.listening, 6)
            proxy.mend()
            await until(lambda: listener.listening, 8)
            await heard.becomes([""])


async def test_a_failed_reload_does_not_end_it(house: Cluster, where: str, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    async def notified(payload: str) -> None:
        heard.append(payload)
        raise LookupError("no catalog today")

    listener = Listener(where, "pgrst", notified)
    await listener.start()
    with caplog.at_level(logging.ERROR, "autorest.database"):
        await until(lambda: listener.listening)
        house.execute("NOTIFY pgrst, 'reload schema'", dbname=DATABASE)
        await until(lambda: len(heard) == 1)
        house.execute("NOTIFY pgrst, 'reload schema'", dbname=DATABASE)
        await until(lambda: len(heard) == 2)
    await listener.stop()
    assert "no catalog today" in caplog.text


async def test_a_standby_is_passed_over(house: Cluster) -> None:
    heard = Heard()
    with Cluster({"default_transaction_read_only": "on"}) as reader:
        conninfo = (
            f"host={reader.host},{house.host} port={reader.port},{house.port} user=postgres dbname=postgres"
            " target_session_attrs=read-only"
        )
        async with listening(conninfo, heard):
            house.execute("NOTIFY pgrst, 'here'")
            await heard.becomes(["here"])
