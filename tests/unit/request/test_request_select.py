"""What select asks for: columns, embeds, spreads, aggregates."""

from __future__ import annotations

import pytest

from autorest.request.model import Field, JsonStep, SelectField, SelectItem, SelectRelation
from autorest.request.select import parse_select
from tests.unit.request.conftest import Refusal


def column(
    name: str,
    *path: JsonStep,
    alias: str | None = None,
    cast: str | None = None,
    aggregate: str | None = None,
    aggregate_cast: str | None = None,
) -> SelectField:
    return SelectField(Field(name, path), alias, cast, aggregate, aggregate_cast)


STAR = column("*")


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", ()),
        ("*", (STAR,)),
        ("id", (column("id"),)),
        ("id,name", (column("id"), column("name"))),
        (" id , name ", (column("id"), column("name"))),
        ("Unit Price", (column("Unit Price"),)),
        ('"a,b":"c(d)"', (column("c(d)", alias="a,b"),)),
        ("alias:name", (column("name", alias="alias"),)),
        ("alias: name", (column("name", alias="alias"),)),
        ("name::text", (column("name", cast="text"),)),
        ("alias:name::double precision", (column("name", alias="alias", cast="double precision"),)),
        ("data->key", (column("data", JsonStep(False, "key")),)),
        ("data->>key::int", (column("data", JsonStep(True, "key"), cast="int"),)),
        ("data->0", (column("data", JsonStep(False, "0", True)),)),
        ("data->-1->>a", (column("data", JsonStep(False, "-1", True), JsonStep(True, "a")),)),
        ('data->>"a::b"', (column("data", JsonStep(True, "a::b")),)),
        ("dash-ed->x", (column("dash-ed", JsonStep(False, "x")),)),
        ("count()", (column("*", aggregate="count"),)),
        ("n:count()::text", (column("*", alias="n", aggregate="count", aggregate_cast="text"),)),
        ("count", (column("count"),)),
        ("id.count()", (column("id", aggregate="count"),)),
        ("amount.sum()", (column("amount", aggregate="sum"),)),
        (
            "s:amount::int.avg()::text",
            (column("amount", alias="s", cast="int", aggregate="avg", aggregate_cast="text"),),
        ),
        ("d->>k::int.max()", (column("d", JsonStep(True, "k"), cast="int", aggregate="max"),)),
        ("x.min()", (column("x", aggregate="min"),)),
        ("rel()", (SelectRelation("rel", ()),)),
        ("rel(*)", (SelectRelation("rel", (STAR,)),)),
        ("rel (id)", (SelectRelation("rel", (column("id"),)),)),
        ("a:rel(*)", (SelectRelation("rel", (STAR,), "a"),)),
        ("rel!hint(*)", (SelectRelation("rel", (STAR,), None, "hint"),)),
        ("rel!inner(*)", (SelectRelation("rel", (STAR,), None, None, "inner"),)),
        ("a:rel!hint!left(*)", (SelectRelation("rel", (STAR,), "a", "hint", "left"),)),
        ("a:rel!inner!hint(*)", (SelectRelation("rel", (STAR,), "a", "hint", "inner"),)),
        ("rel!one!two(*)", (SelectRelation("rel", (STAR,), None, "one"),)),
        ("...rel(id)", (SelectRelation("rel", (column("id"),), spread=True),)),
        ("...rel!hint!inner(*)", (SelectRelation("rel", (STAR,), None, "hint", "inner", True),)),
        (
            "*,client(*,nested(id)),other(*)",
            (
                STAR,
                SelectRelation("client", (STAR, SelectRelation("nested", (column("id"),)))),
                SelectRelation("other", (STAR,)),
            ),
        ),
        ("rel(id,x:y)ignored", (SelectRelation("rel", (column("id"), column("y", alias="x"))),)),
        ("id)ignored", (column("id"),)),
        (",ignored", ()),
        ("*!ignored", ()),
        ("...ignored", ()),
        ("...rel->ignored(*)", ()),
        ("rel(id),other(*)...ignored(*", (SelectRelation("rel", (column("id"),)), SelectRelation("other", (STAR,)))),
        ("größe,國棋", (column("größe"), column("國棋"))),
    ],
)
def test_select(text: str, items: tuple[SelectItem, ...]) -> None:
    assert parse_select(text) == items


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "id,",
        "id,clients(name[])",
        "data->>-78xy",
        "data->>--34",
        "data->",
        "name!hint",
        "a:*",
        "name::",
        "name:",
        "name::²",
        "id.sum",
        "id.median()",
        "count ()",
        "count(id)",
        "count()x",
        "rel(",
        "rel(id",
        "rel( )",
        "rel(id) ",
        "rel->x(id)",
        "rel!leftover(id)",
        "rel!a!b!c(id)",
        "rel!(id)",
        " ...rel",
        "id,...rel",
        "rel(...other)",
        "...rel(",
        "id,alias:...rel(*)",
        '"open',
        "a-,b",
    ],
)
def test_malformed_select_is_refused(text: str, refusal: Refusal) -> None:
    error = refusal(parse_select, text)
    assert (error.code, error.status) == ("PGRST100", 400)
    assert error.details.startswith("Expected ")
