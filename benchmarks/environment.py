"""A Python for the endpoints written by hand: this one if it has their libraries, else one kept in the cache."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from tests.__main__ import cache_directory, locked
from tests.support.process import Unavailable

REQUIREMENTS = Path(__file__).parent / "endpoints" / "requirements.txt"


def python_with(*modules: str) -> Path:
    """Return an interpreter that can import `modules`; raise Unavailable when none can be made."""
    if all(importlib.util.find_spec(module) for module in modules):
        return Path(sys.executable)
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = cache_directory() / f"benchmarks-{digest}"
    python, stamp = home / "bin" / "python", home / "complete"
    home.parent.mkdir(parents=True, exist_ok=True)
    with locked(home.parent / "benchmarks.lock"):
        if not stamp.exists():
            build(home, python)
            stamp.touch()
    return python


def build(home: Path, python: Path) -> None:
    """Make the environment anew, whatever an interrupted run left of it."""
    print(f"Making {home} from {REQUIREMENTS.name}, once ...", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    base = getattr(sys, "_base_executable", sys.executable)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]
    for command in ([base, "-m", "venv", str(home)], [*pip, "--requirement", str(REQUIREMENTS)]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(home, ignore_errors=True)
            raise Unavailable((done.stderr.strip() or f"{command[0]} failed").splitlines()[-1])
