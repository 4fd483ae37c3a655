"""Large results are taken in small steps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from autorest.catalog.rows import drained, unhurried

pytestmark = pytest.mark.anyio


def slow(count: int) -> Iterator[int]:
    for number in range(count):
        until = time.perf_counter() + 0.0005
        while time.perf_counter() < until:
            pass
        yield number


async def test_the_loop_runs_between_the_steps() -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    assert [number async for number in unhurried(slow(40))] == list(range(40))
    turning.cancel()
    assert turns >= 10


async def test_quick_work_is_not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    # However busy the machine is, no time passes.
    monkeypatch.setattr("autorest.catalog.rows.perf_counter", lambda: 0.0)
    called: list[str] = []
    asyncio.get_running_loop().call_soon(called.append, "too soon")
    assert [number async for number in unhurried(range(3))] == [0, 1, 2]
    assert called == []


def test_what_is_taken_is_no_longer_held() -> None:
    items = {"a": 1, "b": 2}
    taking = drained(items)
    assert next(taking) == ("b", 2)
    assert items == {"a": 1}
    assert list(taking) == [("a", 1)]
    assert not items
