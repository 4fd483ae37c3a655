"""Errors: every code that a request can bring about, and what the database says, as PostgREST answers them."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import Gateways
from tests.integration.api.house import ANON, OBJECT, SECRET, bearer, error, got
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess

CODES: list[tuple[str, str, dict[str, object], int, str]] = [
    ("GET", "/films?id=1", {}, 400, "PGRST100"),
    ("GET", "/films?select=id,", {}, 400, "PGRST100"),
    ("GET", "/films?select=directors(id", {}, 400, "PGRST100"),
    ("GET", "/films?order=id.up", {}, 400, "PGRST100"),
    ("GET", "/films?or=(id.eq.1", {}, 400, "PGRST100"),
    ("GET", "/films?or=()", {}, 400, "PGRST100"),
    ("GET", "/films?id=is.maybe", {}, 400, "PGRST100"),
    ("GET", "/films?%FF=eq.1", {}, 400, "PGRST100"),
    ("GET", "/films?or=" + "and(" * 200 + "id.eq.1" + ")" * 200, {}, 400, "PGRST100"),
    ("GET", "/films?select=" + "directors(films(" * 100 + "id" + "))" * 100, {}, 400, "PGRST100"),
    ("GET", "/films?" + "&".join(["id=eq.1"] * 1500), {}, 400, "PGRST100"),
    ("DELETE", "/rpc/add", {}, 405, "PGRST101"),
    ("POST", "/items", {"content": b"{"}, 400, "PGRST102"),
    ("POST", "/items", {"content": b"x", "headers": {"Content-Type": "application/pdf"}}, 400, "PGRST102"),
    (
        "POST",
        "/items",
        {"content": b"{}", "headers": {"Content-Type": "application/json; charset=klingon"}},
        400,
        "PGRST102",
    ),
    ("POST", "/items", {"content": b"\xc3(", "headers": {"Content-Type": "text/csv"}}, 400, "PGRST102"),
    ("POST", "/items", {"content": b"[" * 100000}, 400, "PGRST102"),
    ("POST", "/items", {"content": b'{"id":' + b"[" * 3000 + b"]" * 3000 + b"}"}, 400, "PGRST102"),
    ("GET", "/films", {"headers": {"Range": "5-2"}}, 416, "PGRST103"),
    ("GET", "/films?limit=-1", {}, 416, "PGRST103"),
    ("PUT", "/items?id=gt.1", {"json": {"id": 1}}, 405, "PGRST105"),
    ("GET", "/films", {"headers": {"Accept-Profile": "hidden"}}, 406, "PGRST106"),
    ("POST", "/items", {"json": {}, "headers": {"Content-Profile": "hidden"}}, 406, "PGRST106"),
    ("GET", "/films", {"headers": {"Accept": "application/x-unknown"}}, 406, "PGRST107"),
    ("GET", "/films?actors.id=eq.1", {}, 400, "PGRST108"),
    ("POST", "/rpc/say", {"json": {"headers": "no list"}}, 500, "PGRST111"),
    ("POST", "/rpc/say", {"json": {"headers": '{"a": "b"}'}}, 500, "PGRST111"),
    ("POST", "/rpc/say", {"json": {"headers": '[{"a": 1}]'}}, 500, "PGRST111"),
    ("POST", "/rpc/say", {"json": {"headers": '[{"a": "b", "c": "d"}]'}}, 500, "PGRST111"),
    ("POST", "/rpc/say", {"json": {"headers": '[{"a": "b\\r\\nSet-Cookie: c"}]'}}, 500, "PGRST111"),
    ("POST", "/rpc/say", {"json": {"status": "fine"}}, 500, "PGRST112"),
    ("POST", "/rpc/say", {"json": {"status": "12345"}}, 500, "PGRST112"),
    ("PUT", "/items?id=eq.1&limit=1", {"json": {"id": 1}}, 400, "PGRST114"),
    ("PUT", "/items?id=eq.1", {"json": {"id": 2}}, 400, "PGRST115"),
    ("GET", "/films", {"headers": OBJECT}, 406, "PGRST116"),
    ("GET", "/films?id=eq.0", {"headers": OBJECT}, 406, "PGRST116"),
    ("TRACE", "/films", {}, 405, "PGRST117"),
    ("GET", "/directors?select=films(id)&order=films(id)", {}, 400, "PGRST118"),
    ("POST", "/rpc/fail", {"json": {"state": "PGRST", "message": "no JSON"}}, 500, "PGRST121"),
    ("POST", "/rpc/fail", {"json": {"state": "PGRST", "message": '{"code": "1", "message": "m"}'}}, 500, "PGRST121"),
    ("GET", "/films", {"headers": {"Prefer": "handling=strict, nonsense"}}, 400, "PGRST122"),
    ("POST", "/items", {"json": {}, "headers": {"Prefer": "handling=strict, return=everything"}}, 400, "PGRST122"),
    ("DELETE", "/films", {"headers": {"Prefer": "handling=strict, max-affected=1, tx=rollback"}}, 400, "PGRST124"),
    ("GET", "/a/b/c", {}, 404, "PGRST125"),
    ("GET", "/films/", {}, 404, "PGRST125"),
    ("GET", "/directors?select=...films(id.count())", {}, 400, "PGRST127"),
    ("POST", "/rpc/add", {"json": {"a": 1}, "headers": {"Prefer": "handling=strict, max-affected=1"}}, 400, "PGRST128"),
    ("GET", "/films?select=keyless(*)", {}, 400, "PGRST200"),
    ("GET", "/orders?select=addresses(*)", {}, 300, "PGRST201"),
    ("GET", "/rpc/nope", {}, 404, "PGRST202"),
    ("GET", "/rpc/twofold?a=1", {}, 300, "PGRST203"),
    ("POST", "/items", {"json": {"nope": 1}}, 400, "PGRST204"),
    ("GET", "/nope", {}, 404, "PGRST205"),
    ("GET", "/films", {"headers": {"Authorization": "Bearer no.token.here"}}, 401, "PGRST301"),
    ("GET", "/films", {"headers": bearer(exp=1)}, 401, "PGRST303"),
    ("GET", "/films", {"headers": bearer("nobody_at_all")}, 401, "22023"),
    ("GET", "/films", {"headers": bearer("postgres")}, 403, "42501"),
    ("GET", "/films?title=eq.%00", {}, 400, "22021"),
    ("POST", "/rpc/whole_text", {"content": b"a\0b", "headers": {"Content-Type": "text/plain"}}, 400, "22021"),
    ("POST", "/items", {"json": {"id": 1, "name": "a\0b"}}, 400, "22P05"),
]


@pytest.mark.parametrize(
    ("method", "target", "options", "status", "code"),
    CODES,
    ids=[f"{code}-{method}-{target[:40]}" for method, target, _, _, code in CODES],
)
def test_codes(api: httpx.Client, method: str, target: str, options: dict[str, object], status: int, code: str) -> None:
    error(api.request(method, target, **options), status, code)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "target", "options", "words"),
    [
        ("GET", "/films?select=keyless(*)", {}, "schema cache"),
        ("GET", "/rpc/nope", {}, "schema cache"),
        ("POST", "/rpc/nope", {"content": b"x", "headers": {"Content-Type": "text/plain"}}, "schema cache"),
        ("POST", "/items", {"json": {"nope": 1}}, "schema cache"),
        ("GET", "/nope", {}, "schema cache"),
        ("GET", "/films", {"headers": {"Accept-Profile": "nope"}}, "Invalid schema"),
        ("GET", "/films?offset=1000", {"headers": {"Prefer": "count=exact"}}, "Requested range not satisfiable"),
        ("GET", "/films?limit=-1", {}, "Requested range not satisfiable"),
        ("GET", "/films", {"headers": OBJECT}, "Cannot coerce the result"),
        ("GET", "/films", {"headers": bearer(exp=1)}, "JWT expired"),
    ],
)
def test_words_that_applications_look_for(
    api: httpx.Client, method: str, target: str, options: dict[str, Any], words: str
) -> None:
    assert words in api.request(method, target, **options).json()["message"]


def test_details_that_applications_look_into(api: httpx.Client) -> None:
    assert "The result contains 0 rows" in api.get("/films?id=eq.0", headers=OBJECT).json()["details"]


def test_a_query_string_that_is_too_long(gateway: GatewayProcess) -> None:
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=20)
    connection.request("GET", "/films?id=in.(" + "1," * 140_000 + "1)")
    answer = connection.getresponse()
    assert answer.status in (400, 414, 431)
    connection.close()


def test_codes_of_other_settings(strict: httpx.Client) -> None:
    """With client-error-verbosity minimal, code and message are all there is."""
    assert got(strict.get("/films?select=year.max()"), 400)["code"] == "PGRST123"
    assert set(got(strict.get("/nope"), 404)) == {"code", "message"}
    assert got(strict.get("/films", headers={"Accept": "application/vnd.pgrst.plan"}), 406)["code"] == "PGRST107"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("P0001", 400), ("P0002", 500), ("08006", 503), ("09000", 500), ("0L000", 403), ("0P000", 403),
        ("23503", 409), ("23505", 409), ("23514", 400), ("22012", 400), ("25006", 405), ("25000", 500),
        ("21000", 500), ("28000", 403), ("2D000", 500), ("38000", 500), ("39000", 500), ("3B000", 500),
        ("40001", 500), ("40P01", 500), ("53400", 500), ("53300", 503), ("54000", 500), ("55P03", 500),
        ("57014", 500), ("57P01", 503), ("58000", 500), ("F0000", 500), ("HV000", 500), ("XX000", 500),
        ("42883", 404), ("42P01", 404), ("42P17", 500), ("42601", 400), ("42501", 401), ("PT402", 402),
        ("PT503", 503), ("PTABC", 500), ("ZZZZZ", 400),
    ],
)  # fmt: skip
def test_statuses_of_sqlstates(api: httpx.Client, state: str, status: int) -> None:
    found = error(
        api.post("/rpc/fail", json={"state": state, "message": "so it is", "detail": "d", "hint": "h"}), status, state
    )
    assert (found["message"], found["details"], found["hint"]) == ("so it is", "d", "h")


def test_postgresql_names_what_it_does_not_find_as_in_postgrest(api: httpx.Client) -> None:
    unknown = error(api.get("/rpc/best_films?select=nothing"), 400, "42703")
    assert unknown["message"] == "column pgrst_call.nothing does not exist"
    keyless = error(api.put("/items?id=eq.1", json={"note": "x"}), 400, "42703")
    assert keyless["message"] == "column pgrst_body.id does not exist"


def test_empty_texts_of_an_error_are_texts(api: httpx.Client) -> None:
    found = api.post("/rpc/fail", json={"state": "P0001", "message": "", "detail": "", "hint": ""}).json()
    assert found == {"code": "P0001", "message": "", "details": "", "hint": ""}


def test_a_status_of_503_has_a_time_to_try_again(api: httpx.Client) -> None:
    assert api.post("/rpc/fail", json={"state": "PT503"}).headers["retry-after"] == "0"
    assert api.post("/rpc/say", json={"status": "503"}).headers["retry-after"] == "0"
    told = [{"Retry-After": "30"}]
    assert api.post("/rpc/say", json={"status": "503", "headers": json.dumps(told)}).headers["retry-after"] == "30"


def test_a_serialization_failure_is_not_tried_again(api: httpx.Client) -> None:
    error(api.post("/rpc/fail", json={"state": "40001"}, headers=bearer("house_careful")), 500, "40001")


def test_unauthorized_and_forbidden(api: httpx.Client) -> None:
    """Without a token 401 and a challenge, with one 403."""
    for target in ("/secrets", "/half_secrets?select=word", "/rpc/forbidden"):
        anonymous = api.get(target)
        error(anonymous, 401, "42501")
        assert "GRANT gives it" in anonymous.json()["hint"]
        assert anonymous.headers["www-authenticate"] == "Bearer"
        known = api.get(target, headers=bearer())
        error(known, 403, "42501")
        assert "www-authenticate" not in known.headers
    assert got(api.get("/half_secrets?select=id")) == []
    error(
        api.post("/half_secrets", json={"id": 1, "word": "x"}, headers={"Prefer": "return=representation"}),
        401,
        "42501",
    )


def test_tokens(api: httpx.Client) -> None:
    broken = api.get("/films", headers={"Authorization": "Bearer broken"})
    assert broken.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert got(api.get("/films?id=eq.1&select=id", headers=bearer(None, sub="x"))) == [{"id": 1}]
    assert got(api.get("/films?id=eq.1&select=id", headers={"Authorization": "Basic abc"})) == [{"id": 1}]


def raised(message: object, detail: object) -> dict[str, object]:
    return {"state": "PGRST", "message": json.dumps(message), "detail": json.dumps(detail)}


def test_raising_a_whole_answer(api: httpx.Client) -> None:
    message = {"code": "123", "message": "Payment", "details": "due", "hint": "pay"}
    detail = {"status": 402, "status_text": "Pay", "headers": {"X-Price": "1", "X-Currency": "EUR"}}
    answer = api.post("/rpc/fail", json=raised(message, detail))
    assert error(answer, 402, "123") == message
    assert (answer.headers["x-price"], answer.headers["x-currency"]) == ("1", "EUR")
    bare = api.post("/rpc/fail", json=raised({"code": "1", "message": "m"}, {"status": 418, "headers": {}}))
    assert error(bare, 418, "1") == {"code": "1", "message": "m", "details": None, "hint": None}


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ({"code": "1"}, {"status": 400, "headers": {}}),
        ([], {"status": 400, "headers": {}}),
        ({"code": "1", "message": "m"}, {"status": 400}),
        ({"code": "1", "message": "m"}, {"headers": {}}),
        ({"code": "1", "message": "m"}, {"status": "x", "headers": {}}),
        ({"code": "1", "message": "m"}, {"status": 99, "headers": {}}),
        ({"code": "1", "message": "m"}, {"status": 400, "headers": {"X": 1}}),
        ({"code": "1", "message": "m"}, {"status": 400, "headers": {"X": "a\r\nY: b"}}),
        ({"code": "1", "message": "m"}, {"status": 400, "headers": {"ключ": "a"}}),
        ({"code": "1", "message": "m"}, {"status": 400, "headers": {"A b": "a"}}),
        ({"code": {"a": 1}, "message": "m"}, {"status": 400, "headers": {}}),
        ({"code": "1", "message": "m", "hint": [1]}, {"status": 400, "headers": {}}),
    ],
)
def test_an_answer_raised_wrongly(api: httpx.Client, message: object, detail: object) -> None:
    found = error(api.post("/rpc/fail", json=raised(message, detail)), 500, "PGRST121")
    assert found["details"] and found["hint"]


def test_codes_and_messages_that_are_no_header(api: httpx.Client) -> None:
    """What SQL raises goes into headers of ours, and must not become headers of its own."""
    answer = api.post(
        "/rpc/fail", json=raised({"code": "a\r\nX-Evil: 1", "message": "m"}, {"status": 400, "headers": {}})
    )
    assert answer.status_code == 400 and "x-evil" not in answer.headers
    assert answer.json()["code"] == "a\r\nX-Evil: 1"
    split = api.post("/rpc/fail", json={"state": "PT400", "message": "a\r\nX-Evil: 1"})
    assert split.status_code == 400 and "x-evil" not in split.headers


def test_headers_and_status_from_sql(api: httpx.Client) -> None:
    headers = [{"Cache-Control": "public"}, {"cache-control": "max-age=1"}, {"Content-Type": "application/x-own"}]
    answer = api.post("/rpc/say", json={"status": "299", "headers": json.dumps(headers)})
    assert answer.status_code == 299
    assert answer.headers.get_list("cache-control") == ["public", "max-age=1"]
    assert answer.headers.get_list("content-type") == ["application/x-own"]
    assert api.post("/rpc/say", json={"headers": '[{"Vary": "X"}]'}).headers.get_list("vary") == ["X"]
    assert api.post("/rpc/say", json={"headers": "[]"}).status_code == 200
    accented = api.post("/rpc/say", json={"headers": json.dumps([{"X-Name": "né"}])})
    assert accented.status_code == 200 and dict(accented.headers.raw)[b"x-name"] == "né".encode()


@pytest.mark.parametrize("status", ["204", "304"])
def test_statuses_that_have_no_body(api: httpx.Client, status: str) -> None:
    """The connection can still be used: nothing follows such an answer that could be taken for the next one."""
    for _ in range(3):
        answer = api.post("/rpc/say", json={"status": status})
        assert (answer.status_code, answer.content) == (int(status), b"")
        assert got(api.get("/rpc/add?a=1")) == 11


def test_errors_are_json_whatever_is_asked_for(api: httpx.Client) -> None:
    for accept in ("text/csv", "text/html", "application/octet-stream", "nonsense"):
        answer = api.get("/nope", headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
    head = api.head("/nope")
    assert (head.status_code, head.content) == (404, b"")


def test_the_first_error_wins(api: httpx.Client) -> None:
    """As in PostgREST: token, path, schema, method, query, body, relation, database."""
    bad = {"Authorization": "Bearer x"}
    error(api.get("/a/b/c?id=1", headers=bad), 401, "PGRST301")
    error(api.get("/a/b/c?id=1", headers={"Accept-Profile": "x"}), 404, "PGRST125")
    error(api.get("/nope?id=1", headers={"Accept-Profile": "x"}), 406, "PGRST106")
    error(api.get("/nope?id=1"), 400, "PGRST100")
    error(api.post("/nope", content=b"{"), 400, "PGRST102")
    error(api.post("/nope", content=b"{}"), 404, "PGRST205")


def test_what_a_server_without_a_secret_and_with_one_connection_says(gateways: Gateways) -> None:
    """No connection in time, a token that nobody can check, a root that is closed."""
    settings = {
        "db-schemas": "api",
        "db-anon-role": ANON,
        "db-pool": "1",
        "db-pool-acquisition-timeout": "1",
        "openapi-mode": "disabled",
    }
    narrow = gateways(settings)
    with ThreadPoolExecutor() as threads, httpx.Client(base_url=narrow.url, timeout=20) as client:
        waiting = threads.submit(client.post, "/rpc/wait", json={"seconds": 2.5})
        time.sleep(0.3)
        late = client.get("/rpc/add?a=1")
        error(late, 504, "PGRST003")
        assert got(waiting.result()) == "done"
        assert got(client.get("/rpc/add?a=1")) == 11
        error(client.get("/films", headers=bearer()), 500, "PGRST300")
        error(client.get("/"), 404, "PGRST126")


def test_a_server_for_the_known_only(gateways: Gateways) -> None:
    closed = gateways({"db-schemas": "api", "jwt-secret": SECRET})
    with httpx.Client(base_url=closed.url, timeout=20) as client:
        anonymous = client.get("/films")
        error(anonymous, 401, "PGRST302")
        assert anonymous.headers["www-authenticate"] == "Bearer"
        assert len(got(client.get("/films", headers=bearer()))) == 7


def test_a_connection_that_is_cut(gateway: GatewayProcess, house: Cluster) -> None:
    """The database's administrator ends the session in the middle of a request: 503, and the next one is fine."""
    with ThreadPoolExecutor() as threads, httpx.Client(base_url=gateway.url, timeout=20) as client:
        waiting = threads.submit(client.post, "/rpc/wait", json={"seconds": 8})
        ended = False
        while not ended and not waiting.done():
            found = house.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'house_authenticator' AND query LIKE '%\"wait\"%' AND state = 'active'"
            )
            ended = bool(found)
        answer = waiting.result()
        assert error(answer, 503, "57P01")["message"] == "terminating connection due to administrator command"
        assert got(client.get("/rpc/add?a=1")) == 11


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/rpc/best_films?select=nope", "column pgrst_call.nope does not exist"),
        ("/rpc/add?a=1&select=count()", "column _postgrest_t.pgrst_scalar does not exist"),
        ("/films?select=actors(nope)", "column actors.nope does not exist"),
        ("/films?select=directors(nope)", "column directors_1.nope does not exist"),
        ("/films?select=info->2147483648", 'value "+2147483648" is out of range for type integer'),
    ],
)
def test_what_postgresql_says_has_the_names_that_postgrest_gives(api: httpx.Client, target: str, message: str) -> None:
    assert api.get(target).json()["message"] == message
