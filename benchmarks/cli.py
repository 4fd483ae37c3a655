"""Measure the gateway beside others, in one run: python -m benchmarks [planning] [options].

Starts a PostgreSQL and a pgBouncer of its own and every contender as a process of its own, all on the loopback, puts
them under load in turn, round by round, and prints what came of it: requests per second, how many times as fast the
gateway is, CPU time per request of each process, latencies, memory. Compare numbers of one run only: a machine that
is busy is busy for all of them.

`planning` measures instead how long the gateway takes to get from a request to its SQL. `bulk`, `catalog`, `overload`
and `streaming` have options of their own: python -m benchmarks overload --help.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import batch, cases, chart, contenders, drivers, planning, processes, report, stage
from benchmarks.cases import TITLES, Case
from benchmarks.contenders import CONTENDERS, OTHER, OURS, PGBENCH, Running
from benchmarks.figures import Round, Table, summarize
from benchmarks.stage import Stage
from tests.support.process import Unavailable


def several(known: Sequence[str]) -> str:
    return ", ".join(known)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(
            [
                "cases:",
                *(f"  {name:<15} {title}" for name, title in TITLES.items()),
                "",
                "contenders:",
                *(f"  {one.name:<15} {one.about}" for one in contenders.ALL),
            ]
        ),
    )
    made.add_argument(
        "what",
        nargs="?",
        choices=("load", "planning"),
        default="load",
        help="load (unless told otherwise): everybody under load; planning: the gateway's way from request to SQL",
    )
    made.add_argument(
        "--cases",
        type=listed(tuple(TITLES)),
        default=cases.DEFAULT,
        metavar="NAME,…",
        help=f"what is asked, or all (default: {several(cases.DEFAULT)}); million takes a while to load",
    )
    made.add_argument(
        "--contenders",
        type=listed(tuple(CONTENDERS)),
        default=contenders.DEFAULT,
        metavar="NAME,…",
        help=f"who is asked, or all (default: {several(contenders.DEFAULT)})",
    )
    made.add_argument(
        "--concurrency",
        type=numbers,
        default=(32,),
        metavar="N,…",
        help="how many connections ask at a time (default: 32)",
    )
    made.add_argument("--rounds", type=number, default=5, metavar="N", help="how often each is measured (default: 5)")
    made.add_argument("--seconds", type=number, default=1, metavar="N", help="how long each time (default: 1)")
    made.add_argument("--quick", action="store_true", help="one round of one second: to see that it works")
    made.add_argument("--prototype", metavar="DIR", help="where the prototype is (default: $AUTOREST_PROTOTYPE)")
    made.add_argument(
        "--other", type=Path, metavar="DIR", help="a second checkout, whose gateway takes part as `other`"
    )
    made.add_argument("--chart", type=Path, metavar="FILE.svg", help="draw the rates")
    made.add_argument("--json", type=Path, metavar="FILE", help="keep every number")
    return made


def number(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 3600:
        raise argparse.ArgumentTypeError("from 1 to 3600")
    return value


def numbers(text: str) -> tuple[int, ...]:
    return tuple(number(part) for part in text.split(","))


class listed:
    """An option that takes some of the known names, separated by commas, or `all`."""

    def __init__(self, known: Sequence[str]) -> None:
        self.known = known

    def __call__(self, text: str) -> tuple[str, ...]:
        chosen = tuple(self.known) if text == "all" else tuple(text.split(","))
        if unknown := [name for name in chosen if name not in self.known]:
            raise argparse.ArgumentTypeError(f"no such thing as {several(unknown)}, only {several(self.known)}")
        return chosen


def tell(text: str) -> None:
    """Show what is going on where somebody may be watching; the results alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


def normalized(body: bytes) -> object:
    """Return a JSON body with times written in one way and arrays in one order."""
    try:
        return json.loads(body.replace(b'Z"', b'+00:00"'), object_hook=sorted_arrays)
    except ValueError:
        return None


def sorted_arrays(value: dict[str, object]) -> dict[str, object]:
    """Return an object with its arrays in one order: without ORDER BY they may come in any."""
    return {name: sorted(one, key=str) if isinstance(one, list) else one for name, one in value.items()}


def differs(running: Running, case: Case, expected: object) -> tuple[str | None, object]:
    """Ask once; return what is wrong with the answer, if anything, and its body: `expected` if that is not None."""
    try:
        answer = running.ask(case.requests[running.contender.dialect][0])
    except OSError as error:
        return f"no answer: {error}", None
    shown = answer.body[:200].decode(errors="replace")
    if running.contender.dialect == "graphql":
        return (shown if answer.status != 200 or b'"errors"' in answer.body else None), None
    if answer.status != case.status:
        return f"answered {answer.status} where {case.status} is right: {shown}", None
    body = normalized(answer.body) if case.status == 200 else None
    return (f"another answer: {shown}" if expected is not None and body != expected else None), body


