"""What setup.py and teardown.py conclude from Docker's answers."""

from __future__ import annotations

from pathlib import Path

from environment.compose import Container, another
from environment.stack import worst_first


def container(service: str, state: str, health: str = "", exit_code: int = 0) -> Container:
    return Container(service, state, health, exit_code, frozenset())


def test_what_failed_is_named_before_what_may_still_come() -> None:
    containers = [
        container("autorest", "created"),
        container("home", "running", "healthy"),
        container("pgadmin", "running", "starting"),
        container("pgbouncer", "exited", exit_code=1),
        container("postgres", "running", "unhealthy"),
        container("traefik", "restarting"),
    ]
    found = [one.service for one in worst_first(containers)]
    assert found == ["pgbouncer", "postgres", "traefik", "autorest", "pgadmin"]
    assert worst_first(containers[1:2]) == []


def test_another_checkout_is_one_that_is_there_and_not_this_one(tmp_path: Path) -> None:
    mine, other, link = tmp_path / "mine", tmp_path / "other", tmp_path / "link"
    mine.mkdir()
    link.symlink_to(mine)
    assert another(mine, [str(mine), str(link), "", str(other)]) is None
    other.mkdir()
    assert another(mine, [str(mine), str(other)]) == other
