"""Large bodies that take too long, and the end of the gateway while one arrives."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import httpx
import pytest

from autorest.asgi import Front
from autorest.server.protocol import Limits
from autorest.service import Service
from autorest.settings import load_settings
from tests.integration.bulk.bodies import DATABASE, NDJSON, Upload, count, ndjson, padded, post, under_way
from tests.integration.bulk.conftest import SETTINGS
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.pooler import Pooler
from tests.support.waiting import until
from tests.unit.server.conftest import serving

BEGINNING = ndjson(padded(range(1800)))


def wait(condition: Callable[[], bool]) -> None:
    asyncio.run(until(condition, 20))


@pytest.mark.anyio
async def test_a_client_that_falls_silent_is_given_up(emptied: Cluster, own_pooler: Pooler) -> None:
    given = {
        **SETTINGS,
        "db-uri": own_pooler.dsn("anybody", DATABASE),
        "db-direct-uri": emptied.dsn("bulk_authenticator", DATABASE),
        "db-channel-enabled": "false",
    }
    settings = load_settings(None, {f"AUTOREST_{key.upper().replace('-', '_')}": text for key, text in given.items()})
    service = Service(settings, None)
    await service.start()
    try:
        await asyncio.wait_for(service.loaded.wait(), 20)
        front = Front(service.gateway, settings, pages=lambda *_: asyncio.sleep(0))
        async with serving(front, Limits(silent_seconds=1.0)) as (_, connect):
            line = await connect()
            line.say(b"POST /items HTTP/1.1\r\nContent-Type: %b\r\n" % NDJSON.encode())
            line.say(b"Content-Length: 30000000\r\n\r\n" + BEGINNING)
            answering = asyncio.create_task(line.rest())
            written = asyncio.create_task(asyncio.to_thread(wait, lambda: bool(under_way(emptied))))
            assert (await answering).startswith(b"HTTP/1.1 408 ")
            await written
            await until(lambda: under_way(emptied) == [])
            await until(lambda: service.database.stats().available == service.database.stats().open)
            assert service.database.stats().lost == 0
    finally:
        await service.stop(1)
    assert count(emptied, "api.items") == 0


def test_a_request_has_its_time(own_pooler: Pooler, emptied: Cluster) -> None:
    more = {"db-direct-uri": emptied.dsn("bulk_authenticator", DATABASE), "server-request-timeout": "2"}
    with GatewayProcess(own_pooler.dsn("anybody", DATABASE), SETTINGS | more) as gateway:
        request = Upload(gateway.host, gateway.port, "/items", NDJSON, None)
        request.send(BEGINNING)
        status, body = request.answer()
        assert (status, body["code"]) == (504, "HTTP504")
        request.close()
        wait(lambda: under_way(emptied) == [])
        assert count(emptied, "api.items") == 0
        with httpx.Client(base_url=gateway.url) as api:
            answer = post(api, "/items", padded(range(2000)))
            assert answer.status_code == 201, answer.text


def test_postgresql_has_its_own_time(upload: Callable[..., Upload], emptied: Cluster) -> None:
    """Who may be idle in a transaction for how long is a setting of PostgreSQL's."""
    emptied.execute("ALTER ROLE bulk_authenticator SET idle_in_transaction_session_timeout TO '700ms'")
    try:
        emptied.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bulk_authenticator'")
        request = upload("/items", NDJSON)
        request.send(BEGINNING)
        wait(lambda: under_way(emptied) == ["idle in transaction"])
        wait(lambda: under_way(emptied) == [])
        request.send(ndjson(padded(range(5000, 8000))))
        status, body = request.answer()
        assert (status, body["code"]) == (503, "PGRST001")
        assert count(emptied, "api.items") == 0
    finally:
        emptied.execute("ALTER ROLE bulk_authenticator RESET idle_in_transaction_session_timeout")
        emptied.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bulk_authenticator'")


@pytest.mark.parametrize("ends", [True, False])
def test_a_gateway_that_is_told_to_end(own_pooler: Pooler, emptied: Cluster, ends: bool) -> None:
    more = {"db-direct-uri": emptied.dsn("bulk_authenticator", DATABASE), "server-shutdown-timeout": "3"}
    with GatewayProcess(own_pooler.dsn("anybody", DATABASE), SETTINGS | more) as gateway:
        request = Upload(gateway.host, gateway.port, "/items", NDJSON, None)
        request.send(BEGINNING)
        wait(lambda: under_way(emptied) == ["idle in transaction"])
        assert gateway.pid is not None
        os.kill(gateway.pid, signal.SIGTERM)
        if ends:
            request.send(ndjson(padded(range(5000, 7000))))
            assert request.finish()[0] == 201
        wait(lambda: gateway.pid is None)
        request.close()
    wait(lambda: under_way(emptied) == [])
    assert count(emptied, "api.items") == (3800 if ends else 0)
