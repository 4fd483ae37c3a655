"""While a catalog is built, the garbage collector leaves the old objects alone."""

from __future__ import annotations

import gc
from contextlib import ExitStack

import pytest

from autorest.catalog.collector import young_only


def full_collections() -> int:
    return int(gc.get_stats()[2]["collections"])


def make_many() -> list[list[int]]:
    return [[number] for number in range(300_000)]


def test_no_full_collection_comes_of_itself() -> None:
    with young_only():
        before, young = full_collections(), gc.get_stats()[0]["collections"]
        kept = make_many()
        assert full_collections() == before
        assert gc.get_stats()[0]["collections"] > young
    assert len(kept) == 300_000


def test_afterwards_all_is_as_it_was() -> None:
    usual = gc.get_threshold()
    with pytest.raises(LookupError), young_only():
        assert gc.get_threshold()[:2] == usual[:2]
        raise LookupError
    assert gc.get_threshold() == usual


def test_two_at_a_time_end_in_any_order() -> None:
    usual = gc.get_threshold()
    first, second = ExitStack(), ExitStack()
    first.enter_context(young_only())
    second.enter_context(young_only())
    first.close()
    assert gc.get_threshold()[2] > usual[2]
    second.close()
    assert gc.get_threshold() == usual
