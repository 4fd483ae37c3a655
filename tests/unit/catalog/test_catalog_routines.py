"""Functions are told by their signatures."""

from __future__ import annotations

from typing import Any

import pytest

from autorest.catalog.model import Parameter, QualifiedName, ReturnType, Volatility
from autorest.catalog.routines import Routines, preference, routine_type

SCHEMAS = {10: "api"}
INT, TEXT, BIT, CHARS, ROW, EMAIL, ARRAY = range(1, 8)


def type_row(oid: int, name: str, base: str, schema: str = "pg_catalog", composite: bool = False) -> dict[str, Any]:
    return {"type": oid, "name": name, "base_schema": schema, "base_name": base, "is_composite": composite}


TYPES = {
    row["type"]: routine_type(row)
    for row in [
        type_row(INT, "integer", "int4"),
        type_row(TEXT, "text", "text"),
        type_row(BIT, "bit", "bit"),
        type_row(CHARS, "character[]", "_bpchar"),
        type_row(ROW, "api.row_domain", "books", "api", composite=True),
        type_row(EMAIL, "api.email", "text"),
        type_row(ARRAY, "integer[]", "_int4"),
    ]
}


def row(**given: Any) -> dict[str, Any]:
    return {
        "schema": 10,
        "name": "f",
        "names": [],
        "types": [],
        "modes": [],
        "required": 0,
        "returns": INT,
        "returns_set": False,
        "volatility": "v",
        "variadic": False,
        "isolation_level": None,
        "settings": [],
        "description": None,
        **given,
    }


def make(**given: Any) -> Any:
    return Routines(SCHEMAS, TYPES).make(row(**given))


def test_parameters_with_a_default_are_not_required() -> None:
    made = make(names=["a", "b"], types=[INT, EMAIL], required=1, volatility="s", description="Adds")
    assert made.name == QualifiedName("api", "f")
    assert made.parameters == (
        Parameter("a", "integer", "integer"),
        Parameter("b", "api.email", "api.email", required=False),
    )
    assert (made.volatility, made.description, made.variadic) == (Volatility.STABLE, "Adds", False)


def test_only_inputs_are_parameters_and_they_keep_their_own_types() -> None:
    made = make(names=["o", "n", "i", "t"], types=[TEXT, INT, BIT, TEXT], modes=["o", "b", "i", "t"], required=2)
    assert [(one.name, one.type) for one in made.parameters] == [("n", "integer"), ("i", "bit")]


def test_the_last_parameter_can_be_variadic() -> None:
    made = make(names=["a", "rest"], types=[INT, ARRAY], modes=["i", "v"], required=2, variadic=True)
    assert [one.variadic for one in made.parameters] == [False, True]
    assert made.variadic


def test_a_parameter_can_be_without_a_name() -> None:
    assert make(types=[TEXT], required=1).parameters == (Parameter("", "text", "text"),)


def test_arguments_of_fixed_length_are_cast_to_what_does_not_cut_them() -> None:
    made = make(names=["a", "b"], types=[BIT, CHARS], required=2)
    assert [(one.type, one.cast_type) for one in made.parameters] == [
        ("bit", "bit varying"),
        ("character[]", "character varying[]"),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"returns": INT}, ReturnType(QualifiedName("pg_catalog", "int4"))),
        ({"returns": INT, "returns_set": True}, ReturnType(QualifiedName("pg_catalog", "int4"), set_of=True)),
        ({"returns": EMAIL}, ReturnType(QualifiedName("pg_catalog", "text"))),
        ({"returns": ROW}, ReturnType(QualifiedName("api", "books"), composite=True)),
        (
            {"types": [INT], "names": ["o"], "modes": ["o"]},
            ReturnType(QualifiedName("pg_catalog", "int4"), composite=True),
        ),
        (
            {"types": [INT], "names": ["t"], "modes": ["t"], "returns_set": True},
            ReturnType(QualifiedName("pg_catalog", "int4"), set_of=True, composite=True),
        ),
        ({"types": [ARRAY], "names": ["v"], "modes": ["v"]}, ReturnType(QualifiedName("pg_catalog", "int4"))),
    ],
)
def test_what_comes_back(given: dict[str, Any], expected: ReturnType) -> None:
    assert make(**given).returns == expected


@pytest.mark.parametrize(
    ("written", "level"),
    [
        (None, None),
        ("serializable", "serializable"),
        ("Repeatable Read", "repeatable read"),
        ("read uncommitted", "read committed"),
        ("read committed", "read committed"),
    ],
)
def test_isolation_levels(written: str | None, level: str | None) -> None:
    assert make(isolation_level=written).isolation_level == level


def test_a_settings_value_may_hold_an_equals_sign() -> None:
    assert make(settings=["statement_timeout=5s", "app.x=a=b"]).settings == (
        ("statement_timeout", "5s"),
        ("app.x", "a=b"),
    )


def test_equal_parameters_and_results_are_one_value() -> None:
    routines = Routines(SCHEMAS, TYPES)
    one, other = (routines.make(row(name=name, names=["a"], types=[INT], required=1)) for name in "fg")
    assert one.parameters[0] is other.parameters[0]
    assert one.returns is other.returns


def test_overloads_with_fewest_parameters_come_first() -> None:
    two = make(names=["a", "b"], types=[INT, INT])
    documented = make(names=["a"], types=[INT], description="x")
    text = make(names=["a"], types=[TEXT])
    integer = make(names=["a"], types=[INT])
    none = make()
    assert sorted([two, documented, text, none, integer], key=preference) == [none, integer, text, documented, two]
