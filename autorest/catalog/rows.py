"""Rows of the catalog's queries, taken in small steps between which the event loop runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
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
_PAGE = 250
#: Seconds that a computation may take before the event loop runs again.
_SLICE = 0.001


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
    """Yield `items`; the loop runs whenever taking them has lasted for a slice of time."""
    started = perf_counter()
    for item in items:
        yield item
        if perf_counter() - started > _SLICE:
            await asyncio.sleep(0)
            started = perf_counter()


def drained(items: dict[K, T]) -> Iterator[tuple[K, T]]:
    """Yield `items` while taking them away: what is not kept of them is freed little by little."""
    while items:
        yield items.popitem()
