"""Bulk writes beside psql's \\copy: how fast, and in how much memory.

    python -m benchmarks bulk --rows 1000000

A PostgreSQL and a pgBouncer of its own, a gateway before them, and one table. In each round the same rows are copied
into it by psql as its owner, and sent to it under row-level security: as CSV, as NDJSON, and as NDJSON whose missing
values are the columns' defaults; one after the other, and another one first each time. Prints for each way the median
of its seconds and of its speed against \\copy in the same round, the CPU time of the gateway, and by how much its
memory grew at most. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import cpu_seconds, memory, spent
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.pooler import Pooler

SERVER = {"autovacuum": "off", "shared_buffers": "256MB", "max_wal_size": "8GB", "checkpoint_timeout": "1h"}
SCHEMA = """
create role visitor; create role authenticator login noinherit; grant visitor to authenticator;
create schema api; grant usage on schema api to visitor;
create table api.measures (
  id int primary key, label text not null, amount numeric, made_at timestamptz not null,
  valid boolean not null default false
);
alter table api.measures enable row level security;
create policy measured on api.measures to visitor using (true) with check (id >= 0);
grant select, insert on api.measures to visitor;
"""
COPY, CSV, NDJSON, DEFAULTS = "\\copy", "CSV", "NDJSON", "defaults"
WAYS = (COPY, CSV, NDJSON, DEFAULTS)
TYPES = {CSV: "text/csv", NDJSON: "application/x-ndjson", DEFAULTS: "application/x-ndjson"}


class Run(NamedTuple):
    """The seconds of one way, the gateway's CPU seconds, and the growth of its memory in MB."""

    seconds: float
    own: float
    growth: float


class Bench:
    """The servers, and the rows in files."""

    def __init__(self, cluster: Cluster, gateway: GatewayProcess, folder: Path, rows: int) -> None:
        self.cluster = cluster
        self.gateway = gateway
        self.files = {way: folder / way for way in (CSV, NDJSON, DEFAULTS)}
        self.rows = rows
        with (
            self.files[CSV].open("w") as csv,
            self.files[NDJSON].open("w") as ndjson,
            self.files[DEFAULTS].open("w") as sparse,
        ):
            csv.write("id,label,amount,made_at,valid\n")
            for number in range(rows):
                label, amount = f"measure number {number}", f"{number % 1000}.{number % 100:02d}"
                made_at, valid = f"2026-01-{number % 28 + 1:02d}T12:00:00+00:00", json.dumps(number % 3 == 0)
                csv.write(f"{number},{label},{amount},{made_at},{valid}\n")
                row = f'{{"id":{number},"label":"{label}","amount":{amount},"made_at":"{made_at}"'
                ndjson.write(f'{row},"valid":{valid}}}\n')
                sparse.write(f"{row}}}\n" if valid == "false" else f'{row},"valid":{valid}}}\n')

    def run(self, way: str) -> Run:
        """Write all rows into the empty table in one way."""
        self.cluster.execute("truncate api.measures")
        self.cluster.execute("checkpoint")
        self.gateway.forget_peak_memory()
        assert self.gateway.pid is not None
        before, own = memory([self.gateway.pid], "VmRSS"), cpu_seconds([self.gateway.pid])
        started = time.perf_counter()
        if way == COPY:
            self._copy()
        else:
            self._post(way)
        seconds = time.perf_counter() - started
        used = spent(own, cpu_seconds([self.gateway.pid]))
        [[count]] = self.cluster.execute("select count(*) from api.measures")
        assert count == self.rows, f"{way} wrote {count} rows"
        return Run(seconds, used, memory([self.gateway.pid]) - before)

    def _copy(self) -> None:
        command = f"\\copy api.measures from '{self.files[CSV]}' with (format csv, header)"
        psql = [str(self.cluster.bindir / "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-c", command, self.cluster.dsn()]
        subprocess.run(psql, check=True, timeout=600)

    def _post(self, way: str) -> None:
        file = self.files[way]
        target, prefer = "/measures", "return=minimal"
        if way == DEFAULTS:
            target, prefer = "/measures?columns=id,label,amount,made_at,valid", "return=minimal, missing=default"
        with socket.create_connection((self.gateway.host, self.gateway.port)) as connection, file.open("rb") as body:
            connection.settimeout(600)
            connection.sendall(
                f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {TYPES[way]}\r\nConnection: close\r\n"
                f"Content-Length: {file.stat().st_size}\r\nPrefer: {prefer}\r\n\r\n".encode()
            )
            connection.sendfile(body)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 201 "), answer.decode()


@contextlib.contextmanager
def built(rows: int) -> Iterator[Bench]:
    """Start the servers and write the files."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster(SERVER))
        cluster.psql(SCHEMA)
        pooler = stack.enter_context(Pooler(cluster, forced_user="authenticator"))
        settings = {"db-schemas": "api", "db-anon-role": "visitor", "server-max-body-size": "0"}
        gateway = stack.enter_context(GatewayProcess(pooler.dsn("authenticator"), settings))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="autorest-bulk-"))
        yield Bench(cluster, gateway, Path(folder), rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks bulk", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    with built(chosen.rows) as bench:
        sizes = ", ".join(f"{way} {bench.files[way].stat().st_size / 1e6:.0f} MB" for way in (CSV, NDJSON))
        print(f"PostgreSQL {bench.cluster.version}, {chosen.rows:,} rows: {sizes}")
        for turn in range(chosen.rounds):
            for way in WAYS[turn % len(WAYS) :] + WAYS[: turn % len(WAYS)]:
                runs[way].append(bench.run(way))
    print(f"{'':10}{'seconds':>8}{'rows/s':>12}{'of copy':>10}{'CPU own':>10}{'grown MB':>10}")
    for way in WAYS:
        seconds = statistics.median(run.seconds for run in runs[way])
        ratio = statistics.median(copy.seconds / run.seconds for copy, run in zip(runs[COPY], runs[way], strict=True))
        own = statistics.median(run.own for run in runs[way])
        growth = max(run.growth for run in runs[way])
        print(f"{way:10}{seconds:8.2f}{chosen.rows / seconds:12,.0f}{ratio:10.2f}{own:10.2f}{growth:10.1f}")


if __name__ == "__main__":
    main()
