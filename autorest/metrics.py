"""Metrics for Prometheus: PostgREST's under their names, and those of requests, connections and processes.

What a request costs is two dictionary look-ups and a few additions; everything else is read when somebody asks.
A process gives its numbers as `Numbers`, which can be sent and added up over several workers.
"""

from __future__ import annotations

import os
import sys
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from autorest.catalog.model import Catalog, QualifiedName

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

#: Upper bounds of the histogram of durations, in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: The label of requests for what is no relation, function or page.
OTHER = "other"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
MOST_SERIES = 20_000


class Described(NamedTuple):
    """A metric that a process has one number of, or one for each value of `label`."""

    kind: str
    help: str
    label: str = ""


DESCRIBED: dict[str, Described] = {
    "pgrst_schema_cache_query_time_seconds": Described("gauge", "How long the last load of the catalog took."),
    "pgrst_schema_cache_loads_total": Described("counter", "Loads of the catalog, by their outcome.", "status"),
    "pgrst_db_pool_timeouts_total": Described("counter", "Requests that waited too long for a connection."),
    "pgrst_db_pool_available": Described("gauge", "Connections of the pool that are idle."),
    "pgrst_db_pool_waiting": Described("gauge", "Requests that wait for a connection."),
    "pgrst_db_pool_max": Described("gauge", "The most connections of the pool."),
    "autorest_db_pool_max_waiting": Described("gauge", "The most requests that may wait for a connection."),
    "autorest_requests_shed_total": Described("counter", "Requests refused at once: too many waited.", "reason"),
    "pgrst_jwt_cache_requests_total": Described("counter", "Tokens looked up among those verified before."),
    "pgrst_jwt_cache_hits_total": Described("counter", "Tokens found among those verified before."),
    "pgrst_jwt_cache_evictions_total": Described("counter", "Verified tokens forgotten to make room."),
    "autorest_db_connections": Described("gauge", "Connections of the pool that are open."),
    "autorest_db_connections_opened_total": Described("counter", "Connections opened."),
    "autorest_db_connections_failed_total": Described("counter", "Attempts to connect that failed."),
    "autorest_db_connections_lost_total": Described("counter", "Connections that broke."),
    "autorest_db_transactions_total": Described("counter", "Transactions sent, a pipeline each."),
    "autorest_db_transactions_cancelled_total": Described("counter", "Transactions cancelled: nobody waited for them."),
    "autorest_db_statements_prepared_total": Described("counter", "Statements prepared under a name."),
    "autorest_db_up": Described("gauge", "1 in each worker that last heard good news of the database."),
    "autorest_listener_up": Described("gauge", "1 in each worker that listens for notifications."),
    "autorest_catalog_relations": Described("gauge", "Tables and views served."),
    "autorest_catalog_routines": Described("gauge", "Functions served."),
    "autorest_http_connections": Described("gauge", "Connections of clients."),
    "autorest_workers": Described("gauge", "Processes that serve requests."),
    "autorest_process_cpu_seconds_total": Described("counter", "Processor time of all workers."),
    "autorest_process_resident_memory_bytes": Described("gauge", "Resident memory of all workers."),
    "autorest_process_start_time_seconds": Described("gauge", "When the oldest worker started."),
}
#: Gauges that do not add up over workers: the largest counts, or the smallest.
LARGEST = frozenset(
    ("pgrst_schema_cache_query_time_seconds", "autorest_catalog_relations", "autorest_catalog_routines")
)
SMALLEST = frozenset(("autorest_process_start_time_seconds",))

SingleKey = tuple[str, str]
RequestKey = tuple[str, str, int]


class Series:
    """The requests with the same route, method and status: how many by duration, seconds and bytes in all."""

    __slots__ = ("bytes", "counts", "seconds")

    def __init__(self, counts: Sequence[int] = (0,) * (len(BUCKETS) + 1), seconds: float = 0.0, size: int = 0) -> None:
        self.counts = [*counts]
        self.seconds = seconds
        self.bytes = size

    def add(self, other: Series) -> None:
        """Add the requests of another process."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.seconds += other.seconds
        self.bytes += other.bytes


@dataclass
class Numbers:
    """The numbers of one process, or of several added up.

    `single` has those in `DESCRIBED`, by name and value of the label, "" where there is none.
    """

    single: dict[SingleKey, float] = field(default_factory=dict)
    requests: dict[RequestKey, Series] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return them as lists and texts, for JSON."""
        return {
            "single": [[*key, value] for key, value in self.single.items()],
            "requests": [[*key, of.counts, of.seconds, of.bytes] for key, of in self.requests.items()],
        }

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Numbers:
        """Return what `plain` was made of."""
        return cls(
            {(name, label): value for name, label, value in plain["single"]},
            {
                (route, method, status): Series(counts, seconds, size)
                for route, method, status, counts, seconds, size in plain["requests"]
            },
        )

    def counted(self) -> Numbers:
        """Return what stays counted when the process has ended."""
        single = {key: value for key, value in self.single.items() if DESCRIBED[key[0]].kind == "counter"}
        return Numbers(single, self.requests)


