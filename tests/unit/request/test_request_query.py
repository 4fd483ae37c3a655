"""Whole query strings, and their limits."""

from __future__ import annotations

import pytest

from autorest.request.limits import MAX_DEPTH, MAX_ITEMS, MAX_PARAMETERS, MAX_QUERY_LENGTH, MAX_STRUCTURE
from autorest.request.model import (
    Comparison,
    Field,
    Filter,
    FullText,
    InList,
    IsDistinct,
    Logic,
    Operand,
    OrderTerm,
    Query,
    Range,
    SelectField,
)
from autorest.request.query import canonical, parse_query, split_query
from tests.unit.request.conftest import Refusal


def query(text: str | bytes, is_call_safe: bool = False) -> Query:
    raw = text if isinstance(text, bytes) else text.encode()
    return parse_query(split_query(raw), is_call_safe=is_call_safe)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (b"", ()),
        (b"a=1&b=2", (("a", "1"), ("b", "2"))),
        (b"a=1;b=2", (("a", "1"), ("b", "2"))),
        (b"a", (("a", None),)),
        (b"a=", (("a", ""),)),
        (b"=a", (("", "a"),)),
        (b"a==b=c", (("a", "=b=c"),)),
        (b"a=1&", (("a", "1"),)),
        (b"a=1&&b=2", (("a", "1"), ("", None), ("b", "2"))),
        (b"&", (("", None),)),
        (b"a+b=c+d", (("a b", "c d"),)),
        (b"a=%2B%20%26%3D%3b", (("a", "+ &=;"),)),
        (b"k=%E5%9C%8B", (("k", "國"),)),
        (b"k=%c3%a9", (("k", "é"),)),
        ("k=é".encode(), (("k", "é"),)),
        (b"a=100%&b=%4&c=%zz%41", (("a", "100%"), ("b", "%4"), ("c", "%zzA"))),
        (b"?a=1", (("?a", "1"),)),
    ],
)
def test_splitting(text: bytes, parameters: tuple[tuple[str, str | None], ...]) -> None:
    assert split_query(text) == parameters


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        (b"a=%FF", "PGRST100", 400),
        (b"a=\xff", "PGRST100", 400),
        (b"%C3=1", "PGRST100", 400),
        (b"a=%ED%A0%80", "PGRST100", 400),
        (b"a=%00", "22021", 400),
        (b"%00=1", "22021", 400),
        (b"a=" + b"x" * MAX_QUERY_LENGTH, "PGRST100", 414),
        (b"a&" * (MAX_PARAMETERS + 1), "PGRST100", 400),
        (b";" * (MAX_PARAMETERS + 2), "PGRST100", 400),
    ],
)
def test_query_strings_that_are_refused(text: bytes, code: str, status: int, refusal: Refusal) -> None:
    error = refusal(split_query, text)
    assert (error.code, error.status) == (code, status)


