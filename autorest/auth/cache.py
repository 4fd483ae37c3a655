"""Verified tokens, kept so that a client's next request need not verify its token again."""

from __future__ import annotations

from collections import OrderedDict

from autorest.auth.identity import Identity


class TokenCache:
    """At most `capacity` tokens, the least recently used forgotten first; 0 keeps none.

    Counts lookups, hits and evictions since the start. Written for the machine: `find` is on the path of
    every request.
    """

    __slots__ = ("_entries", "capacity", "evictions", "hits", "lookups")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.lookups = self.hits = self.evictions = 0
        self._entries: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, token: bytes, now: float) -> Identity | None:
        """Return whom a token stands for; a token that expired by `now` is forgotten."""
        self.lookups += 1
        entry = self._entries.get(token)
        if entry is None:
            return None
        if now >= entry[1]:
            del self._entries[token]
            return None
        self._entries.move_to_end(token)
        self.hits += 1
        return entry[0]

    def keep(self, token: bytes, identity: Identity, end: float) -> None:
        """Remember a token until `end` (seconds since the epoch), or until others need its place."""
        if self.capacity > 0:
            self._entries[token] = (identity, end)
            self._evict()

    def resize(self, capacity: int) -> None:
        """Change how many tokens are kept; what is too much is forgotten at once."""
        self.capacity = max(capacity, 0)
        self._evict()

    def clear(self) -> None:
        """Forget every token."""
        self._entries.clear()

    def _evict(self) -> None:
        while len(self._entries) > self.capacity:
            self._entries.popitem(last=False)
            self.evictions += 1
