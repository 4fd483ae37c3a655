"""What becomes of requests when more arrive than can be served: python -m benchmarks overload [options].

Starts PostgreSQL, pgBouncer and a gateway of its own. First a closed loop of --clients finds the capacity: each asks
again as soon as it is answered. Then an open loop offers multiples of it: requests fall due at random (a Poisson
process), whatever became of those before, as long as one of --connections is idle to send them on. Prints for each
load how much was sent, served and shed per second, the latencies of what was served and of what was shed, how much
was not sent, and what the gateway, the database and this program itself used of the processors.

Three cases: `sleep` holds a connection for 20 ms and costs nothing else, so that connections are what is scarce;
`work` takes PostgreSQL two milliseconds of a processor; `one-row` is the cheapest request there is, of which this
program cannot send ten times what can be served while it shares the processors.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks import contenders, processes, stage
from benchmarks.contenders import CONTENDERS, HOST, OURS, Running
from benchmarks.drivers import percentile
from benchmarks.stage import DATABASE, Stage
from tests.support.process import Unavailable

SECONDS, ROWS = 0.02, 30_000
FUNCTIONS = """
create function api.hold(seconds float) returns void language sql stable as 'select pg_sleep(seconds)';
create function api.work(n int) returns bigint language sql stable as 'select sum(i) from generate_series(1, n) i';
grant execute on function api.hold, api.work to api_anon, api_user;
"""
#: How long a load lasts before it counts.
SETTLE_SECONDS = 2.0
#: How long answers are waited for after the last request.
DRAIN_SECONDS = 3.0
BAR = "-" * 122


@dataclass
class Seen:
    """What became of the requests of one load; latencies in seconds.

    `sent`, `unsent` and `statuses` are of the time of the load, the latencies also of answers that came later.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    served: list[float] = field(default_factory=list)
    shed: list[float] = field(default_factory=list)
    sent: int = 0
    unsent: int = 0
    lost: int = 0

    def note(self, status: int, latency: float, over: bool) -> None:
        if not over:
            self.statuses["served" if status < 300 else "shed" if status == 503 else "other"] += 1
        if status < 300:
            self.served.append(latency)
        elif status == 503:
            self.shed.append(latency)


class Client(asyncio.Protocol):
    """One connection: a request at a time."""

    __slots__ = ("_data", "_sent", "generator", "transport")

    transport: asyncio.Transport

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self._sent = 0.0
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    @property
    def busy(self) -> bool:
        return self._sent > 0

    def send(self, request: bytes) -> None:
        self._sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._data:
            data = self._data + data
        end = data.find(b"\r\n\r\n")
        found = data.find(b"content-length: ", 0, end)
        length = int(data[found + 16 : data.index(b"\r\n", found)]) if found >= 0 else 0
        if end < 0 or len(data) < end + 4 + length:
            self._data = data
            return
        self._data = b""
        sent, self._sent = self._sent, 0.0
        self.generator.answered(self, int(data[9:12]), time.perf_counter() - sent)

    def connection_lost(self, exc: Exception | None) -> None:
        self.generator.lost(self)


class Generator:
    """Sends `requests` in turn over at most `connections` connections."""

    def __init__(self, port: int, requests: Sequence[bytes], connections: int) -> None:
        self.port = port
        self.requests = requests
        self.most = connections
        self.seen = Seen()
        self.closed_loop = False
        self._idle: list[Client] = []
        self._open = 0
        self._next = 0
        self._running = False
        self._dice = random.Random(7)

    async def open(self, connections: int) -> None:
        """Have at least that many connections."""
        loop = asyncio.get_running_loop()
        while self._open < connections:
            batch = min(50, connections - self._open)
            made = await asyncio.gather(
                *(loop.create_connection(lambda: Client(self), HOST, self.port) for _ in range(batch))
            )
            self._open += batch
            self._idle += [client for _, client in made]

    async def close(self) -> None:
        for client in self._idle:
            client.transport.abort()
        self._idle.clear()

    def answered(self, client: Client, status: int, latency: float) -> None:
        self.seen.note(status, latency, not self._running)
        if self._running and self.closed_loop:
            self._send(client)
        else:
            self._idle.append(client)

    def lost(self, client: Client) -> None:
        self._open -= 1
        if client.busy:
            self.seen.lost += 1
        elif client in self._idle:
            self._idle.remove(client)

    def _send(self, client: Client) -> None:
        self.seen.sent += 1
        self._next = (self._next + 1) % len(self.requests)
        client.send(self.requests[self._next])

    async def closed(self, clients: int, seconds: float) -> Seen:
        """Let `clients` ask again and again."""
        await self.open(clients)
        self.seen, self.closed_loop, self._running = Seen(), True, True
        for client in [self._idle.pop() for _ in range(clients)]:
            self._send(client)
        await asyncio.sleep(SETTLE_SECONDS)
        self.seen = Seen()
        await asyncio.sleep(seconds)
        return await self._finish()

    async def offered(self, rate: float, seconds: float) -> Seen:
        """Have requests fall due at random, `rate` of them a second."""
        await self.open(self.most)
        self.seen, self.closed_loop, self._running = Seen(), False, True
        wait = self._dice.expovariate
        due = time.perf_counter()
        begin = due + SETTLE_SECONDS
        end = begin + seconds
        while due < end:
            now = time.perf_counter()
            if begin and now >= begin:
                self.seen, begin = Seen(), 0.0
            # So many at a time that answers are read in between.
            for _ in range(100):
                if due > now or due >= end:
                    break
                if self._idle:
                    self._send(self._idle.pop())
                else:
                    self.seen.unsent += 1
                due += wait(rate)
            await asyncio.sleep(max(0.0, min(due - time.perf_counter(), 0.001)))
        return await self._finish()

    async def _finish(self) -> Seen:
        """Wait for the answers that are owed."""
        seen, self._running = self.seen, False
        deadline = time.perf_counter() + DRAIN_SECONDS
        # No event tells of it: an answer costs as little as can be.
        while len(self._idle) < self._open and time.perf_counter() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        seen.lost += self._open - len(self._idle)
        return seen


