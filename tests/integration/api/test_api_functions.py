"""Functions: arguments of every kind, results of every kind, access modes, settings."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.api.house import OBJECT, bearer, error, got


def test_named_arguments_and_defaults(api: httpx.Client) -> None:
    assert got(api.get("/rpc/add?a=1&b=2")) == 3
    assert got(api.get("/rpc/add?a=1")) == 11
    assert got(api.post("/rpc/add", json={"a": 1, "b": 2})) == 3
    assert got(api.post("/rpc/add", json={"b": 5, "a": 1})) == 6
    assert got(api.post("/rpc/add", data={"a": "1", "b": "4"})) == 5
    assert got(api.post("/rpc/add?columns=a,b", json={"a": 1, "b": 7, "c": "left out"})) == 8
    assert got(api.post("/rpc/add?columns=a,b", json=[{"a": 1, "b": 8}, {"a": 9, "b": 9}])) == 9


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_methods(api: httpx.Client, method: str) -> None:
    body = {"json": {"a": 1}} if method == "POST" else {"params": {"a": 1}}
    answer = api.request(method, "/rpc/add", **body)  # type: ignore[arg-type]
    assert answer.status_code == 200
    assert answer.headers["content-range"] == "0-0/*"
    assert answer.text == ("" if method == "HEAD" else "11")


def test_head_asks_a_function_for_no_value(api: httpx.Client) -> None:
    error(api.get("/rpc/add?a=2147483647"), 400, "22003")
    assert api.head("/rpc/add?a=2147483647").status_code == 200


def test_a_single_value_that_is_filtered_away(api: httpx.Client) -> None:
    """An array or an object is made of no row, too; without one, there is not even that."""
    assert api.get("/rpc/nulls?limit=0").headers["content-range"] == "0-0/*"
    assert api.head("/rpc/nulls?limit=0").headers["content-range"] == "*/0"
    assert api.head("/rpc/one_film?wanted=1&id=eq.2", headers=OBJECT).status_code == 406
    own = {"Accept": "application/x-own, */*"}
    assert api.get("/rpc/any_type?limit=0", headers=own).headers["content-range"] == "*/0"
    assert api.get("/rpc/any_type?offset=1", headers=own).status_code == 416


def test_other_methods(api: httpx.Client) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        error(api.request(method, "/rpc/add", json={}), 405, "PGRST101")
    error(api.request("PROPFIND", "/films"), 405, "PGRST117")


def test_arguments_of_other_types(api: httpx.Client) -> None:
    assert got(api.post("/rpc/length_of", json={"items": [1, 2, 3]})) == 3
    assert got(api.get("/rpc/length_of", params={"items": "{1,2}"})) == 2
    assert got(api.post("/rpc/x_of", json={"place": {"x": 4, "y": 5}})) == 4
    assert got(api.get("/rpc/x_of", params={"place": "(6,7)"})) == 6
    assert got(api.post("/rpc/shade_of", json={"shade": 255})) == 255


def test_variadics(api: httpx.Client) -> None:
    assert got(api.post("/rpc/total", json={"numbers": [1, 2, 3]})) == 6
    assert got(api.get("/rpc/total?numbers=1&numbers=2")) == 3
    assert got(api.get("/rpc/total?numbers=5")) == 5
    assert (
        got(
            api.post(
                "/rpc/total",
                content="numbers=1&numbers=7",
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
        )
        == 8
    )
    assert got(api.get("/rpc/total?numbers=1&numbers=2&numbers=4")) == 7
    for empty in (api.get("/rpc/total?numbers="), api.post("/rpc/total", data={"numbers": ""})):
        assert "integer" in error(empty, 400, "22P02")["message"]


def test_the_whole_body_as_one_argument(api: httpx.Client) -> None:
    assert got(api.post("/rpc/whole", json={"x": [1, {"y": None}]})) == {"x": [1, {"y": None}]}
    assert got(api.post("/rpc/whole", json=[{"a": 1}, {"a": 2}])) == [{"a": 1}, {"a": 2}]
    assert (
        api.post("/rpc/whole", content=b'{"n": 9007199254740993, "d": 0.10}').text
        == '{"n": 9007199254740993, "d": 0.10}'
    )
    assert (
        got(api.post("/rpc/whole_text", content='tëxt, "plain"'.encode(), headers={"Content-Type": "text/plain"}))
        == 'tëxt, "plain"'
    )
    latin = {"Content-Type": "text/plain; charset=iso-8859-1"}
    assert got(api.post("/rpc/whole_text", content="tëxt".encode("latin-1"), headers=latin)) == "tëxt"
    binary = {"Content-Type": "application/octet-stream"}
    assert got(api.post("/rpc/whole_bytes", content=bytes(range(256)), headers=binary)) == 256
    assert got(api.post("/rpc/whole_bytes", content=b"", headers=binary)) == 0
    error(api.post("/rpc/whole_bytes", json={}), 404, "PGRST202")
    error(api.post("/rpc/whole", content=b"", headers={"Content-Type": "text/xml"}), 404, "PGRST202")


def test_one_argument_without_a_name_and_without_a_body(api: httpx.Client) -> None:
    """The arguments are an object then, which has none of them."""
    assert got(api.get("/rpc/whole_or_not")) == {}
    assert api.head("/rpc/whole_or_not").status_code == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert got(api.post("/rpc/whole_or_not", content=b"", headers=form)) == {}
    assert got(api.post("/rpc/whole_or_not", json={"a": 1})) == {"a": 1}


def test_results_of_every_kind(api: httpx.Client) -> None:
    assert got(api.get("/rpc/nulls")) is None
    assert got(api.get("/rpc/numbers?upto=3")) == [1, 2, 3]
    assert got(api.get("/rpc/numbers?upto=0")) == []
    assert got(api.get("/rpc/table_result?n=2")) == [{"i": 1, "square": 1}, {"i": 2, "square": 4}]
    assert got(api.get("/rpc/out_arguments?a=1")) == {"b": 2, "c": "c"}
    assert got(api.get("/rpc/one_film?wanted=5&select=title")) == {"title": "Ran"}
    assert got(api.get("/rpc/one_film?wanted=99&select=title")) == {"title": None}
    assert [row["name"] for row in got(api.get("/rpc/untyped"))][:1] == ["Corinne Marchand"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_void(api: httpx.Client, method: str) -> None:
    for target in ("/rpc/get_nothing", "/rpc/get_nothing?limit=5"):
        answer = api.request(method, target)
        assert (answer.status_code, answer.content) == (204, b""), answer.text
        assert "content-type" not in answer.headers


def test_reading_what_a_function_returns(api: httpx.Client) -> None:
    films = "/rpc/best_films?select=id,title"
    assert got(api.get(f"{films}&order=id.desc")) == [{"id": 5, "title": "Ran"}, {"id": 4, "title": "Seven Samurai"}]
    assert got(api.get(f"{films}&lowest=7&year=gt.1980&id=not.eq.5&order=id&limit=1")) == [
        {"id": 2, "title": "Vagabond"}
    ]
    assert got(api.post(f"{films}&year=lt.1960", json={"lowest": 1})) == [{"id": 4, "title": "Seven Samurai"}]
    assert got(api.get("/rpc/best_films?select=rating.max()")) == [{"max": 8.6}]
    assert got(api.get("/rpc/table_result?n=9&square=gt.60&select=i")) == [{"i": 8}, {"i": 9}]
    assert got(api.get("/rpc/table_result?n=9&select=*,i.max()")) == [{"max": 9}]  # nothing is known that `*` could be
    assert got(api.get("/rpc/one_film?wanted=5&id=eq.5", headers=OBJECT))["id"] == 5


def test_counts_and_ranges_of_results(api: httpx.Client) -> None:
    count = {"Prefer": "count=exact"}
    assert api.get("/rpc/numbers?upto=7", headers=count).headers["content-range"] == "0-6/7"
    some = api.get("/rpc/numbers?upto=7&limit=2&offset=3", headers=count)
    assert (some.status_code, some.headers["content-range"], some.json()) == (206, "3-4/7", [4, 5])
    ranged = api.get("/rpc/numbers?upto=7", headers=count | {"Range": "0-1", "Range-Unit": "items"})
    assert (ranged.status_code, ranged.headers["content-range"]) == (206, "0-1/7")
    beyond = api.post("/rpc/best_films?offset=9", json={}, headers=count)
    error(beyond, 416, "PGRST103") if "proxy-status" in beyond.headers else got(beyond, 416)
    for kind in ("planned", "estimated"):
        assert got(api.get("/rpc/best_films", headers={"Prefer": f"count={kind}"}))


def test_overloads(api: httpx.Client) -> None:
    assert got(api.get("/rpc/lookup?id=1")) == "by id"
    assert got(api.post("/rpc/lookup", json={"name": "x"})) == "by name"
    refusal = error(api.get("/rpc/twofold?a=1"), 300, "PGRST203")
    assert "integer" in refusal["message"] and "text" in refusal["message"] and refusal["hint"]


def test_what_is_not_there(api: httpx.Client) -> None:
    assert "api.best_films" in str(error(api.get("/rpc/best_film"), 404, "PGRST202")["hint"])
    assert "api.add(a, b)" in str(error(api.get("/rpc/add?a=1&c=2"), 404, "PGRST202")["hint"])
    assert "api.add(a, b)" in str(
        error(api.post("/rpc/add", json={"a": 1, "b": 2, "something": 3}), 404, "PGRST202")["hint"]
    )
    assert error(api.get("/rpc/quite_another"), 404, "PGRST202")["hint"] is None
    error(api.post("/rpc/add", json={}), 404, "PGRST202")
    error(api.post("/rpc/lookup", content=b"x", headers={"Content-Type": "text/plain"}), 404, "PGRST202")
    error(api.get("/rpc/hidden.before_request"), 404, "PGRST202")


def test_access_mode_by_volatility_and_method(api: httpx.Client) -> None:
    assert got(api.get("/rpc/context"))["read_only"] == "on"
    assert got(api.post("/rpc/context", json={}))["read_only"] == "on"
    assert got(api.get("/rpc/context_rw"))["read_only"] == "on"
    assert got(api.post("/rpc/context_rw", json={}))["read_only"] == "off"
    error(api.get("/rpc/keep?id=1&name=x"), 405, "25006")
    error(api.post("/rpc/lying", json={}), 405, "25006")


def test_writing_functions(api: httpx.Client, emptied: object) -> None:
    assert got(api.post("/rpc/keep?select=id,name", json={"id": 1, "name": "x"})) == {"id": 1, "name": "x"}
    assert got(api.get("/items?select=id")) == [{"id": 1}]
    assert api.post("/rpc/nothing", json={}).status_code == 204
    assert api.post("/rpc/nothing").status_code == 204


def test_what_a_function_sees_of_the_request(api: httpx.Client) -> None:
    headers = {"X-Own": "né", "Cookie": 'a=1; b="two"', "User-Agent": "tests", "X-Twice": "last"}
    seen = got(api.get("/rpc/context", headers=[(name.encode(), value.encode()) for name, value in headers.items()]))
    assert seen["headers"]["x-own"] == "né" and seen["headers"]["user-agent"] == "tests"
    assert "cookie" not in seen["headers"]
    assert seen["cookies"] == {"a": "1", "b": "two"}
    assert (seen["method"], seen["path"], seen["role"]) == ("GET", "/rpc/context", "house_anon")
    assert seen["claims"] == {"role": "house_anon"}
    assert seen["search_path"] == '"api"'
    known = got(api.get("/rpc/context", headers=bearer("house_user", sub="me", n=[1, None])))
    assert known["role"] == "house_user"
    assert known["claims"] == {"role": "house_user", "sub": "me", "n": [1, None]}


def test_settings_of_roles_and_functions(api: httpx.Client) -> None:
    """A role's settings hold for its requests, those only a superuser may make are left alone; a function's win."""
    anonymous, known = got(api.get("/rpc/context")), got(api.get("/rpc/context", headers=bearer()))
    assert (anonymous["timeout"], known["timeout"]) == ("0", "4321ms")
    for headers in ({}, bearer()):
        hoisted = got(api.post("/rpc/hoisted", json={}, headers=headers))
        assert (hoisted["timeout"], hoisted["isolation"]) == ("1234ms", "repeatable read")
    careful = got(api.get("/rpc/context", headers=bearer("house_careful")))
    assert (careful["isolation"], careful["read_only"]) == ("serializable", "on")
    assert got(api.post("/rpc/context_rw", json={}, headers=bearer("house_careful")))["read_only"] == "off"
    assert got(api.get("/rpc/context"))["isolation"] == "read committed"


def test_nothing_of_a_request_is_left_for_the_next(api: httpx.Client) -> None:
    for _ in range(12):
        api.post("/rpc/say", json={"status": "418", "headers": '[{"X-Left": "over"}]'})
        answer = api.get("/rpc/context")
        assert (answer.status_code, "x-left" in answer.headers) == (200, False)
        assert answer.json()["claims"] == {"role": "house_anon"}


def test_statement_timeouts_of_roles_apply(api: httpx.Client, house: object) -> None:
    error(api.post("/rpc/wait", json={"seconds": 9}, headers=bearer()), 500, "57014")
