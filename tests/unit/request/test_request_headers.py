"""Headers: Accept, Prefer, profiles and cookies."""

from __future__ import annotations

import pytest

from autorest.request.limits import MAX_MEDIA_TYPES
from autorest.request.media_types import ANY, parse_accept, parse_media_type, render_media_type
from autorest.request.model import MediaType, Preferences
from autorest.request.preferences import parse_preferences
from autorest.request.profile import choose_schema
from autorest.request.request import parse_cookies
from tests.unit.request.conftest import Refusal


def preferences(*values: str, tx: bool = True) -> Preferences:
    return parse_preferences(values, allow_transaction_override=tx)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), Preferences()),
        (("",), Preferences()),
        (
            ("resolution=ignore-duplicates, count=exact, timezone=America/Los_Angeles, max-affected=100",),
            Preferences("ignore-duplicates", count="exact", timezone="America/Los_Angeles", max_affected=100),
        ),
        (
            ("resolution=merge-duplicates", "missing=null", "handling=lenient", "invalid"),
            Preferences("merge-duplicates", missing="null", handling="lenient", invalid=("invalid",)),
        ),
        (
            ("count=exact,    tx=commit   ,return=representation , missing=default, handling=strict, anything",),
            Preferences(None, "representation", "exact", "commit", "default", "strict", invalid=("anything",)),
        ),
        (("tx=commit, tx=rollback",), Preferences(transaction="commit")),
        (("return=minimal", "return=headers-only"), Preferences(representation="minimal")),
        (("return=whole, count=planned",), Preferences(count="planned", invalid=("return=whole",))),
        (("Count=exact",), Preferences(invalid=("Count=exact",))),
        (("timezone, max-affected",), Preferences(invalid=("timezone", "max-affected"))),
        (("timezone=",), Preferences(timezone="")),
        (("max-affected=many",), Preferences()),
        (("max-affected=-5",), Preferences(max_affected=-5)),
        (("count=estimated,,",), Preferences(count="estimated", invalid=("", ""))),
    ],
)
def test_preferences(values: tuple[str, ...], expected: Preferences) -> None:
    assert preferences(*values) == expected


def test_transaction_is_understood_but_not_heeded() -> None:
    assert preferences("tx=rollback", tx=False) == Preferences()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("application/json", MediaType("application/json")),
        ("*/*", ANY),
        ("ApplicatIon/vnd.PgRsT.object+json", MediaType("application/vnd.pgrst.object+json")),
        ("text/csv; charset=utf-8", MediaType("text/csv", (("charset", "utf-8"),))),
        (
            'application/vnd.pgrst.plan+json; FOR="text/xml" ; options=analyze|wal',
            MediaType("application/vnd.pgrst.plan+json", (("for", "text/xml"), ("options", "analyze|wal"))),
        ),
        ('text/csv;x="p;q\\"r"', MediaType("text/csv", (("x", 'p;q"r'),))),
        ("text/csv;x=1;x=2", MediaType("text/csv", (("x", "2"),))),
        ("Text/HTML; level=1", MediaType("Text/HTML; level=1")),
        ("application/vnd.pgrst.plan;", MediaType("application/vnd.pgrst.plan")),
        ("application/vnd.pgrst.plan;options='analyze';for=a", MediaType("application/vnd.pgrst.plan")),
        ("application/openapi+json;version=3.1", MediaType("application/openapi+json", (("version", "3.1"),))),
        ("application/json; $$ unrecognized-chars=ignored $$", MediaType("application/json")),
        ("application/json, text/csv", MediaType("application/json")),
        ("x-custom/thing_1", MediaType("x-custom/thing_1")),
        ("", MediaType("")),
        ("nonsense", MediaType("nonsense")),
    ],
)
def test_media_types(text: str, expected: MediaType) -> None:
    assert parse_media_type(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text/csv", "text/csv"),
        ("application/vnd.pgrst.object+json; nulls=stripped", "application/vnd.pgrst.object+json;nulls=stripped"),
        (
            'application/vnd.pgrst.plan+json;for="application/json";options=analyze|wal',
            'application/vnd.pgrst.plan+json; for="application/json"; options=analyze|wal',
        ),
        ('text/csv;x="q\\"\\\\"', 'text/csv; x="q\\"\\\\"'),
        ('a/b;x="y"', 'a/b;x="y"'),
    ],
)
def test_rendering_media_types(text: str, expected: str) -> None:
    assert render_media_type(parse_media_type(text)) == expected


