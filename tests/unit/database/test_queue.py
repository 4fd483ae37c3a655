"""Who gets the next connection: the rules, on a queue that is told what happens and what time it is."""

from __future__ import annotations

from collections import Counter

import pytest

from autorest.database.queue import FEW_EACH, FIRST_SECONDS, FULL, LAST_SECONDS, ROLE_FULL, Bound, Queue, Shares

WAIT = 10.0


class Pool:
    """As many connections as there are, and who holds them."""

    def __init__(self, size: int = 10, places: int | None = None, per_role: int | None = None) -> None:
        self.size = size
        self.queue: Queue[str, str] = Queue(Shares.of(size, places=places, per_role=per_role), size)
        self.held: Counter[str] = Counter()
        self.served: list[str] = []
        self.now = 100.0

    def ask(self, role: str, name: str) -> bool:
        """Let somebody ask for a connection; return whether they got one or wait."""
        if self.held.total() < self.size and self.held[role] < self.queue.shares.connections:
            self.begin(role, name)
            return True
        return self.queue.join(role, name, role, self.now, self.now + WAIT)

    def begin(self, role: str, name: str) -> None:
        self.held[role] += 1
        self.served.append(name)

    def end(self, role: str) -> None:
        """Let one of a role give its connection back."""
        self.held[role] -= 1
        if (first := self.queue.next(role, lambda: [*self.held.elements()])) is not None:
            self.begin(first[1], first[0])


@pytest.mark.parametrize(
    ("size", "connections", "places", "role_places"),
    [
        (1, 1, 320, 320),
        (3, 3, 320, 320),
        (4, 3, 320, 240),
        (10, 8, 320, 256),
        (20, 16, 320, 256),
        (100, 80, 1600, 1280),
    ],
)
def test_shares_unless_told_otherwise(size: int, connections: int, places: int, role_places: int) -> None:
    assert Shares.of(size) == (connections, places, role_places)


def test_shares_as_told() -> None:
    assert Shares.of(10, places=7, per_role=5) == (5, 7, 4)
    assert Shares.of(10, places=7, per_role=99) == (10, 7, 7)
    assert Shares.of(2, places=1, per_role=1) == (1, 1, 1)


def test_256_clients_of_one_role_find_a_place_before_20_connections() -> None:
    pool = Pool(20)
    assert all(pool.ask("alice", f"{number}") for number in range(256))


def test_who_came_first_is_first() -> None:
    pool = Pool(2)
    for number in range(6):
        pool.ask("alice" if number % 2 else "bob", f"{number}")
    while pool.held.total():
        pool.end(next(role for role, count in pool.held.items() if count))
    assert pool.served == [f"{number}" for number in range(6)]


def test_a_role_that_has_its_share_is_passed_by_others() -> None:
    pool = Pool(10)
    for number in range(20):
        pool.ask("alice", f"a{number}")
    assert pool.held == {"alice": 8}
    pool.ask("bob", "b0")
    pool.ask("bob", "b1")
    assert pool.held == {"alice": 8, "bob": 2}
    pool.ask("bob", "b2")
    pool.end("bob")
    assert pool.served[-1] == "b2", "the next of alice would be her ninth"
    pool.end("alice")
    assert pool.served[-1] == "a8"


def test_a_connection_from_elsewhere_goes_to_nobody_who_has_their_share() -> None:
    pool = Pool(10)
    for number in range(10):
        pool.ask("alice", f"a{number}")
    assert pool.queue.next(None, lambda: [*pool.held.elements()]) is None
    assert pool.queue.startable([*pool.held.elements()]) == 0
    pool.held["alice"] -= 1
    assert pool.queue.startable([*pool.held.elements()]) == 1
    assert pool.queue.next(None, lambda: [*pool.held.elements()]) == ("a8", "alice")


def test_who_left_is_not_served_and_takes_no_place() -> None:
    pool = Pool(1, places=2)
    assert [pool.ask("alice", name) for name in "abcd"] == [True, True, True, False]
    pool.now += FIRST_SECONDS
    pool.queue.leave("alice", "b")
    pool.queue.leave("alice", "b")
    pool.queue.leave("bob", "nobody")
    assert len(pool.queue) == 1
    assert pool.ask("alice", "e")
    pool.end("alice")
    pool.end("alice")
    assert pool.served == ["a", "c", "e"]


def test_who_waited_too_long_is_taken_out() -> None:
    pool = Pool(1)
    pool.ask("alice", "a0")
    for number in range(1, 4):
        pool.now += 1
        pool.ask("alice" if number % 2 else "bob", f"{number}")
    assert pool.queue.expire(pool.now + WAIT - 1.5) == ["1"]
    assert sorted(pool.queue.expire(pool.now + WAIT)) == ["2", "3"]
    assert len(pool.queue) == 0
    assert pool.queue.clear() == []


def test_beyond_all_places_everybody_is_refused() -> None:
    pool = Pool(1, places=3)
    assert [pool.ask(role, f"{number}") for number, role in enumerate(("a", "b", "c", "d", "e", "a"))] == [
        True,
        True,
        True,
        True,
        False,
        False,
    ]
    assert pool.queue.refused == {FULL: 2, ROLE_FULL: 0}


def test_beyond_the_places_of_a_role_others_still_find_one() -> None:
    pool = Pool(10, places=20)
    asked = [pool.ask("alice", f"{number}") for number in range(30)]
    assert asked == [True] * (8 + 16) + [False] * 6
    assert pool.queue.refused == {FULL: 0, ROLE_FULL: 6}
    assert all(pool.ask("bob", f"b{number}") for number in range(6))
    assert not pool.ask("bob", "one too many")
    assert pool.queue.refused == {FULL: 1, ROLE_FULL: 6}


def test_without_a_bound_any_number_waits() -> None:
    pool = Pool(10, places=0)
    assert all(pool.ask("alice", f"{number}") for number in range(5000))


def test_when_the_places_did_not_suffice_few_are_left_for_a_while() -> None:
    pool = Pool(10)
    share, few = 8, 8 * FEW_EACH
    while pool.ask("alice", "x" + str(len(pool.served) + len(pool.queue))):
        pass
    assert len(pool.queue) == 256
    while len(pool.queue) > few - 1:
        assert not pool.queue.join("alice", "late", "alice", pool.now, pool.now + WAIT)
        pool.end("alice")
    assert pool.queue.join("alice", "in time", "alice", pool.now, pool.now + WAIT)
    assert not pool.queue.join("alice", "late", "alice", pool.now, pool.now + WAIT)
    assert pool.held == {"alice": share}
    assert pool.ask("bob", "b")
    pool.now += FIRST_SECONDS
    assert pool.queue.join("alice", "later", "alice", pool.now, pool.now + WAIT)


def test_a_bound_is_tight_for_longer_each_time_that_it_did_not_help() -> None:
    bound, now = Bound(100, 10), 1000.0
    assert bound.allows(99, now)
    lengths = []
    for _ in range(4):
        began = now
        assert not bound.allows(100, now)
        while not bound.allows(10, now):
            assert bound.allows(9, now)
            now += 0.5
        lengths.append(now - began)
    assert lengths == [FIRST_SECONDS, 8.0, LAST_SECONDS, LAST_SECONDS]
    assert bound.matters(now)
    now += LAST_SECONDS
    assert not bound.matters(now)
    assert not bound.allows(100, now)
    assert bound.allows(10, now + FIRST_SECONDS)
