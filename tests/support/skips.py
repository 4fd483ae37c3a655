"""One place that decides what a test does when this machine lacks what it needs."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """Skip the test, or fail it where AUTOREST_FORBID_SKIPS=1 says that everything must be here."""
    if os.environ.get("AUTOREST_FORBID_SKIPS") == "1":
        pytest.fail(f"skips are forbidden: {reason}")
    pytest.skip(reason)
