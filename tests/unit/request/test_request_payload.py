"""Bodies: JSON, CSV, forms, and bytes as they are."""

from __future__ import annotations

import encodings
import json
import tracemalloc

import pytest

from autorest.request.limits import MAX_HEADER, MAX_NAME, MAX_PAIRS
from autorest.request.media_types import parse_media_type
from autorest.request.model import Action, FormPayload, JsonPayload, Payload, RawPayload
from autorest.request.payload import parse_json, parse_payload
from tests.unit.request.conftest import Refusal


def payload(
    body: bytes,
    content_type: str = "application/json",
    action: Action = Action.INSERT,
    columns: tuple[str, ...] | None = None,
) -> Payload | None:
    return parse_payload(body, parse_media_type(content_type), action, columns)


@pytest.mark.parametrize(
    ("body", "keys", "is_object"),
    [
        (b'{"b":1,"a":2}', ("a", "b"), True),
        (b' \n{"a":1}\t', ("a",), True),
        (b"{}", (), True),
        (b'[{"a":1,"b":2},{"b":3,"a":4}]', ("a", "b"), False),
        (b"[{},{}]", (), False),
        (b'{"a":1,"a":2}', ("a",), True),
        (b'{"a":123456789012345678901234567890.12345678901234567890}', ("a",), True),
        (b'{"a":1e400,"b":-1E-9999}', ("a", "b"), True),
        (b'[{"a":1e400},{"a":2}]', ("a",), False),
        (b'{"a":"\\u0000"}', ("a",), True),
        (b'{"\\ud83d\\ude00":1}', ("😀",), True),
        ('{"größe":"國"}'.encode(), ("größe",), True),
        (b'{"a":{"b":[1,{"c":null}]}}', ("a",), True),
    ],
)
def test_json_keeps_its_text(body: bytes, keys: tuple[str, ...], is_object: bool) -> None:
    assert payload(body) == JsonPayload(body, keys, is_object)


@pytest.mark.parametrize("body", [b"[]", b" [ ] ", b"null", b"true", b"1", b"1e400", b'"text"'])
def test_json_that_is_no_object_is_an_empty_array(body: bytes) -> None:
    assert payload(body) == JsonPayload(b"[]", (), False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"sdfsdf",
        b'{"a":1',
        b'{"a":1}}',
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1,}',
        b'{"a":"\n"}',
        b'{"a":"\0"}',
        b"\0",
        b'{"a":"\xff"}',
        b'{"\xff":1}',
        b'{"a":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":"\\ud800","b":1e400}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 3_000 + b"1e400" + b"]" * 3_000,
    ],
)
def test_what_is_no_json_is_refused(body: bytes, refusal: Refusal) -> None:
    error = refusal(payload, body)
    assert (error.code, error.status) == ("PGRST102", 400)


@pytest.mark.parametrize(
    "body",
    [
        b'[{"a":1},{"b":2}]',
        b'[{"a":1},{"a":1,"b":2}]',
        b'[{"a":1},2]',
        b"[1]",
        b'[1,{"a":1}]',
        b'[[{"a":1}]]',
        b"[null]",
    ],
)
def test_arrays_must_hold_objects_with_equal_keys(body: bytes, refusal: Refusal) -> None:
    error = refusal(payload, body)
    assert (error.code, error.status) == ("PGRST102", 400)
    assert "columns" in error.details


def test_errors_of_json_say_where(refusal: Refusal) -> None:
    assert "line 2" in refusal(payload, b'{\n"a" 1}').details
    assert "empty" in refusal(payload, b"").message


ROW = {"id": 1, "text": 'a},{"b', "nested": [{"x": 1}, {"y": "}, {"}], "other": {"k": "\\"}}


@pytest.mark.parametrize("separators", [(",", ":"), (" , ", " : "), (",\n\t", ": ")])
@pytest.mark.parametrize("odd", [None, 0, 1_500, 2_999])
def test_long_arrays_are_read_row_by_row(separators: tuple[str, str], odd: int | None, refusal: Refusal) -> None:
    rows = [dict(ROW) for _ in range(3_000)]
    if odd is not None:
        rows[odd]["extra"] = 1
    body = json.dumps(rows, separators=separators).encode()
    if odd is None:
        assert payload(body) == JsonPayload(body, tuple(sorted(ROW)), False)
    else:
        assert refusal(payload, body).code == "PGRST102"


def test_long_arrays_with_text_full_of_boundaries() -> None:
    body = json.dumps([{"a": "},{" * 200_000}, {"a": "x"}] * 2).encode()
    assert payload(body) == JsonPayload(body, ("a",), False)


def test_long_arrays_with_numbers_no_double_holds() -> None:
    body = b"[" + b",".join([b'{"a":1e400,"b":"%s"}' % (b"x" * 50)] * 5_000) + b"]"
    assert payload(body) == JsonPayload(body, ("a", "b"), False)


