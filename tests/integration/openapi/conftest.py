"""The stack's database, with a few things more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.openapi.serving import serving
from tests.support.cluster import Cluster
from tests.support.gateway import ROOT

DATABASE = "openapi"


@pytest.fixture(scope="session")
def database(cluster: Cluster) -> str:
    """The database with the schema of the stack, of the browser's tests and the privileges' own."""
    cluster.createdb(DATABASE)
    scripts = [*sorted((ROOT / "postgres" / "init").glob("*.sql")), ROOT / "tests" / "browser" / "demo.sql"]
    for script in (*scripts, Path(__file__).with_name("privileges.sql")):
        cluster.psql(script.read_text(encoding="utf-8"), dbname=DATABASE)
    return DATABASE


@pytest.fixture(scope="session")
def uri(cluster: Cluster, database: str) -> str:
    return f"postgresql://authenticator@{cluster.host}:{cluster.port}/{database}"


@pytest.fixture(scope="session")
def address(uri: str) -> Iterator[str]:
    with serving(uri) as address:
        yield address
