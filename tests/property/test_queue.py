"""Whatever happens to a queue: nobody starves, each role is served in order, and no bound is passed."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from autorest.database.queue import Queue, Shares

ROLES = "abcd"
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(ROLES)),
        st.tuples(st.just("end"), st.integers(0, 50)),
        st.tuples(st.just("leave"), st.integers(0, 50)),
        st.tuples(st.just("lose"), st.integers(0, 50)),
        st.tuples(st.just("wait"), st.integers(1, 30)),
    ),
    max_size=150,
)


class House:
    """A pool of connections before a queue, with a record of what happened to whom."""

    def __init__(self, size: int, places: int, per_role: int | None) -> None:
        self.size = size
        self.shares = Shares.of(size, places=places, per_role=per_role)
        self.queue: Queue[int, str] = Queue(self.shares, size)
        self.held: Counter[str] = Counter()
        self.waiting: dict[int, str] = {}
        self.passed: Counter[int] = Counter()
        self.served: defaultdict[str, list[int]] = defaultdict(list)
        self.arrived = 0
        self.now = 0.0

    @property
    def working(self) -> list[str]:
        return sorted(self.held.elements())

    def ask(self, role: str) -> None:
        self.arrived += 1
        if self.held.total() < self.size and self.held[role] < self.shares.connections:
            self.begin(role, self.arrived)
            return
        refused = sum(self.queue.refused.values())
        if self.queue.join(role, self.arrived, role, self.now, self.now + 20):
            self.waiting[self.arrived] = role
        else:
            assert sum(self.queue.refused.values()) == refused + 1
        assert len(self.queue) <= self.shares.places
        assert Counter(self.waiting.values())[role] <= self.shares.role_places

    def begin(self, role: str, number: int) -> None:
        for other in self.waiting:
            if other < number:
                self.passed[other] += 1
                behind = self.held[self.waiting[other]]
                assert behind == self.shares.connections, "passed though their role had not its share"
        self.held[role] += 1
        assert self.held[role] <= self.shares.connections
        self.served[role].append(number)

    def serve(self, returned: str | None) -> None:
        while self.held.total() < self.size:
            first = self.queue.next(returned, lambda: [*self.held.elements()])
            if first is None:
                return
            returned = None
            number, role = first
            assert self.waiting.pop(number) == role
            self.begin(role, number)

    def end(self, which: int) -> None:
        if self.working:
            role = self.working[which % len(self.working)]
            self.held[role] -= 1
            self.serve(role)

    def leave(self, which: int) -> None:
        if self.waiting:
            number = [*self.waiting][which % len(self.waiting)]
            self.queue.leave(self.waiting.pop(number), number)

    def lose(self, which: int) -> None:
        """Replace a connection: who held it has gone, and the new one comes from elsewhere."""
        if self.working:
            self.held[self.working[which % len(self.working)]] -= 1
            self.serve(None)

    def wait(self, tenths: int) -> None:
        self.now += tenths / 10
        over = self.queue.expire(self.now)
        for number in over:
            del self.waiting[number]

    def idle_for_nothing(self) -> bool:
        """Tell whether somebody waits whom a free connection could serve."""
        free = self.held.total() < self.size
        return free and any(self.held[role] < self.shares.connections for role in self.waiting.values())


@given(st.integers(1, 8), st.integers(1, 12), st.none() | st.integers(1, 8), EVENTS)
def test_order_bounds_and_shares_hold(
    size: int, places: int, per_role: int | None, events: list[tuple[str, int | str]]
) -> None:
    house = House(size, places, per_role)
    for what, argument in events:
        getattr(house, what)(argument)
        assert len(house.queue) == len(house.waiting)
        assert not house.idle_for_nothing()
        assert house.queue.startable([*house.held.elements()]) >= (1 if house.idle_for_nothing() else 0)
    while house.working:
        house.end(0)
    assert not house.waiting, "somebody was never served"
    assert len(house.queue) == 0
    for numbers in house.served.values():
        assert numbers == sorted(numbers)
