"""Bodies that are put together from the texts of rows."""

from __future__ import annotations

import json

import pytest

from autorest.response.rows import CSV, LINES, Body, Form

JSON = Form(b"[", b", \n ", b"]", b"[]")


def whole(body: Body, *portions: list[bytes | None]) -> bytes:
    return b"".join([*(body.more(portion) for portion in portions), body.end()])


@pytest.mark.parametrize("portions", [[[b'{"a":1}', b'{"a":2}', None]], [[b'{"a":1}'], [b'{"a":2}'], [None]]])
def test_it_does_not_matter_in_which_portions_rows_come(portions: list[list[bytes | None]]) -> None:
    body = Body(JSON)
    assert whole(body, *portions) == b'[{"a":1}, \n {"a":2}, \n null]'
    assert body.rows == 3
    assert whole(Body(LINES), *portions) == b'{"a":1}\n{"a":2}\nnull\n'


def test_a_csv_begins_with_its_names_where_there_are_rows() -> None:
    assert whole(Body(CSV, [b"a", b"b"]), [b"(1,2)"], [b"(3,)", b'("x ","")']) == b'a,b\n1,2\n3,\n"x ",""'
    assert whole(Body(CSV, [b"a", b"b"])) == b"\n"


def test_without_rows_there_is_what_the_database_would_make() -> None:
    assert whole(Body(JSON)) == b"[]"
    assert whole(Body(LINES)) == b""


@pytest.mark.parametrize("portion", [[b'{"a":[1,\n2]}'], [b'{"a":[1,\r2]}'], [b'{"b":1}', b'{"a":[1,\r\n2]}']])
def test_no_line_breaks_within_a_line(portion: list[bytes | None]) -> None:
    text = whole(Body(LINES), portion)
    assert b"\r" not in text and text.count(b"\n") == len(portion)
    assert json.loads(text.splitlines()[-1]) == {"a": [1, 2]}
