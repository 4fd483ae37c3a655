"""Writes and calls: columns, keys, overloads, arguments, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autorest.errors import Refused
from autorest.plan.model import BodyArguments, CallPlan, DirectArguments, Insert, MutatePlan, Update, WholeBody
from tests.support.catalogs import planned


def mutated(method: str, target: str, body: bytes = b"", **headers: Any) -> MutatePlan:
    plan = planned(method, target, body, **headers)
    assert isinstance(plan, MutatePlan)
    return plan


def called(method: str, target: str, body: bytes = b"", **headers: Any) -> CallPlan:
    plan = planned(method, target, body, **headers)
    assert isinstance(plan, CallPlan)
    return plan


def code(method: str, target: str, body: bytes = b"", **headers: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        planned(method, target, body, **headers)
    return caught.value.error.status, caught.value.error.code


def test_columns_are_the_keys_of_the_body_with_their_types() -> None:
    mutation = mutated("POST", "/films", b'{"title": "Alien", "id": 1}').mutation
    assert isinstance(mutation, Insert)
    assert [(column.name, column.type) for column in mutation.columns] == [("id", "integer"), ("title", "text")]


def test_a_represented_column_is_written_through_its_function() -> None:
    mutation = mutated("PATCH", "/films?id=eq.1", b'{"seen": true}').mutation
    assert isinstance(mutation, Update)
    [column] = mutation.columns
    assert (column.type, column.converter and column.converter.name) == ("json", "seen_from_json")


def test_what_comes_back_includes_what_embeds_join_on() -> None:
    target = "/films?select=title,directors(name)"
    mutation = mutated("POST", target, b"{}", prefer="return=representation").mutation
    assert mutation.returning == ("director_id", "id", "title")
    assert mutated("POST", target, b"{}").mutation.returning == ()


def test_filters_choose_rows_and_do_not_hide_what_was_written() -> None:
    plan = mutated("PATCH", "/films?id=eq.1&or=(id.eq.1,id.eq.2)", b'{"title": "x"}', prefer="return=representation")
    assert isinstance(plan.mutation, Update)
    assert len(plan.mutation.where) == 2
    assert plan.tree.where == ()


def test_conflicts_are_on_the_primary_key_unless_named() -> None:
    headers = {"prefer": "resolution=merge-duplicates"}
    first = mutated("POST", "/films", b'{"id": 1}', **headers).mutation
    second = mutated("POST", "/films?on_conflict=title", b'{"id": 1}', **headers).mutation
    assert isinstance(first, Insert)
    assert isinstance(second, Insert)
    assert (first.conflict, second.conflict) == (("id",), ("title",))


@pytest.mark.parametrize(
    "target",
    [
        "/films",
        "/films?id=gt.1",
        "/films?title=eq.x",
        "/films?id=eq.1&title=eq.x",
        "/films?id=not.eq.1",
        "/films?id=eq.1&or=(id.eq.1,id.eq.2)",
        "/log?line=eq.x",
    ],
)
def test_put_names_one_row_by_its_whole_key(target: str) -> None:
    assert code("PUT", target, b'{"id": 1, "titel": 1}') == (405, "PGRST105")
    assert isinstance(mutated("PUT", "/films?id=eq.1", b'{"id": 1}').mutation, Insert)


def test_unknown_columns_are_refused() -> None:
    assert code("POST", "/films", b'{"titel": 1}') == (400, "PGRST204")
    assert code("PATCH", "/films?columns=nothing", b"{}") == (400, "PGRST204")


@pytest.mark.parametrize(("method", "target"), [("POST", "/films"), ("PATCH", "/films?id=eq.1"), ("POST", "/rpc/add")])
def test_json_that_was_sent_as_a_form_is_recognized(method: str, target: str) -> None:
    form: dict[str, Any] = {"content-type": "application/x-www-form-urlencoded"}
    with pytest.raises(Refused) as caught:
        planned(method, target, b'{"title": "Alien"}', **form)
    assert "Content-Type: application/json" in (caught.value.error.hint or "")
    with pytest.raises(Refused) as caught:
        planned(method, target, b"nothing=1", **form)
    assert "Content-Type" not in (caught.value.error.hint or "")


def test_arguments_come_from_the_query_or_the_body() -> None:
    direct = called("GET", "/rpc/add?a=1&b=2")
    assert isinstance(direct.arguments, DirectArguments)
    assert [name for name, _ in direct.arguments.values] == ["a", "b"]
    body = called("POST", "/rpc/add", b'{"a": 1}')
    assert isinstance(body.arguments, BodyArguments)
    assert [parameter.name for parameter in body.parameters] == ["a"]
    assert isinstance(called("POST", "/rpc/keep", b'{"any": 1}').arguments, WholeBody)


def test_what_is_not_volatile_is_called_read_only() -> None:
    assert called("POST", "/rpc/add", b'{"a": 1}').read_only
    assert not called("POST", "/rpc/keep", b"{}").read_only


@pytest.mark.parametrize(
    ("method", "target", "body", "expected"),
    [
        ("GET", "/rpc/add?b=1", b"", (404, "PGRST202")),
        ("GET", "/rpc/add?a=1&c=1", b"", (404, "PGRST202")),
        ("POST", "/rpc/nothing", b"{}", (404, "PGRST202")),
        ("DELETE", "/rpc/add", b"", (405, "PGRST101")),
    ],
)
def test_calls_that_fit_no_function(method: str, target: str, body: bytes, expected: tuple[int, str]) -> None:
    assert code(method, target, body) == expected


def test_an_error_repeats_little_of_what_is_wrong() -> None:
    many = json.dumps({f"key{number}": 1 for number in range(5000)}).encode()
    long = json.dumps({"k" * 100_000: 1}).encode()
    for target, body in (("/rpc/add", many), ("/rpc/add", long), ("/films", long)):
        with pytest.raises(Refused) as caught:
            planned("POST", target, body)
        assert len(str(caught.value.error.body())) < 4000


def test_max_affected_needs_rows_to_count() -> None:
    headers = {"prefer": "handling=strict, max-affected=1"}
    assert code("POST", "/rpc/add", b'{"a": 1}', **headers) == (400, "PGRST128")
    assert called("POST", "/rpc/best_films", b"{}", **headers).preferences.max_affected == 1
