"""What is written down comes back as it was meant, and no text at all does harm.

The renderer below is the grammar read backwards: from the values of the model to a query string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st

from autorest.catalog.model import QualifiedName
from autorest.errors import Refused
from autorest.request.filters import parse_list, parse_logic, parse_operation
from autorest.request.media_types import CSV, parse_accept, parse_media_type, render_media_type
from autorest.request.model import (
    Action,
    Comparison,
    Condition,
    EmbedPath,
    Field,
    Filter,
    FullText,
    InList,
    IsDistinct,
    IsTest,
    JsonStep,
    Logic,
    MediaType,
    Operand,
    OrderTerm,
    Query,
    Range,
    SelectField,
    SelectItem,
    SelectRelation,
    Test,
)
from autorest.request.order import parse_order
from autorest.request.payload import parse_payload, parse_rows
from autorest.request.percent import percent_decoded
from autorest.request.preconditions import Tags, parse_tags
from autorest.request.preferences import parse_preferences
from autorest.request.query import canonical, parse_query, split_query
from autorest.request.request import RequestSettings, parse_request
from autorest.request.select import parse_select

T = TypeVar("T")


def built(kind: Callable[..., T], *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[T]:
    """Like st.builds, but arguments that have a default keep it."""
    return st.tuples(*parts).map(lambda values: kind(*values))


# --- values ---------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
plain_names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
names = st.one_of(plain_names, plain_names, text)
types = st.sampled_from(["text", "int", "double precision", "my_type", "größe"])
keys = built(JsonStep, st.booleans(), names)
indexes = built(JsonStep, st.booleans(), st.integers(-99, 99).map(str), st.just(True))
paths = st.lists(st.one_of(keys, indexes), max_size=3).map(tuple)
paths_to_keys = built(lambda path, key: (*path, *key), paths, st.lists(keys, min_size=1, max_size=1)) | st.just(())
fields = built(Field, names, paths)
embed_paths = st.lists(names, max_size=2).map(tuple)

operands = text.map(Operand)
tests: st.SearchStrategy[Test] = st.one_of(
    built(Comparison, st.sampled_from(["neq", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"]), operands),
    built(
        Comparison,
        st.sampled_from(["eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch"]),
        operands,
        st.sampled_from([None, "any", "all"]),
    ),
    built(IsTest, st.sampled_from(["null", "not_null", "true", "false", "unknown"])),
    built(IsDistinct, operands),
    built(InList, st.lists(text, max_size=4).map(tuple).filter(lambda items: items != ("",))),
    built(
        FullText, st.sampled_from(["fts", "plfts", "phfts", "wfts"]), operands, st.none() | plain_names | st.just("a b")
    ),
)
filters = built(Filter, fields, tests, st.booleans())
connectives = st.sampled_from(["and", "or"])


def logic_of(conditions: st.SearchStrategy[Condition]) -> st.SearchStrategy[Logic]:
    return built(Logic, connectives, st.lists(conditions, min_size=1, max_size=3).map(tuple), st.booleans())


conditions: st.SearchStrategy[Condition] = st.recursive(filters, logic_of, max_leaves=6)
logic = logic_of(conditions)

aggregates = st.sampled_from(["sum", "avg", "count", "max", "min"])


def select_fields(paths: st.SearchStrategy[tuple[JsonStep, ...]]) -> st.SearchStrategy[SelectField]:
    field = built(Field, names, paths)
    alias, cast = st.none() | names, st.none() | types
    return st.one_of(
        st.just(SelectField(Field("*"))),
        built(SelectField, st.just(Field("*")), alias, st.none(), st.just("count"), cast),
        built(SelectField, field, alias, cast),
        built(SelectField, field, alias, cast, aggregates, cast),
    )


relation_names = names.filter(lambda name: name != "count")


def relations_of(children: st.SearchStrategy[SelectItem]) -> st.SearchStrategy[SelectItem]:
    below = st.lists(children, max_size=3).map(tuple)
    hint, join = st.none() | names, st.sampled_from([None, "inner", "left"])
    return built(SelectRelation, relation_names, below, st.none() | names, hint, join) | built(
        SelectRelation, relation_names, below, st.none(), hint, join, st.just(True)
    )


# Before a closing parenthesis a number is read as a key: no index stands at the end there.
embedded: st.SearchStrategy[SelectItem] = st.recursive(select_fields(paths_to_keys), relations_of, max_leaves=5)
items = st.lists(select_fields(paths) | relations_of(embedded), max_size=4).map(tuple)

directions, nulls = st.sampled_from([None, "asc", "desc"]), st.sampled_from([None, "first", "last"])
terms = st.lists(
    built(OrderTerm, fields, directions, nulls)
    | built(OrderTerm, built(Field, names, paths_to_keys), directions, nulls, names),
    min_size=1,
    max_size=3,
).map(tuple)

# --- the renderer ---------------------------------------------------------------------------------

BARE = re.compile(r"[a-z_][a-z0-9_]*")
WORDS_OF_PARAMETERS = {"select", "columns", "on_conflict", "order", "limit", "offset", "and", "or"}


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def name_text(name: str) -> str:
    return name if BARE.fullmatch(name) and name not in WORDS_OF_PARAMETERS else quoted(name)


def step_text(step: JsonStep) -> str:
    return ("->>" if step.as_text else "->") + (step.key if step.is_index else name_text(step.key))


def field_text(field: Field) -> str:
    return name_text(field.name) + "".join(map(step_text, field.path))


def value_text(value: str) -> str:
    return value if BARE.fullmatch(value) else quoted(value)


def list_text(values: tuple[str, ...]) -> str:
    return "(" + ",".join(map(value_text, values)) + ")"


def test_text(test: Test, in_logic: bool) -> str:
    render = value_text if in_logic else str
    match test:
        case Comparison(operator, operand, quantifier):
            return f"{operator}{f'({quantifier})' if quantifier else ''}.{render(operand.text)}"
        case IsTest(value):
            return f"is.{value}"
        case IsDistinct(operand):
            return f"isdistinct.{render(operand.text)}"
        case InList(values):
            return f"in.{list_text(values)}"
        case FullText(operator, operand, language):
            return f"{operator}{f'({language})' if language else ''}.{render(operand.text)}"


# The name begins with test_, but it renders.
test_text.__test__ = False  # type: ignore[attr-defined]


def operation_text(found: Filter, in_logic: bool = False) -> str:
    return ("not." if found.negated else "") + test_text(found.test, in_logic)


def condition_text(condition: Condition) -> str:
    match condition:
        case Filter():
            return f"{field_text(condition.field)}.{operation_text(condition, in_logic=True)}"
        case Logic(connective, children, negated):
            return f"{'not.' if negated else ''}{connective}({','.join(map(condition_text, children))})"


def alias_text(alias: str | None) -> str:
    return "" if alias is None else f"{name_text(alias)}:"


def cast_text(cast: str | None) -> str:
    return "" if cast is None else f"::{cast}"


def item_text(item: SelectItem) -> str:
    match item:
        case SelectField(Field("*"), alias, None, "count", cast):
            return f"{alias_text(alias)}count(){cast_text(cast)}"
        case SelectField(Field("*", ()), None, None, None, None):
            return "*"
        case SelectField(field, alias, cast, aggregate, aggregate_cast):
            suffix = f".{aggregate}()" if aggregate else ""
            return alias_text(alias) + field_text(field) + cast_text(cast) + suffix + cast_text(aggregate_cast)
        case SelectRelation(name, children, alias, hint, join, spread):
            return (
                ("..." if spread else alias_text(alias))
                + name_text(name)
                + ("" if hint is None else f"!{quoted(hint)}")
                + ("" if join is None else f"!{join}")
                + f"({','.join(map(item_text, children))})"
            )


def term_text(term: OrderTerm) -> str:
    field = field_text(term.field)
    return (
        (field if term.relation is None else f"{name_text(term.relation)}({field})")
        + (f".{term.direction}" if term.direction else "")
        + (f".nulls{term.nulls}" if term.nulls else "")
    )


def key_text(path: EmbedPath, last: str) -> str:
    return ".".join([*map(name_text, path), last])


def encoded(parameters: list[tuple[str, str]]) -> bytes:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters).encode()


# --- what is written comes back -------------------------------------------------------------------


@given(items)
def test_select_round_trips(items: tuple[SelectItem, ...]) -> None:
    # Outside of quotes the name * is no column, but everything.
    assert parse_select(",".join(map(item_text, items))) == items


@given(terms)
def test_order_round_trips(terms: tuple[OrderTerm, ...]) -> None:
    assert parse_order("order", ",".join(map(term_text, terms))) == ((), terms)


@given(logic, embed_paths.filter(lambda path: "not" not in path))
def test_logic_round_trips(logic: Logic, path: EmbedPath) -> None:
    key = key_text(path, f"not.{logic.connective}" if logic.negated else logic.connective)
    value = "(" + ",".join(map(condition_text, logic.children)) + ")"
    assert parse_logic(key, value) == (path, logic)


@given(filters)
def test_operations_round_trip(expected: Filter) -> None:
    assert parse_operation(operation_text(expected), None, subject="x") == (expected.negated, expected.test)


@given(st.lists(text).map(tuple).filter(lambda values: values != ("",)))
def test_lists_round_trip(values: tuple[str, ...]) -> None:
    assert parse_list(list_text(values)) == values


def sourced(found: Filter, index: int) -> Filter:
    match found.test:
        case Comparison(operator, operand, quantifier):
            return Filter(found.field, Comparison(operator, Operand(operand.text, index), quantifier), found.negated)
        case IsDistinct(operand):
            return Filter(found.field, IsDistinct(Operand(operand.text, index)), found.negated)
        case InList(values):
            return Filter(found.field, InList(values, index), found.negated)
        case FullText(operator, operand, language):
            return Filter(found.field, FullText(operator, Operand(operand.text, index), language), found.negated)
        case _:
            return found


@given(
    items,
    st.lists(st.tuples(embed_paths, filters), max_size=3),
    st.dictionaries(embed_paths, terms, max_size=2),
    st.dictionaries(embed_paths, built(Range, st.integers(-5, 10**18), st.integers(-5, 10**18)), max_size=2),
    st.none() | st.lists(names, min_size=1).map(tuple),
    st.none() | st.lists(names, min_size=1).map(tuple),
)
def test_queries_round_trip(
    items: tuple[SelectItem, ...],
    filters: list[tuple[EmbedPath, Filter]],
    order: dict[EmbedPath, tuple[OrderTerm, ...]],
    ranges: dict[EmbedPath, Range],
    columns: tuple[str, ...] | None,
    on_conflict: tuple[str, ...] | None,
) -> None:
    named = [(key_text(path, field_text(found.field)), found) for path, found in filters]
    parameters = [(key, operation_text(found)) for key, found in named]
    parameters.append(("select", ",".join(map(item_text, items))))
    parameters += [(key_text(path, "order"), ",".join(map(term_text, terms))) for path, terms in order.items()]
    for path, rows in ranges.items():
        parameters += [(key_text(path, "limit"), str(rows.limit)), (key_text(path, "offset"), str(rows.offset))]
    if columns is not None:
        parameters.append(("columns", ",".join(map(name_text, columns))))
    if on_conflict is not None:
        parameters.append(("on_conflict", ",".join(map(name_text, on_conflict))))

    split = split_query(encoded(parameters))
    assert list(split) == parameters
    assert parse_query(split, is_call_safe=False) == Query(
        select=items,
        filters=tuple((path, sourced(found, index)) for index, (path, found) in enumerate(filters)),
        order=tuple(order.items()),
        ranges=tuple(ranges.items()),
        columns=None if columns is None else tuple(sorted(set(columns))),
        on_conflict=on_conflict,
        filter_names=frozenset(key for key, _ in named),
        canonical=canonical(split),
    )


@given(st.dictionaries(st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1), text, max_size=5))
def test_the_canonical_form_means_the_same_in_the_order_of_names(parameters: dict[str, str]) -> None:
    ascii_only = {name: value.encode("ascii", "ignore").decode() for name, value in parameters.items()}
    form = canonical(tuple(ascii_only.items()))
    assert split_query(form.encode()) == tuple(sorted(ascii_only.items()))


@given(
    st.sampled_from(["*/*", "text/csv", "application/json", "application/vnd.pgrst.plan+text"]),
    st.dictionaries(
        st.from_regex(r"[a-z0-9-]{1,9}", fullmatch=True),
        st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"])),
    ),
)
def test_media_types_round_trip(essence: str, parameters: dict[str, str]) -> None:
    expected = MediaType(essence, tuple(parameters.items()))
    assert parse_media_type(render_media_type(expected)) == expected


@given(st.from_regex(r"[a-zA-Z0-9]{1,5}/x[a-zA-Z0-9+.-]{0,9}(; ?[a-z]=[a-zA-Z\"]{0,3})?", fullmatch=True))
def test_other_media_types_are_what_is_written(text: str) -> None:
    assert parse_media_type(f" {text} ") == MediaType(text)


@given(st.lists(plain_names, min_size=1, max_size=4, unique=True), st.data())
def test_csv_round_trips(header: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(text, min_size=len(header), max_size=len(header)), min_size=1))
    lines = [",".join(header), *(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in rows)]
    read = parse_rows("\r\n".join(lines).encode(), CSV, None)
    kept = [row for row in rows if row != [""]]
    assert json.loads(read.text) == [
        {name: None if cell == "NULL" else cell for name, cell in zip(header, row, strict=True)} for row in kept
    ]


# --- no text does harm ----------------------------------------------------------------------------

PIECES = [
    *("id", "name", "a b", "data", '"', '"x"', '"a,b"', '"q\\"z"', "\\", "->", "->>", "-", "0", "12", "-3", ",", "."),
    *("(", ")", "*", "count", "count()", ".sum()", "::", "::text", ":", "...", "!", "!inner", "!left", " ", "\t"),
    *("not.", "and(", "or(", "eq.", ".eq.", ".in.(", "in.(1,2)", "is.", ".is.null", "fts(english).", "eq(any)."),
    *(
        "{1,2}",
        "{",
        "}",
        ".desc",
        ".nullsfirst",
        "é",
        "²",
        "ि",
        "٣",
        "\n",
        "\u00a0",
        "\x85",
        "K",
        "=",
        "&",
        ";",
        "%",
        "+",
    ),
    *(
        "select=",
        "order=",
        "limit=",
        "offset=",
        "columns=",
        "on_conflict=",
        "and=",
        "or=",
        "child.",
        "&select=",
        "&id=",
    ),
]
grammatical = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
query_strings = st.one_of(st.binary(max_size=60), grammatical.map(str.encode), grammatical.map(quote).map(str.encode))
json_pieces = st.lists(
    st.sampled_from(
        ["{", "}", "[", "]", '"a"', '"b"', ":", ",", "1", "1e400", "null", '"\\ud800"', "\0", "é", " ", "NaN"]
    ),
    max_size=14,
).map(lambda pieces: "".join(pieces).encode())
header_names = st.sampled_from(
    [
        b"accept",
        b"content-type",
        b"prefer",
        b"range",
        b"cookie",
        b"accept-profile",
        b"content-profile",
        b"Accept",
        b"x-y",
    ]
)
header_values = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            *(b"application/json", b"text/csv", b"text/plain", b"application/x-www-form-urlencoded", b"text/xml"),
            *(b"text/csv;charset=latin-1", b"application/json; charset=utf-16", b"application/octet-stream"),
            *(b"return=minimal, tx=rollback, max-affected=3", b"*/*;q=0.5, text/csv;q=x", b"0-9", b"9-0", b"api"),
        ]
    ),
)


def answers(call: object) -> None:
    """Call; whatever is refused is refused as the client's doing."""
    try:
        call()  # type: ignore[operator]
    except Refused as refused:
        assert 400 <= refused.error.status < 500
        assert refused.error.message


