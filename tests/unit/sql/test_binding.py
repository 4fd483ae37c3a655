"""What fills the places of a statement, in PostgreSQL's text format."""

from __future__ import annotations

import pytest

from autorest.errors import Refused
from autorest.request.model import Range
from autorest.sql.binding import (
    ArrayPlace,
    BodyPlace,
    Constant,
    LimitPlace,
    ListPlace,
    OffsetPlace,
    OperandPlace,
    PatternPlace,
    Values,
    array,
    bind,
    members,
    pattern,
    text,
)


def test_places_are_filled_by_the_request() -> None:
    values = Values(
        tails=("one", "a*b", '(1,"two, three",)', "x", "y"),
        ranges={(): Range(5, 10), ("films",): Range(0, 0)},
        body=b"\x00\xff",
    )
    bindings = (
        Constant(b"c"),
        Constant(None),
        OperandPlace(0),
        PatternPlace(1),
        ListPlace(2),
        ArrayPlace((3, 4)),
        LimitPlace(()),
        OffsetPlace(()),
        LimitPlace(("films",)),
        LimitPlace(("others",)),
        OffsetPlace(None),
        BodyPlace(),
        BodyPlace(hexadecimal=True),
    )
    assert bind(bindings, values) == (
        b"c",
        None,
        b"one",
        b"a%b",
        b'{"1","two, three",""}',
        b'{"x","y"}',
        b"10",
        b"5",
        b"0",
        None,
        b"0",
        b"\x00\xff",
        b"\\x00ff",
    )


def test_the_servers_limit_holds_where_the_request_has_none() -> None:
    values = Values(ranges={("films",): Range(2, 1)}, default_range=Range(0, 3))
    places = (LimitPlace(None), LimitPlace(("actors",)), LimitPlace(("films",)), OffsetPlace(("films",)))
    assert bind(places, values) == (b"3", b"3", b"1", b"2")


def test_a_list_that_is_none_is_refused() -> None:
    with pytest.raises(Refused) as refusal:
        bind((ListPlace(0),), Values(tails=("1,2",)))
    assert refusal.value.error.code == "PGRST100"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], b"{}"),
        ([""], b'{""}'),
        (["", ""], b'{"",""}'),
        (["NULL"], b'{"NULL"}'),
        (['a"b', "c\\d", "{e,f}", " g "], b'{"a\\"b","c\\\\d","{e,f}"," g "}'),
        (["漢"], '{"漢"}'.encode()),
    ],
)
def test_arrays(items: list[str], expected: bytes) -> None:
    assert array(items) == expected


def test_a_list_of_nothing_has_no_members() -> None:
    assert bind((ListPlace(0), ArrayPlace((0,))), Values(tails=("()",))) == (b"{}", b'{"()"}')
    assert [members(items) for items in (("",), ("", "a"), ())] == [b"{}", b'{"","a"}', b"{}"]


def test_text_has_no_nul() -> None:
    assert text("a\0b é") == "ab é".encode()
    assert pattern("*a_%*") == b"%a_%%"
