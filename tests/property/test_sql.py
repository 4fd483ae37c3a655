"""No value of a request is ever SQL text, and requests of one shape share one text."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import orjson
from hypothesis import given
from hypothesis import strategies as st

from autorest.errors import Refused
from autorest.plan.model import CallPlan, MutatePlan, ReadPlan
from autorest.plan.planner import plan
from autorest.request.filters import parse_list
from autorest.request.model import InList, IsTest, JsonPayload
from autorest.request.query import parse_query, split_query
from autorest.request.request import RequestSettings, parse_request
from autorest.request.shape import split_ranges, split_shape
from autorest.sql.binding import Values
from autorest.sql.statement import Statement
from autorest.sql.writer import OPERATORS, TEXT_SEARCH
from autorest.template import Template
from tests.support.catalogs import CATALOG, Switches

#: Stands in every outside value, and in nothing that the gateway writes itself.
MARK = "Ω§"
values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10).map(
    lambda text: text + MARK
)
simple = st.sampled_from([*OPERATORS, *TEXT_SEARCH, "isdistinct"])
columns = st.sampled_from(["id", "title", "info->>a", "tags", "seen", "director_id"])


def in_quotes(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


operations = st.one_of(
    st.tuples(simple, values).map(lambda pair: f"{pair[0]}.{pair[1]}"),
    st.tuples(st.sampled_from(["eq", "like", "gt"]), st.sampled_from(["any", "all"]), values).map(
        lambda triple: f"{triple[0]}({triple[1]}).{triple[2]}"
    ),
    st.lists(values, min_size=1, max_size=3).map(lambda items: f"in.({','.join(map(in_quotes, items))})"),
    st.tuples(st.sampled_from(["fts", "wfts"]), values).map(lambda pair: f"{pair[0]}(english).{pair[1]}"),
)
filters = st.tuples(st.sampled_from(["", "directors."]), columns, st.sampled_from(["", "not."]), operations).map(
    lambda parts: (parts[0] + parts[1], parts[2] + parts[3])
)
trees = st.lists(st.tuples(columns, simple, values), min_size=1, max_size=3).map(
    lambda leaves: (
        "or",
        "(" + ",".join(f"{column}.{operator}.{in_quotes(value)}" for column, operator, value in leaves) + ")",
    )
)
json_keys = values.map(lambda key: ("order", f"info->{in_quotes(key)}.desc"))
numbers = st.integers(1, 10**6).map(str)
ranges = st.tuples(st.sampled_from(["limit", "offset", "directors.limit"]), numbers)
parameters = st.lists(st.one_of(filters, filters, trees, json_keys, ranges), max_size=5)
bodies = st.dictionaries(st.sampled_from(["id", "title", "info", "seen"]), values, min_size=1)


def encoded(given_parameters: list[tuple[str, str]]) -> bytes:
    pairs = [("select", "*,directors(name)"), *given_parameters]
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs).encode()


def template(method: str, path: bytes, query: bytes, body: bytes) -> tuple[Template, bytes]:
    """Plan and render a request; return its template and the body to bind."""
    prefer = [(b"prefer", b"return=representation,count=exact,missing=default")]
    request = parse_request(method, path, query, prefer, body, RequestSettings(("api",)))
    planned = plan(request, CATALOG, Switches())
    assert isinstance(planned, ReadPlan | MutatePlan | CallPlan)
    _, _, ranged = split_shape(split_query(query))
    made = Template.of(planned, request, ranged=ranged, max_rows=None, rollback_all=False, verbose=True)
    return made, request.payload.text if isinstance(request.payload, JsonPayload) else b""


def bound(made: Template, query: bytes, body: bytes) -> tuple[Statement, ...]:
    """Fill a template with the values of a request, as the gateway does."""
    split = split_query(query)
    _, tails, _ = split_shape(split)
    ranges: dict[Any, Any] = dict(split_ranges(split))
    return made.statements(Values(tails, ranges, body=body))


@given(parameters)
def test_no_value_of_a_read_is_sql_text(given_parameters: list[tuple[str, str]]) -> None:
    query = encoded(given_parameters)
    made, _ = template("GET", b"/films", query, b"")
    [statement] = bound(made, query, b"")
    assert MARK.encode() not in statement.text
    marked = sum(value.count(MARK) for name, value in given_parameters if name != "order")
    found = sum((parameter or b"").count(MARK.encode()) for parameter in statement.parameters)
    # A filter on the root or an embed is written once more in the SELECT that counts.
    assert found >= marked


@given(filters, bodies, st.sampled_from(["POST", "PATCH", "DELETE"]))
def test_no_value_of_a_write_is_sql_text(one: tuple[str, str], body: dict[str, str], method: str) -> None:
    query = encoded([one])
    made, text = template(method, b"/films", query, orjson.dumps(body))
    [statement] = bound(made, query, text)
    assert MARK.encode() not in statement.text
    if method != "DELETE":
        assert text in statement.parameters


#: What begins with an operator would be a filter.
arguments = values.map(lambda value: "=" + value)


@given(arguments, arguments)
def test_no_argument_is_sql_text(first: str, second: str) -> None:
    query = f"a={quote(first)}&b={quote(second)}".encode()
    made, _ = template("GET", b"/rpc/add", query, b"")
    [statement] = bound(made, query, b"")
    assert MARK.encode() not in statement.text
    assert statement.parameters[:2] == (first.encode(), second.encode())


@given(st.data(), parameters)
def test_a_template_serves_every_request_of_its_shape(
    data: st.DataObject, given_parameters: list[tuple[str, str]]
) -> None:
    def another(name: str, value: str) -> tuple[str, str]:
        last = name.rpartition(".")[2]
        if last in ("limit", "offset"):
            return name, data.draw(numbers)
        found = re.match(r"(?:not\.)?[a-z]+(?:\((?:any|all|english)\))?\.", value)
        if found is None:
            return name, value
        if found[0].removeprefix("not.") == "in.":
            return name, f"{found[0]}({','.join(map(in_quotes, data.draw(st.lists(values, min_size=1, max_size=3))))})"
        return name, found[0] + data.draw(values)

    first = encoded(given_parameters)
    second = encoded([another(name, value) for name, value in given_parameters])
    shapes = [split_shape(split_query(query))[0] for query in (first, second)]
    assert shapes[0] == shapes[1]
    shared, _ = template("GET", b"/films", first, b"")
    own, _ = template("GET", b"/films", second, b"")
    assert bound(shared, second, b"") == bound(own, second, b"")


#: Nearly what the grammar knows, for it must agree with the shape on everything.
operators = st.sampled_from(["", "eq", "fts", "plfts", "is", "in", "isdistinct", "cs", "x"])
modifiers = st.sampled_from(["", "(any)", "()", "(english)", "(a b)", "(²)", "(", " "])
rests = st.sampled_from([".", "..", ".(1,2)", ".(1,2)x", ". (1)", ".null", ".nullx", ".Ω", ""])
nearly = st.tuples(st.sampled_from(["", "not.", "not"]), operators, modifiers, rests).map("".join)
any_names = st.sampled_from(
    ["id", "a", "directors.id", "directors.select", "directors.columns", "x.on_conflict", "order.a"]
)


@given(st.lists(st.tuples(any_names, nearly), min_size=1, max_size=3), st.booleans())
def test_a_place_is_filled_with_what_was_parsed(given_parameters: list[tuple[str, str]], is_call_safe: bool) -> None:
    _, tails, _ = split_shape(given_parameters)
    try:
        query = parse_query(given_parameters, is_call_safe=is_call_safe)
    except Refused:
        return
    tests = [condition.test for _, condition in query.filters]
    lists = [test for test in tests if isinstance(test, InList)]
    assert all(test.source is not None and parse_list(tails[test.source]) == test.items for test in lists)
    operands = [test.operand for test in tests if not isinstance(test, InList | IsTest)]
    operands += [operand for _, operand in query.arguments]
    assert all(operand.source is not None and tails[operand.source] == operand.text for operand in operands)
