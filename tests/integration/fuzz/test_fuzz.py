"""Requests made at random: no error of the gateway's own making, no hang, and all is well afterwards.

AUTOREST_FUZZ_REQUESTS says how many are sent, AUTOREST_FUZZ_SEED which ones.
"""

from __future__ import annotations

import asyncio
import os
import time

import httpx
import pytest

from tests.integration.fuzz.clients import Findings, fuzz
from tests.integration.fuzz.conftest import Target
from tests.integration.fuzz.requests import Requests
from tests.support.gateway import GatewayProcess

REQUESTS = int(os.environ.get("AUTOREST_FUZZ_REQUESTS", "10000"))
SEED = os.environ.get("AUTOREST_FUZZ_SEED", "20240229")
CLIENTS = 12
#: How the requests are shared out.
SHARES = {"house": 0.8, "stack": 0.2}


def figure(gateway: GatewayProcess, name: str) -> float:
    """Return a metric."""
    lines = httpx.get(f"{gateway.admin_url}/metrics", timeout=20).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


@pytest.mark.parametrize("name", SHARES)
def test_nothing_that_is_sent_breaks_the_gateway(targets: dict[str, Target], name: str) -> None:
    gateway, vocabulary, signing = targets[name]
    findings = Findings()

    def make(client: int) -> Requests:
        return Requests(f"{SEED} {name} {client}", vocabulary, signing)

    asyncio.run(fuzz(gateway.port, make, int(REQUESTS * SHARES[name]), CLIENTS, findings))
    print(findings.told())
    assert not findings.faults, findings.told()
    assert {200, 400, 401, 404} <= {status for status, _ in findings.answers}

    assert "Traceback" not in gateway.output, gateway.output[-5000:]
    assert httpx.get(f"{gateway.url}/", timeout=10).status_code == 200
    assert gateway.ready()
    deadline = time.monotonic() + 10
    while (figure(gateway, "pgrst_db_pool_available"), figure(gateway, "autorest_http_connections")) != (
        figure(gateway, "pgrst_db_pool_max"),
        0.0,
    ):
        assert time.monotonic() < deadline, (
            "connections are missing from the pool, or of clients that are gone",
            httpx.get(f"{gateway.admin_url}/metrics", timeout=20).text,
        )
        time.sleep(0.1)