@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", ""]),
    st.one_of(st.binary(max_size=20), st.sampled_from([b"/", b"/todos", b"/rpc/f"])),
    query_strings,
    st.lists(st.tuples(header_names, header_values), max_size=5),
    st.one_of(st.binary(max_size=60), json_pieces, grammatical.map(str.encode)),
    st.sampled_from(
        [
            RequestSettings(("api",)),
            RequestSettings(("v1", "api"), True, False, QualifiedName("v1", "root")),
            RequestSettings(("api",), False, True),
        ]
    ),
)
def test_every_request_is_read_or_refused(
    method: str,
    path: bytes,
    query_string: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    settings: RequestSettings,
) -> None:
    answers(lambda: parse_request(method, path, query_string, headers, body, settings))


@given(query_strings, st.booleans())
def test_every_query_string_is_read_or_refused(query_string: bytes, is_call_safe: bool) -> None:
    answers(lambda: parse_query(split_query(query_string), is_call_safe=is_call_safe))


@given(
    st.binary() | json_pieces,
    st.sampled_from(["application/json", "text/csv", "application/x-www-form-urlencoded", "text/plain"]),
    st.none()
    | st.text(max_size=12)
    | st.sampled_from(["utf-7", "utf-16", "latin-1", "big5", "idna", "hex", "utf-8-sig"]),
    st.sampled_from(Action),
    st.none() | st.just(("a",)),
)
def test_every_body_is_read_or_refused(
    body: bytes, essence: str, charset: str | None, action: Action, columns: tuple[str, ...] | None
) -> None:
    parameters = () if charset is None else (("charset", charset),)
    answers(lambda: parse_payload(body, MediaType(essence, parameters), action, columns))


