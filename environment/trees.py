"""Folders that are thrown away."""

from __future__ import annotations

import shutil
from pathlib import Path

from environment.problem import from_os_error


def remove_tree(directory: Path) -> bool:
    """Remove a folder with everything in it, and tell whether it was there; raises Problem when that is refused."""
    if directory.is_symlink() or directory.is_file():
        directory.unlink()
        return True
    if not directory.exists():
        return False
    try:
        shutil.rmtree(directory)
    except OSError as error:
        error.filename = str(directory)
        raise from_os_error(error) from None
    return True
