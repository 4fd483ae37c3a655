"""Requests made at random: never an error of the gateway's own making, never a hang, and templates change nothing."""

from __future__ import annotations

import http.client
import json
import random
import re
from urllib.parse import quote

import pytest

from tests.integration.api.conftest import SETTINGS, Gateways
from tests.support.gateway import GatewayProcess

SEED = 20240229
NUMBER = re.compile(rb"[0-9]+")
REQUESTS = 1_000

TARGETS = (
    "/films", "/directors", "/actors", "/people", "/orders", "/paints", "/places", "/items", "/things", "/pairs",
    "/keyless", "/recent_titles", "/screenings", "/frozen", "/odd%20%22name", "/rpc/add", "/rpc/best_films",
    "/rpc/table_result", "/rpc/one_film", "/rpc/whole", "/rpc/untyped", "/rpc/total", "/nope", "/rpc/nope", "/",
    "/a/b", "//", "/rpc/", "/%00", "/%ff",
)  # fmt: skip
COLUMNS = (
    "id", "title", "year", "rating", "tags", "info", "shown", "name", "director_id", "a", "b", "n", "i",
    "full_title", "x", "at", '"a b"', "info->n", "info->>sound", "info->reels->0", "at->x", "*", "search", "shade",
    "films.id", "directors.name", "f.id",
)  # fmt: skip
OPERATORS = (
    "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "is", "isdistinct", "fts",
    "plfts", "phfts", "wfts", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "not.eq", "not.in", "not.is",
    "eq(any)", "like(all)", "fts(english)", "nope", "eq(some)", "not.not.eq",
)  # fmt: skip
OPERANDS = (
    "1", "-1", "0", "a", "null", "true", "(1,2)", "()", '("a","b,c")', "{1,2}", "{a}", "[1,5)", "*a*", "%", "'", '"',
    "\\", "$1", ";--", "ünï", "漢字", "🐘", "9" * 40, "1e400", "NaN", "{", "}", "(", ")", ",", "", " ", "2024-01-01",
    '{"n":1}', "\x01", "\ud7ff", "a&b", "#ff0000", "x" * 500,
)  # fmt: skip
SELECTS = (
    "*", "id", "id,name", "title,directors(name)", "directors!inner(*)", "...directors(name)",
    "films(id,roles(part))", "f:films(id)", "count()", "id.count()", "year.max()::text", "a:b:c", "id::int",
    "id::nope", "films(", "films)", ",", "directors!x!y(id)", "...films(title)", "films(count())",
    "people!boss_id(name)", "premiere(*)", "addresses(*)", "info->n->>0", "  id , title",
)  # fmt: skip
ORDERS = (
    "id",
    "id.desc",
    "year.asc.nullslast,id",
    "directors(name)",
    "films(id)",
    "id.up",
    "",
    "info->n",
    "nope",
    "id.desc.nullsfirst.x",
)
LOGIC = (
    "(id.eq.1,id.eq.2)", "(id.eq.1)", "()", "(",
    "(id.eq.1,and(id.gt.1,not.or(id.lt.1,id.eq.3)))", "(title.in.(a,b),id.is.null)", '(name.eq."a,b",id.eq.1)',
    "(films.is.null,id.eq.1)", "id.eq.1", "(id.eq.{1,2})", "(title.like.*a*)",
)  # fmt: skip
NUMBERS = ("0", "1", "5", "-1", "x", "", "99999999999999999999", "0x2", "1.5")
ACCEPTS = (
    "*/*", "application/json", "text/csv", "application/vnd.pgrst.object+json", "application/vnd.pgrst.plan+json",
    "nonsense", "", "application/vnd.pgrst.array+json;nulls=stripped", "text/html;q=x, */*;q=0",
    "application/x-lines", ";;;", "text/csv;q=0.1,*/*",
    'application/vnd.pgrst.plan+text; for="text/csv"; options=analyze|nope', "application/geo+json",
)  # fmt: skip
PREFERENCES = (
    "count=exact", "count=planned", "count=estimated", "handling=strict", "max-affected=2", "max-affected=x",
    "timezone=UTC", "nope", "return=representation", "return=minimal", "return=headers-only", "missing=default",
    "resolution=merge-duplicates", "resolution=ignore-duplicates", "params=single-object", "=", ",,",
)  # fmt: skip
TYPES = (
    "application/json", "text/csv", "application/x-www-form-urlencoded", "text/plain", "application/octet-stream",
    "text/xml", "nope", "application/json; charset=utf-16", "application/json; charset=nope",
    "multipart/form-data; boundary=x", "",
)  # fmt: skip
BODIES = (
    b"", b"{}", b"[]", b"[{}]", b'{"id": 1}', b'[{"id": 1}, {"id": 2}]', b'{"id": 1, "name": null}',
    b'{"a": 1, "b": 2}', b"null", b'{"nope": 1}', b'{"id": {"a": [1]}}', b'[{"id": 1}, {"name": 2}]',
    b'{"id": 1e999}', b'{"id": "\\u0000"}', b'{"id": "\\ud800"}', b"{", b"\xff", b"id,name\n1,a\n", b"id\n1\n2",
    b"id=1&name=a", b'{"wanted": 1}', b"[[[[[[", b'{"n": 3}', b"\0", b"\xef\xbb\xbf{}",
)  # fmt: skip


