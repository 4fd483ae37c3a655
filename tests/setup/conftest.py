"""Checkouts that tests of setup.py share: installing the package takes longer than all else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.setup.checkout import Checkout


@pytest.fixture(scope="package")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout in a folder with a blank in its name, whose .venv is made by the first test that needs it."""
    checkout = Checkout(tmp_path_factory.mktemp("setup") / "auto rest")
    yield checkout
    checkout.remove()


@pytest.fixture
def checkout(installed: Checkout) -> Iterator[Checkout]:
    """The installed checkout without data and secrets."""
    forget = ("teardown.py", "--volumes", "--secrets", "--yes")
    assert installed.run(*forget).returncode == 0
    yield installed
    assert installed.run(*forget).returncode == 0
    installed.wait_until_quiet()