@pytest.mark.parametrize("end", [b"", b"]x", b",]", b"}]", b',{"a":"\xff"}]', b',{"a":1'])
def test_long_arrays_that_end_badly_are_refused(end: bytes, refusal: Refusal) -> None:
    body = b"[" + b",".join([b'{"a":"%s"}' % (b"x" * 50)] * 5_000)
    assert parse_json(body + b"]").keys == ("a",)
    assert refusal(parse_json, body + end).code == "PGRST102"


def test_long_values_that_are_no_array() -> None:
    body = b'{"a":"' + b"x" * 500_000 + b'"}'
    assert payload(body) == JsonPayload(body, ("a",), True)


@pytest.mark.parametrize("action", [Action.INSERT, Action.UPDATE, Action.CALL])
def test_columns_spare_json_the_parsing(action: Action) -> None:
    body = b' [{"a":1},{"b":2}'
    assert payload(body, action=action, columns=("a", "b")) == JsonPayload(body, ("a", "b"), False)
    assert payload(b' {"a":1}', action=action, columns=("a",)) == JsonPayload(b' {"a":1}', ("a",), True)


def test_columns_do_not_let_nul_pass(refusal: Refusal) -> None:
    assert refusal(payload, b'{"a":"\0"}', columns=("a",)).code == "22021"


def test_upserting_by_put_ignores_columns() -> None:
    assert payload(b'{"a":1}', action=Action.UPSERT, columns=("b",)) == JsonPayload(b'{"a":1}', ("a",), True)


@pytest.mark.parametrize("action", set(Action) - {Action.INSERT, Action.UPDATE, Action.UPSERT, Action.CALL})
def test_other_actions_take_no_body(action: Action) -> None:
    assert payload(b"not json", "no/type", action) is None


def test_a_function_takes_an_empty_body() -> None:
    assert payload(b"", action=Action.CALL) == JsonPayload(b"", (), True)


@pytest.mark.parametrize("content_type", ["text/plain", "text/xml", "application/octet-stream"])
def test_raw_bodies_are_for_functions(content_type: str, refusal: Refusal) -> None:
    assert payload(b"<x/>", content_type, Action.CALL) == RawPayload(b"<x/>")
    assert refusal(payload, b"<x/>", content_type).code == "PGRST102"


def test_only_bytes_may_contain_nul(refusal: Refusal) -> None:
    assert payload(b"\0", "application/octet-stream", Action.CALL) == RawPayload(b"\0")
    assert refusal(payload, b"\0", "text/plain", Action.CALL).code == "22021"


@pytest.mark.parametrize("action", [Action.INSERT, Action.UPDATE, Action.UPSERT, Action.CALL])
@pytest.mark.parametrize("content_type", ["image/png", "", "application/jsonp", "multipart/form-data; boundary=x"])
def test_unknown_types_are_refused(content_type: str, action: Action, refusal: Refusal) -> None:
    error = refusal(payload, b"x", content_type, action)
    assert (error.code, error.status) == ("PGRST102", 400)
    assert "application/json" in error.details


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"", ()),
        (b"a=1&b=x+y%20z", (("a", "1"), ("b", "x y z"))),
        (b"a=1&a=2;b", (("a", "1"), ("a", "2"), ("b", ""))),
        (b"?a=%C3%A9", (("a", "é"),)),
    ],
)
def test_forms(body: bytes, pairs: tuple[tuple[str, str], ...]) -> None:
    form = "application/x-www-form-urlencoded"
    assert payload(body, form, Action.CALL) == FormPayload(pairs)
    read = payload(body, form)
    assert isinstance(read, JsonPayload)
    assert json.loads(read.text) == dict(pairs)
    assert read.keys == tuple(sorted(dict(pairs)))
    assert read.is_object


@pytest.mark.parametrize(("body", "code"), [(b"a=%FF", "PGRST102"), (b"a=%00", "22021")])
def test_forms_that_are_refused(body: bytes, code: str, refusal: Refusal) -> None:
    error = refusal(payload, body, "application/x-www-form-urlencoded", Action.CALL)
    assert (error.code, error.status) == (code, 400)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2", [{"a": "1", "b": "2"}]),
        ("a,b\r\n1,2\r\n", [{"a": "1", "b": "2"}]),
        ("a,b\n1,NULL\n", [{"a": "1", "b": None}]),
        ('a,b\n"NULL",null\n', [{"a": None, "b": "null"}]),
        ('a,b\n"x ""y"", z","two\r\nlines"\n', [{"a": 'x "y", z', "b": "two\r\nlines"}]),
        ('a,b\n"",\n', [{"a": "", "b": ""}]),
        ("a,b\n 1 ,\t2\n", [{"a": " 1 ", "b": "\t2"}]),
        ("a\n1\n\n2\n\n", [{"a": "1"}, {"a": "2"}]),
        ('"a b",größe\n國,😀\n', [{"a b": "國", "größe": "😀"}]),
        ('a,b\n"1",2\n', [{"a": "1", "b": "2"}]),
        ("a,b\r1,2\r\r3,4\r", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ("a\n1\r2\n", [{"a": "1"}, {"a": "2"}]),
        ("a,b\n1\n2\n", [{"a": "1"}, {"a": "2"}]),
        ("a,a\n1\n2\n", [{"a": "1"}, {"a": "2"}]),
        ("a,a\n1,2\n", [{"a": "2"}]),
        ("a,b\n", []),
        ("a,b\n\n", []),
    ],
)
def test_csv(text: str, rows: list[dict[str, str | None]]) -> None:
    read = payload(text.encode(), "text/csv")
    assert isinstance(read, JsonPayload)
    assert json.loads(read.text) == rows
    assert read.keys == (tuple(sorted(rows[0])) if rows else ())
    assert not read.is_object


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a,b",
        "a,b\n1,2,3",
        "a,b\n1,2,3\n4,5,6",
        "a,b\nfoo,bar\nbaz",
        "a,b\nfoo\nbar,baz\n",
        'a\n"x',
        'a\nx"y\n',
        'a\n"x"y\n',
    ],
)
def test_malformed_csv_is_refused(text: str, refusal: Refusal) -> None:
    error = refusal(payload, text.encode(), "text/csv")
    assert (error.code, error.status) == ("PGRST102", 400)
    assert error.details


