"""`If-Match` and `If-None-Match` as they are understood."""

from __future__ import annotations

import json
import time

import pytest

from autorest.request.preconditions import Preconditions, Tags, parse_preconditions, parse_tags
from autorest.request.raw import read_headers


def tags(*strong: bytes, weak: tuple[bytes, ...] = ()) -> Tags:
    return Tags(False, frozenset(strong), frozenset(weak))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'"a"', tags(b"a")),
        (b'"a", "b"', tags(b"a", b"b")),
        (b'"a","b" ,"c"', tags(b"a", b"b", b"c")),
        (b'W/"a"', tags(weak=(b"a",))),
        (b'W/"a", "a"', tags(b"a", weak=(b"a",))),
        (b'"a,b"', tags(b"a,b")),
        (b'""', tags(b"")),
        (b"*", Tags(anything=True)),
        (b" *\t", Tags(anything=True)),
        (b'"\xfc"', tags(b"\xfc")),
        (b'"0123.0-9/42-gzip"', tags(b"0123.0-9/42-gzip")),
    ],
)
def test_tags(value: bytes, expected: Tags) -> None:
    assert parse_tags(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", tags()),
        (b"a", tags()),
        (b"*, *", tags()),
        (b'*, "a"', tags(b"a")),
        (b'w/"a"', tags()),
        (b'W / "a"', tags()),
        (b'"a" "b"', tags()),
        (b'"a b"', tags()),
        (b'"a', tags()),
        (b'nonsense, "a", "', tags(b"a")),
        (b'"un"quoted", "a"', tags(b"a")),
        (b",,,", tags()),
    ],
)
def test_what_is_no_tag_is_left_out(value: bytes, expected: Tags) -> None:
    assert parse_tags(value) == expected


def test_the_weak_comparison() -> None:
    named = parse_tags(b'"a", W/"b"')
    assert named.name(b"a") and named.name(b"b") and not named.name(b"c")
    assert parse_tags(b"*").name(b"c")


def test_a_long_header_of_nonsense_is_read_in_no_time() -> None:
    for piece in (b'"', b'",', b",", b'W/"', b" ", b'" ,', b'"a" '):
        began = time.perf_counter()
        parse_tags(piece * 60_000)
        assert time.perf_counter() - began < 2


def test_no_header_is_no_precondition() -> None:
    assert parse_preconditions(None, None) is None
    assert parse_preconditions(b'"a"', None) == Preconditions(tags(b"a"), None)
    assert parse_preconditions(None, b"") == Preconditions(None, tags())


def test_several_headers_are_one_list() -> None:
    sent = [(b"if-match", b'"a"'), (b"accept", b"x"), (b"if-match", b'"b"'), (b"accept", b"y"), (b"if-match", b"c")]
    head = read_headers(sent)
    heeded = head.heeded
    assert heeded.if_match == b'"a", "b", c'
    assert (heeded.accept, heeded.if_none_match, heeded.prefer) == (b"x", None, ())
    assert json.loads(head.seen) == {"if-match": "c", "accept": "y"}
