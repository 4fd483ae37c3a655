"""What setup.py prints: a line a step, and for each failure a sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from environment import disk
from environment.console import Console
from environment.installation import complaints
from environment.problem import Problem, from_os_error


def test_without_a_terminal_a_step_is_one_line_and_its_milestones(capsys: pytest.CaptureFixture[str]) -> None:
    with Console(ask=False).step("Starting") as step:
        step.show(["postgres  waiting"], [])
        step.show(["postgres  healthy"], ["postgres  healthy"])
        step.show(["postgres  healthy"], ["postgres  healthy"])
        step.detail = "they run"
    assert capsys.readouterr().out == (
        f"  ..{'':10}Starting\n{'':14}postgres  healthy\n  ok   0.0 s  Starting: they run\n"
    )


def test_a_step_that_fails_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Problem), Console(ask=False).step("Starting"):
        raise Problem("It does not start.")
    assert capsys.readouterr().out == "  !!   0.0 s  Starting\n"


def test_whatever_failed_for_a_full_disk_says_so() -> None:
    printed = "initdb: could not write\nERROR: [Errno 28] No space left on device"
    assert "disk is full" in Problem("It failed.", "Install something.", printed).advice
    assert Problem("It failed.", "Install something.", "no such host").advice == "Install something."


def test_of_what_pip_prints_only_its_complaints_are_shown() -> None:
    attempt = "WARNING: Retrying (Retry(total=0)) after connection broken by 'Error('<pip at 0x7f>: {}')': /a/\n"
    error = "ERROR: No matching distribution found for click"
    printed = f"Collecting click\n{attempt.format('first')}{attempt.format('last')}{error}\n"
    assert complaints(printed) == f"'Error('last')': /a/\n{error}"
    assert complaints("Collecting click\n") == ""


def test_too_little_room_is_told(tmp_path: Path) -> None:
    assert disk.check(tmp_path, 0).endswith("B free")
    with pytest.raises(Problem, match=r"and 1048576 GB are needed"):
        disk.check(tmp_path, 1 << 50)


def test_what_the_system_refuses_is_told_with_what_to_do(tmp_path: Path) -> None:
    refused = from_os_error(OSError(errno.EROFS, "Read-only file system", str(tmp_path)))
    assert "read only" in refused.what
    mine = from_os_error(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "new")))
    assert "chown" not in mine.advice
    theirs = from_os_error(PermissionError(errno.EACCES, "Permission denied", "/proc/1/new"))
    assert ("/proc/1 belongs to root" in theirs.what) == (os.geteuid() != 0)
