"""How long it takes to get from a request to its SQL, in µs of CPU time: the best of several turns."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from itertools import cycle

from autorest.gateway import Gateway
from autorest.plan.model import ReadPlan
from autorest.plan.planner import plan
from autorest.prepare import prepare
from autorest.request.raw import read_headers
from autorest.request.request import parse_request
from autorest.template import Prepared, Template
from benchmarks import batch, report, stage
from benchmarks.cases import Request

TURNS = 30
CALLS = 200
TYPICAL = Request("/items?select=id,title,list_id,lists(name)&id=gt.10&title=like.item*", headers={"Accept": "*/*"})
ONE_ROW = Request("/todos?id=eq.7d0a1f0e-3c56-4b7c-9d3e-0f8f1a2b3c10", headers={"Accept": "*/*"})


def best(work: Callable[[], object]) -> float:
    """Return the µs of CPU time of one call, in the quickest of many turns of many calls."""
    quickest = float("inf")
    for _ in range(TURNS):
        started = time.process_time()
        for _ in range(CALLS):
            work()
        quickest = min(quickest, (time.process_time() - started) / CALLS * 1e6)
    return quickest


def measure(gateway: Gateway, request: Request) -> dict[str, float]:
    """Return what each stage takes, uncached and for a shape that was seen before."""
    snapshot = gateway.snapshot
    catalog = snapshot.catalog
    assert catalog is not None
    raw = batch.raw_request(request)
    head = read_headers(raw.headers)
    others = cycle(
        [raw._replace(query_string=raw.query_string.replace(b"10", b"%d" % number)) for number in range(5000)]
    )

    def parsed() -> object:
        return parse_request(raw.method, raw.path, raw.query_string, raw.headers, raw.body, snapshot.request_settings)

    asked = parse_request(raw.method, raw.path, raw.query_string, raw.headers, raw.body, snapshot.request_settings)
    planned = plan(asked, catalog, snapshot.settings)
    assert isinstance(planned, ReadPlan)

    def rendered() -> object:
        return Template.of(planned, asked, ranged=False, max_rows=None, rollback_all=False, verbose=False)

    assert isinstance(prepare(snapshot, catalog, raw, head), Prepared)
    return {
        "parse": best(parsed),
        "plan": (planning := best(lambda: plan(asked, catalog, snapshot.settings))),
        "render": (rendering := best(rendered)),
        "plan and render, uncached": planning + rendering,
        "request to the bound statement, shape seen before": best(
            lambda: prepare(snapshot, catalog, next(others), head)
        ),
        "request to the bound statement, itself seen before": best(lambda: prepare(snapshot, catalog, raw, head)),
    }


def main() -> None:
    """Start a database for its catalog, measure, and print a table."""
    with stage.built(events=False) as here:
        gateway = asyncio.run(batch.unconnected_gateway(here))
        gc.collect()
        gc.freeze()
        typical, one_row = measure(gateway, TYPICAL), measure(gateway, ONE_ROW)
    heading = ("µs of CPU time", "typical", "one row by id")
    lines = [(name, f"{typical[name]:.1f}", f"{one_row[name]:.1f}") for name in typical]
    print("\n".join(report.columns([heading, *lines])))
    print("\ntypical: two filters, three columns, one embed. Goals: plan and render under 150, seen before under 40.")