def added_up(all_: Iterable[Numbers]) -> Numbers:
    """Return the numbers of several processes as if they were one."""
    total = Numbers()
    for numbers in all_:
        for key, value in numbers.single.items():
            before = total.single.get(key)
            if before is None:
                total.single[key] = value
            elif key[0] in LARGEST:
                total.single[key] = max(before, value)
            elif key[0] in SMALLEST:
                total.single[key] = min(before, value)
            else:
                total.single[key] = before + value
        for request, series in numbers.requests.items():
            total.requests.setdefault(request, Series()).add(series)
    return total


class RequestMetrics:
    """Counts the requests of this process by route, method and status.

    A route is named after a relation or function only if the catalog has it: clients cannot make up labels.
    """

    def __init__(self) -> None:
        self.series: dict[RequestKey, Series] = {}
        self._routes: dict[str, str] = {}
        self._schemas: Sequence[str] = ()
        self._catalog: Catalog | None = None

    def know(self, catalog: Catalog | None, schemas: Sequence[str]) -> None:
        """Name routes after what is in `catalog` from now on."""
        self._catalog, self._schemas, self._routes = catalog, schemas, {"/": "/"}

    def count(self, path: str, method: str, status: int, seconds: float, size: int) -> None:
        """Count a request for `path` (decoded, as in the URL) whose answer has a body of `size` bytes."""
        self.count_route(self._routes.get(path) or self._route(path), method, status, seconds, size)

    def count_route(self, route: str, method: str, status: int, seconds: float, size: int) -> None:
        """Count a request for a route that is known to be one."""
        key = (route, method, status)
        series = self.series.get(key)
        if series is None:
            if method not in METHODS or len(self.series) >= MOST_SERIES:
                key = (OTHER, OTHER, status)
            series = self.series.setdefault(key, Series())
        series.counts[bisect_left(BUCKETS, seconds)] += 1
        series.seconds += seconds
        series.bytes += size

    def _route(self, path: str) -> str:
        if self._catalog is None:
            return OTHER
        is_call = path.startswith("/rpc/")
        name = path[5:] if is_call else path[1:]
        known: Mapping[QualifiedName, object] = self._catalog.routines if is_call else self._catalog.relations
        if not any(QualifiedName(schema, name) in known for schema in self._schemas):
            return OTHER
        self._routes[path] = path
        return path


def process_numbers() -> dict[SingleKey, float]:
    """Return what this process takes of the machine."""
    numbers: dict[SingleKey, float] = {
        ("autorest_workers", ""): 1.0,
        ("autorest_process_cpu_seconds_total", ""): time.process_time(),
        ("autorest_process_start_time_seconds", ""): STARTED,
    }
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        numbers["autorest_process_resident_memory_bytes", ""] = float(pages * os.sysconf("SC_PAGE_SIZE"))
    return numbers


STARTED = time.time()


def exposition(numbers: Numbers) -> bytes:
    """Return the numbers in Prometheus' text format."""
    # Loaded when first asked for: a gateway starts faster without.
    from prometheus_client import generate_latest

    class Source:
        def collect(self) -> Iterator[Metric]:
            return families(numbers)

    return generate_latest(Source())


def families(numbers: Numbers) -> Iterator[Metric]:
    """Yield the metrics, each with all its series."""
    from prometheus_client.metrics_core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        SummaryMetricFamily,
    )

    by_name: dict[str, list[tuple[str, float]]] = {}
    for (name, label), value in numbers.single.items():
        by_name.setdefault(name, []).append((label, value))
    for name, (kind, help_, label_name) in DESCRIBED.items():
        labels = [label_name] if label_name else []
        family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(name, help_, labels=labels)
        for label, value in by_name.get(name, []):
            family.add_metric([label] if label_name else [], value)
        if family.samples:
            yield family
    named = ["route", "method", "status"]
    counts = CounterMetricFamily("autorest_http_requests_total", "Requests answered.", labels=named)
    durations = HistogramMetricFamily(
        "autorest_http_request_duration_seconds", "From the end of a request's headers to its answer.", labels=named
    )
    sizes = SummaryMetricFamily("autorest_http_response_size_bytes", "The bodies of answers.", labels=named)
    for (route, method, status), series in sorted(numbers.requests.items()):
        key = (route, method, str(status))
        total, buckets = 0, []
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), series.counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        counts.add_metric(key, total)
        durations.add_metric(key, buckets, series.seconds)
        sizes.add_metric(key, total, series.bytes)
    yield from (counts, durations, sizes)
