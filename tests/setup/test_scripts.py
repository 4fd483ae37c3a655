"""The command lines of setup.py and teardown.py, and teardown.py where there is little or nothing to take down."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.setup.checkout import Checkout, without_docker
from tests.support.ports import free_port
from tests.support.skips import lacking


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout in which nothing was ever set up."""
    checkout = Checkout(tmp_path / "autorest")
    yield checkout
    checkout.remove()


@pytest.mark.parametrize(
    ("script", "options"),
    [
        ("setup.py", ["--embedded", "--port", "--prod", "--hosts", "--yes"]),
        ("teardown.py", ["--volumes", "--network", "--secrets", "--all", "--yes"]),
    ],
)
def test_help_names_every_option(bare: Checkout, script: str, options: list[str]) -> None:
    shown = bare.run(script, "--help")
    assert shown.returncode == 0
    assert all(option in shown.stdout for option in options)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "0"),
        ("--port", "65536"),
        ("--port", "http"),
        ("--embedded", "--prod"),
        ("--embedded", "--hosts"),
        ("--prod", "--port", "1"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(bare: Checkout, arguments: tuple[str, ...]) -> None:
    refused = bare.run("setup.py", *arguments)
    assert refused.returncode == 2
    assert "error: " in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("option", ["--prod", "--hosts"])
def test_what_needs_docker_says_so_without_it(bare: Checkout, option: str) -> None:
    refused = bare.run("setup.py", option)
    assert refused.returncode == 1
    assert "Docker" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("script", ["setup.py", "teardown.py"])
def test_an_old_python_is_told_so(bare: Checkout, script: str) -> None:
    places = [Path("/usr/bin"), *Path.home().glob(".pyenv/versions/*/bin")]
    names = ("python2", "python3", "pypy3")
    found = [python for place in places for name in names if (python := place / name).exists()]
    asks = "import sys; sys.exit(sys.version_info >= (3, 11))"
    old = [python for python in found if subprocess.run([python, "-c", asks], capture_output=True).returncode == 0]
    if not old:
        lacking("no Python older than 3.11")
    for python in old:
        told = subprocess.run([python, script], cwd=bare.root, capture_output=True, text=True)
        assert told.returncode == 1
        assert "needs Python 3.11" in told.stderr
        assert "Traceback" not in told.stderr


def test_an_interrupted_installation_says_so_without_a_traceback(bare: Checkout) -> None:
    run = bare.start()
    deadline = time.monotonic() + 30
    while not (bare.root / ".venv").exists():
        assert time.monotonic() < deadline, run.output
        time.sleep(0.05)
    assert run.end(signal.SIGINT) == 130
    assert "Interrupted" in run.output
    assert "Traceback" not in run.output
    bare.wait_until_quiet()


def test_packages_that_cannot_be_had_are_explained(bare: Checkout) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:1/", "PIP_RETRIES": "0", "PIP_FIND_LINKS": "", "PIP_NO_INDEX": "1"}
    ended = bare.run("setup.py", "--embedded", "--port", str(free_port()), **nowhere)
    assert ended.returncode == 1
    assert "PIP_INDEX_URL" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("arguments", [(), ("--yes",), ("--volumes", "--network", "--secrets"), ("--all", "--yes")])
def test_taking_down_what_was_never_up_is_no_failure(bare: Checkout, arguments: tuple[str, ...]) -> None:
    ended = bare.run("teardown.py", *arguments)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""


def half_built(checkout: Checkout) -> None:
    """Leave what a run leaves that was killed while PostgreSQL's cluster was being made."""
    for folder in ("postgres-data/unfinished-18/base", ".venv/bin", "secrets/jwt_secret.txt"):
        (checkout.root / folder).mkdir(parents=True)
    (checkout.root / "postgres-data" / "run.json").write_text("{")
    (checkout.root / "secrets" / "postgres_password.txt").write_text("x")


def remains(checkout: Checkout) -> list[str]:
    secrets = [f"secrets/{path.name}" for path in (checkout.root / "secrets").glob("*.txt")]
    return sorted([name for name in ("postgres-data", ".venv") if (checkout.root / name).exists()] + secrets)


@pytest.mark.parametrize(
    ("arguments", "remaining"),
    [
        ((), [".venv", "postgres-data", "secrets/jwt_secret.txt", "secrets/postgres_password.txt"]),
        (("--yes",), [".venv", "postgres-data", "secrets/jwt_secret.txt", "secrets/postgres_password.txt"]),
        (("--volumes",), [".venv", "secrets/jwt_secret.txt", "secrets/postgres_password.txt"]),
        (("--secrets", "--yes"), [".venv", "postgres-data"]),
        (("--all",), []),
    ],
)
def test_a_half_built_environment_loses_what_is_named_and_nothing_else(
    bare: Checkout, arguments: tuple[str, ...], remaining: list[str]
) -> None:
    half_built(bare)
    ended = bare.run("teardown.py", *arguments)
    assert ended.returncode == 0, ended.stderr
    assert remains(bare) == remaining


def on_a_terminal(checkout: Checkout, answers: list[str], *arguments: str) -> tuple[int, str]:
    """Run teardown.py on a terminal, give one answer to each question, and return exit code and screen."""
    terminal, inner = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "teardown.py", *arguments],
        cwd=checkout.root,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=without_docker() | {"TERM": "xterm"},
        start_new_session=True,
    ) as script:
        os.close(inner)
        screen, asked = "", 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                screen += os.read(terminal, 4096).decode()
            except OSError:
                break
            if screen.count("[y/N]") > asked:
                os.write(terminal, f"{answers[asked]}\n".encode())
                asked += 1
        os.close(terminal)
        return script.wait(10), screen


@pytest.mark.parametrize(
    ("answers", "arguments", "code", "remaining"),
    [
        (["y", "n"], (), 0, [".venv", "secrets/jwt_secret.txt", "secrets/postgres_password.txt"]),
        (["", "yes"], (), 0, [".venv", "postgres-data"]),
        (["n"], ("--all",), 1, [".venv", "postgres-data", "secrets/jwt_secret.txt", "secrets/postgres_password.txt"]),
        (["y"], ("--all",), 0, []),
        ([], ("--all", "--yes"), 0, []),
    ],
)
def test_on_a_terminal_it_asks(
    bare: Checkout, answers: list[str], arguments: tuple[str, ...], code: int, remaining: list[str]
) -> None:
    half_built(bare)
    ended, screen = on_a_terminal(bare, answers, *arguments)
    assert ended == code, screen
    assert screen.count("[y/N]") == len(answers)
    assert remains(bare) == remaining
