"""JSON that is read part by part has the keys that it has as a whole, and no text at all does harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorest.errors import Refused
from autorest.request import json_rows
from autorest.request.media_types import NDJSON
from autorest.request.payload import parse_json
from autorest.request.rows import rows_of

texts = st.text(st.sampled_from('ab"\\{}[],:\n é'), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(["a", "b", 'c"}', "[", ""]), values, max_size=3)
documents = objects | st.lists(objects, max_size=5) | st.lists(values, max_size=3) | values
spaces = st.sampled_from([(",", ":"), (" , ", " : "), (",\n", ":\t")])
pieces = st.lists(st.sampled_from(['{"a":1}', ",", "[", "]", "{", "}", '"', '"a":', "1e999", " ", "\\", "\0", "tru"]))


@pytest.fixture(autouse=True, scope="module")
def in_small_parts() -> Iterator[None]:
    """Everything is long."""
    with mock.patch.multiple(json_rows, SLICE=8, WHOLE=24):
        yield


def read(text: bytes) -> tuple[Any, ...] | None:
    """Return keys and kind of what a body holds, None where it is refused."""
    try:
        payload = parse_json(text)
    except Refused as refused:
        assert refused.error.code == "PGRST102"
        return None
    return payload.keys, payload.is_object


def read_whole(text: bytes) -> tuple[Any, ...] | None:
    with mock.patch.multiple(json_rows, SLICE=1 << 30, WHOLE=1 << 30):
        return read(text)


@given(documents, spaces)
def test_a_document_has_the_keys_that_it_has_as_a_whole(document: Any, separators: tuple[str, str]) -> None:
    text = json.dumps(document, separators=separators, ensure_ascii=False).encode()
    assert read(text) == read_whole(text)


@given(st.lists(objects, min_size=1), spaces)
def test_so_have_lines(rows: list[dict[str, Any]], separators: tuple[str, str]) -> None:
    lines = [json.dumps(row, separators=separators).replace("\n", " ").encode() for row in rows]
    alike = all(row.keys() == rows[0].keys() for row in rows)
    reader = rows_of(NDJSON, None)
    try:
        for line in lines:
            reader.feed(line + b"\n")
    except Refused as refused:
        assert not alike and refused.error.code == "PGRST102"
        return
    chunk = reader.take()
    assert alike and chunk is not None
    assert chunk.keys == tuple(sorted(rows[0]))
    assert orjson.loads(chunk.text) == rows


@given(pieces.map("".join) | documents.map(json.dumps), st.integers(0, 80), st.sampled_from(["", "]", '"', "}"]))
def test_any_text_is_read_or_refused(text: str, cut: int, more: str) -> None:
    wrong = (text[:cut] + more).encode()
    whole = read_whole(wrong)
    # What is inside of a long row is PostgreSQL's to find out.
    assert whole is None or read(wrong) == whole


def test_depth_is_bounded() -> None:
    assert read(b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}") == (("a",), True)
    assert read(b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}") is None


def test_long_empty_objects_end_where_they_do() -> None:
    assert read(b"{" + b" " * 100 + b"}") == ((), True)
    assert read(b"[{" + b" " * 100 + b"},{}]") == ((), False)
    assert read(b"{" + b" " * 100 + b"}}") is None
