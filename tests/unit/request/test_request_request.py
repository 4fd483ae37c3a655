"""Paths and methods, and requests as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from autorest.catalog.model import QualifiedName
from autorest.request.model import ALL_ROWS, Action, ApiRequest, JsonPayload, MediaType, Preferences, Query, Range
from autorest.request.request import RequestSettings, parse_request
from autorest.request.target import Resource, choose_action, parse_path
from tests.unit.request.conftest import Refusal

SETTINGS = RequestSettings(("api",))


def request(
    method: str = "GET",
    path: bytes | str = b"/todos",
    query: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
    body: bytes = b"",
    settings: RequestSettings = SETTINGS,
) -> ApiRequest:
    return parse_request(method, path, query, headers or [], body, settings)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"", (Resource.ROOT, "")),
        (b"/", (Resource.ROOT, "")),
        (b"/todos", (Resource.RELATION, "todos")),
        (b"/rpc", (Resource.RELATION, "rpc")),
        (b"/rpc/f", (Resource.ROUTINE, "f")),
        (b"/rpc/", (Resource.ROUTINE, "")),
        (b"/%72pc/f", (Resource.ROUTINE, "f")),
        (b"/Order%20Items", (Resource.RELATION, "Order Items")),
        (b"/a+b", (Resource.RELATION, "a+b")),
        (b"/a%2Fb", (Resource.RELATION, "a/b")),
        (b"/%D9%85%D9%88%D8%A7%D8%B1%D8%AF", (Resource.RELATION, "موارد")),
        ("/größe".encode(), (Resource.RELATION, "größe")),
        (b"/%FF", (Resource.RELATION, "\ufffd")),
        (b"/100%", (Resource.RELATION, "100%")),
    ],
)
def test_paths(path: bytes, expected: tuple[Resource, str]) -> None:
    assert parse_path(path, openapi_disabled=False, root_routine=None) == expected


@pytest.mark.parametrize("path", [b"//", b"/todos/", b"/a/b", b"/rpc/f/g", b"/rpc/f/", b"/a/b/c/d"])
def test_paths_that_name_nothing(path: bytes, refusal: Refusal) -> None:
    error = refusal(parse_path, path, openapi_disabled=False, root_routine=None)
    assert (error.code, error.status) == ("PGRST125", 404)


def test_whoever_names_a_row_by_its_path_is_told_how_it_is_done(refusal: Refusal) -> None:
    row, slash = (refusal(parse_path, path, openapi_disabled=False, root_routine=None) for path in (b"/a/7", b"/a/"))
    assert "?id=eq.7" in (row.hint or "")
    assert slash.hint is None


def test_the_root_may_be_a_function_or_disabled(refusal: Refusal) -> None:
    assert parse_path(b"/", openapi_disabled=False, root_routine="root") == (Resource.ROUTINE, "root")
    error = refusal(parse_path, b"/", openapi_disabled=True, root_routine="root")
    assert (error.code, error.status) == ("PGRST126", 404)


@pytest.mark.parametrize(
    ("resource", "actions"),
    [
        (Resource.ROOT, {"GET": Action.ROOT, "HEAD": Action.ROOT, "OPTIONS": Action.ROOT_INFO}),
        (
            Resource.RELATION,
            {
                "GET": Action.READ,
                "HEAD": Action.READ,
                "POST": Action.INSERT,
                "PUT": Action.UPSERT,
                "PATCH": Action.UPDATE,
                "DELETE": Action.DELETE,
                "OPTIONS": Action.RELATION_INFO,
            },
        ),
        (
            Resource.ROUTINE,
            {
                "GET": Action.CALL_SAFE,
                "HEAD": Action.CALL_SAFE,
                "POST": Action.CALL,
                "OPTIONS": Action.ROUTINE_INFO,
            },
        ),
    ],
)
def test_methods(resource: Resource, actions: dict[str, Action], refusal: Refusal) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "get", ""):
        if method in actions:
            assert choose_action(resource, method) is actions[method]
        else:
            error = refusal(choose_action, resource, method)
            assert error.status == 405
            assert error.code == ("PGRST101" if resource is Resource.ROUTINE else "PGRST117")
            assert "GET, HEAD" in error.details


def test_a_request_with_nothing_special() -> None:
    assert request() == ApiRequest(
        action=Action.READ,
        method="GET",
        path="/todos",
        target="todos",
        schema="api",
        query=Query(),
        preferences=Preferences(),
        accept=(MediaType("*/*"),),
        content_type=MediaType("application/json"),
        headers={},
        cookies={},
    )


def test_a_request_with_everything() -> None:
    asked = request(
        "POST",
        "/caf%C3%A9s",
        b"columns=a&limit=2",
        [
            (b"Accept", b"text/csv"),
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-profile", b"v2"),
            (b"prefer", b"return=minimal"),
            (b"prefer", b"count=exact, odd"),
            (b"range", b"3-4"),
            (b"cookie", b"a=b"),
            (b"x-utf8", "é".encode()),
            (b"x-latin1", b"\xe9"),
        ],
        b'{"a":1}',
        RequestSettings(("v1", "v2")),
    )
    assert asked.action is Action.INSERT
    assert asked.path == "/caf%C3%A9s"
    assert asked.target == "cafés"
    assert (asked.schema, asked.schema_negotiated) == ("v2", True)
    assert asked.accept == (MediaType("text/csv"),)
    assert asked.content_type == MediaType("application/json", (("charset", "utf-8"),))
    assert asked.preferences == Preferences(representation="minimal", count="exact", invalid=("odd",))
    assert asked.payload == JsonPayload(b'{"a":1}', ("a",), True)
    assert asked.top_range == Range(0, 2)
    assert asked.cookies == {"a": "b"}
    assert asked.headers is not None
    assert asked.headers["accept"] == "text/csv"
    assert asked.headers["x-utf8"] == "é"
    assert asked.headers["x-latin1"] == "\ufffd"
    assert "cookie" not in asked.headers


def test_head_is_get_without_a_body() -> None:
    assert request("HEAD").action is Action.READ
    assert request("HEAD").headers_only
    assert request("HEAD", b"/rpc/f", b"a=1").query.arguments
    assert not request().headers_only


def test_of_repeated_headers_the_first_counts_but_sql_sees_the_last() -> None:
    asked = request(
        headers=[(b"accept", b"text/csv"), (b"accept", b"text/xml"), (b"range", b"1-2"), (b"range", b"7-8")]
    )
    assert asked.accept == (MediaType("text/csv"),)
    assert asked.top_range == Range(1, 2)
    assert asked.headers == {"accept": "text/xml", "range": "7-8"}


@pytest.mark.parametrize("written", ["application/vnd.pgrst.array+json", "Application/vnd.pgrst.array; charset=utf-8"])
def test_an_array_is_sent_as_json(written: str) -> None:
    asked = request("POST", headers=[(b"content-type", written.encode())], body=b'[{"a":1}]')
    assert asked.content_type.essence == "application/json"
    assert asked.payload == JsonPayload(b'[{"a":1}]', ("a",), False)


@pytest.mark.parametrize("written", ["application/vnd.pgrst.array+json;nulls=stripped", "application/vnd.pgrst.object"])
def test_other_representations_are_not_sent(written: str, refusal: Refusal) -> None:
    refused = refusal(request, "POST", headers=[(b"content-type", written.encode())], body=b"[]")
    assert (refused.status, refused.code) == (400, "PGRST102")


def test_a_function_at_the_root() -> None:
    asked = request(path=b"/", settings=RequestSettings(("api",), root_spec=QualifiedName("api", "root")))
    assert (asked.action, asked.target) == (Action.CALL_SAFE, "root")


def test_a_value_without_operator_is_an_argument_of_get_only(refusal: Refusal) -> None:
    assert request("GET", b"/rpc/f", b"name=John").query.arguments[0][0] == "name"
    assert refusal(request, "POST", b"/rpc/f", b"name=John", body=b"{}").code == "PGRST100"
    assert refusal(request, "GET", b"/todos", b"name=John").code == "PGRST100"


def test_the_first_error_is_the_one_reported(refusal: Refusal) -> None:
    settings = RequestSettings(("api",))
    wrong = {
        "path": b"/a/b",
        "headers": [(b"accept-profile", b"none"), (b"content-profile", b"none")],
        "method": "TRACE",
        "query": b"id=0",
    }

    def code(**right: object) -> Any:
        return refusal(request, **{**wrong, "settings": settings, **right}).code

    assert code() == "PGRST125"
    assert code(path=b"/a") == "PGRST106"
    assert code(path=b"/a", headers=[]) == "PGRST117"
    assert code(path=b"/a", headers=[(b"range", b"2-1")], method="GET") == "PGRST100"
    assert code(path=b"/a", headers=[(b"range", b"2-1")], method="GET", query=b"") == "PGRST103"
    assert code(path=b"/a", headers=[], method="POST", query=b"limit=-1", body=b"x") == "PGRST103"
    assert code(path=b"/a", headers=[], method="POST", query=b"", body=b"x") == "PGRST102"


def test_everything_is_asked_for_without_a_range() -> None:
    assert request().top_range == ALL_ROWS
