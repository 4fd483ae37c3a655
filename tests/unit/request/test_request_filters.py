"""Filters: operators, values, lists, and the trees of `and` and `or`."""

from __future__ import annotations

import pytest

from autorest.request.filters import parse_filter, parse_list, parse_logic, parse_operation
from autorest.request.model import (
    Comparison,
    Field,
    Filter,
    FullText,
    InList,
    IsDistinct,
    IsTest,
    JsonStep,
    Logic,
    Operand,
    Test,
)
from tests.unit.request.conftest import Refusal

OPERATORS = (
    *("eq", "gt", "gte", "lt", "lte", "neq", "like", "ilike", "match", "imatch"),
    *("cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"),
)


def operation(text: str) -> tuple[bool, Test] | None:
    return parse_operation(text, 7, subject="id")


def read(name: str, value: str) -> tuple[tuple[str, ...], Filter]:
    return parse_filter(name, value, parse_operation(value, 7, subject=name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(f"{name}.5", Comparison(name, Operand("5", 7))) for name in OPERATORS],
        ("eq.", Comparison("eq", Operand("", 7))),
        ("eq.a.b,(c)", Comparison("eq", Operand("a.b,(c)", 7))),
        ('eq."quoted"', Comparison("eq", Operand('"quoted"', 7))),
        ("eq.\nnew line ", Comparison("eq", Operand("\nnew line ", 7))),
        ("eq(any).{1,2}", Comparison("eq", Operand("{1,2}", 7), "any")),
        ("like(all).{a*,b*}", Comparison("like", Operand("{a*,b*}", 7), "all")),
        ("is.null", IsTest("null")),
        ("is.NULL", IsTest("null")),
        ("is.Not_Null", IsTest("not_null")),
        ("is.tRUE", IsTest("true")),
        ("is.false", IsTest("false")),
        ("is.unknown", IsTest("unknown")),
        ("isdistinct.3", IsDistinct(Operand("3", 7))),
        ("fts.cat & dog", FullText("fts", Operand("cat & dog", 7))),
        ("plfts(english).x", FullText("plfts", Operand("x", 7), "english")),
        ("phfts( my config ).x", FullText("phfts", Operand("x", 7), "my config")),
        ("wfts(français).x", FullText("wfts", Operand("x", 7), "français")),
    ],
)
def test_operations(text: str, expected: Test) -> None:
    assert operation(text) == (False, expected)
    assert operation(f"not.{text}") == (True, expected)


@pytest.mark.parametrize(
    ("text", "items", "source"),
    [
        ("in.(1,2,3)", ("1", "2", "3"), 7),
        ("in.()", (), 7),
        ("in.(  )", (), 7),
        ('in.("")', (), 7),
        ("in.(,)", ("", ""), 7),
        ("in.( a, b)", ("a", " b"), 7),
        ("in. (1) ", ("1",), 7),
        ('in.("a,b","c)d")', ("a,b", "c)d"), 7),
        (r'in.("Quote:\"","Backslash:\\")', ('Quote:"', "Backslash:\\"), 7),
        ('in.("a"b,c)', ('"a"b', "c"), 7),
        ('in.("open,c)', ('"open', "c"), 7),
        ("in.(\\)", ("\\",), 7),
        ("in.(國,棋)", ("國", "棋"), 7),
        ("in.(1,2)ignored", ("1", "2"), 7),
    ],
)
def test_lists(text: str, items: tuple[str, ...], source: int | None) -> None:
    assert operation(text) == (False, InList(items, source))


def test_a_list_can_be_read_on_its_own() -> None:
    assert parse_list('(1,"2,3")') == ("1", "2,3")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "eq",
        "noop.5",
        "eq().5",
        "eq(some).5",
        "neq(any).5",
        "is().null",
        "in().1",
        "fts().x",
        "fts(a-b).x",
        "EQ.5",
    ],
)
def test_what_begins_with_no_operator_is_no_operation(text: str) -> None:
    assert operation(text) is None


@pytest.mark.parametrize(
    "text",
    ["not.", "not.5", "not.not.eq.5", "in.5", "in.1,2", "in.(1,2", "in.", "is.nil", "is.", "is.ok", "not.is.nil"],
)
def test_operators_with_a_malformed_rest_are_refused(text: str, refusal: Refusal) -> None:
    assert refusal(operation, text).code == "PGRST100"


def test_values_without_operator_are_refused_with_help(refusal: Refusal) -> None:
    error = refusal(read, "id", "0")
    assert (error.code, error.status) == ("PGRST100", 400)
    assert "id=eq.0" in error.hint
    assert "ilike" in refusal(read, "name", "ilik.x").hint