class Benchmark:
    """One run: the stage, who is on it, and what has been measured so far."""

    def __init__(self, stage: Stage, running: Sequence[Running], *, pgbench: bool, rounds: int, seconds: int) -> None:
        self.stage = stage
        self.running = running
        self.pgbench = pgbench
        self.rounds = rounds
        self.seconds = seconds
        self.gateway = asyncio.run(batch.unconnected_gateway(stage)) if pgbench else None

    def fit(self, case: Case) -> list[Running]:
        """Return who answers the case as it should be answered; say why the others do not."""
        fit: list[Running] = []
        expected: object = None
        for one in self.running:
            if one.contender.answers(case):
                problem, body = differs(one, case, expected)
                if problem:
                    tell(f"  {one.contender.name} is left out of {case.name}: {problem}")
                else:
                    expected = body if expected is None else expected
                    fit.append(one)
        return fit

    def loads(self, case: Case, concurrency: int) -> dict[str, Callable[[int, int], Round]]:
        """Return for everybody who answers the case how to load them: seconds and the number of the round in."""

        def load_of(one: Running) -> Callable[[int, int], Round]:
            return lambda seconds, turn: drivers.drive(self.stage, one, case, concurrency, seconds, turn)

        loads = {one.contender.name: load_of(one) for one in self.fit(case)}
        if self.gateway is not None and CONTENDERS[PGBENCH].answers(case):
            transaction = batch.transaction(self.gateway, case.requests["postgrest"][0])
            loads[PGBENCH] = lambda seconds, turn: drivers.pgbench(self.stage, transaction, concurrency, seconds)
        return loads

    def measure(self, case: Case, concurrency: int) -> Table:
        """Measure everybody in one case, in turn, round by round, another one first each time.

        The first round warms up and is not counted.
        """
        loads = self.loads(case, concurrency)
        rounds: dict[str, list[Round]] = {name: [] for name in (*CONTENDERS, OTHER) if name in loads}
        for turn in range(self.rounds + 1):
            names = list(loads)
            first = turn % max(1, len(names))
            for name in names[first:] + names[:first]:
                try:
                    measured = loads[name](self.seconds if turn else 1, turn)
                except Unavailable as problem:
                    tell(f"  {name} is left out of {case.name}: {problem}")
                    del loads[name], rounds[name]
                    continue
                if turn:
                    rounds[name].append(measured)
                self.tidy(case)
        return summarize(case.name, case.title, concurrency, rounds, OURS)

    def tidy(self, case: Case) -> None:
        if case.writes:
            self.stage.reseed()


def machine(stage: Stage) -> dict[str, object]:
    """Return what the numbers depend on."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 1),
        "Python": platform.python_version(),
        "PostgreSQL": stage.cluster.execute("show server_version")[0][0],
        "pgBouncer": ".".join(map(str, stage.pooler.version)),
    }


def load(options: argparse.Namespace) -> None:
    """Run the chosen cases with the chosen contenders and print a table after each."""
    drivers.find_wrk()
    rounds, seconds = (1, 1) if options.quick else (options.rounds, options.seconds)
    if options.prototype:
        os.environ["AUTOREST_PROTOTYPE"] = options.prototype
    chosen = [CONTENDERS[name] for name in CONTENDERS if name in options.contenders]
    if options.other:
        chosen.append(contenders.other(options.other.resolve()))
    tables: list[Table] = []
    with contextlib.ExitStack() as stack:
        tell("Starting PostgreSQL and pgBouncer ...")
        here = stack.enter_context(stage.built(events="million" in options.cases))
        about = machine(here)
        print(" · ".join(f"{name} {value}" for name, value in about.items()), flush=True)
        running: list[Running] = []
        for contender in chosen:
            if contender.command is not None:
                try:
                    running.append(stack.enter_context(contenders.started(contender, here)))
                except Unavailable as problem:
                    tell(f"{contender.name} does not take part: {problem}")
        benchmark = Benchmark(here, running, pgbench=CONTENDERS[PGBENCH] in chosen, rounds=rounds, seconds=seconds)
        known = cases.make_cases(here.sample)
        for name in options.cases:
            for concurrency in options.concurrency:
                tell(f"{TITLES[name]}, {concurrency} connections ...")
                table = benchmark.measure(known[name], concurrency)
                tables.append(table)
                print("\n" + report.written(table), flush=True)
        for one in running:
            if one.contender.name == OURS:
                resident = processes.memory(processes.family(one.pid), "VmRSS")
                print(f"\nThe gateway's resident memory after all of this: {resident:.0f} MB")
    if options.chart:
        options.chart.write_text(chart.draw(tables, OURS), encoding="utf-8")
    if options.json:
        options.json.write_text(report.as_json(tables, about), encoding="utf-8")


def interrupted(*_: object) -> None:
    """Stop once, and let nothing disturb the cleaning up."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for and return the exit code."""
    options = parser().parse_args(arguments)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, interrupted)
    try:
        if options.what == "planning":
            planning.main()
        else:
            load(options)
    except KeyboardInterrupt:
        tell("\nStopped.")
        return 130
    except Unavailable as problem:
        tell(str(problem))
        return 1
    return 0
