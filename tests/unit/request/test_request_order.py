"""Order and columns."""

from __future__ import annotations

import pytest

from autorest.request.columns import parse_columns
from autorest.request.model import Field, JsonStep, OrderTerm
from autorest.request.order import parse_order
from tests.unit.request.conftest import Refusal


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("id", (OrderTerm(Field("id")),)),
        ("id.asc", (OrderTerm(Field("id"), "asc"),)),
        ("name.desc.nullsfirst", (OrderTerm(Field("name"), "desc", "first"),)),
        ("name.nullslast", (OrderTerm(Field("name"), None, "last"),)),
        ("a, b .desc,c", (OrderTerm(Field("a")), OrderTerm(Field("b"), "desc"), OrderTerm(Field("c")))),
        ("Unit Price.desc", (OrderTerm(Field("Unit Price"), "desc"),)),
        ('"a,b".desc', (OrderTerm(Field("a,b"), "desc"),)),
        ("data->key.asc.nullslast", (OrderTerm(Field("data", (JsonStep(False, "key"),)), "asc", "last"),)),
        ("data->>0.desc", (OrderTerm(Field("data", (JsonStep(True, "0", True),)), "desc"),)),
        ("data->!@#$%^&*_a.asc", (OrderTerm(Field("data", (JsonStep(False, "!@#$%^&*_a"),)), "asc"),)),
        ("clients(name)", (OrderTerm(Field("name"), relation="clients"),)),
        ("clients( name ).desc", (OrderTerm(Field("name"), "desc", relation="clients"),)),
        (
            "clients(data->key).desc.nullsfirst,id",
            (OrderTerm(Field("data", (JsonStep(False, "key"),)), "desc", "first", "clients"), OrderTerm(Field("id"))),
        ),
        # An index is one only where something that can follow an index follows: here it is a key.
        ("clients(data->1)", (OrderTerm(Field("data", (JsonStep(False, "1"),)), relation="clients"),)),
    ],
)
def test_order(text: str, terms: tuple[OrderTerm, ...]) -> None:
    assert parse_order("order", text) == ((), terms)


def test_order_of_embeds() -> None:
    assert parse_order('a."b.c".order', "id") == (("a", "b.c"), (OrderTerm(Field("id")),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "id,",
        "id)",
        "id.ac",
        "id.descc",
        "id.desc ,x",
        "id.nulsfist",
        "id.nullslasttt",
        "id.asc.nlsfst",
        "id.nullsfirst.asc",
        "id.asc.desc",
        "clients(name,id)",
        "clients(name",
        "clients()",
        "clients->x(name)",
        "clients(data->-1)",
    ],
)
def test_malformed_order_is_refused(text: str, refusal: Refusal) -> None:
    error = refusal(parse_order, "order", text)
    assert (error.code, error.status) == ("PGRST100", 400)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("id", ("id",)),
        ("b,a,b", ("b", "a", "b")),
        ("id , Unit Price", ("id", "Unit Price")),
        ('"a,b",c-d', ("a,b", "c-d")),
        ("id->ignored", ("id",)),
    ],
)
def test_columns(text: str, names: tuple[str, ...]) -> None:
    assert parse_columns("columns", text) == names


@pytest.mark.parametrize("text", ["", ",", "a,", "a,,b", "(a)", '"a', "a\t"])
def test_malformed_columns_are_refused(text: str, refusal: Refusal) -> None:
    error = refusal(parse_columns, "columns", text)
    assert error.code == "PGRST100"
    assert "columns" in error.message