@pytest.mark.parametrize(
    ("name", "path", "field"),
    [
        ("id", (), Field("id")),
        ("clients.projects.name", ("clients", "projects"), Field("name")),
        ('"information.cpe"', (), Field("information.cpe")),
        ('"a.b".c', ("a.b",), Field("c")),
        ("Unit Price", (), Field("Unit Price")),
        ("data->key", (), Field("data", (JsonStep(False, "key"),))),
        ("data->>key", (), Field("data", (JsonStep(True, "key"),))),
        ("data->0->>-1", (), Field("data", (JsonStep(False, "0", True), JsonStep(True, "-1", True)))),
        ("data->78xy", (), Field("data", (JsonStep(False, "78xy"),))),
        ("data->a-b->>!@#$%^&*_a", (), Field("data", (JsonStep(False, "a-b"), JsonStep(True, "!@#$%^&*_a")))),
        ('data->"a.b,(c)"', (), Field("data", (JsonStep(False, "a.b,(c)"),))),
        ("data-> key ", (), Field("data", (JsonStep(False, "key"),))),
        ("child.data->>key", ("child",), Field("data", (JsonStep(True, "key"),))),
        ("größe", (), Field("größe")),
        ("id)ignored", (), Field("id")),
    ],
)
def test_names_of_filters(name: str, path: tuple[str, ...], field: Field) -> None:
    assert read(name, "eq.1") == (path, Filter(field, Comparison("eq", Operand("1", 7))))


@pytest.mark.parametrize(
    "name", ["", ".", "a.", ".a", "a..b", "(a)", "data->", "data->>--34", "data->>-78xy", 'data->"x', "a-"]
)
def test_malformed_names_of_filters_are_refused(name: str, refusal: Refusal) -> None:
    assert refusal(read, name, "eq.1").code == "PGRST100"


def leaf(name: str, operator: str, value: str, negated: bool = False) -> Filter:
    return Filter(Field(name), Comparison(operator, Operand(value)), negated)


@pytest.mark.parametrize(
    ("name", "value", "path", "logic"),
    [
        ("or", "(id.eq.1,id.eq.2)", (), Logic("or", (leaf("id", "eq", "1"), leaf("id", "eq", "2")))),
        ("and", "(id.eq.1)", (), Logic("and", (leaf("id", "eq", "1"),))),
        ("not.or", "(id.eq.1)", (), Logic("or", (leaf("id", "eq", "1"),), True)),
        ("child.or", "(id.eq.1)", ("child",), Logic("or", (leaf("id", "eq", "1"),))),
        ("child.not.and", "(id.eq.1)", ("child",), Logic("and", (leaf("id", "eq", "1"),), True)),
        (
            "and",
            "(a.eq.1,or(b.gt.2,not.and(c.lt.3,d.not.eq.4)))",
            (),
            Logic(
                "and",
                (
                    leaf("a", "eq", "1"),
                    Logic(
                        "or",
                        (
                            leaf("b", "gt", "2"),
                            Logic("and", (leaf("c", "lt", "3"), leaf("d", "eq", "4", True)), True),
                        ),
                    ),
                ),
            ),
        ),
        (
            "or",
            " ( a.eq.1 , or ( b.eq.2 ) )",
            (),
            Logic("or", (leaf("a", "eq", "1 "), Logic("or", (leaf("b", "eq", "2 "),)))),
        ),
        ("or", '(a.eq."x,y)",b.eq.z)', (), Logic("or", (leaf("a", "eq", "x,y)"), leaf("b", "eq", "z")))),
        ("or", '(a.eq."x"y)', (), Logic("or", (leaf("a", "eq", '"x"y'),))),
        ("or", "(a.cs.{1,2},b.cd.{})", (), Logic("or", (leaf("a", "cs", "{1,2}"), leaf("b", "cd", "{}")))),
        ("or", "(a.eq.)", (), Logic("or", (leaf("a", "eq", ""),))),
        ("or", "(and.eq.1,not.eq.2)", (), Logic("or", (leaf("and", "eq", "1"), leaf("not", "eq", "2")))),
        ("or", "(a.eq.1)ignored", (), Logic("or", (leaf("a", "eq", "1"),))),
        ("or", '(a.in.(1,"2,3"))', (), Logic("or", (Filter(Field("a"), InList(("1", "2,3"))),))),
        ("or", "(a.not.is.null)", (), Logic("or", (Filter(Field("a"), IsTest("null"), True),))),
        ("or", "(a.fts(en).x)", (), Logic("or", (Filter(Field("a"), FullText("fts", Operand("x"), "en")),))),
        (
            "or",
            "(d->>a.eq.1,d->-1.eq.2)",
            (),
            Logic(
                "or",
                (
                    Filter(Field("d", (JsonStep(True, "a"),)), Comparison("eq", Operand("1"))),
                    Filter(Field("d", (JsonStep(False, "-1", True),)), Comparison("eq", Operand("2"))),
                ),
            ),
        ),
    ],
)
def test_logic(name: str, value: str, path: tuple[str, ...], logic: Logic) -> None:
    assert parse_logic(name, value) == (path, logic)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "()",
        ")(",
        "(",
        "(a.eq.1",
        "(a.eq.1,)",
        "(a)",
        "(a.5)",
        "(id.in.1,2,id.eq.3)",
        "(ord(id.eq.1,id.eq.1),id.eq.2)",
        "(id.eq.1,not.xor(id.eq.2,id.eq.3))",
        "(id.is.null )",
        "(id.is.nope)",
        "(id.not.not.eq.1)",
        "(not.id.eq.1)",
        "id.eq.1",
    ],
)
def test_malformed_logic_is_refused(value: str, refusal: Refusal) -> None:
    error = refusal(parse_logic, "or", value)
    assert (error.code, error.status) == ("PGRST100", 400)


@pytest.mark.parametrize("name", ['"open.or', "(x).or", ".or"])
def test_malformed_names_of_logic_are_refused(name: str, refusal: Refusal) -> None:
    assert refusal(parse_logic, name, "(id.eq.1)").code == "PGRST100"
