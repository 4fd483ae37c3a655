"""Where skips are forbidden, none goes unnoticed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import ROOT

SKIPPING = """
import pytest

@pytest.fixture
def missing():
    pytest.skip("from a fixture")

@pytest.mark.skip(reason="by a mark")
def test_marked(): pass

@pytest.mark.skipif(True, reason="by a condition")
def test_conditional(): pass

def test_called(): pytest.skip("by a call")

def test_fixture(missing): pass

def test_lacking():
    from tests.support.skips import lacking
    lacking("a server")

@pytest.mark.xfail(reason="known", strict=True)
def test_known(): raise AssertionError
"""

CONFTEST = """
from tests.support.skips import NoSkips, forbidden

def pytest_configure(config):
    if forbidden():
        config.pluginmanager.register(NoSkips())
"""


@pytest.fixture
def skipping(tmp_path: Path) -> Path:
    """A folder of tests that skip in every way there is."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    (tmp_path / "test_module.py").write_text("import pytest\n\npytest.importorskip('no_such_module')\n")
    return tmp_path


def run(folder: Path, forbid: str) -> tuple[int, list[str]]:
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "AUTOREST_FORBID_SKIPS": forbid,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    done = subprocess.run([*command, str(folder)], env=env, cwd=folder, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.splitlines()


def test_every_skip_is_a_failure_that_tells_its_reason(skipping: Path) -> None:
    code, lines = run(skipping, "1")
    assert code == 1
    assert lines[-1].startswith("2 failed, 1 xfailed, 4 errors")
    for reason in ("from a fixture", "by a mark", "by a condition", "by a call", "a server", "no_such_module"):
        assert any("skips are forbidden" in line and reason in line for line in lines), reason


def test_elsewhere_skips_are_skips(skipping: Path) -> None:
    code, lines = run(skipping, "")
    assert code == 0
    assert lines[-1].startswith("6 skipped, 1 xfailed")
