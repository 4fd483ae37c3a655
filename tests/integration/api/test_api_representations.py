"""What answers look like: media types, negotiation, schemas, CORS, OPTIONS, other headers."""

from __future__ import annotations

from itertools import pairwise

import httpx
import pytest

from tests.integration.api.house import OBJECT, REPRESENTATION, error, got
from tests.support.gateway import GatewayProcess

JSON = "application/json; charset=utf-8"
SINGULAR = "application/vnd.pgrst.object+json"
ARRAY = "application/vnd.pgrst.array+json"


def typed(answer: httpx.Response) -> str:
    assert answer.status_code in (200, 201), answer.text
    found: str = answer.headers["content-type"]
    return found


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/json; charset=utf-8", JSON),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/csv;q=0.5, application/json", JSON),
        ("text/csv;q=0.9, application/json;q=0.5", "text/csv; charset=utf-8"),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("application/x-unknown, text/csv;q=0.1", "text/csv; charset=utf-8"),
        (ARRAY, JSON),
        ("application/vnd.pgrst.array", JSON),
        (f"{ARRAY};nulls=stripped", f"{ARRAY};nulls=stripped; charset=utf-8"),
        (SINGULAR, f"{SINGULAR}; charset=utf-8"),
        ("application/vnd.pgrst.object", f"{SINGULAR}; charset=utf-8"),
        (f"{SINGULAR};nulls=stripped", f"{SINGULAR};nulls=stripped; charset=utf-8"),
    ],
)
def test_negotiation(api: httpx.Client, accept: str, content_type: str) -> None:
    assert typed(api.get("/films?id=eq.1", headers={"Accept": accept})) == content_type


def test_singular(api: httpx.Client) -> None:
    assert got(api.get("/films?id=eq.1&select=id,directors(name)", headers=OBJECT)) == {
        "id": 1,
        "directors": {"name": "Agnès Varda"},
    }
    words = error(api.get("/films?id=eq.0", headers=OBJECT), 406, "PGRST116")["details"].split()
    assert next(before for before, word in pairwise(words) if word.startswith("row")) == "0"
    assert got(api.get("/films?limit=1&order=id&select=id", headers=OBJECT)) == {"id": 1}
    assert got(api.get("/rpc/add?a=1", headers=OBJECT)) == 11


def test_nulls_stripped(api: httpx.Client) -> None:
    stripped = {"Accept": f"{ARRAY};nulls=stripped"}
    assert got(api.get("/films?id=eq.7&select=id,rating,mood,directors(name)", headers=stripped)) == [{"id": 7}]
    one = {"Accept": f"{SINGULAR};nulls=stripped"}
    assert got(api.get("/films?id=eq.7&select=id,rating", headers=one)) == {"id": 7}
    error(api.get("/films?select=id", headers=one), 406, "PGRST116")
    written = api.post("/items", json={"id": 1}, headers=stripped | {"Prefer": "return=representation, tx=rollback"})
    assert got(written, 201) == [{"id": 1, "name": "unnamed"}]
    assert got(api.get("/rpc/one_film?wanted=7&select=id,rating", headers=stripped)) == {"id": 7}


def test_csv(api: httpx.Client) -> None:
    csv = {"Accept": "text/csv"}
    assert api.get("/films?id=in.(1,3)&select=id,title,rating,director_id,tags&order=id", headers=csv).text == (
        'id,title,rating,director_id,tags\n1,"Cléo from 5 to 7",7.8,1,"{paris,drama}"\n'
        '3,"Faces Places",7.8,1,"{documentary,""a, b""}"'
    )
    assert api.get("/films?id=eq.7&select=id,rating", headers=csv).text == "id,rating\n7,"
    assert api.get("/films?id=eq.0&select=id,rating", headers=csv).text == "\n"
    assert api.get("/rpc/add?a=1", headers=csv).text == "pgrst_scalar\n11"
    assert api.get("/rpc/numbers?upto=2", headers=csv).text == "pgrst_scalar\n1\n2"
    made = api.post(
        "/items?select=id,name", json={"id": 1}, headers=csv | {"Prefer": "return=representation, tx=rollback"}
    )
    assert (made.status_code, made.text) == (201, "id,name\n1,unnamed")


