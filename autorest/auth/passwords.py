"""Passwords: argon2id (RFC 9106), computed in threads of its own so that requests go on meanwhile."""

from __future__ import annotations

import asyncio
import base64
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from autorest.errors import refuse

T = TypeVar("T")

#: 46 MiB and one pass: the first of the settings that OWASP's password storage cheat sheet recommends.
_HASHER = PasswordHasher(time_cost=1, memory_cost=47104, parallelism=1)
MINIMUM_CHARACTERS = 8
MAXIMUM_BYTES = 1024


class Verdict(NamedTuple):
    """Whether a password is right, and its new hash if the stored one was made with other parameters."""

    right: bool
    new_hash: str | None = None


def acceptable(password: str) -> str | None:
    """Return why a password may not be chosen, None if it may."""
    if len(password) < MINIMUM_CHARACTERS:
        return f"A password needs at least {MINIMUM_CHARACTERS} characters"
    if len(password.encode()) > MAXIMUM_BYTES:
        return f"A password may have at most {MAXIMUM_BYTES} bytes"
    return None


def hash_password(password: str) -> str:
    """Return the hash to store. Takes about 50 ms and 46 MiB."""
    return _HASHER.hash(_normalized(password))


def verify_password(password: str, stored: str | None) -> Verdict:
    """Compare a password with a stored hash; without one it takes as long, and the password is wrong."""
    try:
        right = _HASHER.verify(stored or _hash_of_nobody(), _normalized(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return Verdict(False)
    if stored is None or not _HASHER.check_needs_rehash(stored):
        return Verdict(right)
    return Verdict(right, hash_password(password))


def _normalized(password: str) -> bytes:
    # The same letter typed on two systems may come as one code point or as two.
    return unicodedata.normalize("NFC", password).encode()


def _hash_of_nobody() -> str:
    salt, digest = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    memory, passes, lanes = _HASHER.memory_cost, _HASHER.time_cost, _HASHER.parallelism
    return f"$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}"


class PasswordThreads:
    """Hashes and verifies without holding up the event loop, two at a time, at most `waiting` in the queue."""

    def __init__(self, threads: int = 2, waiting: int = 32) -> None:
        self._pool = ThreadPoolExecutor(threads, "autorest-password")
        self._limit = threads + waiting
        self._pending = 0

    async def hash(self, password: str) -> str:
        """Do as `hash_password`; raises Refused 503 when too many wait."""
        return await self._run(lambda: hash_password(password))

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Do as `verify_password`; raises Refused 503 when too many wait."""
        return await self._run(lambda: verify_password(password, stored))

    def close(self) -> None:
        """Let what runs finish, and drop what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._pending >= self._limit:
            retry = (("Retry-After", "2"),)
            raise refuse(
                "AUTH503", "Too many logins at once", None, "Try again in a moment.", status=503, headers=retry
            )
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, _: object) -> None:
        self._pending -= 1
