"""Rows that arrive as lines: CSV (RFC 4180) and NDJSON, read piece by piece into JSON arrays.

What has been read is the same however the body was cut into pieces. A reader holds the rows that nobody took yet and
the line that has not ended; who feeds it small pieces and takes often needs little memory for a body of any size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, KeysView, Sequence
from typing import Any, Final, NamedTuple

import orjson

from autorest.errors import Refused, refuse
from autorest.request.charset import UTF_8, Decoder, charset_of
from autorest.request.json_rows import WHOLE, row_of
from autorest.request.json_value import JSON_SPACE
from autorest.request.limits import MAX_HEADER, MAX_LINE, MAX_NAME
from autorest.request.media_types import CSV, NDJSON
from autorest.request.model import MediaType

#: The types of bodies that are read by lines.
ROW_TYPES: Final = frozenset((CSV.essence, NDJSON.essence))

_BYTE_ORDER_MARK: Final = "\ufeff"
_NULL: Final = "NULL"
#: Stands for what is between two quotes.
_MARK: Final = "\0"
_CONTROLS: Final = bytes(range(32))
_BARE: Final = re.compile(r'[^",\r\n]*+')
_FOLLOWS: Final = re.compile(r"(,|\r?\n|\r|\Z)?")
#: Fields of a record; no table has as many columns.
_MOST_FIELDS: Final = 1 << 16
#: Characters. What is taken apart at once takes several times its length.
_BLOCK: Final = 1 << 20


class Chunk(NamedTuple):
    """Some rows of a body: a JSON array of objects, their keys sorted, the first and last line they stand in."""

    text: bytes
    keys: tuple[str, ...]
    first: int
    last: int


class Rows:
    """What the readers share: the rows that were read and not yet taken.

    `size` is how many bytes of JSON they are, `held` how long the line is that has not ended.
    """

    def __init__(self) -> None:
        self.size = 0
        self.keys: tuple[str, ...] = ()
        self._parts: list[bytes] = []
        self._first = 0
        #: The number of the line that is read next.
        self._line = 1

    @property
    def held(self) -> int:
        raise NotImplementedError

    def feed(self, piece: bytes) -> None:
        """Read the next bytes of the body. Raises Refused (PGRST102) that names the line where they are wrong."""
        raise NotImplementedError

    def end(self) -> None:
        """Read the last line, which may lack its end: nothing more comes. Raises Refused (PGRST102)."""
        raise NotImplementedError

    def take(self) -> Chunk | None:
        """Return the rows that were read since the last time, None if there are none."""
        if not self._parts:
            return None
        chunk = Chunk(b"[" + b",".join(self._parts) + b"]", self.keys, self._first, self._line - 1)
        self._parts.clear()
        self.size = 0
        return chunk

    def _add(self, part: bytes, first: int) -> None:
        """Add elements of the array; `first` is the line they begin in."""
        if not self._parts:
            self._first = first
        self._parts.append(part)
        self.size += len(part) + 1


def rows_of(content_type: MediaType, columns: tuple[str, ...] | None) -> Rows:
    """Return a reader for a body of this type, which is one of `ROW_TYPES`.

    With `columns`, from the query string, NDJSON may have other keys in every line; CSV has its header in any case.

    Raises: Refused (PGRST102) for a character set that nobody knows.
    """
    if content_type.essence == CSV.essence:
        return CsvRows(Decoder.of(content_type))
    return NdjsonRows(None if charset_of(content_type) in UTF_8 else Decoder.of(content_type), columns)


class CsvRows(Rows):
    """Lines of comma-separated values below a line of names.

    `NULL` is null, everything else a string; lines with nothing in them are left out. As PostgREST has it, all lines
    may be equally shorter than the line of names: the last of the columns are not written. A field without a name is
    refused, where PostgREST drops it.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self._decoder = decoder
        self._names: list[str] | None = None
        #: The number of fields in each record, 0 before the first.
        self._width = 0
        self._pattern = ""
        self._begun = False
        # The text of the record that has not ended, how long it is, and with how much more it is looked at again:
        # doubling that, a long record is not read over and over.
        self._held: list[str] = []
        self._length = 0
        self._enough = 0

    @property
    def held(self) -> int:
        return self._length

    def feed(self, piece: bytes) -> None:
        self._read(self._decoder.decode(piece), final=False)

    def end(self) -> None:
        self._read(self._decoder.decode(b"", final=True), final=True)

    def _read(self, text: str, *, final: bool) -> None:
        if not self._begun and text:
            self._begun = True
            text = text.removeprefix(_BYTE_ORDER_MARK)
        self._held.append(text)
        self._length += len(text)
        if self._length < self._enough and not final:
            return
        text = "".join(self._held)
        position = self._read_records(text, final)
        rest = text[position:]
        if len(rest) > MAX_LINE:
            raise _too_long(self._line)
        self._held = [rest]
        self._length = len(rest)
        self._enough = 2 * len(rest)

    def _read_records(self, text: str, final: bool) -> int:
        """Read the records that end in `text`; return where the first begins that does not."""
        position = 0
        if self._names is None:
            header = self._record(text, 0, final, in_header=True)
            if header is None:
                if len(text) > MAX_HEADER:
                    raise _no_names(f"It has more than {MAX_HEADER} characters.")
                return 0
            self._names, position = header
            if max(map(len, self._names)) > MAX_NAME:
                raise _no_names(f"One of them has more than {MAX_NAME} characters.")
            self._line += _breaks(text, 0, position)
            self._pattern = _pattern(self._names)
        first, begin = self._line, position
        block = self._read_block(text, position) if len(text) - position <= _BLOCK else None
        part, position = block or (b"", position)
        self._line += text.count("\n", begin, position)
        records: list[list[str]] = []
        while position < len(text):
            found = self._record(text, position, final, in_header=False)
            if found is None:
                break
            record, end = found
            if record != [""]:
                self._check_width(len(record))
                records.append(record)
            self._line += _breaks(text, position, end)
            position = end
        if final and begin < position and not text.endswith(("\n", "\r")):
            self._line += 1
        if parts := [*filter(None, (part, _as_json(self._names, records, _NULL in text)))]:
            self._add(b",".join(parts), first)
        return position

    def _read_block(self, text: str, start: int) -> tuple[bytes, int] | None:
        """Return all records that end in `text`, at once, as elements of a JSON array, and where the next one begins.

        None if one of them is wrong, or not common: then they are to be read one by one. What is between quotes is
        taken out, each stretch leaving a mark. In what remains, lines and commas separate; a field is right if it has
        no mark, or nothing but marks: as many as it had stretches, with a quote between each two.
        """
        assert self._names is not None
        stretches = text[start:].split('"')
        last = (len(stretches) - 1) // 2 * 2
        while last and "\n" not in stretches[last]:
            last -= 2
        cut = stretches[last].rfind("\n") + 1
        end = start + sum(map(len, stretches[:last])) + last + cut
        if end == start:
            return b"", start
        outside = [*stretches[:last:2], stretches[last][: cut - 1]]
        common = _MARK.join(outside).replace("\r\n", "\n").removesuffix("\r")
        if "\r" in common or text.find(_MARK, start, end) >= 0:
            return None
        lines = [*filter(None, common.split("\n"))]
        if {line.count(",") for line in lines} - {len(self._names) - 1}:
            return None
        if lines:
            self._check_width(len(self._names))
        if not last and (written := _written(self._pattern, lines)) is not None:
            return written, end
        records = [line.split(",") for line in lines]
        if last:
            quoted = iter(stretches[1:last:2])
            for number, line in enumerate(lines):
                if _MARK in line:
                    filled = _filled(records[number], line.count(_MARK), quoted)
                    if filled is None:
                        return None
                    records[number] = filled
            if len(self._names) == 1:
                records = [record for record in records if record != [""]]
        return _as_json(self._names, records, _NULL in text), end

    def _check_width(self, width: int) -> None:
        assert self._names is not None
        if self._width == 0 and width <= len(self._names):
            self._width = width
            self.keys = tuple(sorted({*self._names[:width]}))
        elif width != self._width:
            raise refuse(
                "PGRST102",
                "The lines of the CSV body do not all have the same number of fields",
                f"The header has {len(self._names)}, {self._others()}line {self._line} has {width}.",
            )

    def _others(self) -> str:
        assert self._names is not None
        return "" if self._width in (0, len(self._names)) else f"the lines below it have {self._width}, "

    def _record(self, text: str, start: int, final: bool, *, in_header: bool) -> tuple[list[str], int] | None:
        """Return the record that begins at `start` and where the next one does, None if it may go on after `text`."""
        record: list[str] = []
        position = start
        while True:
            closing = _closing(text, position)
            if closing:
                field = text[position + 1 : closing].replace('""', '"')
                position = closing + 1
            else:
                field = _matched(_BARE, text, position)[0]
                position += len(field)
            found = _matched(_FOLLOWS, text, position)
            follows, position = found[1], found.end()
            is_open = follows is None and not closing and not field
            if (position == len(text) or is_open) and not final and follows not in ("\n", "\r\n"):
                return None
            record.append(field)
            if follows == "," and len(record) < _MOST_FIELDS:
                continue
            if follows is None or (in_header and not follows):
                raise self._unreadable(text, start, position, in_header=in_header)
            return record, position

    def _unreadable(self, text: str, start: int, position: int, *, in_header: bool) -> Refused:
        line = self._line + _breaks(text, start, position)
        character = position - max(start, *(text.rfind(end, start, position) + 1 for end in "\n\r")) + 1
        expected = "a comma or a line break" + (" after the names of the columns" if in_header else "")
        return refuse(
            "PGRST102",
            "The body is not CSV",
            f"Expected {expected} at line {line}, character {character}."
            " A field that contains a double quote is written in double quotes, and the quote twice.",
        )