def test_plans(api: httpx.Client) -> None:
    text = api.get("/films?id=eq.1", headers={"Accept": "application/vnd.pgrst.plan"})
    assert text.headers["content-type"] == ('application/vnd.pgrst.plan+text; for="application/json"; charset=utf-8')
    assert "films" in text.text
    options = {
        "Accept": 'application/vnd.pgrst.plan+json; for="text/csv"; options=analyze|verbose|settings|buffers|wal'
    }
    plan = api.get("/films?id=eq.1", headers=options)
    assert plan.json()[0]["Plan"]["Actual Rows"] == 1
    assert "options=" in plan.headers["content-type"] and 'for="text/csv"' in plan.headers["content-type"]
    written = api.post("/items", json={"id": 1}, headers={"Accept": "application/vnd.pgrst.plan+json"} | REPRESENTATION)
    assert "ModifyTable" in written.text
    assert got(api.get("/items")) == []
    analyzed = {"Accept": "application/vnd.pgrst.plan+json; options=analyze", "Prefer": "tx=rollback"}
    assert api.post("/items", json={"id": 1}, headers=analyzed).status_code == 200
    assert got(api.get("/items")) == []
    assert "Function" in api.get("/rpc/out_arguments?a=1", headers={"Accept": "application/vnd.pgrst.plan+json"}).text


def test_plans_are_off_unless_allowed(strict: httpx.Client) -> None:
    assert got(strict.get("/films", headers={"Accept": "application/vnd.pgrst.plan"}), 406)["code"] == "PGRST107"


def test_media_types_of_functions(api: httpx.Client) -> None:
    page = api.get("/rpc/page", headers={"Accept": "text/html"})
    assert (typed(page).partition(";")[0], page.content) == ("text/html", "<p>hé</p>".encode())
    dot = api.get("/rpc/dot", headers={"Accept": "image/x-dot"})
    assert (typed(dot), dot.content, dot.headers["content-length"]) == ("image/x-dot", b"\0\xff\x80", "3")
    assert api.get("/rpc/dot", headers={"Accept": "image/x-dot, */*;q=0.1"}).content == b"\0\xff\x80"
    error(api.get("/rpc/page", headers={"Accept": "application/x-unknown"}), 406, "PGRST107")
    for accept in ("application/x-own", "text/plain", "*/*"):
        mine = api.get("/rpc/any_type", headers={"Accept": accept})
        assert (typed(mine), mine.content) == ("application/x-own", b"mine")


def test_what_a_plan_is_for(api: httpx.Client) -> None:
    explained = {"Accept": "application/vnd.pgrst.plan+json"}
    assert 'for="application/json"' in typed(api.get("/rpc/any_type", headers=explained))
    explained["Accept"] += '; for="application/vnd.pgrst.plan"'
    error(api.get("/films", headers=explained), 406, "PGRST107")


def test_media_types_by_aggregate(api: httpx.Client) -> None:
    lines = {"Accept": "application/x-lines"}
    answer = api.get("/actors?order=id&limit=2", headers=lines)
    assert (typed(answer), answer.text) == ("application/x-lines", "Corinne Marchand\nSandrine Bonnaire\n")
    error(api.get("/films", headers=lines), 406, "PGRST107")
    error(api.get("/actors?select=id", headers=lines), 406, "PGRST107")


def test_charsets_of_bodies(api: httpx.Client, emptied: object) -> None:
    made = api.post(
        "/items?select=name",
        content='{"id": 1, "name": "é"}'.encode("latin-1"),
        headers={"Content-Type": "application/json; charset=ISO-8859-1"} | REPRESENTATION,
    )
    assert got(made, 201) == [{"name": "é"}]


