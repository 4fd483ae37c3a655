"""Two gateways to be fuzzed.

One is before a database with a bit of everything, through a pgBouncer of few connections; the other before the stack's
database, with its login.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.integration.fuzz.requests import Signing
from tests.integration.fuzz.vocabulary import Vocabulary
from tests.support.cluster import Cluster
from tests.support.gateway import ROOT, GatewayProcess
from tests.support.pooler import Pooler
from tests.support.skips import available

SECRET = "a secret for the fuzzer, of more than 32 bytes"
SCHEMA = Path(__file__).parents[1] / "api" / "schema.sql"


class Target(NamedTuple):
    """A gateway with what is known of it."""

    gateway: GatewayProcess
    vocabulary: Vocabulary
    signing: Signing


def learned(gateway: GatewayProcess, *roles: str) -> Target:
    """Return a running gateway with what its admin server tells of it."""
    catalog = httpx.get(f"{gateway.admin_url}/schema_cache", timeout=20).json()
    return Target(
        gateway, Vocabulary.of(catalog, "api"), Signing(SECRET, roles, "auth-login-enabled" in gateway.settings)
    )


@pytest.fixture(scope="package")
def targets(cluster: Cluster) -> Iterator[dict[str, Target]]:
    for database, scripts in {
        "fuzzed_house": [SCHEMA],
        "fuzzed_stack": [*sorted((ROOT / "postgres" / "init").glob("*.sql")), ROOT / "tests" / "browser" / "demo.sql"],
    }.items():
        cluster.createdb(database)
        for script in scripts:
            cluster.psql(script.read_text(encoding="utf-8"), dbname=database)
        # What takes too long for a test of many requests is cancelled, and so an error of the database's.
        cluster.execute(f"ALTER DATABASE {database} SET statement_timeout TO '3s'")
    common = {"jwt-secret": SECRET, "db-plan-enabled": "true", "db-aggregates-enabled": "true", "log-level": "error"}
    with ExitStack() as stack:
        pooler = available(Pooler, cluster, {"default_pool_size": "5"}, forced_user="house_authenticator")
        stack.enter_context(pooler)
        house = stack.enter_context(
            GatewayProcess(
                pooler.dsn("house_authenticator", "fuzzed_house"),
                common
                | {
                    "db-direct-uri": cluster.dsn("house_authenticator", "fuzzed_house"),
                    "db-schemas": "api,other",
                    "db-anon-role": "house_anon",
                    "db-tx-end": "rollback-allow-override",
                    "server-max-body-size": "1000000",
                    "server-timing-enabled": "true",
                },
            )
        )
        other = stack.enter_context(
            GatewayProcess(
                cluster.dsn("authenticator", "fuzzed_stack"),
                common
                | {
                    "db-schemas": "api",
                    "db-anon-role": "api_anon",
                    "db-tx-end": "rollback",
                    "db-max-rows": "5",
                    "openapi-version": "2.0",
                    "url-use-legacy-target-names": "false",
                    "server-cors-allowed-origins": "http://good.example",
                    "server-trace-header": "X-Trace",
                    "auth-login-enabled": "true",
                    "auth-registration-enabled": "true",
                },
            )
        )
        yield {
            "house": learned(house, "house_user", "house_writer", "house_careful", "house_anon"),
            "stack": learned(other, "api_user", "api_anon"),
        }
