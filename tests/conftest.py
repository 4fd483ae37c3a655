"""Servers and event loops that many tests share."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.cluster import Cluster
from tests.support.pooler import Pooler
from tests.support.skips import NoSkips, available, forbidden, lacking

LOOPS = {"asyncio": {"use_uvloop": False}, "uvloop": {"use_uvloop": True}}


# A busy machine makes no test fail; where CI runs, the same examples are tried each time.
settings.register_profile(
    "autorest", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("autorest")


def pytest_configure(config: pytest.Config) -> None:
    """Stop the servers when the tests are told to end; let no test be skipped where that is forbidden."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A shell starts what is to run in the background with SIGINT ignored, and so would be all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if forbidden():
        config.pluginmanager.register(NoSkips())


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run every asynchronous test on asyncio's own loop and on uvloop."""
    if request.param == "uvloop" and importlib.util.find_spec("uvloop") is None:
        lacking("no uvloop on this platform")
    return "asyncio", LOOPS[request.param]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL for tests that leave it running as it is."""
    with available(Cluster) as server:
        yield server


@pytest.fixture(scope="session")
def pooler(cluster: Cluster) -> Iterator[Pooler]:
    """A pgBouncer before `cluster`, in transaction mode, with prepared statements."""
    with available(Pooler, cluster) as server:
        yield server