class Fuzzer:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def request(self) -> tuple[str, str, dict[str, str], bytes | None]:
        """Return method, target, headers and body."""
        choose = self.random.choice
        method = self.random.choices(
            ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "BREW"), (60, 5, 15, 8, 4, 5, 2, 1)
        )[0]
        parameters = [self._parameter() for _ in range(self.random.choice((0, 1, 1, 2, 2, 3, 5)))]
        query = "&".join(f"{self._encoded(name)}={self._encoded(value)}" for name, value in parameters)
        headers = {
            "Prefer": ", ".join(["tx=rollback", *(choose(PREFERENCES) for _ in range(self.random.randrange(3)))])
        }
        if self.random.random() < 0.5:
            headers["Accept"] = choose(ACCEPTS)
        if self.random.random() < 0.1:
            headers["Range"] = choose(("0-1", "1-", "5-2", "x", "-", "0-0,2-3", "9" * 30 + "-"))
        if self.random.random() < 0.05:
            headers[choose(("Accept-Profile", "Content-Profile"))] = choose(("api", "other", "nope", ""))
        body = None
        if method in ("POST", "PATCH", "PUT"):
            body = self._broken(choose(BODIES))
            if self.random.random() < 0.5:
                headers["Content-Type"] = choose(TYPES)
        target = choose(TARGETS)
        return method, f"{target}?{query}" if query else target, headers, body

    def _parameter(self) -> tuple[str, str]:
        choose = self.random.choice
        match self.random.choice(
            ("filter", "filter", "filter", "select", "select", "order", "logic", "range", "columns", "argument")
        ):
            case "filter":
                return choose(COLUMNS), f"{choose(OPERATORS)}.{choose(OPERANDS)}"
            case "select":
                return "select", choose(SELECTS)
            case "order":
                return choose(("order", "films.order", "directors.order")), choose(ORDERS)
            case "logic":
                return choose(("or", "and", "not.or", "films.and", "directors.not.and")), choose(LOGIC)
            case "range":
                return choose(("limit", "offset", "films.limit", "nope.offset")), choose(NUMBERS)
            case "columns":
                return choose(("columns", "on_conflict")), choose(("id", "id,name", "a,b", "", "nope", '"a b"'))
            case _:
                return choose(("a", "b", "n", "wanted", "lowest", "numbers", "")), choose(OPERANDS)

    def _encoded(self, text: str) -> str:
        """Return the text percent-encoded, now and then with a character more, less or other."""
        if text and self.random.random() < 0.1:
            at = self.random.randrange(len(text))
            text = (
                text[:at]
                + self.random.choice(("", "(", ")", ".", ",", '"', "\\", "'", "é", ":", "!", "->"))
                + text[at + 1 :]
            )
        return (
            quote(text, safe="*(),.:!-<>{}\"'" if self.random.random() < 0.1 else "*(),.:!-")
            .replace('"', "%22")
            .replace("<", "%3C")
        )

    def _broken(self, body: bytes) -> bytes:
        if body and self.random.random() < 0.1:
            at = self.random.randrange(len(body))
            return body[:at] + bytes([self.random.randrange(256)]) + body[at + 1 :]
        return body


