"""Rows of the catalog's queries, taken in small steps between which the event loop runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    import asyncpg

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

K = TypeVar("K")
T = TypeVar("T")

#: Rows that are fetched at once.
_PAGE = 100
#: Seconds that a computation may take before the event loop runs again.
_SLICE = 0.0005
#: How often the loop runs then, for a request takes several of its turns. It runs on while it is busy, a turn taking
#: longer than `_IDLE` seconds, but for no more than `_REST` seconds in all.
_TURNS, _IDLE, _REST = 4, 0.0002, 0.004


#: Whether requests are served meanwhile.
beside_requests: ContextVar[bool] = ContextVar("beside_requests", default=True)


class Row(Protocol):
    """Values by the name of their column."""

    def __getitem__(self, name: str, /) -> Any: ...


@cache
def _query(name: str) -> str:
    return files("autorest.catalog").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


async def rows(connection: Connection, query: str, *arguments: Any) -> AsyncIterator[Row]:
    """Yield the rows of queries/`query`.sql; the loop runs at least whenever the next page of them is fetched."""
    cursor = await connection.cursor(_query(query), *arguments)
    while page := await cursor.fetch(_PAGE):
        async for row in unhurried(page):
            yield row


async def unhurried(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield `items`; whenever taking them has lasted for a slice of time, whatever else is to be done comes first."""
    started = perf_counter()
    for item in items:
        yield item
        if perf_counter() - started > _SLICE:
            started = await _rest()


async def _rest() -> float:
    """Let requests have the loop, if there may be any; return the time when they had."""
    turns, began = 0, perf_counter()
    if not beside_requests.get():
        await asyncio.sleep(0)
        return began
    before = began
    while True:
        await asyncio.sleep(0)
        now = perf_counter()
        turns += 1
        if now - began > _REST or (turns >= _TURNS and now - before < _IDLE):
            return now
        before = now


def drained(items: dict[K, T]) -> Iterator[tuple[K, T]]:
    """Yield `items` while taking them away: what is not kept of them is freed little by little."""
    while items:
        yield items.popitem()