@pytest.mark.parametrize("name", ["select", "order", "or", "a.and", "columns", "x"])
def test_what_is_no_value_is_bounded(name: str, refusal: Refusal) -> None:
    text = "&".join([f"{name}=" + "x" * (MAX_STRUCTURE // 2)] * 3)
    error = refusal(parse_query, split_query(text.encode()), is_call_safe=False)
    assert (error.code, error.status) == ("PGRST100", 400 if name == "x" else 414)
    error = refusal(parse_query, split_query(("x" * (MAX_STRUCTURE + 1) + "=eq.1").encode()), is_call_safe=False)
    assert error.status == 414


def test_the_longest_query_string_is_taken() -> None:
    assert len(split_query(b"a&" * MAX_PARAMETERS)) == MAX_PARAMETERS
    assert split_query(b"a=" + b"x" * (MAX_QUERY_LENGTH - 2))[0][0] == "a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("a=1&c=3&b=2&d", "a=1&b=2&c=3&d="),
        ("select=*,x(y)", "select=%2A%2Cx%28y%29"),
        ("id=gt.2&name=x&id=lt.5", "id=gt.2,lt.5&name=x"),
        ("name=eq.entity+1", "name=eq.entity%201"),
        ("a=-_.~Az09", "a=-_.~Az09"),
        ("a=/?:@!$'\"<>|%5C%5E%60{}[]%25", "a=%2F%3F%3A%40%21%24%27%22%3C%3E%7C%5C%5E%60%7B%7D%5B%5D%25"),
        ("b.x=1&b=2&B=3", "B=3&b=2&b.x=1"),
        ("&a=1", "=&a=1"),
        ("k=eq.%E5%9C%8D%E6%A3%8B", "k=eq.%C3%A5%C2%9C%C2%8D%C3%A6%C2%A3%C2%8B"),
    ],
)
def test_canonical_form(text: str, expected: str) -> None:
    assert canonical(split_query(text.encode())) == expected


def test_no_query_asks_for_everything() -> None:
    assert query("") == Query()
    assert Query().select == (SelectField(Field("*")),)


def test_a_whole_query() -> None:
    assert query(
        "select=id&id=gte.10&child.name=in.(a,b)&or=(a.eq.1)&order=id.desc&child.order=x"
        "&limit=5&offset=2&child.limit=1&columns=b,a,b&on_conflict=y,x"
    ) == Query(
        select=(SelectField(Field("id")),),
        filters=(
            ((), Filter(Field("id"), Comparison("gte", Operand("10", 1)))),
            (("child",), Filter(Field("name"), InList(("a", "b"), 2))),
        ),
        logic=(((), Logic("or", (Filter(Field("a"), Comparison("eq", Operand("1"))),))),),
        order=(((), (OrderTerm(Field("id"), "desc"),)), (("child",), (OrderTerm(Field("x")),))),
        ranges=(((), Range(2, 5)), (("child",), Range(0, 1))),
        columns=("a", "b"),
        on_conflict=("y", "x"),
        filter_names=frozenset(("id", "child.name")),
        canonical="child.limit=1&child.name=in.%28a%2Cb%29&child.order=x&columns=b%2Ca%2Cb&id=gte.10&limit=5"
        "&offset=2&on_conflict=y%2Cx&or=%28a.eq.1%29&order=id.desc&select=id",
    )


def test_sources_point_at_the_parameter_that_ends_in_the_operand() -> None:
    text = "x&a=eq.1&b=not.like(any).{p*}&c=in.(1,2)&d=plfts(english).q&e=isdistinct.z"
    parameters = split_query(text.encode())
    for _, found in parse_query(parameters, is_call_safe=False).filters:
        match found.test:
            case InList(items, source):
                ending = f"({','.join(items)})"
            case Comparison(operand=operand) | FullText(operand=operand) | IsDistinct(operand=operand):
                ending, source = operand
            case test:
                pytest.fail(f"{test} has no operand")
        assert source is not None
        assert (parameters[source][1] or "").endswith(ending)


def test_parameters_without_value_are_ignored() -> None:
    assert query("id&select&order&limit&or&columns") == Query(canonical="columns=&id=&limit=&or=&order=&select=")


def test_of_lists_the_first_counts_and_of_ranges_the_last() -> None:
    asked = query("select=a&select=b&columns=c&columns=d&limit=1&limit=2&offset=3&offset=4")
    assert asked.select == (SelectField(Field("a")),)
    assert asked.columns == ("c",)
    assert asked.ranges == (((), Range(4, 2)),)
    assert query("select&select=b").select == Query().select


def test_empty_lists() -> None:
    assert query("select=").select == ()


def test_reserved_words_elsewhere_are_names() -> None:
    asked = query('"a.order"=eq.1&select.x=eq.2&x.select=eq.3&data->>limit=eq.4')
    assert [(path, found.field.name) for path, found in asked.filters] == [
        ((), "a.order"),
        (("select",), "x"),
        (("x",), "select"),
        ((), "data"),
    ]


@pytest.mark.parametrize(
    "text",
    ["id=0", "=eq.1", "id=noop.1", "order=", "columns=", "on_conflict=", "or=", ".limit=1", "(x).offset=1", "a.or=x"],
)
def test_malformed_queries_are_refused(text: str, refusal: Refusal) -> None:
    error = refusal(query, text)
    assert (error.code, error.status) == ("PGRST100", 400)


def test_arguments_of_a_function_called_by_get() -> None:
    asked = query("name=John&id=eq.1&x=in&y=eqx.5&a.b=3&name=again&e=", is_call_safe=True)
    assert asked.arguments == (
        ("name", Operand("John", 0)),
        ("x", Operand("in", 2)),
        ("y", Operand("eqx.5", 3)),
        ("b", Operand("3", 4)),
        ("name", Operand("again", 5)),
        ("e", Operand("", 6)),
    )
    assert [found.field.name for _, found in asked.filters] == ["id"]
    assert asked.filter_names == {"name", "id", "x", "y", "a.b", "e"}


@pytest.mark.parametrize("text", ["a=not.x", "a=in.5", "a=is.x", "(a)=5"])
def test_arguments_that_begin_like_filters_are_refused(text: str, refusal: Refusal) -> None:
    assert refusal(query, text, is_call_safe=True).code == "PGRST100"


def test_depth_is_limited(refusal: Refusal) -> None:
    def embeds(depth: int) -> str:
        return "select=" + "a(" * depth + "id" + ")" * depth

    def trees(depth: int) -> str:
        return "and=" + "(and" * (depth - 1) + "(id.eq.1)" + ")" * (depth - 1)

    def paths(depth: int) -> str:
        return "a" + "->b" * depth + "=eq.1"

    def embed_paths(depth: int) -> str:
        return "a." * depth + "b=eq.1"

    for text in (embeds, trees, paths, embed_paths):
        assert query(text(MAX_DEPTH))
        assert refusal(query, text(MAX_DEPTH + 1)).code == "PGRST100"
        assert refusal(query, text(40_000)).code == "PGRST100"


@pytest.mark.parametrize(
    "text",
    [
        "select=" + "a," * MAX_ITEMS + "a",
        "select=" + "a()," * MAX_ITEMS + "a()",
        "order=" + "a," * MAX_ITEMS + "a",
        "columns=" + "a," * MAX_ITEMS + "a",
        "or=(" + "a.eq.1," * MAX_ITEMS + "a.eq.1)",
    ],
)
def test_numbers_of_items_are_limited(text: str, refusal: Refusal) -> None:
    error = refusal(query, text)
    assert (error.code, error.status) == ("PGRST100", 400)
    assert str(MAX_ITEMS) in error.message


def test_lists_of_values_are_not_limited_but_by_length() -> None:
    values = [str(number) for number in range(20_000)]
    ((_, found),) = query(f"id=in.({','.join(values)})").filters
    assert isinstance(found.test, InList)
    assert found.test.items == tuple(values)


@pytest.mark.parametrize(
    "text",
    [
        "id=in.(" + '"' * 200_000,
        "id=in.(" + '"a\\' * 60_000,
        "id=in.(" + '"\\",' * 40_000,
        "or=(a.eq." + '"' * 200_000,
        "or=(a.eq." + "{" * 200_000,
        "select=id," + "-a" * 100_000,
        "select=" + "a-" * 100_000,
        "select=" + '"\\' * 100_000,
        "select=" + " " * 200_000,
        "order=" + "(" * 200_000,
        "id=" + "eq(" * 60_000,
        "limit=" + "(" * 200_000,
        "limit=" + "-" * 200_000,
        "limit=" + "9" * 200_000,
        "." * 200_000 + "=eq.1",
    ],
)
def test_texts_made_to_hurt_are_answered_at_once(text: str, refusal: Refusal) -> None:
    # Quadratic work on any of these would take minutes: the suite would not finish.
    if text.startswith("limit"):
        assert query(text).ranges[0][0] == ()
    else:
        assert refusal(query, text).code == "PGRST100"
