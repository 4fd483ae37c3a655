"""One stack for all of these tests: each of them leaves it running, and with whatever rows it likes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack.stack import Stack, obstacle, running
from tests.support.skips import lacking


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if reason := obstacle():
        lacking(reason)
    with running(tmp_path_factory.mktemp("stack") / "autorest") as stack:
        yield stack
