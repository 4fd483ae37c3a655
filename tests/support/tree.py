"""The files of the project, with or without git to ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_NOT_OURS = {"__pycache__", "node_modules", "postgres-data", "dist", "secrets"}
_HIDDEN_BUT_OURS = {".ci", ".dockerignore", ".env.example", ".gitattributes", ".gitignore"}


def files() -> Iterator[Path]:
    """Yield every file that belongs to the project, but none that was made while working on it."""
    for directory, inner, names in os.walk(ROOT):
        inner[:] = sorted(name for name in inner if _is_ours(name))
        yield from (Path(directory, name) for name in sorted(names) if _is_ours(name))


def text_files() -> list[Path]:
    """Return the files that are text."""
    return [path for path in files() if b"\0" not in path.read_bytes()]


def python_files() -> list[Path]:
    """Return the Python modules and scripts."""
    return [path for path in files() if path.suffix == ".py"]


def documents() -> list[Path]:
    """Return the pages that people read."""
    return [path for path in files() if path.suffix == ".md"] + [ROOT / "secrets" / "README.md"]


def _is_ours(name: str) -> bool:
    hidden = name.startswith(".") and name not in _HIDDEN_BUT_OURS
    return not hidden and name not in _NOT_OURS and not name.endswith((".egg-info", ".pyc"))
