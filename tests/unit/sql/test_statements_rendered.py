"""Plans as SQL text: what stands in it, and that nothing of the request's values does."""

from __future__ import annotations

import re

import pytest

from autorest.plan.model import CallPlan, MutatePlan, ReadPlan
from autorest.sql.answer import Counting, Rendered, call_statement, count_explanation, mutate_statement, read_statement
from tests.support.catalogs import CATALOG, planned


def rendered(method: str, target: str, body: bytes = b"", counting: Counting | None = None, **headers: str) -> Rendered:
    counting = counting or Counting()
    match planned(method, target, body, CATALOG, **headers):
        case ReadPlan() as plan:
            return read_statement(plan, counting, limited=False)
        case CallPlan() as plan:
            return call_statement(plan, counting, limited=False)
        case MutatePlan() as plan:
            return mutate_statement(plan)
        case other:
            raise TypeError(other)


def sql(method: str, target: str, body: bytes = b"", **headers: str) -> str:
    return rendered(method, target, body, None, **headers).text.decode()


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/films?title=eq.secret&id=in.(777,778)&or=(id.eq.779,title.like.*secret*)&info->>secret=eq.1", b""),
        ("GET", "/films?select=info->id,directors(name)&directors.name=match.secret&limit=779", b""),
        ("POST", "/films", b'{"title": "secret", "id": 777}'),
        ("PATCH", "/films?title=eq.secret", b'{"title": "secret"}'),
        ("PUT", "/films?id=eq.777", b'{"id": 777, "title": "x"}'),
        ("DELETE", "/films?title=not.in.(secret,777)", b""),
        ("GET", "/rpc/add?a=777", b""),
        ("POST", "/rpc/add", b'{"a": 777}'),
    ],
)
def test_values_are_parameters(method: str, target: str, body: bytes) -> None:
    text, bindings = rendered(method, target, body)
    assert not re.search(rb"secret|77[789]", text)
    numbers = {int(number) for number in re.findall(rb"\$([0-9]+)", text)}
    assert numbers == set(range(1, len(bindings) + 1))


def test_a_list_is_one_parameter_whatever_its_length() -> None:
    assert sql("GET", "/films?id=in.(1)") == sql("GET", "/films?id=in.(1,2,3,4,5)")


def test_groups_are_named_by_their_places() -> None:
    assert " group by 1, 3" in sql("GET", "/films?select=title,count(),year:director_id")
    assert " group by 2" in sql("GET", "/films?select=id.max(),directors(name)")
    assert ' group by "films"."seen"' in sql("GET", "/films?select=seen,count()")
    assert ' group by 1, "films"."title"' in sql("GET", "/films?select=year:id::text,title::text,count()")
    assert "group by" not in sql("GET", "/films?select=count()")
    assert "group by" not in sql("GET", "/films?select=id,directors(name)")


def test_embeds_are_jsonb_only_where_that_is_seen() -> None:
    assert "jsonb" not in sql("GET", "/films?select=id,directors(name),roles(film_id)")
    as_text = sql("GET", "/films?select=id,directors(name),roles(film_id)", accept="text/csv")
    assert as_text.count("::jsonb") == 2
    assert "::jsonb" in sql("GET", "/films?select=count(),directors(name)")


def test_writes_return_no_more_than_is_shown() -> None:
    assert sql("POST", "/films", b'{"id": 1}').count("returning 1") == 1
    shown = sql("POST", "/films?select=title", b'{"id": 1}', prefer="return=representation")
    assert 'returning "films"."id", "films"."title"' in shown
    embedded = sql("PATCH", "/films?select=title,directors(name)", b'{"id": 1}', prefer="return=representation")
    assert '"films"."director_id"' in embedded.partition("returning")[2]


def test_conflicts() -> None:
    body = b'{"id": 1, "title": "x"}'
    merged = sql("POST", "/films", body, prefer="resolution=merge-duplicates")
    assert 'on conflict ("id") do update set "id" = excluded."id", "title" = excluded."title"' in merged
    ignored = sql("POST", "/films?on_conflict=title", body, prefer="resolution=ignore-duplicates")
    assert 'on conflict ("title") do nothing' in ignored
    assert "on conflict" not in sql("POST", "/films", body)


def test_counting() -> None:
    target = "/directors?select=id,films!inner(id)&films.title=eq.x"
    plain, exact, ranged = (
        rendered("GET", target, counting=counting).text.decode()
        for counting in (Counting(), Counting(exact=True), Counting(exact=True, ranged=True))
    )
    assert plain.startswith("select null") and "exists" not in plain
    assert "exists" not in exact and exact.count('count("_postgrest_t")') == 2
    assert "exists" in ranged
    limited = rendered("GET", target, counting=Counting(exact=True, ranged=True, maximum=5)).text.decode()
    assert "limit 6" in limited
    plan = planned("GET", target)
    assert isinstance(plan, ReadPlan)
    assert count_explanation(plan).text.startswith(b"explain (format json) select 1")


def test_plans_explain_the_statement_itself() -> None:
    text = sql("GET", "/films", accept="application/vnd.pgrst.plan+json; options=analyze|buffers")
    assert text.startswith("explain (format json, analyze, buffers) select ")


def test_functions_are_called_by_name() -> None:
    assert '"api"."add"("a" := $1::integer)' in sql("GET", "/rpc/add?a=1")
    assert '"a" := "pgrst_body"."a"' in sql("POST", "/rpc/add", b'{"a": 1}')
    assert '"api"."keep"($1::json)' in sql("POST", "/rpc/keep", b'[{"x": 1}]')
