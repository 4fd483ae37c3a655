"""What the compose files say, without an engine to try it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.stack.stack import REPOSITORY

FILES = ("docker-compose.yml", "docker-compose.override.yml", "docker-compose.prod.yml")
#: Compose's own variable, and one that has another default in production.
ELSEWHERE = {"COMPOSE_PROJECT_NAME": "autorest", "BIND_ADDRESS": "127.0.0.1"}


def _text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def test_the_example_names_every_variable_with_its_default() -> None:
    used = {name: default for file in FILES for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", _text(file))}
    shown = dict(re.findall(r"^#(\w+)=(.*)$", _text(".env.example"), re.M))
    assert shown == used | ELSEWHERE


def test_every_variable_has_a_default() -> None:
    for file in FILES:
        assert re.findall(r"\$\{\w+\}", _text(file)) == []


def test_no_proxy_that_docker_gives_to_all_containers_stands_between_them() -> None:
    """What asks another container, or itself, either heeds no such variables or is told that nobody is behind it."""
    (traefik,) = re.findall(r"^  traefik:\n(.*?)^  \w|^  traefik:\n(.*?)^\w", _text(FILES[0]), re.M | re.S)
    assert re.findall(r'^ +(no_proxy|NO_PROXY): "\*"$', "".join(traefik), re.M) == ["NO_PROXY", "no_proxy"]
    assert not any("urlopen" in _text(file) for file in FILES)


def test_shell_scripts_have_the_line_endings_of_unix() -> None:
    scripts = [path for folder in ("docker", "pgbouncer", "postgres") for path in (REPOSITORY / folder).rglob("*.sh")]
    assert len(scripts) >= 4
    for script in scripts:
        assert b"\r" not in script.read_bytes(), script
        assert os.name == "nt" or script.stat().st_mode & 0o100, f"{script} is not executable"


def test_the_builders_get_nothing_that_is_secret() -> None:
    allowed = {line for line in _text(".dockerignore").splitlines() if line.startswith("!")}
    assert _text(".dockerignore").splitlines()[1] == "*"
    assert not any(Path(line[1:]).name in ("secrets", ".env", ".git") for line in allowed)