@pytest.mark.parametrize(
    ("header", "essences"),
    [
        (None, ["*/*"]),
        ("", []),
        ("text/csv", ["text/csv"]),
        ("text / csv", ["text/csv"]),
        ("a/a, b/b", ["a/a", "b/b"]),
        ("a/a;q=0.5, b/b", ["b/b", "a/a"]),
        ("a/a; q=0.5, b/b; q=0.7, c/c;q=0.6", ["b/b", "c/c", "a/a"]),
        ("*/*, text/*, text/csv", ["text/csv", "text/*", "*/*"]),
        ("a/a, b/b; x=1; q=0.5", ["a/a", "b/b;x=1"]),
        ("a/a, b/b;x=1", ["b/b;x=1", "a/a"]),
        ("a/a, text/csv;x=1", ["text/csv", "a/a"]),
        ("a/a;q=0, b/b;q=junk", ["b/b", "a/a"]),
        ("a/a;q=.9, b/b;q=0.5", ["a/a", "b/b"]),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            ["text/html", "application/xhtml+xml", "application/xml", "*/*"],
        ),
    ],
)
def test_accept_puts_the_preferred_first(header: str | None, essences: list[str]) -> None:
    assert [accepted.essence for accepted in parse_accept(header)] == essences


def test_of_very_many_media_types_the_first_count() -> None:
    accepted = parse_accept("a/a," * MAX_MEDIA_TYPES + "b/b;x=1")
    assert len(accepted) == MAX_MEDIA_TYPES
    assert {each.essence for each in accepted} == {"a/a"}


def test_the_weight_is_no_parameter_of_the_type() -> None:
    assert parse_accept('application/vnd.pgrst.plan;for="text/csv";q=0.4;x=y, a/a;q=0.1') == (
        MediaType("application/vnd.pgrst.plan", (("for", "text/csv"),)),
        MediaType("a/a"),
    )


@pytest.mark.parametrize(
    ("method", "headers", "schemas", "expected"),
    [
        ("GET", {}, ("api",), ("api", False)),
        ("GET", {}, ("v1", "v2"), ("v1", True)),
        ("GET", {"accept-profile": "v2"}, ("v1", "v2"), ("v2", True)),
        ("GET", {"accept-profile": "api"}, ("api",), ("api", True)),
        ("GET", {"content-profile": "v2"}, ("v1", "v2"), ("v1", True)),
        ("HEAD", {"accept-profile": "v2"}, ("v1", "v2"), ("v2", True)),
        ("OPTIONS", {"accept-profile": "v2"}, ("v1", "v2"), ("v2", True)),
        *[(method, {"content-profile": "v2"}, ("v1", "v2"), ("v2", True)) for method in ("POST", "PUT", "PATCH")],
        ("DELETE", {"accept-profile": "v2"}, ("v1", "v2"), ("v1", True)),
    ],
)
def test_profiles(method: str, headers: dict[str, str], schemas: tuple[str, ...], expected: tuple[str, bool]) -> None:
    assert choose_schema(method, headers, schemas) == expected


def test_schemas_that_are_not_exposed_are_refused_with_those_that_are(refusal: Refusal) -> None:
    error = refusal(choose_schema, "POST", {"content-profile": "secret"}, ("v1", "v2"))
    assert (error.code, error.status) == ("PGRST106", 406)
    assert "secret" in error.message
    assert "v1, v2" in error.hint
    assert "Content-Profile" in error.hint


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a=b", {"a": "b"}),
        ("a=b; c=d;", {"a": "b", "c": "d"}),
        ('a="b c"; d="', {"a": "b c", "d": '"'}),
        ("a=b=c; d", {"a": "b=c", "d": ""}),
        ("a=1; a=2", {"a": "2"}),
    ],
)
def test_cookies(header: str, expected: dict[str, str]) -> None:
    assert parse_cookies(header) == expected
