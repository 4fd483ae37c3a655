"""Ruff and mypy have nothing to say about the code."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.tree import ROOT


@pytest.mark.parametrize(
    "check", ["ruff check --no-fix", "ruff format --check --diff", "mypy"], ids=["ruff", "format", "mypy"]
)
def test_the_code_passes(check: str) -> None:
    command = [sys.executable, "-m", *check.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"
