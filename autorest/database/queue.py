"""Who gets the next connection, and who is told at once that there is none.

Requests are served in the order in which they came, but for one rule: a role that has its share of the connections
waits, and others pass it, so that the slow queries of one role leave connections to the rest. Within a role the order
always holds. Places to wait in are bounded, and shared in the same way: a wait that would be too long to be of use is
refused before it begins, when it costs next to nothing.

There are places enough for a burst, or for many clients that each wait for their answer. When they do not suffice,
more comes than can be served, and a long queue would only make everybody wait for long: then few may wait, for a
while, after which it is tried again with all places.

Nothing in here knows of connections, and time is what the caller says.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

#: From this size of a pool on, some of its connections are kept from a role that has all others.
SHARED_FROM = 4
#: One connection of so many is.
ONE_IN = 5
#: Places to wait in for each connection, and the fewest in all; how many are left when those were taken.
PLACES_EACH, FEWEST_PLACES = 16, 320
FEW_EACH = 4
#: For how many seconds they are: at first, then so many times as long each time that it was not long enough.
FIRST_SECONDS, TIMES, LAST_SECONDS = 1.0, 8, 64.0

#: Why somebody is refused: all places are taken, or all of the role's.
FULL, ROLE_FULL = "queue", "role"


class Shares(NamedTuple):
    """What a role may have of a pool, and how many may wait in all; 0 places are no bound.

    connections  the most that one role holds
    places       the most that wait
    role_places  the most of one role that wait
    """

    connections: int
    places: int
    role_places: int

    @classmethod
    def of(cls, size: int, *, places: int | None = None, per_role: int | None = None) -> Shares:
        """Return the shares of a pool of `size` connections.

        Where `per_role` is None one connection of five is kept from each role, where `places` is None there are 16
        for each connection and 320 at least. A role gets the same part of the places as of the connections.
        """
        if per_role is None:
            connections = size - max(1, size // ONE_IN) if size >= SHARED_FROM else size
        else:
            connections = min(per_role, size)
        if places is None:
            places = max(FEWEST_PLACES, PLACES_EACH * size)
        return cls(connections, places, -(-places * connections // size))


class Waiting(NamedTuple, Generic[T]):
    """Somebody in the queue: the number by which they came, until when they wait, and for what."""

    number: int
    deadline: float
    what: T


class Bound:
    """How many may wait: `most`, and after as many did for some time only `few`."""

    __slots__ = ("_few", "_most", "_seconds", "_until")

    def __init__(self, most: int, few: int) -> None:
        self._most = most
        self._few = min(few, most)
        self._seconds = 0.0
        self._until = 0.0

    def allows(self, waiting: int, now: float) -> bool:
        """Tell whether one more may wait when `waiting` do."""
        if waiting < self._few:
            return True
        if now < self._until:
            return False
        if waiting < self._most:
            return True
        again = self.matters(now)
        self._seconds = min(self._seconds * TIMES, LAST_SECONDS) if again else FIRST_SECONDS
        self._until = now + self._seconds
        return False

    def matters(self, now: float) -> bool:
        """Tell whether it has allowed few lately, so that it may do so for longer."""
        return now < self._until + self._seconds


class Queue(Generic[K, T]):
    """Those who wait, each under a key of their own and for a role. `refused` counts by reason."""

    def __init__(self, shares: Shares, size: int) -> None:
        self.shares = shares
        self.refused = {FULL: 0, ROLE_FULL: 0}
        self._few = FEW_EACH * shares.connections
        self._bound = Bound(shares.places, FEW_EACH * size)
        self._bounds: dict[str, Bound] = {}
        self._lines: dict[str, OrderedDict[K, Waiting[T]]] = {}
        self._length = 0
        self._number = 0

    def __len__(self) -> int:
        return self._length

    def refuses(self, role: str, now: float) -> bool:
        """Tell whether there is no place for one more of `role`; if so, they count as refused."""
        if not self.shares.places:
            return False
        if not self._bound.allows(self._length, now):
            self.refused[FULL] += 1
            return True
        line = self._lines.get(role)
        waiting = 0 if line is None else len(line)
        if waiting < min(self._few, self.shares.role_places):
            return False
        bound = self._bounds.get(role)
        if bound is None:
            bound = self._bounds[role] = Bound(self.shares.role_places, self._few)
        if bound.allows(waiting, now):
            return False
        self.refused[ROLE_FULL] += 1
        return True

    def join(self, role: str, key: K, what: T, now: float, deadline: float) -> bool:
        """Let somebody wait until `deadline` as the last of their role; return whether there was a place."""
        if self.refuses(role, now):
            return False
        self._number += 1
        self._lines.setdefault(role, OrderedDict())[key] = Waiting(self._number, deadline, what)
        self._length += 1
        return True

    def leave(self, role: str, key: K) -> None:
        """Forget somebody, if they still wait."""
        line = self._lines.get(role)
        if line is not None and line.pop(key, None) is not None:
            self._left(role, line)

    def next(self, returned: str | None, held: Callable[[], list[str]]) -> tuple[K, T] | None:
        """Take out and return who gets a connection: of those whose role has not got its share, who came first.

        `returned` is the role that has just given the connection back, None if it comes from elsewhere; `held`
        returns the roles that hold one now, as often as they do, without that one.
        """
        lines = self._lines
        if not lines:
            return None
        role: str | None = None
        if len(lines) == 1 and returned in lines:
            # One comes in the place of another.
            role = returned
        else:
            holders, first = held(), self._number + 1
            for candidate, line in lines.items():
                number = next(iter(line.values())).number
                if number < first and holders.count(candidate) < self.shares.connections:
                    role, first = candidate, number
        if role is None:
            return None
        line = lines[role]
        key, (_, _, what) = line.popitem(last=False)
        self._left(role, line)
        return key, what

    def first(self) -> tuple[str, float] | None:
        """Return the role of whoever has waited longest, and until when they wait."""
        lines = ((role, next(iter(line.values())).deadline) for role, line in self._lines.items())
        return min(lines, key=lambda line: line[1], default=None)

    def startable(self, holders: list[str]) -> int:
        """Return how many of those who wait could begin if there were connections enough.

        `holders` are the roles that hold one now, as often as they do.
        """
        most = self.shares.connections
        return sum([min(len(line), max(0, most - holders.count(role))) for role, line in self._lines.items()])

    def expire(self, now: float) -> list[K]:
        """Take out and return those whose time is over."""
        for role in [role for role, bound in self._bounds.items() if not bound.matters(now)]:
            del self._bounds[role]
        over: list[K] = []
        for role, line in [*self._lines.items()]:
            while line:
                key, (_, deadline, _) = next(iter(line.items()))
                if deadline > now:
                    break
                over.append(key)
                del line[key]
                self._left(role, line)
        return over

    def clear(self) -> list[K]:
        """Take out and return everybody."""
        everybody = [key for line in self._lines.values() for key in line]
        self._lines.clear()
        self._length = 0
        return everybody

    def _left(self, role: str, line: OrderedDict[K, Waiting[T]]) -> None:
        self._length -= 1
        if not line:
            del self._lines[role]