@pytest.mark.parametrize(
    "body",
    [
        b"x" * (MAX_NAME + 1) + b"\n1\n",
        b"a," * MAX_HEADER + b"\n1\n",
        b'a\n"' + b'",' * 100_000,
    ],
    ids=["name", "names", "fields"],
)
def test_csv_that_no_table_can_take_is_refused_before_it_is_read(body: bytes, refusal: Refusal) -> None:
    assert refusal(payload, body, "text/csv").code == "PGRST102"


def test_what_rows_become_is_bounded(monkeypatch: pytest.MonkeyPatch, refusal: Refusal) -> None:
    monkeypatch.setattr("autorest.request.payload.MAX_ROWS", 100_000)
    assert payload(b"name\n" + b"1\n" * 5_000, "text/csv")
    assert "return=representation" in refusal(payload, b"name\n" + b"1\n" * 10_000, "text/csv").hint


def test_a_long_value_takes_no_memory_for_what_is_in_it() -> None:
    body = b'[{"id":1,"list":[' + b'{"a":[]},' * 600_000 + b"{}]}]"
    row = body[1:-1]
    for text, content_type in ((body, "application/json"), (row, "application/json"), (row, "application/x-ndjson")):
        tracemalloc.start()
        read = payload(text, content_type)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert isinstance(read, JsonPayload) and read.keys == ("id", "list")
        assert peak < 5 * len(body)


def test_a_field_of_many_quotes_takes_no_memory_for_them() -> None:
    body = b"a\n" + b'"' * 4_000_000 + b"\n"
    tracemalloc.start()
    read = payload(body, "text/csv")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(read, JsonPayload) and read.text.count(b'\\"') == 1_999_999
    assert peak < 12 * len(body)


def test_csv_is_read_with_columns_too() -> None:
    assert payload(b"a\n1", "text/csv", columns=("b",)) == JsonPayload(b'[{"a":"1"}]', ("a",), False)


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "iso-8859-1", "windows-1252", "utf-16", '"utf-32"'])
def test_charsets_are_decoded(charset: str) -> None:
    text = '{"größe":"1"}'
    encoded = text.encode(charset.strip('"'))
    assert payload(encoded, f"application/json; charset={charset}") == JsonPayload(text.encode(), ("größe",), True)
    csv = payload("größe\n1".encode(charset.strip('"')), f"text/csv; charset={charset}")
    assert isinstance(csv, JsonPayload)
    assert json.loads(csv.text) == [{"größe": "1"}]
    raw = payload("größe".encode(charset.strip('"')), f"text/plain; charset={charset}", Action.CALL)
    assert raw == RawPayload("größe".encode())


@pytest.mark.parametrize("charset", ["klingon", "hex", "zlib", "idna", "punycode", "unicode_escape", "undefined"])
def test_charsets_nobody_knows_are_refused(charset: str, refusal: Refusal) -> None:
    error = refusal(payload, b"{}", f"application/json; charset={charset}")
    assert (error.code, error.status) == ("PGRST102", 400)


def test_a_form_has_no_more_than_so_many_fields(refusal: Refusal) -> None:
    form = "application/x-www-form-urlencoded"
    assert payload(b"a=1&" * MAX_PAIRS, form) == JsonPayload(b'{"a":"1"}', ("a",), True)
    assert refusal(payload, b"a=1&" * (MAX_PAIRS + 1), form).code == "PGRST102"


def test_charsets_that_clients_make_up_are_not_kept(refusal: Refusal) -> None:
    for charset in ("made-up", "utf--8..x", "U.T.F"):
        refusal(payload, b"{}", f"application/json; charset={charset}")
        assert charset.replace("-", "_").lower() not in encodings._cache


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"\xff", "text/csv"), (b"\x81\xff", "text/csv; charset=ascii"), (b"x", "application/json; charset=utf-16")],
)
def test_bodies_in_another_charset_than_they_say_are_refused(body: bytes, content_type: str, refusal: Refusal) -> None:
    assert refusal(payload, body, content_type).code == "PGRST102"