def test_schemas(api: httpx.Client) -> None:
    default = api.get("/items")
    assert default.headers["content-profile"] == "api"
    other = api.get("/items", headers={"Accept-Profile": "other"})
    assert (got(other), other.headers["content-profile"]) == ([{"id": 1, "other_name": "other one"}], "other")
    assert api.head("/items", headers={"Accept-Profile": "other"}).headers["content-profile"] == "other"
    written = api.post(
        "/items", json={"id": 2}, headers={"Content-Profile": "other", "Prefer": "return=representation, tx=rollback"}
    )
    assert (got(written, 201)[0]["id"], written.headers["content-profile"]) == (2, "other")
    for options in (
        {"method": "GET", "headers": {"Accept-Profile": "other"}},
        {"method": "POST", "headers": {"Content-Profile": "other"}},
    ):
        assert got(api.request(url="/rpc/where_am_i", **options)) == '"other"'  # type: ignore[arg-type]
    error(api.post("/rpc/where_am_i", headers={"Accept-Profile": "other"}), 404, "PGRST202")
    refusal = error(api.get("/items", headers={"Accept-Profile": "hidden"}), 406, "PGRST106")
    assert "api, other" in refusal["hint"]


def test_a_single_schema_is_not_named(strict: httpx.Client) -> None:
    assert "content-profile" not in strict.get("/films").headers
    assert strict.get("/films", headers={"Accept-Profile": "api"}).headers["content-profile"] == "api"


def test_vary(api: httpx.Client) -> None:
    for answer in (
        api.get("/films?limit=1"),
        api.delete("/items?id=eq.0"),
        api.options("/films"),
        api.get("/rpc/add?a=1"),
    ):
        assert answer.headers["vary"] == "Accept, Prefer, Range"