class NdjsonRows(Rows):
    """One JSON object a line, all with the same keys unless `columns` names them; empty lines are passed over."""

    def __init__(self, decoder: Decoder | None, columns: tuple[str, ...] | None) -> None:
        super().__init__()
        self._decoder = decoder
        self._columns = columns
        self._fields: KeysView[str] | None = None
        self._begun = False
        self._held: list[bytes] = []
        self._length = 0
        if columns is not None:
            self.keys = columns

    @property
    def held(self) -> int:
        return self._length

    def feed(self, piece: bytes) -> None:
        self._read(piece if self._decoder is None else self._decoder.decode(piece).encode())

    def end(self) -> None:
        if self._decoder is not None:
            self._read(self._decoder.decode(b"", final=True).encode())
        if last := b"".join(self._held):
            self._read_lines(last)
        self._held.clear()

    def _read(self, text: bytes) -> None:
        cut = text.rfind(b"\n") + 1
        if cut:
            self._read_lines(b"".join((*self._held, text[: cut - 1])))
            self._held.clear()
            self._length = 0
        self._held.append(text[cut:])
        self._length += len(text) - cut
        if self._length > MAX_LINE:
            raise _too_long(self._line)

    def _read_lines(self, block: bytes) -> None:
        """Read whole lines, the last without its end."""
        if not self._begun:
            self._begun = True
            block = block.removeprefix(_BYTE_ORDER_MARK.encode())
        lines = block.split(b"\n")
        first = self._line
        try:
            self._check([*map(orjson.loads if len(block) <= WHOLE else row_of, lines)], first)
        except orjson.JSONDecodeError:
            # An empty line, a number that no double holds, or something wrong.
            lines = [line for number, line in enumerate(lines, first) if self._is_row(line, number)]
        self._line = first + block.count(b"\n") + 1
        if lines:
            self._add(b",".join(lines), first)

    def _is_row(self, line: bytes, number: int) -> bool:
        """Tell an empty line from one with a row. Raises Refused (PGRST102) for any other."""
        if not line.strip(JSON_SPACE):
            return False
        self._check([_loaded(line, number)], number)
        return True

    def _check(self, rows: Sequence[Any], first: int) -> None:
        """Refuse what is no object, and one that has other keys than the first of all; `first` is these rows' line."""
        if self._fields is None and isinstance(rows[0], dict):
            self._fields = rows[0].keys()
            if self._columns is None:
                self.keys = tuple(sorted(self._fields))
        fields, any_keys = self._fields, self._columns is not None
        for number, row in enumerate(rows, first):
            if type(row) is not dict:
                raise refuse(
                    "PGRST102",
                    "A line of the body is not a JSON object",
                    f"Line {number} is another value.",
                    'Send one object a line, such as {"id": 1}.',
                )
            if row.keys() != fields and not any_keys:
                raise refuse(
                    "PGRST102",
                    "The lines of the body do not all have the same keys",
                    f"Line {number} has others than the first.",
                    "Give every object the same keys, or name the columns with the parameter columns.",
                )


