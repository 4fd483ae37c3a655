"""Measurements, and what they come to: medians over the rounds, ratios within a round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

OWN, POSTGRESQL, PGBOUNCER = "own", "postgresql", "pgbouncer"


@dataclass(frozen=True, slots=True)
class Round:
    """One contender under load for some seconds.

    `cpu` is µs per request by process (`own`, `postgresql`, `pgbouncer`), `p50` and `p99` are ms, `memory` is the
    most MB that its processes have had so far. `errors` counts answers of another kind than the expected one.
    """

    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float
    cpu: Mapping[str, float]
    memory: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """What the rounds of one contender come to; `ratio` is the gateway's rate over its, None without a gateway."""

    contender: str
    rate: float
    ratio: float | None
    cpu: Mapping[str, float]
    p50: float
    p99: float
    memory: float
    errors: int


@dataclass(frozen=True, slots=True)
class Table:
    """One case at one concurrency."""

    case: str
    title: str
    concurrency: int
    rows: Sequence[Row]
    rounds: Mapping[str, Sequence[Round]]


def ratio(ours: Sequence[Round], theirs: Sequence[Round]) -> float | None:
    """Return the median of the ratios of the rates round by round: what disturbs a round disturbs both."""
    ratios = [our.rate / their.rate for our, their in zip(ours, theirs, strict=False) if our.rate and their.rate]
    return median(ratios) if ratios else None


def summarize(case: str, title: str, concurrency: int, rounds: Mapping[str, Sequence[Round]], ours: str) -> Table:
    """Return the table of one case; `ours` is the contender that the others are compared with."""
    rows = [
        Row(
            contender=contender,
            rate=median(one.rate for one in measured),
            ratio=ratio(rounds[ours], measured) if ours in rounds else None,
            cpu={process: median(one.cpu[process] for one in measured) for process in measured[0].cpu},
            p50=median(one.p50 for one in measured),
            p99=median(one.p99 for one in measured),
            memory=max(one.memory for one in measured),
            errors=sum(one.errors for one in measured),
        )
        for contender, measured in rounds.items()
        if measured
    ]
    return Table(case, title, concurrency, rows, rounds)