def request(path: str, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n".encode()


def requests_of(case: str, where: Stage) -> list[bytes]:
    if case == "sleep":
        return [request(f"/rpc/hold?seconds={SECONDS}")]
    if case == "work":
        return [request(f"/rpc/work?n={ROWS}")]
    return [request(f"/todos?id=eq.{key}") for key in where.sample.todos]


class Meter:
    """Processors used since it was made: by the gateway, by the database with the pooler, by this program."""

    def __init__(self, where: Stage, running: Running) -> None:
        self._began = time.perf_counter()
        self._roots = [[running.pid], [pid for pid in (where.cluster.pid, where.pooler.pid) if pid]]
        self._before = self._read()

    def _read(self) -> list[float]:
        others = [
            sum(processes.cpu_seconds(pid for root in roots for pid in processes.family(root)).values())
            for roots in self._roots
        ]
        return [*others, time.process_time()]

    def used(self) -> str:
        seconds = time.perf_counter() - self._began
        return " ".join(
            f"{(after - before) / seconds * 100:>5.0f}%"
            for before, after in zip(self._before, self._read(), strict=True)
        )


def line(name: str, seen: Seen, seconds: float, meter: Meter) -> str:
    served, shed = sorted(seen.served), sorted(seen.shed)
    rates = [each / seconds for each in (seen.sent, seen.statuses["served"], seen.statuses["shed"])]
    return (
        f"{name:<16} {rates[0]:>9,.0f} {rates[1]:>9,.0f} {rates[2]:>9,.0f}"
        f" {percentile(served, 0.5) * 1e3:>8.1f} {percentile(served, 0.99) * 1e3:>8.1f}"
        f" {percentile(shed, 0.5) * 1e3:>8.1f} {percentile(shed, 0.99) * 1e3:>8.1f}"
        f" {seen.unsent / seconds:>9,.0f} {seen.statuses['other'] + seen.lost:>6} {meter.used()}"
    )


async def measure(chosen: argparse.Namespace, where: Stage, running: Running) -> None:
    generator = Generator(running.port, requests_of(chosen.case, where), chosen.connections)

    print(f"{'':<16} {'sent/s':>9} {'served/s':>9} {'shed/s':>9} {'p50 ms':>8} {'p99 ms':>8}", end="")
    print(f" {'shed p50':>8} {'shed p99':>8} {'unsent/s':>9} {'other':>6} {'own':>6} {'db':>6} {'load':>6}")
    meter = Meter(where, running)
    seen = await generator.closed(chosen.clients, chosen.seconds)
    capacity = seen.statuses["served"] / chosen.seconds
    print(line(f"{chosen.clients} clients", seen, chosen.seconds, meter))
    reference = 0.0
    for times in chosen.times:
        await asyncio.sleep(1.0)
        meter = Meter(where, running)
        seen = await generator.offered(capacity * times, chosen.seconds)
        print(line(f"{times:g} x capacity", seen, chosen.seconds, meter), flush=True)
        p99 = percentile(sorted(seen.served), 0.99)
        reference = reference or p99
        last = p99
    print(BAR)
    print(f"p99 of what is served at {chosen.times[-1]:g} x, against {chosen.times[0]:g} x: {last / reference:.2f}")
    await generator.close()


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks overload", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", choices=("sleep", "work", "one-row"), default="sleep")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    parser.add_argument("--clients", type=int, default=256, help="of the closed loop")
    parser.add_argument("--connections", type=int, default=1000, help="of the open loop, at most")
    parser.add_argument("--times", type=numbers, default=[1.0, 2.0, 5.0, 10.0], help="of the capacity: 1,2,5,10")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    gc.disable()
    import uvloop

    try:
        with stage.built(events=False) as where:
            where.cluster.psql(FUNCTIONS, dbname=DATABASE)
            with contenders.started(CONTENDERS[OURS], where) as running:
                uvloop.run(measure(chosen, where, running))
    except Unavailable as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
