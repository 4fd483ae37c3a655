"""The same stack as docker-compose.prod.yml describes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.stack.stack import DOMAIN, REPOSITORY, Stack, eventually, published

FILES = ("--file", "docker-compose.yml", "--file", "docker-compose.prod.yml")


def test_only_traefik_is_published_and_there_is_no_pgadmin(stack: Stack) -> None:
    config = stack.config(*FILES)
    assert published(config) == {
        ("traefik", "0.0.0.0", stack.ports["HTTP_PORT"], 80),
        ("traefik", "0.0.0.0", stack.ports["HTTPS_PORT"], 443),
        ("traefik", "127.0.0.1", stack.ports["DASHBOARD_PORT"], 8080),
    }
    assert config["services"].keys() == {"postgres", "pgbouncer", "autorest", "home", "traefik"}
    assert config["networks"]["backend"]["internal"] is True
    assert config["services"]["postgres"]["networks"].keys() == {"backend"}
    assert "pgadmin_password" not in config["secrets"]


@pytest.fixture(scope="module")
def production(stack: Stack) -> Iterator[Stack]:
    stack.script("setup.py", "--prod")
    yield stack
    stack.script("setup.py")
    assert stack.compose("port", "postgres", "5432").strip() == f"127.0.0.1:{stack.ports['POSTGRES_PORT']}"


def test_the_api_answers_over_http_and_https(production: Stack) -> None:
    todo = production.add_todo("In production")
    host = f"api.{DOMAIN}"
    port = production.ports["HTTPS_PORT"]
    # Traefik signs for itself here
    with httpx.Client(verify=False, trust_env=False, timeout=60) as client:
        answer = client.get(f"https://127.0.0.1:{port}/todos?id=eq.{todo}", headers={"Host": host})
    assert answer.status_code == 200
    assert answer.json()[0]["title"] == "In production"


def test_it_is_set_up_again_with_https_alone_and_without_the_example(production: Stack) -> None:
    documented = (REPOSITORY / "docs" / "production.md").read_text(encoding="utf-8")
    (redirect,) = (block for block in re.findall(r"```yaml\n(.*?)```", documented, re.S) if "redirectScheme" in block)
    file = production.folder / "traefik" / "dynamic" / "https.yml"
    production.psql("alter table api.todos rename to todos_away")
    try:
        file.write_text(redirect, encoding="utf-8")
        eventually(lambda: production.api.get("/todos").is_redirect)
        printed = production.script("setup.py", "--prod")
        assert f"The API is at https://api.{DOMAIN}" in printed
        assert "The tour" not in printed
    finally:
        file.unlink()
        production.psql("alter table api.todos_away rename to todos")
    eventually(lambda: production.api.get("/todos").status_code == 200)


def test_the_home_page_does_not_speak_of_pgadmin(production: Stack) -> None:
    home = production.at(DOMAIN)
    assert 'data-service="postgres"' in home.get("/").text
    assert "pgadmin" not in home.get("/").text.lower()
    eventually(lambda: {one["state"] for one in home.get("/health.json").json().values()} == {"up"})
    assert "pgadmin" not in home.get("/health.json").json()
    assert production.at(f"pgadmin.{DOMAIN}").get("/").status_code == 404


def test_the_database_reaches_nobody_outside(production: Stack) -> None:
    (postgres,) = production.inspect("postgres")
    (network,) = postgres["NetworkSettings"]["Networks"]
    assert production.docker("network", "inspect", "--format", "{{.Internal}}", network).strip() == "true"
    assert not any(postgres["NetworkSettings"]["Ports"].values())
