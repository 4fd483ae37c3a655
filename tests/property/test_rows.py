"""Bodies of rows: however the bytes are cut, what is read is the same, and it is what a plain reading gives."""

from __future__ import annotations

import json
from collections.abc import Iterator

import orjson
from hypothesis import given
from hypothesis import strategies as st

from autorest.errors import Refused
from autorest.request.media_types import CSV, NDJSON
from autorest.request.model import MediaType
from autorest.request.rows import rows_of

csv_texts = st.lists(
    st.sampled_from(
        [
            '"',
            '""',
            ",",
            "\n",
            "\r\n",
            "\r",
            "a",
            "bc",
            "NULL",
            "é",
            "國😀",
            " ",
            "\0",
            "\t",
            "%s",
            "\ufeff",
            '"x"',
            "\\",
        ]
    ),
    max_size=30,
).map("".join)
cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8)
)
json_lines = st.lists(
    st.one_of(
        st.sampled_from(
            ["", " ", "\r", "{}", "[]", "1", "null", '{"a":1}', '{"a":1},{"a":2}', '{"a":', "2}", "\ufeff"]
        ),
        st.dictionaries(st.sampled_from("ab"), st.one_of(cells, st.integers(), st.none()), min_size=1).map(json.dumps),
        st.sampled_from(['{"a":1e999,"b":123456789012345678901234567890}', '{"a":"\\ud800"}', '{"a":{"b":[1]}}']),
    ),
    max_size=8,
).map("\n".join)
cuts = st.lists(st.integers(1, 7), max_size=60)


def pieces(body: bytes, sizes: list[int]) -> Iterator[bytes]:
    """Cut a body: so many bytes, then so many, and all the rest."""
    start = 0
    for size in sizes:
        yield body[start : start + size]
        start += size
    yield body[start:]


def read(
    body: bytes,
    content_type: MediaType,
    sizes: list[int],
    columns: tuple[str, ...] | None = None,
    *,
    take: bool = False,
) -> tuple[list[object], tuple[str, ...]] | tuple[str, object]:
    """Return rows and keys, or message and details of the refusal; `take` takes what there is after each piece."""
    rows = rows_of(content_type, columns)
    found: list[object] = []
    keys: tuple[str, ...] = ()
    before = 0
    try:
        for piece in [*pieces(body, sizes), None]:
            if piece is None:
                rows.end()
            else:
                rows.feed(piece)
            if (take or piece is None) and (chunk := rows.take()) is not None:
                found += json.loads(chunk.text)
                keys = chunk.keys
                assert before < chunk.first <= chunk.last
                before = chunk.last
    except Refused as refused:
        return refused.error.message, refused.error.details
    return found, keys


def plain_csv(text: str) -> tuple[list[dict[str, str | None]], tuple[str, ...]] | None:
    """Read CSV character by character; None where it is none."""
    text = text.removeprefix("\ufeff")
    records: list[list[str]] = []
    record: list[str] = []
    position = 0
    while position < len(text) or record:
        if text[position : position + 1] == '"':
            end = position + 1
            field = ""
            while text[end : end + 1] != '"' or text[end + 1 : end + 2] == '"':
                if end >= len(text):
                    return None
                field += text[end]
                end += 2 if text[end] == '"' else 1
            position = end + 1
        else:
            end = position
            while end < len(text) and text[end] not in '",\r\n':
                end += 1
            field = text[position:end]
            position = end
        record.append(field)
        if text[position : position + 1] == ",":
            position += 1
            continue
        if text[position : position + 2] == "\r\n":
            position += 2
        elif text[position : position + 1] in ("\n", "\r"):
            position += 1
        elif position < len(text) or not records:
            return None
        records.append(record)
        record = []
    if not records:
        return None
    header, *rest = records
    kept = [one for one in rest if one != [""]]
    rows = [{name: None if cell == "NULL" else cell for name, cell in zip(header, one, strict=False)} for one in kept]
    if any(len(one) != len(kept[0]) or len(one) > len(header) for one in kept):
        return None
    return rows, tuple(sorted(rows[0])) if rows else ()


def plain_ndjson(text: str, columns: tuple[str, ...] | None) -> tuple[list[object], tuple[str, ...]] | None:
    """Read JSON line by line; None where it is none."""
    rows: list[object] = []
    keys: set[str] | None = None
    for line in text.removeprefix("\ufeff").split("\n"):
        if not line.strip(" \t\r"):
            continue
        try:
            row = json.loads(line)
            json.dumps(row, ensure_ascii=False).encode()
        except ValueError:
            return None
        if not isinstance(row, dict) or (columns is None and keys is not None and set(row) != keys):
            return None
        keys = set(row)
        rows.append(row)
    if not rows:
        return rows, ()
    assert keys is not None
    return rows, tuple(sorted(keys)) if columns is None else columns


@given(csv_texts, cuts)
def test_csv_is_read_as_character_by_character(text: str, sizes: list[int]) -> None:
    expected = plain_csv(text)
    found = read(text.encode(), CSV, sizes)
    if expected is None:
        assert found[0] in (
            "The body is not CSV",
            "The lines of the CSV body do not all have the same number of fields",
        )
    else:
        assert found == expected


@given(csv_texts, cuts, st.booleans())
def test_csv_is_read_the_same_however_it_is_cut(text: str, sizes: list[int], take: bool) -> None:
    assert read(text.encode(), CSV, sizes, take=take) == read(text.encode(), CSV, [])


@given(tables, cuts, st.booleans(), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["utf-8", "utf-16", "utf-7"]))
def test_quoted_tables_come_out_as_they_went_in(
    table: list[list[str]], sizes: list[int], sparing: bool, end: str, charset: str
) -> None:
    def written(cell: str) -> str:
        return cell if sparing and not {*cell} & {*'",\r\n'} else '"' + cell.replace('"', '""') + '"'

    names = [f"n{number}" for number in range(len(table[0]))]
    body = "".join(",".join(map(written, line)) + end for line in [names, *table]).encode(charset)
    rows, _ = read(body, MediaType("text/csv", (("charset", charset),)), sizes)
    assert rows == [
        {name: None if cell == "NULL" else cell for name, cell in zip(names, line, strict=True)}
        for line in table
        if line != [""]
    ]


@given(json_lines, cuts, st.sampled_from([None, ("a",), ("a", "b")]))
def test_ndjson_is_read_as_line_by_line(text: str, sizes: list[int], columns: tuple[str, ...] | None) -> None:
    expected = plain_ndjson(text, columns)
    found = read(text.encode(), NDJSON, sizes, columns)
    if expected is None:
        assert isinstance(found[0], str) and "line" in found[0]
        assert str(found[1]).startswith("Line ")
    else:
        assert found == expected


@given(json_lines, cuts, st.booleans())
def test_ndjson_is_read_the_same_however_it_is_cut(text: str, sizes: list[int], take: bool) -> None:
    assert read(text.encode(), NDJSON, sizes, take=take) == read(text.encode(), NDJSON, [])


@given(st.lists(st.dictionaries(st.just("n"), st.floats(allow_nan=False, allow_infinity=False), min_size=1)), cuts)
def test_numbers_keep_every_digit(values: list[dict[str, float]], sizes: list[int]) -> None:
    lines = [orjson.dumps(value) for value in values]
    rows = rows_of(NDJSON, None)
    for piece in pieces(b"\n".join(lines), sizes):
        rows.feed(piece)
    rows.end()
    chunk = rows.take()
    assert (chunk.text if chunk else b"[]") == b"[" + b",".join(lines) + b"]"
