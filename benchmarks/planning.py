"""How long it takes to get from a request to its SQL, in µs of CPU time: the best of several turns."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable

from autorest.gateway import Gateway
from autorest.plan.model import ReadPlan
from autorest.plan.planner import plan
from autorest.prepare import Prepared, prepare
from autorest.request.raw import read_headers
from autorest.request.request import parse_request
from autorest.template import Template
from benchmarks import batch, report, stage
from benchmarks.cases import Request

TURNS = 30
CALLS = 200
TYPICAL = Request("/items?select=id,title,list_id,lists(name)&id=gt.10&title=like.item*", headers={"Accept": "*/*"})
ONE_ROW = Request("/todos?id=eq.7d0a1f0e-3c56-4b7c-9d3e-0f8f1a2b3c4d", headers={"Accept": "*/*"})


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
    heeded, _ = read_headers(raw.headers)

    def parsed() -> object:
        return parse_request(raw.method, raw.path, raw.query_string, raw.headers, raw.body, snapshot.request_settings)

    asked = parse_request(raw.method, raw.path, raw.query_string, raw.headers, raw.body, snapshot.request_settings)
    planned = plan(asked, catalog, snapshot.settings)
    assert isinstance(planned, ReadPlan)

    def rendered() -> object:
        return Template.of(planned, asked, ranged=False, max_rows=None, rollback_all=False, verbose=False)

    prepared = prepare(snapshot, catalog, raw, heeded)
    assert isinstance(prepared, Prepared)
    figures = {
        "parse": best(parsed),
        "plan": best(lambda: plan(asked, catalog, snapshot.settings)),
        "render": best(rendered),
    }
    figures["plan and render, uncached"] = figures["plan"] + figures["render"]
    figures["request to template and values, seen before"] = best(lambda: prepare(snapshot, catalog, raw, heeded))
    figures["values to the bound statement"] = best(lambda: prepared.template.statements(prepared.values))
    figures["request to the bound statement, seen before"] = (
        figures["request to template and values, seen before"] + figures["values to the bound statement"]
    )
    return figures


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
