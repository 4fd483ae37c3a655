"""python3 -m tests, in a small project of its own: it installs, mends what was interrupted, and ends as pytest does."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.tree import ROOT

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "small"
version = "1"

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

TESTS = """
import small

def test_good():
    assert small.__doc__

def test_bad():
    raise AssertionError
"""


def needed(names: Iterable[str]) -> set[str]:
    """Return these distributions and all that they depend on here."""
    found: set[str] = set()
    left = [canonicalize_name(name) for name in names]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            wanted = map(Requirement, importlib.metadata.requires(name) or ())
            left += [canonicalize_name(each.name) for each in wanted if not each.marker or each.marker.evaluate()]
    return found


class Project:
    """A project with one good and one bad test, and the environments made for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        (folder / "tests").mkdir(parents=True)
        (folder / "small").mkdir()
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / "small" / "__init__.py").write_text('"""Small."""\n')
        (folder / "tests" / "__init__.py").touch()
        (folder / "tests" / "test_small.py").write_text(TESTS)
        shutil.copy(ROOT / "tests" / "__main__.py", folder / "tests")
        locked = re.split(r"\n(?=[a-z])", (ROOT / "requirements-dev.lock").read_text(encoding="utf-8"))
        names = needed(["pytest", "hatchling", "editables"])
        kept = [block for block in locked if re.split(r"[=\[]", block)[0] in names]
        (folder / "requirements-dev.lock").write_text("\n".join(kept) + "\n")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests", *arguments],
            cwd=self.folder,
            env={**os.environ, "AUTOREST_CACHE": str(self.cache), "PYTHONPATH": "", "PYTEST_ADDOPTS": ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, list[str]]:
        """Return the exit code and the lines that were printed."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output.splitlines()

    def environments(self) -> list[Path]:
        return [path for path in self.cache.glob("tests-*") if path.is_dir()]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("runner") / "small project")


def test_an_installation_that_was_killed_is_made_anew(project: Project) -> None:
    killed = project.start()
    deadline = time.monotonic() + 60
    while not any((home / "pyvenv.cfg").exists() for home in project.environments()):
        assert killed.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()

    code, lines = project.run("-k", "good")
    assert code == 0, lines
    assert lines[0].startswith("Making ")
    assert re.search(r"1 passed, 1 deselected in [\d.]+s", lines[-1])
    assert len(project.environments()) == 1


def test_the_next_run_finds_it_and_fails_as_pytest_fails(project: Project) -> None:
    project.run("--version")
    code, lines = project.run()
    assert code == 1
    assert not any(line.startswith("Making ") for line in lines)
    assert re.search(r"1 failed, 1 passed in [\d.]+s", lines[-1])


def test_what_cannot_be_installed_is_explained(tmp_path: Path) -> None:
    project = Project(tmp_path / "small")
    lock = project.folder / "requirements-dev.lock"
    lock.write_text(re.sub(r"sha256:[0-9a-f]{4}", "sha256:0000", lock.read_text()))
    code, lines = project.run()
    assert code == 1
    assert "The dependencies could not be installed." in lines
    assert not any("Traceback" in line for line in lines)