def _closing(text: str, start: int) -> int:
    """Return where the quote is that closes the field that begins at `start`, 0 if it has none or begins with none.

    One after the other: a pattern remembers something for each pair of quotes within.
    """
    if not text.startswith('"', start):
        return 0
    position = text.find('"', start + 1)
    while text.startswith('""', position) and position > 0:
        position = text.find('"', position + 2)
    return max(position, 0)


def _matched(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str]:
    """Match a pattern of which every part may be empty."""
    found = pattern.match(text, position)
    assert found is not None
    return found


def _loaded(line: bytes, number: int) -> Any:
    try:
        return row_of(line)
    except orjson.JSONDecodeError as error:
        raise refuse(
            "PGRST102",
            "A line of the body is not JSON",
            f"Line {number}, column {error.colno}: {error.msg}.",
            'Send one object a line, such as {"id": 1}.',
        ) from None


def _filled(record: Sequence[str], marks: int, quoted: Iterator[str]) -> list[str] | None:
    """Return a record with what was between quotes in the place of its marks, None if one of its fields is wrong."""
    if record.count(_MARK) == marks:
        return [next(quoted) if field == _MARK else field for field in record]
    fields: list[str] = []
    for field in record:
        if field.strip(_MARK) and _MARK in field:
            return None
        fields.append('"'.join([next(quoted) for _ in field]) if field[:1] == _MARK else field)
    return fields


