"""Python's garbage collector, kept from stopping the event loop."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: More passes over the young than there will be: no pass over everything becomes due.
_NEVER = 2**31 - 1

_usual: list[tuple[int, int, int]] = []


@contextmanager
def young_only() -> Iterator[None]:
    """Have the collector look at young objects only, meanwhile, in the whole process.

    While a large catalog is built, half a million objects that are no garbage come and go. Passes over all of them
    would hold the event loop for a tenth of a second each. The young are still looked at, and what is not part of a
    cycle is freed at once, as always. May be entered more than once at a time.
    """
    _usual.append(gc.get_threshold())
    gc.set_threshold(*_usual[0][:2], _NEVER)
    try:
        yield
    finally:
        usual = _usual.pop()
        if not _usual:
            gc.set_threshold(*usual)
