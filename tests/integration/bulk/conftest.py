"""A database for bulk writes, a pooler and a gateway before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.bulk.bodies import DATABASE, SECRET, Upload
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.pooler import Pooler
from tests.support.skips import available

SETTINGS = {
    "db-schemas": "api",
    "db-anon-role": "bulk_anon",
    "db-config": "true",
    "db-pool": "4",
    "db-pool-acquisition-timeout": "2",
    "db-tx-end": "commit-allow-override",
    "db-pre-request": "hidden.before",
    "jwt-secret": SECRET,
    "server-max-body-size": "40MB",
}


@pytest.fixture(scope="session")
def stock(cluster: Cluster) -> Cluster:
    """The cluster, with schema.sql in the database `bulk`."""
    cluster.createdb(DATABASE)
    cluster.psql((Path(__file__).parent / "schema.sql").read_text(), dbname=DATABASE)
    return cluster


@pytest.fixture(scope="session")
def own_pooler(stock: Cluster) -> Iterator[Pooler]:
    """A pgBouncer that connects as the gateway's role."""
    with available(Pooler, stock, forced_user="bulk_authenticator") as server:
        yield server


@pytest.fixture(scope="session")
def gateway(own_pooler: Pooler, stock: Cluster) -> Iterator[GatewayProcess]:
    """A gateway before the pooler; the catalog it reads from PostgreSQL itself."""
    direct = stock.dsn("bulk_authenticator", DATABASE)
    with GatewayProcess(own_pooler.dsn("anybody", DATABASE), {**SETTINGS, "db-direct-uri": direct}) as server:
        yield server


@pytest.fixture(scope="session")
def api(gateway: GatewayProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=60) as client:
        yield client


@pytest.fixture
def upload(gateway: GatewayProcess) -> Iterator[Callable[..., Upload]]:
    """Begin requests whose bodies are sent bit by bit."""
    uploads: list[Upload] = []

    def begin(path: str, content_type: str, length: int | None = None) -> Upload:
        uploads.append(Upload(gateway.host, gateway.port, path, content_type, length))
        return uploads[-1]

    yield begin
    for one in uploads:
        one.close()


@pytest.fixture
def emptied(stock: Cluster) -> Iterator[Cluster]:
    """The database; what the test writes is gone afterwards."""
    yield stock
    stock.psql("TRUNCATE api.items, api.notes, api.late, api.watched, hidden.seen RESTART IDENTITY", dbname=DATABASE)
