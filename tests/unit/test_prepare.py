"""Preparing requests: what is shared by a shape, and what must not be."""

from __future__ import annotations

import orjson
import pytest

from autorest.errors import Refused
from autorest.prepare import prepare
from autorest.request.raw import RawRequest, read_headers
from autorest.settings import Settings
from autorest.snapshot import Snapshot
from autorest.template import Prepared
from tests.support.catalogs import CATALOG


@pytest.fixture
def snapshot() -> Snapshot:
    return Snapshot(Settings(db_schemas=("api",)), CATALOG)


def prepared(
    snapshot: Snapshot, target: str, body: bytes = b"", *, method: str | None = None, **headers: str
) -> Prepared:
    path, _, query = target.partition("?")
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    raw = RawRequest(method or ("POST" if body else "GET"), path.encode(), query.encode(), sent, body)
    found = prepare(snapshot, CATALOG, raw, read_headers(sent))
    assert isinstance(found, Prepared)
    return found


def refusal(snapshot: Snapshot, target: str, **headers: str) -> str:
    with pytest.raises(Refused) as caught:
        prepared(snapshot, target, b"", **headers)
    return caught.value.error.code


def test_requests_of_one_shape_share_a_template(snapshot: Snapshot) -> None:
    first = prepared(snapshot, "/directors?id=eq.1&limit=2")
    second = prepared(snapshot, "/directors?id=eq.2&limit=3")
    assert first.template is second.template
    assert first.statements != second.statements


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/directors?id=eq.1", "/directors?id=gt.1"),
        ("/directors?id=eq.1", "/directors?name=eq.1"),
        ("/directors?select=id", "/directors?select=name"),
        ("/directors", "/directors?limit=1"),
        ("/directors?id=is.null", "/directors?id=is.true"),
    ],
)
def test_other_shapes_have_other_templates(snapshot: Snapshot, one: str, other: str) -> None:
    assert prepared(snapshot, one).template is not prepared(snapshot, other).template


def test_bodies_with_the_same_keys_share_a_template(snapshot: Snapshot) -> None:
    first = prepared(snapshot, "/directors", b'{"name": "a"}')
    assert prepared(snapshot, "/directors", b'{"name": "b"}').template is first.template
    assert prepared(snapshot, "/directors", b'[{"name": "b"}]').template is not first.template
    assert prepared(snapshot, "/directors", b'{"id": 1}').template is not first.template


def test_a_known_refusal_hides_no_earlier_one(snapshot: Snapshot) -> None:
    assert refusal(snapshot, "/movies?limit=1&id=in.(1)") == "PGRST205"
    assert refusal(snapshot, "/movies?limit=-1&id=in.(1)") == "PGRST103"
    assert refusal(snapshot, "/movies?id=in.(1)") == "PGRST205"
    assert refusal(snapshot, "/movies?id=in.1") == "PGRST100"
    assert refusal(snapshot, "/movies") == "PGRST205"
    assert refusal(snapshot, "/movies", range="5-2") == "PGRST103"


@pytest.mark.parametrize(
    ("method", "body"), [("PATCH", b"{}"), ("PATCH", b"[]"), ("PATCH", b"[{}]"), ("POST", b'{"id": 1}')]
)
def test_a_write_without_filters_hides_none_that_cannot_be_read(snapshot: Snapshot, method: str, body: bytes) -> None:
    prepared(snapshot, "/directors?id=in.(1)", body, method=method)
    with pytest.raises(Refused) as caught:
        prepared(snapshot, "/directors?id=in.1", body, method=method)
    assert caught.value.error.code == "PGRST100"


def test_a_refusal_is_known_for_the_same_request(snapshot: Snapshot) -> None:
    with pytest.raises(Refused) as first:
        prepared(snapshot, "/movies?id=eq.1")
    with pytest.raises(Refused) as second:
        prepared(snapshot, "/movies?id=eq.1")
    assert second.value.error is first.value.error
    assert refusal(snapshot, "/directors?nothing=lt") == "PGRST100"


def test_refusals_are_known_by_shape(snapshot: Snapshot) -> None:
    assert refusal(snapshot, "/movies?id=eq.1") == "PGRST205"
    assert refusal(snapshot, "/movies?id=eq.2") == "PGRST205"
    assert len(snapshot.templates) == 0


