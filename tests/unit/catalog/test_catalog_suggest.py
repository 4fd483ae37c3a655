"""A wrong name is answered with the one that was probably meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorest.catalog.suggest import closest

NAMES = ["films", "directors", "roles", "Order Items"]


@pytest.mark.parametrize(
    ("wrong", "minimum", "expected"),
    [
        ("film", 0.75, "films"),
        ("directrs", 0.75, "directors"),
        ("FILMS", 0.75, "films"),
        ("order items", 0.75, "Order Items"),
        ("order_items", 0.75, "Order Items"),
        ("role", 0.33, "roles"),
        ("noclosealternative", 0.33, None),
        ("film", 0.9, None),
        ("", 0.33, None),
    ],
)
def test_the_nearest_is_suggested_if_it_is_near_enough(wrong: str, minimum: float, expected: str | None) -> None:
    assert closest(wrong, NAMES, minimum) == expected


def test_there_may_be_nothing_to_suggest() -> None:
    assert closest("films", [], 0.1) is None
    assert closest("films", (name for name in NAMES if name != "films"), 0.9) is None


@given(st.text(), st.lists(st.text(), min_size=1), st.floats(0.01, 1))
def test_only_a_candidate_is_ever_suggested(wrong: str, candidates: list[str], minimum: float) -> None:
    assert closest(wrong, candidates, minimum) in {None, *candidates}
    assert closest(candidates[0], candidates, minimum) is not None


def test_a_name_made_to_hurt_costs_little() -> None:
    assert closest("x" * 100_000, [f"table_{number}" for number in range(1000)], 0.33) is None