def ask(
    connection: http.client.HTTPConnection, request: tuple[str, str, dict[str, str], bytes | None]
) -> tuple[int, bytes, dict[str, str]]:
    method, target, headers, body = request
    connection.request(method, target, body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_random_requests(gateway: GatewayProcess, seed: int) -> None:
    """Every answer is one; 500 and above only for what the database raised; the second time it is the same."""
    fuzzer = Fuzzer(seed)
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=20)
    seen: set[int] = set()
    for _ in range(REQUESTS):
        request = fuzzer.request()
        status, body, headers = ask(connection, request)
        seen.add(status)
        if status >= 400 and request[0] != "HEAD":
            failure = json.loads(body)
            assert set(failure) == {"code", "message", "details", "hint"}, request
            assert status < 500 or not failure["code"].startswith("PGRST"), (request, failure)
            assert "autorest_" not in failure["message"] or failure["code"].startswith("42"), (request, failure)
        elif status == 200 and headers.get("content-type", "").startswith("application/json") and body:
            json.loads(body)
        if "plan" in headers.get("content-type", ""):
            continue
        again_status, again_body, again_headers = ask(connection, request)
        assert again_status == status, request
        if request[0] in ("GET", "HEAD"):
            assert again_body == body, request
        else:
            # Sequences go on even where the transaction is rolled back.
            assert NUMBER.sub(b"#", again_body) == NUMBER.sub(b"#", body), request
        for name in ("content-range", "content-type", "preference-applied", "content-location"):
            assert again_headers.get(name) == headers.get(name), request
    connection.close()
    assert {200, 204, 400, 404, 405, 406} <= seen
    assert "Traceback" not in gateway.output


SHAPES = (
    "/films?select=id&id=eq.", "/films?select=id&id=not.gt.", "/films?select=id&title=like.",
    "/films?select=id&title=ilike(any).", "/films?select=id&id=in.", "/films?select=id&title=not.in.",
    "/films?select=id&title=fts.", "/films?select=id&title=plfts(english).", "/films?select=id&tags=cs.",
    "/films?select=id&tags=ov.", "/films?select=id&shown=sl.", "/films?select=id&mood=isdistinct.",
    "/films?select=id&info->n=eq.", "/films?select=id&info->>sound=neq.", "/films?select=id&order=id&limit=",
    "/films?select=id&offset=", "/films?select=id,directors(name)&directors.name=match.",
    "/directors?select=films(id)&films.limit=", "/paints?shade=eq.", "/paints?shade=in.",
    "/films?select=id&director_id=is.", "/films?select=id&or=", "/rpc/add?a=", "/rpc/best_films?select=id&lowest=",
    "/rpc/total?numbers=1&numbers=", "/rpc/best_films?select=id&title=like.", "/films?select=", "/films?order=",
    "/rpc/add?b=1&a=",
)  # fmt: skip


def test_a_template_is_the_same_whoever_made_it(gateway: GatewayProcess, gateways: Gateways) -> None:
    """Requests of one shape, in one order and in the other: what a shape's first request was makes no difference."""
    requests = [shape + quote(operand) for shape in SHAPES for operand in (*OPERANDS, *LOGIC[:3], *NUMBERS)]
    answers = []
    for server, order in ((gateway, requests), (gateways(SETTINGS), requests[::-1])):
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        headers = {"Prefer": "count=exact"}
        found = {target: ask(connection, ("GET", target, headers, None)) for target in order}
        # Of an error the code: where in the text it was found, a template does not know.
        answers.append(
            {
                target: (status, json.loads(body)["code"] if status >= 400 else body)
                for target, (status, body, _) in found.items()
            }
        )
        connection.close()
    first, second = answers
    assert {target for target in requests if first[target] != second[target]} == set()
