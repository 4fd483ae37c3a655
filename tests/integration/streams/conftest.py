"""A database with large answers in it, and gateways that read it through pgBouncer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.pooler import Pooler
from tests.support.skips import available

DATABASE = "streams"
AUTHENTICATOR = "streams_authenticator"
SECRET = "the secret of the streams, of more than 32 bytes"
SETTINGS = {
    "db-schemas": "api",
    "db-anon-role": "streams_anon",
    "db-pre-request": "hidden.before_request",
    "db-config": "true",
    "jwt-secret": SECRET,
    "server-trace-header": "X-Trace",
    "log-level": "info",
}


@pytest.fixture(scope="session")
def large(cluster: Cluster) -> Cluster:
    """The cluster, with schema.sql in the database `streams`."""
    cluster.createdb(DATABASE)
    cluster.psql((Path(__file__).parent / "schema.sql").read_text(), dbname=DATABASE)
    return cluster


@pytest.fixture(scope="session")
def large_pooler(large: Cluster) -> Iterator[Pooler]:
    with available(Pooler, large, forced_user=AUTHENTICATOR) as server:
        yield server


def settings_for(cluster: Cluster, **more: str) -> dict[str, str]:
    """Return the settings of a gateway."""
    direct = {"db-direct-uri": cluster.dsn(AUTHENTICATOR, DATABASE)}
    return SETTINGS | direct | {name.replace("_", "-"): value for name, value in more.items()}


@pytest.fixture(scope="session")
def gateway(large: Cluster, large_pooler: Pooler) -> Iterator[GatewayProcess]:
    with GatewayProcess(large_pooler.dsn(AUTHENTICATOR, DATABASE), settings_for(large)) as running:
        yield running


@pytest.fixture(scope="session")
def narrow(large: Cluster, large_pooler: Pooler) -> Iterator[GatewayProcess]:
    """A gateway with one connection to the database."""
    conninfo = large_pooler.dsn(AUTHENTICATOR, DATABASE)
    settings = settings_for(large, db_pool="1", db_pool_acquisition_timeout="20")
    with GatewayProcess(conninfo, settings) as running:
        yield running


@pytest.fixture
def api(gateway: GatewayProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=60, headers={"Accept-Encoding": "identity"}) as client:
        yield client


@pytest.fixture
def narrow_api(narrow: GatewayProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=narrow.url, timeout=60, headers={"Accept-Encoding": "identity"}) as client:
        yield client
