"""The comment that keeps one role's statements from another's."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from autorest.database.pipeline import label

ROLES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=63)


def test_a_plain_name_is_readable() -> None:
    assert label("api_anon") == b"/* api_anon */ "
    assert label("api_anon", 3) == b"/* api_anon 3 */ "


@given(ROLES, st.integers(0, 9))
def test_nothing_can_leave_the_comment(role: str, wording: int) -> None:
    assert re.fullmatch(rb"/\* [A-Za-z0-9_]+( [1-9][0-9]*)? \*/ ", label(role, wording))


@given(ROLES, ROLES, st.integers(0, 3), st.integers(0, 3))
def test_no_two_roles_and_wordings_share_one(one: str, other: str, first: int, second: int) -> None:
    assert (label(one, first) == label(other, second)) == ((one, first) == (other, second))
