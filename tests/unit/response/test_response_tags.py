"""Tags: of what they are made, what they tell apart, and what 304 leaves out."""

from __future__ import annotations

import re

import pytest

from autorest.request.preconditions import parse_tags
from autorest.response.model import Response
from autorest.response.tags import Tagger, coded, digits_of, opaque_of, tag_of, unchanged

JSON = Tagger(b"application/json; charset=utf-8")
CSV = Tagger(b"text/csv; charset=utf-8")
OWN = b'"0123456789abcdef"'


def test_a_tag_is_the_same_in_every_process() -> None:
    assert JSON.tag(b"[]") == b'"84d5c4d3813441eb"'


def test_a_tag_stands_for_body_and_type() -> None:
    tags = [JSON.tag(b"[]"), JSON.tag(b"[] "), JSON.tag(b""), CSV.tag(b"[]"), JSON.tag(b"[]", b"0-1/2")]
    assert len(set(tags)) == len(tags)
    assert all(re.fullmatch(rb'"[0-9a-f]{16}(\.0-1/2)?"', tag) for tag in tags)
    assert JSON.tag(b"[]") == tags[0]


@pytest.mark.parametrize("span", [b"", b"0-9/42", b"*/0", b"10-19/*"])
@pytest.mark.parametrize("coding", [b"", b"gzip", b"zstd"])
def test_the_digits_are_the_same_whatever_follows(span: bytes, coding: bytes) -> None:
    tag = JSON.tag(b"[]", span)
    written = coded(tag, coding) if coding else tag
    assert written.startswith(b'"') and (not coding or written.endswith(b"-" + coding + b'"'))
    assert digits_of(opaque_of(written)) == JSON.digits(b"[]")


@pytest.mark.parametrize(
    ("tag", "expected"),
    [(b'"v1"', b'W/"v1"'), (b'W/"v1"', b'W/"v1"'), (b'"0123456789ABCDEF"', b'W/"0123456789ABCDEF"'), (b"v1", b"W/v1")],
)
def test_a_tag_of_sql_becomes_weak_in_a_coding(tag: bytes, expected: bytes) -> None:
    assert coded(tag, b"gzip") == expected


@pytest.mark.parametrize(("tag", "opaque"), [(b'"a"', b"a"), (b'W/"a"', b"a"), (b"a", b"a"), (b'""', b""), (b"", b"")])
def test_what_stands_between_the_quotes(tag: bytes, opaque: bytes) -> None:
    assert opaque_of(tag) == opaque


def test_what_a_client_has_is_answered_without_what_it_knows() -> None:
    kept = [
        (b"etag", OWN),
        (b"vary", b"Accept"),
        (b"content-location", b"/films"),
        (b"cache-control", b"no-cache"),
        (b"set-cookie", b"a=b"),
        (b"access-control-allow-origin", b"*"),
    ]
    known = [
        (b"content-type", b"application/json"),
        (b"content-length", b"2"),
        (b"content-encoding", b"gzip"),
        (b"content-range", b"0-0/*"),
        (b"content-profile", b"api"),
    ]
    answer = unchanged(Response(200, [*known, *kept], b"[]"), parse_tags(OWN))
    assert answer == Response(304, kept, b"")


@pytest.mark.parametrize("status", [201, 204, 304, 404, 416, 500])
def test_other_statuses_stay(status: int) -> None:
    assert unchanged(Response(status, [(b"etag", OWN)], b"x"), parse_tags(b"*")) is None


def test_without_a_tag_nothing_is_known() -> None:
    assert tag_of([(b"vary", b"Accept")]) is None
    assert unchanged(Response(200, [], b"[]"), parse_tags(b"*")) is None
