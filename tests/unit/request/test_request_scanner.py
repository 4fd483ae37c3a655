"""The cursor that reads names, and numbers."""

from __future__ import annotations

import pytest

from autorest.request.limits import MAX_DIGITS
from autorest.request.scanner import Cursor, integer
from tests.unit.request.conftest import Refusal


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("id", "id", ""),
        ("identifier with spaces", "identifier with spaces", ""),
        (" no spaces around ", "no spaces around", ""),
        ("with-dashes-in", "with-dashes-in", ""),
        ("a - b", "a-b", ""),
        ("123", "123", ""),
        ("_", "_", ""),
        ("$", "$", ""),
        ("id.eq", "id", ".eq"),
        ("data->key", "data", "->key"),
        ("data->>key", "data", "->>key"),
        ("a-b->c", "a-b", "->c"),
        ('":"', ":", ""),
        ('" kept "', " kept ", ""),
        (r'"quote \" and backslash \\"', 'quote " and backslash \\', ""),
        (r'"any \character"', "any character", ""),
        ('"two\nlines"rest', "two\nlines", "rest"),
        ('""', "", ""),
        ("größe", "größe", ""),
        ("國棋,x", "國棋", ",x"),
        ("موارد", "موارد", ""),
        ("x²", "x", "²"),
        ("a\tb", "a", "\tb"),
    ],
)
def test_names_end_where_the_grammar_says(text: str, name: str, rest: str) -> None:
    cursor = Cursor(text, "The text")
    assert cursor.name() == name
    assert text[cursor.position :] == rest


@pytest.mark.parametrize("text", ["", ":", ".", "*", "(", ",", "²", "\t", "ि"])
def test_no_name_begins_here(text: str) -> None:
    cursor = Cursor(text, "The text")
    assert cursor.maybe_name() is None
    assert cursor.position == 0


@pytest.mark.parametrize("text", ['"open', '"open \\"', "a-", "a--b", "a-,b", "a-²"])
def test_names_that_begin_and_do_not_end_are_refused(text: str, refusal: Refusal) -> None:
    error = refusal(Cursor(text, "The text").maybe_name)
    assert (error.code, error.status) == ("PGRST100", 400)


def test_errors_say_where_what_and_in_which_text(refusal: Refusal) -> None:
    cursor = Cursor("name[]", "The parameter", "select", 4)
    error = refusal(lambda: (_ for _ in ()).throw(cursor.refuse("a comma")))
    assert error.message == 'The parameter "select" is malformed at character 5, at "[]"'
    assert error.details == "Expected a comma."


def test_errors_quote_only_the_beginning_of_a_long_text() -> None:
    error = Cursor("x" * 100_000, "The text").refuse("less").error
    assert len(error.message) < 150


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10", 10),
        ("-1", -1),
        ("- 1", -1),
        (" 7 ", 7),
        ("(5)", 5),
        ("( ( -5 ) )", -5),
        ("0x1F", 31),
        ("0o17", 15),
        ("007", 7),
        ("9" * 5000, 10**MAX_DIGITS),
        ("-" + "9" * 5000, -(10**MAX_DIGITS)),
        ("0" * 5000 + "3", 3),
        ("0x" + "f" * 5000, 10**MAX_DIGITS),
    ],
)
def test_integers(text: str, number: int) -> None:
    assert integer(text) == number


@pytest.mark.parametrize("text", ["", "abc", "1.5", "1e3", "0b1", "+1", "--1", "-(1)", "(1", "٣", "1 2", "(" * 100_000])
def test_not_integers(text: str) -> None:
    assert integer(text) is None
