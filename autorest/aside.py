"""Work that may take long, done in threads: the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: Bytes. To read what is not longer takes a few milliseconds, however it was made.
LONG: Final = 1 << 17


class Aside:
    """Does so much at a time. What has begun is done to its end, also when nobody waits for it any more."""

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, "autorest-aside")

    async def do(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what `work` returns, or raise what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def close(self) -> None:
        """Drop what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)
