"""What setup.py and teardown.py conclude from Docker's answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from environment.compose import Compose, Container, another, no_answer
from environment.stack import blamed, not_started, worst_first


def container(service: str, state: str, health: str = "", exit_code: int = 0) -> Container:
    return Container(service, state, health, exit_code, frozenset(), f"autorest-{service}-1")


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


def test_what_the_others_wait_for_in_vain_is_named_even_if_it_is_just_starting_again() -> None:
    containers = [container("autorest", "created"), container("pgbouncer", "running")]
    said = "Container autorest-home-1  Starting\ndependency failed to start: container autorest-pgbouncer-1 exited (1)"
    found = blamed(containers, said)
    assert found is not None
    assert found.service == "pgbouncer"
    assert blamed(containers, "network web not found") is None


def test_what_the_engine_refuses_is_told_and_no_service_blamed_that_is_still_starting(tmp_path: Path) -> None:
    containers = [container("pgadmin", "running", "starting"), container("traefik", "created")]
    said = "Error response from daemon: cannot expose privileged port 80"
    found = Compose(tmp_path, ("false",), (), "", "")
    problem = not_started(found, containers, said)
    assert "pgadmin" not in problem.what + problem.advice
    assert problem.output == said
    assert "pgadmin" in not_started(found, containers, "").what


@pytest.mark.parametrize(
    "printed",
    [
        "failed to connect to the docker API at unix:///s; check if the path is correct and if the daemon is running: ",
        "error during connect: This error may indicate that the docker daemon is not running.: Get …",
    ],
)
def test_an_engine_that_does_not_run_is_told_whatever_the_version_of_its_client(printed: str) -> None:
    assert no_answer(printed).reason.endswith("its engine does not run.")


def test_an_engine_that_does_not_answer_is_told_in_a_sentence() -> None:
    socket = "unix:///var/run/docker.sock"
    denied = no_answer(f"permission denied while trying to connect to the Docker daemon socket at {socket}: Get …")
    assert socket not in denied.reason
    assert "usermod -aG docker" in denied.advice
    down = no_answer(f"Cannot connect to the Docker daemon at {socket}. Is the docker daemon running?\n")
    assert "does not run" in down.reason
    assert no_answer("\nodd\n").reason.endswith("odd")
    assert no_answer("").advice


def test_another_checkout_is_one_that_is_there_and_not_this_one(tmp_path: Path) -> None:
    mine, other, link = tmp_path / "mine", tmp_path / "other", tmp_path / "link"
    mine.mkdir()
    link.symlink_to(mine)
    assert another(mine, [str(mine), str(link), "", str(other)]) is None
    other.mkdir()
    assert another(mine, [str(mine), str(other)]) == other