@given(st.text(), st.booleans())
def test_every_header_is_read(value: str, allow: bool) -> None:
    assert parse_preferences([value], allow_transaction_override=allow) is not None
    assert len(parse_accept(value)) == (value.count(",") + 1 if value else 0)
    assert parse_media_type(value) == parse_media_type(f" {value} ")


# --- entity tags ----------------------------------------------------------------------------------

tag_bytes = st.binary(max_size=12).map(
    lambda some: bytes(b for b in some if b == 0x21 or 0x23 <= b <= 0x7E or b > 0x7F)
)
blanks = st.sampled_from([b"", b" ", b"\t", b"  "])


@given(
    st.lists(st.tuples(tag_bytes, st.booleans(), blanks, blanks), max_size=6), st.sampled_from([b",", b",,", b", ,"])
)
def test_a_list_of_tags_is_read_as_it_was_meant(meant: list[tuple[bytes, bool, bytes, bytes]], comma: bytes) -> None:
    written = comma.join(
        b'%b%b"%b"%b' % (before, b"W/" if weak else b"", tag, after) for tag, weak, before, after in meant
    )
    assert parse_tags(written) == Tags(
        False,
        frozenset(tag for tag, weak, _, _ in meant if not weak),
        frozenset(tag for tag, weak, _, _ in meant if weak),
    )


@given(
    st.lists(st.sampled_from([b'"', b"W/", b",", b" ", b"*", b"a", b"\xff", b"\\"]) | st.binary(max_size=3)).map(
        b"".join
    )
)
def test_any_header_is_a_list_of_tags_or_of_none(value: bytes) -> None:
    found = parse_tags(value)
    assert found.anything == (value.strip(b" \t") == b"*")
    for tag in found.strong | found.weak:
        assert b'"' + tag + b'"' in value and b'"' not in tag


@given(
    st.integers(0, 4) | st.integers(65_530, 65_540),
    st.lists(st.sampled_from([b"%", b"2", b"f", b"F", b"g", b"%20", b"%%", b"\xff"])).map(b"".join),
)
def test_what_is_percent_encoded_is_decoded_once(before: int, text: bytes) -> None:
    text = b"x" * before + text
    assert percent_decoded(text) == unquote_to_bytes(text)
