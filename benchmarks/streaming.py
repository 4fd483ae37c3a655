"""What a large answer costs: time, first byte and memory, beside psql's \\copy of the same rows.

    python -m benchmarks streaming --rows 1000000 --rounds 3

Starts PostgreSQL, pgBouncer and the gateway. In each round, psql copies the texts of all rows to nowhere, and then the
table as it is, and the gateway is asked for them in each media type; all through pgBouncer, another one first each
round. Prints the median of the rounds: seconds; how many times as long as \\copy of the same texts, and of the table,
in the same round; milliseconds to the first byte; by how many megabytes the gateway's resident memory grew at most;
its CPU time. Rows of a megabyte come last.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from benchmarks import processes, report
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.pooler import Pooler

MEGABYTE = 1 << 20
USER = "streamer"
FILL = """
create role streamer login;
create schema api;
grant usage on schema api to streamer;
create table api.events as
  select number as id, 'event number ' || number as title, md5(number::text) as digest, number % 2 = 0 as done,
    timestamptz '2026-01-01' + number * interval '1 second' as happened_at, number * 1.5 as amount,
    repeat('x', 40) as note
  from generate_series(1, {rows}) as number;
create view api.wide as
  select number as id, repeat(md5(number::text), 32768) as note from generate_series(1, {wide}) as number;
grant select on all tables in schema api to streamer;
vacuum analyze api.events;
checkpoint
"""
TABLE = "select * from api.events"
#: Each media type, and the query whose \copy gives the same texts.
TEXTS = {
    "application/json": "select row_to_json(one) from api.events as one",
    "application/x-ndjson": "select row_to_json(one) from api.events as one",
    "text/csv": "select one::text from api.events as one",
}


@dataclass
class Rounds:
    """What was measured of one media type, a number for each round."""

    seconds: list[float] = field(default_factory=list)
    against_texts: list[float] = field(default_factory=list)
    against_table: list[float] = field(default_factory=list)
    first_byte: list[float] = field(default_factory=list)
    growth: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    size: int = 0


class Stage:
    """The servers that run."""

    def __init__(self, cluster: Cluster, pooler: Pooler, gateway: GatewayProcess) -> None:
        self.cluster = cluster
        self.pooler = pooler
        self.gateway = gateway

    def copied(self, query: str) -> float:
        """Return the seconds that psql takes to copy the rows of a query."""
        command = [str(self.cluster.bindir / "psql"), "-Xq", self.pooler.dsn(USER), "-c", rf"\copy ({query}) to stdout"]
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started

    def read(self, path: str, accept: str, into: Rounds) -> float:
        """Ask the gateway, and return the seconds to the last byte. Raises ConnectionError if the answer is cut off."""
        pid = self.gateway.pid
        assert pid is not None
        self.gateway.forget_peak_memory()
        memory, cpu = self.gateway.peak_memory, processes.cpu_seconds([pid])
        with socket.create_connection((self.gateway.host, self.gateway.port)) as client:
            started = time.perf_counter()
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n".encode())
            into.size, tail = 0, b""
            while part := client.recv(MEGABYTE):
                if not into.size:
                    into.first_byte.append((time.perf_counter() - started) * 1000)
                into.size += len(part)
                tail = (tail + part)[-16:]
            seconds = time.perf_counter() - started
        if not tail.endswith(b"0\r\n\r\n"):
            raise ConnectionError(f"{path} as {accept} was not answered to its end")
        into.seconds.append(seconds)
        into.growth.append((self.gateway.peak_memory - memory) / MEGABYTE)
        into.cpu.append(processes.spent(cpu, processes.cpu_seconds([pid])))
        return seconds


@contextlib.contextmanager
def built(rows: int, wide: int) -> Iterator[Stage]:
    """Start everything and fill the database."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster({"autovacuum": "off", "shared_buffers": "256MB", "max_wal_size": "4GB"}))
        cluster.psql(FILL.format(rows=rows, wide=wide))
        pooler = stack.enter_context(Pooler(cluster, forced_user=USER))
        settings = {"db-schemas": "api", "db-anon-role": USER, "db-direct-uri": cluster.dsn(USER)}
        gateway = stack.enter_context(GatewayProcess(pooler.dsn(USER), settings))
        yield Stage(cluster, pooler, gateway)


def measure(stage: Stage, rounds: int) -> dict[str, Rounds]:
    """Return the numbers of each media type."""
    found = {accept: Rounds() for accept in TEXTS}
    for number in range(rounds):
        for offset in range(len(TEXTS)):
            accept = list(TEXTS)[(number + offset) % len(TEXTS)]
            of = found[accept]
            texts, table = stage.copied(TEXTS[accept]), stage.copied(TABLE)
            seconds = stage.read("/events", accept, of)
            of.against_texts.append(seconds / texts)
            of.against_table.append(seconds / table)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks streaming", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--wide", type=int, default=2_000, help="how many rows of a megabyte")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with built(chosen.rows, chosen.wide) as stage:
        found = measure(stage, chosen.rounds)
        found["rows of 1 MB"] = Rounds()
        stage.read("/wide", "application/json", found["rows of 1 MB"])
    lines: list[tuple[str, ...]] = [
        ("", "MB", "seconds", r"of \copy", "of the table's", "first byte ms", "growth MB", "CPU s")
    ]
    for name, of in found.items():
        times = [f"{median(ratios):.2f} x" if ratios else "" for ratios in (of.against_texts, of.against_table)]
        rest = (f"{median(of.first_byte):.1f}", f"{max(of.growth):.1f}", f"{median(of.cpu):.2f}")
        lines.append((name, f"{of.size / MEGABYTE:,.0f}", f"{median(of.seconds):.2f}", *times, *rest))
    print("\n".join(report.columns(lines)))


if __name__ == "__main__":
    main()
