"""Ranges: limit, offset and the Range header."""

from __future__ import annotations

import pytest

from autorest.request.limits import MAX_DIGITS
from autorest.request.model import ALL_ROWS, Range
from autorest.request.query import parse_query, split_query
from autorest.request.ranges import parse_range, parse_range_header, restricted, top_range
from tests.unit.request.conftest import Refusal


@pytest.mark.parametrize(
    ("limit", "offset", "expected"),
    [
        ("5", None, Range(0, 5)),
        (None, "5", Range(5, None)),
        ("5", "2", Range(2, 5)),
        ("0", None, Range(0, 0)),
        ("-1", None, Range(0, -1)),
        (None, "-3", Range(-3, None)),
        ("abc", None, ALL_ROWS),
        ("", None, ALL_ROWS),
        (None, "abc", ALL_ROWS),
        ("abc", "3", Range(3, 0)),
        ("3", "abc", Range(0, 3)),
        ("9" * 100, None, Range(0, 10**MAX_DIGITS)),
    ],
)
def test_limit_and_offset(limit: str | None, offset: str | None, expected: Range) -> None:
    assert parse_range(limit, offset) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0-24", Range(0, 25)),
        ("5-5", Range(5, 1)),
        ("10-", Range(10, None)),
        ("items=0-1", ALL_ROWS),
        ("bytes=0-1", ALL_ROWS),
        ("-5", ALL_ROWS),
        ("0-1,3-4", ALL_ROWS),
        ("", ALL_ROWS),
        ("0-٣", ALL_ROWS),
        ("9" * 10_000 + "-", Range(10**MAX_DIGITS, None)),
    ],
)
def test_range_header(header: str, expected: Range) -> None:
    assert parse_range_header(header) == expected


def top(method: str, text: str, header: str | None = None) -> Range:
    query = parse_query(split_query(text.encode()), is_call_safe=False)
    return top_range(method, dict(query.ranges).get((), ALL_ROWS), header)


@pytest.mark.parametrize(
    ("method", "text", "header", "expected"),
    [
        ("GET", "", None, ALL_ROWS),
        ("GET", "limit=3", None, Range(0, 3)),
        ("GET", "limit=3&offset=4", None, Range(4, 3)),
        ("GET", "child.limit=3", None, ALL_ROWS),
        ("GET", "", "0-9", Range(0, 10)),
        ("HEAD", "", "5-9", ALL_ROWS),
        ("POST", "limit=2", "5-9", Range(0, 2)),
        ("GET", "limit=3", "0-9", Range(0, 3)),
        ("GET", "limit=30&offset=5", "8-9", Range(8, 2)),
        ("GET", "offset=5", "0-9", Range(5, 5)),
        ("GET", "offset=-5", None, ALL_ROWS),
        ("GET", "limit=10&offset=-5", None, Range(0, 5)),
        ("GET", "limit=0", None, Range(0, 0)),
        ("GET", "limit=0", "5-9", Range(0, 0)),
        ("GET", "limit=0", "5-2", Range(0, 0)),
        ("PUT", "offset=0", None, ALL_ROWS),
        ("PUT", "limit=abc", None, ALL_ROWS),
        ("PUT", "", "5-9", ALL_ROWS),
    ],
)
def test_top_range(method: str, text: str, header: str | None, expected: Range) -> None:
    assert top(method, text, header) == expected


@pytest.mark.parametrize(
    ("method", "text", "header", "code", "status"),
    [
        ("GET", "limit=-1", None, "PGRST103", 416),
        ("GET", "limit=0&offset=5", None, "PGRST103", 416),
        ("GET", "limit=abc&offset=5", None, "PGRST103", 416),
        ("GET", "", "1-0", "PGRST103", 416),
        ("GET", "limit=2", "5-9", "PGRST103", 416),
        ("PUT", "limit=-1", None, "PGRST103", 416),
        ("PUT", "limit=1", None, "PGRST114", 400),
        ("PUT", "limit=0", None, "PGRST114", 400),
        ("PUT", "offset=1", None, "PGRST114", 400),
    ],
)
def test_ranges_that_are_refused(
    method: str, text: str, header: str | None, code: str, status: int, refusal: Refusal
) -> None:
    error = refusal(top, method, text, header)
    assert (error.code, error.status) == (code, status)


def test_the_two_reasons_of_an_empty_range_read_differently(refusal: Refusal) -> None:
    assert "Range header" in refusal(top, "GET", "", "3-2").details
    assert "limit" in refusal(top, "GET", "limit=-1").details


def test_embeds_keep_ranges_that_postgresql_refuses() -> None:
    assert parse_query(split_query(b"a.limit=-1&b.offset=-2"), is_call_safe=False).ranges == (
        (("a",), Range(0, -1)),
        (("b",), Range(-2, None)),
    )
    assert top("GET", "a.limit=-1") == ALL_ROWS


@pytest.mark.parametrize(
    ("rows", "most", "expected"),
    [
        (ALL_ROWS, None, ALL_ROWS),
        (ALL_ROWS, 10, Range(0, 10)),
        (Range(5, None), 10, Range(5, 10)),
        (Range(5, 3), 10, Range(5, 3)),
        (Range(5, 30), 10, Range(5, 10)),
        (Range(0, 0), 10, Range(0, 0)),
        (Range(0, 5), 0, Range(0, 0)),
    ],
)
def test_restricted(rows: Range, most: int | None, expected: Range) -> None:
    assert restricted(rows, most) == expected