def _pattern(names: Sequence[str]) -> str:
    """Return how a record is written as JSON, nothing where that depends on more than its values."""
    if len(set(names)) < len(names):
        return ""
    return "{" + ",".join([orjson.dumps(name).decode().replace("%", "%%") + ':"%s"' for name in names]) + "}"


def _written(pattern: str, lines: Sequence[str]) -> bytes | None:
    """Return lines without quotes as elements of a JSON array, None where a value cannot be written as it is.

    For all lines at once, which takes two thirds of the time.
    """
    if not pattern:
        return None
    if not lines:
        return b""
    values = ",".join(lines)
    if "\\" in values:
        return None
    written = (",".join([pattern] * len(lines)) % tuple(values.split(","))).encode()
    if len(written.translate(None, _CONTROLS)) < len(written):
        return None
    return written.replace(b':"NULL"', b":null") if _NULL in values else written


def _as_json(names: Sequence[str], records: Sequence[Sequence[str]], with_nulls: bool) -> bytes:
    """Return records as elements of a JSON array; only `with_nulls` may one of their values be null."""
    if with_nulls:
        nullable = [[None if field == _NULL else field for field in record] for record in records]
        return orjson.dumps([dict(zip(names, record, strict=False)) for record in nullable])[1:-1]
    return orjson.dumps([dict(zip(names, record, strict=False)) for record in records])[1:-1]


def _breaks(text: str, start: int, end: int) -> int:
    return text.count("\n", start, end) + text.count("\r", start, end) - text.count("\r\n", start, end)


def _no_names(details: str) -> Refused:
    return refuse("PGRST102", "The first line of the CSV body does not name columns", details)


def _too_long(line: int) -> Refused:
    return refuse("PGRST102", "A line of the body is too long", f"Line {line} has more than {MAX_LINE} bytes.")
