"""A database with a bit of everything, and gateways before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import httpx
import pytest

from tests.integration.api.house import ANON, DATABASE, HERE, SECRET
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess

SETTINGS = {
    "db-config": "true",
    "db-schemas": "api,other",
    "db-anon-role": ANON,
    "db-extra-search-path": "",
    "jwt-secret": SECRET,
    "db-tx-end": "commit-allow-override",
    "db-plan-enabled": "true",
    "db-aggregates-enabled": "true",
    "server-max-body-size": "8000000",
}
#: Much is different from what it is by default.
STRICT = {
    "db-schemas": "api",
    "db-anon-role": ANON,
    "jwt-secret": SECRET,
    "db-tx-end": "rollback",
    "db-max-rows": "3",
    "db-aggregates-enabled": "false",
    "db-plan-enabled": "false",
    "db-pre-request": "hidden.before_request",
    "url-use-legacy-target-names": "false",
    "server-cors-allowed-origins": "http://good.example, https://fine.example",
    "client-error-verbosity": "minimal",
    "app.settings.greeting": "hello",
    "server-trace-header": "X-Trace",
}

Gateways = Callable[[Mapping[str, str]], GatewayProcess]


@pytest.fixture(scope="session")
def house(cluster: Cluster) -> Cluster:
    """The cluster, with schema.sql in the database `house`."""
    cluster.createdb(DATABASE)
    cluster.psql((HERE / "schema.sql").read_text(), dbname=DATABASE)
    return cluster


@pytest.fixture(scope="session")
def gateways(house: Cluster) -> Iterator[Gateways]:
    """Start gateways with given settings; they end with the tests."""
    started: list[GatewayProcess] = []

    def start(settings: Mapping[str, str]) -> GatewayProcess:
        gateway = GatewayProcess(house.dsn("house_authenticator", DATABASE), settings)
        started.append(gateway)
        return gateway.start()

    try:
        yield start
    finally:
        for gateway in started:
            gateway.remove()


@pytest.fixture(scope="session")
def gateway(gateways: Gateways) -> GatewayProcess:
    return gateways(SETTINGS)


@pytest.fixture(scope="session")
def strict_gateway(gateways: Gateways) -> GatewayProcess:
    return gateways(STRICT)


@pytest.fixture(scope="session")
def api(gateway: GatewayProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def strict(strict_gateway: GatewayProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=strict_gateway.url, timeout=20) as client:
        yield client


@pytest.fixture
def emptied(house: Cluster) -> Iterator[Cluster]:
    """The database; what the test writes into these tables is gone afterwards."""
    yield house
    house.psql(
        "TRUNCATE api.items, api.things, api.keyless, api.pairs, api.uniques, api.late, api.notes, api.ledger, api.bulk"
        " RESTART IDENTITY",
        dbname=DATABASE,
    )
