"""What was acknowledged is there afterwards, whatever happens to the containers; and what is taken down is gone."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import httpx
import pytest

from tests.stack.stack import Stack, eventually

SERVICES = ("postgres", "pgbouncer", "autorest", "home", "traefik", "pgadmin")


@pytest.mark.parametrize("service", SERVICES)
def test_restarting_a_container_keeps_every_row(stack: Stack, service: str) -> None:
    todo = stack.add_todo(f"Before the restart of {service}")
    stack.compose("restart", "--timeout", "20", service)
    eventually(lambda: stack.api.get("/todos?limit=1").status_code == 200, 60)
    assert todo in stack.todos()
    stack.add_todo(f"After the restart of {service}")
    stack.wait_until_well()


def test_down_and_up_keeps_every_row(stack: Stack) -> None:
    todo = stack.add_todo("Before going down")
    stack.compose("down")
    assert stack.containers() == []
    stack.up()
    assert todo in stack.todos()


def test_killing_postgres_loses_nothing_that_was_acknowledged(stack: Stack) -> None:
    acknowledged: list[str] = []
    statuses: set[int] = set()
    done = threading.Event()

    def write(writer: int) -> None:
        with stack.api as client:
            for number in range(100_000):
                if done.is_set():
                    return
                try:
                    answer = client.post(
                        "/todos",
                        json={"title": f"writer {writer}, number {number}"},
                        headers={"Prefer": "return=representation"},
                    )
                except httpx.HTTPError:
                    continue
                statuses.add(answer.status_code)
                if answer.status_code == 201:
                    acknowledged.append(answer.json()[0]["id"])

    started = stack.inspect("postgres")[0]["State"]["StartedAt"]
    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    try:
        eventually(lambda: len(acknowledged) > 100, 60)
        at_the_kill = len(acknowledged)
        _kill(stack, "postgres")
        eventually(lambda: len(acknowledged) > at_the_kill + 100, 90)
    finally:
        done.set()
        for writer in writers:
            writer.join(60)

    stack.wait_until_well()
    assert set(acknowledged) <= stack.todos()
    assert stack.inspect("postgres")[0]["State"]["StartedAt"] > started
    # a request waits at pgBouncer while PostgreSQL comes back; one that was under way cannot know how it ended
    assert statuses <= {201, 503}


def test_while_the_database_is_away_the_gateway_says_so(stack: Stack) -> None:
    stack.compose("stop", "--timeout", "20", "postgres")
    try:

        def refused() -> httpx.Response | None:
            answer = stack.api.get("/todos")
            return answer if answer.status_code == 503 else None

        answer = eventually(refused)
        assert answer is not None
        assert answer.json()["code"] in ("PGRST000", "PGRST001")
        assert "retry-after" in answer.headers
    finally:
        stack.compose("start", "postgres")
    eventually(lambda: stack.api.get("/todos?limit=1").status_code == 200, 60)
    stack.wait_until_well()


def test_a_database_that_was_not_made_to_its_end_is_not_served(stack: Stack) -> None:
    todo = stack.add_todo("Before the doubt")
    mark = "/var/lib/postgresql/data/autorest.initialised"
    stack.compose("exec", "-T", "postgres", "rm", mark)
    stack.compose("restart", "--timeout", "20", "postgres")
    eventually(lambda: "was not made to its end" in stack.compose("logs", "--tail", "5", "postgres"))
    stack.compose("run", "--rm", "--no-deps", "--entrypoint", "touch", "postgres", mark)
    eventually(lambda: stack.api.get("/todos?limit=1").status_code == 200, 120)
    assert todo in stack.todos()
    stack.wait_until_well()


def test_a_database_that_comes_back_at_another_address_is_found(stack: Stack) -> None:
    todo = stack.add_todo("Before the move")

    def address(container: dict[str, Any]) -> str:
        (network,) = container["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    (container,) = stack.inspect("postgres")
    (network,) = container["NetworkSettings"]["Networks"]
    before = address(container)
    sleep = ("--network", network, "--entrypoint", "sleep", container["Image"], "600")
    stack.compose("stop", "postgres")
    others: list[str] = []
    try:
        # An engine that gives free addresses away from the lowest up gives this one away in the end.
        while len(others) < 20 and not any(address(other) == before for other in stack.inspected(*others)):
            others.append(stack.docker("run", "--detach", *sleep).strip())
        stack.compose("start", "postgres")
        assert address(*stack.inspect("postgres")) != before
        eventually(lambda: stack.api.get("/todos?limit=1").status_code == 200, 30)
    finally:
        stack.docker("rm", "--force", "--volumes", *others)
    assert todo in stack.todos()
    stack.wait_until_well()


def test_down_with_its_volumes_forgets_every_row(stack: Stack) -> None:
    stack.add_todo("Soon forgotten")
    stack.compose("down", "--volumes")
    stack.up()
    assert stack.todos() == set()


def _kill(stack: Stack, service: str) -> None:
    """Kill a container's first process the way a machine that runs out of memory does; the engine starts it again."""
    (container,) = stack.inspect(service)
    try:
        os.kill(container["State"]["Pid"], signal.SIGKILL)
    except (PermissionError, ProcessLookupError):
        # the engine runs as another user or in a virtual machine; it does not start again what it was told to kill
        stack.docker("kill", "--signal", "KILL", container["Id"])
        stack.docker("start", container["Id"])
