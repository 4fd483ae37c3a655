"""Other programs: run one to its end, or run one and show what it prints as it goes."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

from environment.problem import Problem

_LAST_LINES = 20
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Account(NamedTuple):
    """The user that a program runs as instead of root."""

    name: str
    uid: int
    gid: int


class Outcome(NamedTuple):
    """How a program ended; `output` is what it printed, standard error included."""

    code: int
    output: str

    @property
    def last_lines(self) -> str:
        return "\n".join(self.output.strip().splitlines()[-_LAST_LINES:])


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def identity(account: Account | None) -> _Identity:
    """Return the arguments of `subprocess` that make a program run as `account`."""
    return _Identity() if account is None else _Identity(user=account.uid, group=account.gid, extra_groups=[])


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    given: str | None = None,
    account: Account | None = None,
) -> Outcome:
    """Run a program and return how it ended; 127 when there is no such program, 124 after `timeout` seconds.

    `given` is its standard input. It prints into a file: a server that it leaves behind would keep a
    pipe open, and reading that to its end would never return.
    """
    with tempfile.TemporaryFile() as printed:
        try:
            code = subprocess.run(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL if given is None else None,
                input=None if given is None else given.encode(),
                stdout=printed,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                env=env,
                cwd=cwd,
                **identity(account),
            ).returncode
        except FileNotFoundError:
            return Outcome(127, f"{argv[0]}: not found")
        except PermissionError as error:
            return Outcome(126, str(error))
        except subprocess.TimeoutExpired:
            return Outcome(124, f"{argv[0]} did not answer within {timeout:.0f} s")
        printed.seek(0)
        return Outcome(code, _ESCAPES.sub("", printed.read().decode("utf-8", "replace")))


def must(outcome: Outcome, what: str, advice: str) -> str:
    """Return what a program printed; raise a `Problem` when it failed."""
    if outcome.code != 0:
        raise Problem(what, advice, outcome.last_lines)
    return outcome.output


def watch(
    argv: Sequence[str | Path],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Outcome:
    """Run a program and hand on every line as it prints it; keep the last ones for its outcome."""
    kept: deque[str] = deque(maxlen=200)
    with subprocess.Popen(
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=env,
        cwd=cwd,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if plain := _ESCAPES.sub("", line).strip():
                    kept.append(plain)
                    on_line(plain)
        except BaseException:
            process.terminate()
            raise
    return Outcome(process.returncode, "\n".join(kept))


def without_postgres_variables(**ours: str) -> dict[str, str]:
    """Return the environment with `ours` and without libpq's variables (PGHOST, PGSSLMODE): they lead elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG") or name.startswith("PGRST_")}
    return kept | ours
