"""The root as programs see it: which document, for whom, and that it is true."""

from __future__ import annotations

import time
from typing import Any

import httpx
import jwt
import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV31SpecValidator

from tests.integration.openapi.serving import SECRET, serving

USER = {"Authorization": f"Bearer {jwt.encode({'role': 'api_user', 'exp': int(time.time()) + 3600}, SECRET)}"}
V2 = {"Accept": "application/openapi+json;version=2.0"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def document(address: str, **headers: str) -> dict[str, Any]:
    response = httpx.get(address, headers=headers)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


@pytest.mark.parametrize(
    ("accept", "content_type", "version"),
    [
        ("*/*", "application/openapi+json;version=3.1; charset=utf-8", "3.1"),
        ("application/json", "application/openapi+json;version=3.1; charset=utf-8", "3.1"),
        ("application/openapi+json", "application/openapi+json;version=3.1; charset=utf-8", "3.1"),
        ("application/openapi+json;version=2.0", "application/openapi+json; charset=utf-8", "2.0"),
        ("application/vnd.oai.openapi+json;version=3.1", "application/openapi+json;version=3.1; charset=utf-8", "3.1"),
    ],
)
def test_programs_choose_the_version(address: str, accept: str, content_type: str, version: str) -> None:
    response = httpx.get(address, headers={"Accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, content_type)
    found = response.json()
    assert found.get("swagger", found.get("openapi", ""))[:3] == version
    head = httpx.head(address, headers={"Accept": accept})
    assert (head.status_code, head.headers["content-type"], head.content) == (200, content_type, b"")


def test_browsers_get_the_page(address: str) -> None:
    response = httpx.get(address, headers=BROWSER)
    assert response.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in response.headers["content-security-policy"]


def test_what_cannot_be_made_is_refused(address: str) -> None:
    response = httpx.get(address, headers={"Accept": "text/csv"})
    assert (response.status_code, response.json()["code"]) == (406, "PGRST107")


def test_both_documents_are_valid(address: str) -> None:
    for headers in ({}, USER):
        assert [each.message for each in OpenAPIV31SpecValidator(document(address, **headers)).iter_errors()] == []
        old = document(address, **V2, **headers)
        assert [each.message for each in OpenAPIV2SpecValidator(_without_odd(old)).iter_errors()] == []


def _without_odd(old: dict[str, Any]) -> dict[str, Any]:
    """Leave out what PostgREST writes and a strict validator refuses.

    Defaults that are expressions (`now()`) are no values of their types, and a column named `select` is a
    parameter of that name beside the one that selects.
    """
    for definition in old["definitions"].values():
        for described in definition["properties"].values():
            described.pop("default", None)
    odd = [path for path in old["paths"] if "<" in path]
    assert len(odd) == 1
    return {**old, "paths": {path: item for path, item in old["paths"].items() if path not in odd}}


def test_a_role_sees_what_it_may_use(address: str) -> None:
    anonymous, user = document(address), document(address, **USER)
    assert "/notes" not in anonymous["paths"] and "/rpc/secret" not in anonymous["paths"]
    assert "/notes" in user["paths"] and "/rpc/secret" in user["paths"]
    assert set(anonymous["paths"]["/clients"]) & {"get", "post", "patch", "delete"} == {"get"}
    assert set(user["paths"]["/clients"]) & {"get", "post", "patch", "delete"} == {"get", "post", "patch", "delete"}
    assert "/notes" not in document(address, **V2)["paths"]
    assert "/notes" in document(address, **V2, **USER)["paths"]


def test_the_comments_of_the_database_are_told(address: str) -> None:
    found = document(address)
    assert found["info"]["title"] == "autorest"
    projects = found["components"]["schemas"]["projects"]
    assert projects["properties"]["budget"]["description"] == "In Swiss francs."
    assert found["paths"]["/projects"]["summary"] == "Projects"


def test_answers_fit_their_schemas(address: str) -> None:
    from jsonschema import Draft202012Validator

    found = document(address)
    for path, item in found["paths"].items():
        if "get" not in item or path.startswith("/rpc/") or path == "/":
            continue
        key = item["get"]["responses"]["200"]["$ref"].rpartition("/")[2].removesuffix(".rows")
        validator = Draft202012Validator(found["components"]["schemas"][key])
        rows = httpx.get(address + path[1:], params={"limit": "20"}).json()
        for row in rows:
            assert [error.message for error in validator.iter_errors(row)] == []


def test_an_example_can_be_inserted_as_it_stands(address: str) -> None:
    example = document(address)["paths"]["/todos"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    response = httpx.post(address + "todos", json=example["one"]["value"], headers={"Prefer": "return=representation"})
    assert response.status_code == 201, response.text
    assert httpx.delete(address + "todos", params={"id": f"eq.{response.json()[0]['id']}"}).status_code == 204


def test_privileges_can_be_ignored(uri: str) -> None:
    with serving(uri, openapi_mode="ignore-privileges") as address:
        assert {"/notes", "/rpc/secret"} <= set(document(address)["paths"])
        assert {"/notes", "/rpc/secret"} <= set(document(address, **V2)["paths"])


def test_the_document_can_be_switched_off(uri: str) -> None:
    with serving(uri, openapi_mode="disabled") as address:
        response = httpx.get(address)
        assert (response.status_code, response.json()["code"]) == (404, "PGRST126")


def test_a_gateway_configured_like_postgrest_answers_like_it(uri: str) -> None:
    proxy = "https://api.example.com/v1"
    with serving(uri, prefix="PGRST_", openapi_security_active="true", openapi_server_proxy_uri=proxy) as address:
        response = httpx.get(address, headers={"Accept": "application/openapi+json"})
        assert response.headers["content-type"] == "application/openapi+json; charset=utf-8"
        old = response.json()
        assert (old["swagger"], old["security"]) == ("2.0", [{"JWT": []}])
        assert (old["host"], old["basePath"], old["schemes"]) == ("api.example.com:443", "/v1", ["https"])
        new = document(address, Accept="application/openapi+json;version=3.1")
        assert new["servers"] == [{"url": proxy}]


def test_several_schemas_are_chosen_by_profile(uri: str) -> None:
    with serving(uri, db_schemas='api, Odd "Schema"') as address:
        default, odd = httpx.get(address), httpx.get(address, headers={"Accept-Profile": 'Odd "Schema"'})
        assert default.headers["content-profile"] == "api"
        assert odd.headers["content-profile"] == 'Odd "Schema"'
        parameter = default.json()["components"]["parameters"]["Accept-Profile"]
        assert parameter["schema"]["enum"] == ["api", 'Odd "Schema"']
        assert "/todos" in default.json()["paths"] and "/todos" not in odd.json()["paths"]
