"""A database for gateways that are started, told things, and ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.server.running import Running
from tests.support.cluster import Cluster

DATABASE = "server"
SCHEMA = (Path(__file__).parent / "schema.sql").read_text()

Start = Callable[..., Running]


def settings_for(cluster: Cluster, **more: str | None) -> dict[str, str | None]:
    """Return the settings of a gateway before the database; `more` are named with underscores."""
    return {
        "db-uri": cluster.dsn("server_authenticator", DATABASE, password="right"),
        "db-schemas": "api",
        "db-anon-role": "server_anon",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


@pytest.fixture(scope="session")
def stocked(cluster: Cluster) -> Cluster:
    """The cluster, with schema.sql in the database `server`."""
    cluster.createdb(DATABASE)
    cluster.psql(SCHEMA, dbname=DATABASE)
    return cluster


@pytest.fixture
def run(stocked: Cluster, tmp_path: Path) -> Iterator[Start]:
    """Start gateways with given settings, ready unless `ready` is false; they end with the test."""
    with ExitStack() as stack:

        def start(*, ready: bool = True, config_file: Path | None = None, **settings: str | None) -> Running:
            running = Running(tmp_path, settings_for(stocked, **settings), config_file)
            if ready:
                return stack.enter_context(running)
            stack.push(running)
            return running.start()

        yield start


@pytest.fixture(scope="package")
def shared(stocked: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway that many tests ask and none changes."""
    settings = settings_for(
        stocked,
        log_level="info",
        server_trace_header="X-Request-Id",
        server_timing_enabled="true",
        server_max_body_size="100kB",
        server_cors_allowed_origins="http://page.example",
    )
    with Running(tmp_path_factory.mktemp("shared"), settings) as running:
        yield running