def test_the_same_request_is_prepared_once(snapshot: Snapshot) -> None:
    first = prepared(snapshot, "/directors?id=eq.1&limit=2", prefer="count=exact")
    assert prepared(snapshot, "/directors?id=eq.1&limit=2", prefer="count=exact") is first


@pytest.mark.parametrize(
    "header",
    [{"range": "0-4"}, {"prefer": "count=exact"}, {"accept": "text/csv"}, {"accept_profile": "api"}],
    ids=lambda header: next(iter(header)),
)
def test_a_request_with_other_terms_is_another_one(snapshot: Snapshot, header: dict[str, str]) -> None:
    plain = prepared(snapshot, "/directors?id=eq.1")
    assert prepared(snapshot, "/directors?id=eq.1", b"", **header) is not plain
    assert prepared(snapshot, "/directors?id=eq.1", authorization="Bearer x", x_other="y") is plain


def test_writes_are_prepared_each_time(snapshot: Snapshot) -> None:
    assert prepared(snapshot, "/directors", b'{"id": 1}') is not prepared(snapshot, "/directors", b'{"id": 1}')


def test_what_is_remembered_is_bounded(snapshot: Snapshot) -> None:
    first = prepared(snapshot, "/directors?id=eq.0")
    for number in range(1, snapshot.templates.size):
        prepared(snapshot, f"/directors?id=eq.{number}")
    assert prepared(snapshot, "/directors?id=eq.0") is not first


def test_preconditions_make_another_template_of_a_write_only(snapshot: Snapshot) -> None:
    plain = prepared(snapshot, "/directors?id=eq.1")
    assert prepared(snapshot, "/directors?id=eq.1", if_none_match='"a"') is plain
    write = prepared(snapshot, "/directors?id=eq.1", b'{"name": "a"}', method="PATCH")
    guarded = prepared(snapshot, "/directors?id=eq.1", b'{"name": "a"}', method="PATCH", if_match='"a"')
    again = prepared(snapshot, "/directors?id=eq.2", b'{"name": "b"}', method="PATCH", if_match='"b"')
    assert write.template.guard is None and write.facts.preconditions is None
    assert guarded.template is again.template is not write.template
    assert guarded.facts.preconditions != again.facts.preconditions
    assert [len(each.statements) for each in (write, guarded)] == [1, 2]


def test_preconditions_mean_nothing_where_they_are_off() -> None:
    off = Snapshot(Settings(db_schemas=("api",), server_etags=False), CATALOG)
    write = prepared(off, "/directors?id=eq.1", b'{"name": "a"}', method="PATCH", if_match='"a"')
    assert write.template.guard is None
    assert prepared(off, "/directors").template.responder.tagger is None


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/directors?id=in.(" + "1," * 5000 + "1)", {}),
        ("/directors?id=eq.1", {"accept": "application/json;x=" + "y" * 5000}),
        ("/directors?id=eq.1", {"prefer": "count=exact, x=" + "y" * 5000}),
    ],
    ids=["query", "accept", "prefer"],
)
def test_nothing_long_is_kept(snapshot: Snapshot, target: str, headers: dict[str, str]) -> None:
    assert prepared(snapshot, target, b"", **headers) is not prepared(snapshot, target, b"", **headers)
    assert len(snapshot.templates) == 0


def test_what_is_kept_is_bounded_in_bytes_too(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autorest.template.MOST_SQL", 10_000)
    kept = [prepared(snapshot, f"/directors?select=a{number}:id").template for number in range(50)]
    assert 10_000 - max(len(each.main.text) for each in kept) < snapshot.templates._sql <= 10_000
    assert sum(len(each.main.text) for each in snapshot.templates._templates.values()) == snapshot.templates._sql


def test_a_very_long_statement_is_not_kept_prepared(snapshot: Snapshot) -> None:
    short, long = (
        prepared(snapshot, "/directors?select=" + ",".join(["id"] * number)).statements[0] for number in (1, 1500)
    )
    assert short.prepare and not long.prepare


def test_refusals_of_long_keys_are_not_kept(snapshot: Snapshot) -> None:
    body = orjson.dumps({"k" * 10_000: 1})
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            prepared(snapshot, "/directors", body)
        assert caught.value.error.code == "PGRST204"
    assert not snapshot.templates._refusals