@pytest.mark.parametrize(
    ("target", "allow"),
    [
        ("/films", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        ("/keyless", "OPTIONS,GET,HEAD,POST,PATCH,DELETE"),
        ("/recent_films", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        ("/films_per_year", "OPTIONS,GET,HEAD"),
        ("/frozen", "OPTIONS,GET,HEAD"),
        ("/shouted", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        ("/rpc/get_nothing", "OPTIONS,GET,HEAD,POST"),
        ("/rpc/nothing", "OPTIONS,POST"),
        ("/", "OPTIONS,GET,HEAD"),
    ],
)
def test_options(api: httpx.Client, target: str, allow: str) -> None:
    answer = api.options(target)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["allow"] == allow
    assert answer.headers["access-control-allow-origin"] == "*"


def test_options_of_what_is_not_there(api: httpx.Client) -> None:
    error(api.options("/nope"), 404, "PGRST205")
    error(api.options("/rpc/nope"), 404, "PGRST202")
    error(api.options("/rpc/nothing", headers={"Accept": "text/nothing"}), 406, "PGRST107")
    error(api.options("/rpc/best_films?select=title,nothing(id)"), 400, "PGRST200")


def preflight(client: httpx.Client, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "Prefer, X-Own",
    }
    return client.options("/films", headers=headers)


def test_cors_for_everybody(api: httpx.Client) -> None:
    allowed = preflight(api, "http://any.example")
    assert (allowed.status_code, allowed.content) == (200, b"")
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert allowed.headers["access-control-allow-methods"] == "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"
    assert {"Authorization", "Prefer", "X-Own"} <= set(allowed.headers["access-control-allow-headers"].split(", "))
    assert allowed.headers["access-control-max-age"] == "86400"
    simple = api.get("/films?limit=1", headers={"Origin": "http://any.example"})
    assert simple.headers["access-control-allow-origin"] == "*"
    assert "Content-Range" in simple.headers["access-control-expose-headers"]
    assert api.get("/nope", headers={"Origin": "http://any.example"}).headers["access-control-allow-origin"] == "*"


def test_what_is_no_preflight_request_is_answered_like_any_other(api: httpx.Client) -> None:
    page = {"Origin": "http://any.example"}
    for headers in (page, {**page, "Access-Control-Request-Method": "TRACE"}):
        answer = api.options("/films", headers=headers)
        assert answer.headers["allow"] == "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"
        assert [name for name in answer.headers if name.startswith("access-control")] == ["access-control-allow-origin"]
        error(api.options("/nope", headers=headers), 404, "PGRST205")


def test_cors_for_some(strict: httpx.Client) -> None:
    for origin in ("http://good.example", "https://fine.example"):
        assert preflight(strict, origin).headers["access-control-allow-origin"] == origin
        answer = strict.get("/films", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-credentials"] == "true"
    for answer in (
        preflight(strict, "http://bad.example"),
        strict.get("/films", headers={"Origin": "http://bad.example"}),
    ):
        assert answer.status_code == 200 and "access-control-allow-origin" not in answer.headers


def test_before_every_request(strict: httpx.Client) -> None:
    """db-pre-request may set headers and refuse; it sees the settings of the request."""
    assert strict.get("/films").headers["x-before"] == "seen"
    assert strict.post("/items", json={"id": 1}).headers["x-before"] == "seen"
    refused = strict.get("/films", headers={"X-Refused": "yes"})
    assert got(refused, 403) == {"code": "PT403", "message": "not today"}


def test_settings_for_the_application(strict: httpx.Client) -> None:
    assert got(strict.get("/rpc/context"))["app"] == "hello"


def test_the_trace_header_comes_back(strict: httpx.Client) -> None:
    assert strict.get("/films", headers={"X-Trace": "abc"}).headers["x-trace"] == "abc"
    assert strict.get("/nope", headers={"X-Trace": "abc"}).headers["x-trace"] == "abc"


def test_legacy_target_names(api: httpx.Client, strict: httpx.Client, gateway: GatewayProcess) -> None:
    """By its relation's name an embed with an alias can be addressed until the setting ends that, with a warning."""
    target = "/directors?id=eq.1&select=f:films(id)&films.id=eq.1"
    for _ in range(2):
        answer = api.get(target)
        assert got(answer) == [{"f": [{"id": 1}]}]
        agent, _, text = answer.headers["warning"].removeprefix("299 ").partition(" ")
        assert agent == "autorest" and text.startswith('"') and text.endswith('"')
        assert "films" in text and " f" in text.replace("'", " ").replace("`", " ")
    assert "films" in gateway.output and "select=f%3Afilms%28id%29" in gateway.output
    for quiet in ("/directors?id=eq.1&select=f:films(id)&f.id=eq.1", "/directors?select=films(id)&films.id=eq.1"):
        assert "warning" not in api.get(quiet).headers
    for part in ("order=id", "limit=1", "or=(id.eq.1,id.eq.2)"):
        assert "warning" in api.get(f"/directors?id=eq.1&select=f:films(id)&films.{part}").headers
    assert "warning" in api.get(target, headers={"Accept": "application/vnd.pgrst.plan"}).headers
    written = api.patch(
        "/directors?id=eq.1&select=f:films(id)&films.id=eq.1",
        json={"born": "1928-05-30"},
        headers={"Prefer": "return=representation, tx=rollback"},
    )
    assert "warning" in written.headers
    refused = strict.get(target)
    assert got(refused, 400)["code"] == "PGRST108" and "warning" not in refused.headers
    assert got(strict.get("/directors?id=eq.1&select=f:films(id)&f.id=eq.1"))[0]["f"] == [{"id": 1}]


NAMES = {"id": 1, "_": None, "_first": 2, "_one": 3, "_json": 4, "_pair": 5, "select": 6}


@pytest.mark.parametrize("turn", range(5))
def test_names_of_columns_that_statements_use_themselves(api: httpx.Client, turn: int) -> None:
    answer = api.get("/names", headers={"Prefer": "count=exact"})
    assert got(answer) == [NAMES]
    assert answer.headers["content-range"] == "0-0/1"
    assert got(api.get("/names", params={"id": "eq.1"}, headers={"Accept": SINGULAR})) == NAMES
    assert api.get("/names", headers={"Accept": "text/csv"}).text == "id,_,_first,_one,_json,_pair,select\n1,,2,3,4,5,6"
    written = api.post("/names", json=NAMES | {"id": 2}, headers={"Prefer": "return=headers-only, tx=rollback"})
    assert written.headers["location"] == "/names?id=eq.2"
