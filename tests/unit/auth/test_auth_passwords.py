"""Passwords are hashed slowly, compared evenly, and never in the way of requests."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from autorest.auth.passwords import PasswordThreads, acceptable, hash_password, verify_password
from autorest.errors import Refused

PASSWORD = "correct horse battery"


def test_the_hash_is_argon2id_with_a_salt_of_its_own() -> None:
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first != second
    parameters = extract_parameters(first)
    assert parameters.type is Type.ID
    assert parameters.memory_cost >= 19 * 1024
    assert PASSWORD not in first


def test_only_the_password_is_right() -> None:
    stored = hash_password(PASSWORD)
    assert verify_password(PASSWORD, stored).right
    for wrong in ("", PASSWORD + " ", PASSWORD.upper(), PASSWORD + "\0", stored):
        assert not verify_password(wrong, stored).right
    assert not verify_password(PASSWORD, None).right
    assert not verify_password(PASSWORD, "$argon2id$nonsense").right
    assert not verify_password(PASSWORD, "").right


@pytest.mark.parametrize(
    ("password", "fits"), [("7letter", False), ("8letters", True), ("ä" * 513, False), (" " * 8, True)]
)
def test_which_passwords_may_be_chosen(password: str, fits: bool) -> None:
    assert (acceptable(password) is None) == fits


def test_the_loop_goes_on_meanwhile() -> None:
    async def measure() -> tuple[int, bool]:
        threads, turns = PasswordThreads(), 0
        stored = await threads.hash(PASSWORD)
        task = asyncio.create_task(threads.verify(PASSWORD, stored))
        while not task.done():
            await asyncio.sleep(0.001)
            turns += 1
        threads.close()
        return turns, task.result().right

    turns, right = asyncio.run(measure())
    assert turns > 3 and right


def test_who_comes_when_too_many_wait_is_turned_away() -> None:
    async def flood() -> list[object]:
        threads = PasswordThreads(threads=1, waiting=2)
        first = await asyncio.gather(*(threads.hash(PASSWORD) for _ in range(7)), return_exceptions=True)
        again = await threads.hash(PASSWORD)
        threads.close()
        return [*first, again]

    outcomes = asyncio.run(flood())
    assert [isinstance(outcome, Refused) for outcome in outcomes] == [False] * 3 + [True] * 4 + [False]
    error = outcomes[3].error  # type: ignore[attr-defined]
    assert (error.status, error.code, error.headers) == (503, "AUTH503", (("Retry-After", "2"),))


def test_whoever_leaves_gives_their_place_back_when_the_work_is_done() -> None:
    async def leave() -> None:
        threads = PasswordThreads(threads=1, waiting=0)
        task = asyncio.create_task(threads.hash(PASSWORD))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Refused):
            await threads.hash(PASSWORD)
        async with asyncio.timeout(10):
            while True:
                try:
                    await threads.hash(PASSWORD)
                    break
                except Refused:
                    await asyncio.sleep(0.01)
        threads.close()

    asyncio.run(leave())
