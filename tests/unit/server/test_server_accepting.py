"""Several that accept from one socket."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from autorest.server.accepting import Turns
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


class Taker:
    """Keeps what it accepts."""

    def __init__(self, listening: socket.socket) -> None:
        self.taken: list[socket.socket] = []
        self.turns = Turns(listening, self.take)

    async def take(self, connected: socket.socket) -> None:
        self.taken.append(connected)


@pytest.fixture
def listening() -> socket.socket:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def clients(listening: socket.socket, count: int) -> list[socket.socket]:
    connecting = [socket.socket() for _ in range(count)]
    for client in connecting:
        client.setblocking(False)
        assert client.connect_ex(listening.getsockname()) in (0, errno.EINPROGRESS)
    return connecting


async def test_a_burst_is_shared(listening: socket.socket) -> None:
    takers = [Taker(listening), Taker(listening.dup())]
    for taker in takers:
        taker.turns.begin(100)
    connecting = clients(listening, 60)
    await until(lambda: sum(len(taker.taken) for taker in takers) == 60)
    assert all(len(taker.taken) >= 20 for taker in takers)
    for taker in takers:
        taker.turns.close()
        for connected in taker.taken:
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            connected.close()
    for client in connecting:
        client.close()


async def test_one_takes_over_when_the_other_has_closed(listening: socket.socket) -> None:
    first, second = Taker(listening), Taker(listening.dup())
    first.turns.begin(100)
    second.turns.begin(100)
    place = second.turns._listening
    first.turns.close()
    connecting = clients(place, 10)
    await until(lambda: len(second.taken) == 10)
    assert first.taken == []
    second.turns.close()
    for each in (*connecting, *second.taken):
        each.close()


async def test_without_descriptors_it_waits_for_some(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("autorest.server.accepting.RECOVERY_SECONDS", 0.2)

    class Short(socket.socket):
        attempts = 0

        def accept(self) -> tuple[socket.socket, object]:
            self.attempts += 1
            if self.attempts == 1:
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    short = Short(fileno=listening.detach())
    taker = Taker(short)
    taker.turns.begin(100)
    connecting = clients(short, 1)
    await until(lambda: len(taker.taken) == 1)
    assert short.attempts >= 2
    assert "Too many open files" in caplog.text
    taker.turns.close()
    for each in (*connecting, *taker.taken):
        each.close()


async def test_after_the_end_nothing_is_accepted(listening: socket.socket) -> None:
    taker = Taker(listening)
    taker.turns.begin(100)
    address = listening.getsockname()
    taker.turns.close()
    with pytest.raises(OSError):
        await asyncio.open_connection(*address)
    assert taker.taken == []
