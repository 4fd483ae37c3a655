"""Headers that answers have."""

from __future__ import annotations

import json

import pytest

from autorest.errors import Refused
from autorest.request.model import Preferences
from autorest.response.headers import (
    content_range,
    from_database,
    legacy_warning,
    location,
    override,
    preference_applied,
    status_from_database,
)
from autorest.response.info import cors_headers, preflight_response


@pytest.mark.parametrize(
    ("first", "last", "total", "expected"),
    [
        (0, 9, None, b"0-9/*"),
        (0, 9, 100, b"0-9/100"),
        (5, 4, None, b"*/*"),
        (5, 4, 3, b"*/3"),
        (0, -1, 0, b"*/0"),
        (1, 0, 7, b"*/7"),
    ],
)
def test_ranges(first: int, last: int, total: int | None, expected: bytes) -> None:
    assert content_range(first, last, total) == (b"content-range", expected)


def test_applied_preferences_have_one_order() -> None:
    everything = Preferences(
        resolution="merge-duplicates",
        representation="minimal",
        count="exact",
        transaction="commit",
        missing="default",
        handling="strict",
        timezone="UTC",
        max_affected=3,
        invalid=("x",),
    )
    assert preference_applied(everything) == [
        (
            b"preference-applied",
            b"resolution=merge-duplicates, missing=default, return=minimal, count=exact, tx=commit, handling=strict,"
            b" timezone=UTC, max-affected=3",
        )
    ]
    assert preference_applied(Preferences()) == []
    assert preference_applied(Preferences(max_affected=3)) == []


def test_locations() -> None:
    assert location("a b", [("id", "1"), ("x&y", "a=b c"), ("n", None)]) == (
        b"location",
        b"/a b?id=eq.1&x%26y=eq.a%3Db%20c&n=is.null",
    )
    assert location("né\n", [("id", "1")]) == (b"location", "/né%0A?id=eq.1".encode())


def test_headers_from_sql() -> None:
    headers = [{"Set-Cookie": "a=1"}, {"set-cookie": "b=2"}, {"X-Name": "né 漢"}]
    assert from_database(json.dumps(headers).encode()) == [
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"x-name", "né 漢".encode()),
    ]
    assert from_database(None) == []


@pytest.mark.parametrize(
    "text",
    ["", "x", "{}", "{}x", "1", '"a"', '""', "[1]", "[[]]", '[{"a": 1}]', '[{"a": null}]', '[{"a": "b", "c": "d"}]',
     "[{}]", '{"a": "b"}', '[{"": "b"}]', '[{"a b": "c"}]', '[{"a:": "c"}]', '[{"a": "b\\nc: d"}]',
     '[{"a": "b\\u0000"}]', '[{"é": "b"}]'],
)  # fmt: skip
def test_what_sql_sets_that_is_no_list_of_headers(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        from_database(text.encode())
    assert (refusal.value.error.code, refusal.value.error.status) == ("PGRST111", 500)


def test_status_from_sql() -> None:
    assert status_from_database(None) is None
    assert [status_from_database(text) for text in (b"200", b"418", b"999", b"201 Created")] == [200, 418, 999, 201]
    assert [status_from_database(text) for text in (b"0418", b"00201 Created")] == [418, 201]
    for text in (b"", b"x", b"0", b"-200", b"99", b"199", b"1000", b" 200"):
        with pytest.raises(Refused) as refusal:
            status_from_database(text)
        assert refusal.value.error.code == "PGRST112"


def test_sql_has_the_last_word_on_a_header() -> None:
    own = [(b"vary", b"Accept"), (b"content-type", b"application/json")]
    said = [(b"content-type", b"text/x"), (b"x-a", b"1"), (b"x-a", b"2")]
    assert override(own, said) == [(b"vary", b"Accept"), *said]
    assert override(own, []) == own


def test_warnings_are_quoted() -> None:
    [(name, value)] = legacy_warning([('fil"ms', "f\\x"), ("a", "b")])
    assert name == b"warning"
    assert value.startswith(b'299 autorest "') and value.endswith(b'"')
    assert b'fil\\"ms' in value and b"f\\\\x" in value and b"'a' as 'b'" in value
    assert legacy_warning([]) == []


def test_cross_origin() -> None:
    assert dict(cors_headers(b"http://a", ()))[b"access-control-allow-origin"] == b"*"
    allowed = dict(cors_headers(b"http://a", (b"http://a", b"http://b")))
    assert allowed[b"access-control-allow-origin"] == b"http://a"
    assert allowed[b"access-control-allow-credentials"] == b"true"
    assert cors_headers(b"http://c", (b"http://a",)) == []
    refused = preflight_response(b"http://c", b"X-A", (b"http://a",))
    assert not any(name.startswith(b"access-control") for name, _ in refused.headers)
    answered = dict(preflight_response(b"http://a", b" X-A ,,x-b", ()).headers)
    assert answered[b"access-control-allow-headers"].startswith(b"Authorization, X-A, x-b, ")
    once = dict(preflight_response(b"http://a", b"accept, X-A", ()).headers)
    assert once[b"access-control-allow-headers"] == b"Authorization, accept, X-A, Accept-Language, Content-Language"
    assert b"access-control-expose-headers" not in answered
    asking_for_none = preflight_response(b"http://a", None, ())
    assert not any(name == b"access-control-allow-headers" for name, _ in asking_for_none.headers)
