"""What a request leaves behind for the log and for `Server-Timing`; made only where one of them asks for it."""

from __future__ import annotations

from time import perf_counter

from autorest.sql.statement import Transaction

#: The stages of a request in their order, under PostgREST's names.
STAGES = ("jwt", "parse", "plan", "transaction", "response")


class Trace:
    """The seconds that each stage took, and the transaction that was sent."""

    __slots__ = ("_since", "seconds", "transaction")

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self.transaction: Transaction | None = None
        self._since = perf_counter()

    def mark(self, stage: str) -> None:
        """Say that `stage` has ended now; it began where the one before ended."""
        now = perf_counter()
        self.seconds[stage] += now - self._since
        self._since = now

    @property
    def server_timing(self) -> bytes:
        """The value of `Server-Timing` (W3C), in milliseconds."""
        return ", ".join(f"{stage};dur={seconds * 1000:.1f}" for stage, seconds in self.seconds.items()).encode()
