"""Names in SQL text."""

from __future__ import annotations

import pytest

from autorest.catalog.model import QualifiedName
from autorest.sql import quote
from autorest.sql.quote import column, identifier, qualified, type_name


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("plain", '"plain"'),
        ("Select", '"Select"'),
        ('a"b', '"a""b"'),
        ('"; drop table x; --', '"""; drop table x; --"'),
        ("ünï 漢", '"ünï 漢"'),
        ("", '""'),
        ("cut\0here", '"cut"'),
    ],
)
def test_identifiers(name: str, quoted: str) -> None:
    assert identifier(name) == quoted


def test_names_that_no_database_has_are_not_kept() -> None:
    identifier("x" * 64)
    before = quote._kept.cache_info()
    assert identifier("x" * 64) == '"' + "x" * 64 + '"'
    assert quote._kept.cache_info() == before


def test_qualified_names_and_columns() -> None:
    assert qualified(QualifiedName("a.b", 'c"d')) == '"a.b"."c""d"'
    assert qualified(QualifiedName("", "x")) == '"x"'
    assert column("t", "c") == '"t"."c"'
    assert column("t", "*") == '"t".*'


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("int", "int"),
        ("DOUBLE  precision", "double precision"),
        ("timestamp with time zone", "timestamp with time zone"),
        ("Interval Day to Second", "interval day to second"),
        ("national character varying", "national character varying"),
        ("int array", "int array"),
        ("setof My_Type array", 'setof "my_type" array'),
        ("setof", '"setof"'),
        ("int8", '"int8"'),
        ("My_Type", '"my_type"'),
        ("ÄÖ_Type", '"ÄÖ_type"'),
        ("text); drop table x", '"text); drop table x"'),
        ("int; select", '"int; select"'),
    ],
)
def test_types_are_nothing_but_types(asked: str, written: str) -> None:
    assert type_name(asked) == written
