"""What people do first: the curl tour, a token, a table of their own, the pages in the browser."""

from __future__ import annotations

import json
import re
import time

import httpx
import pytest

from tests.stack.stack import DOMAIN, Stack, eventually

JSON = ("-H", "Content-Type: application/json")
_ADD = ("autorest", "autorest", "user", "add")


def test_the_five_commands(stack: Stack) -> None:
    before = stack.todos()

    assert isinstance(json.loads(stack.curl("/todos")), list)
    stack.curl("/todos", "-X", "POST", *JSON, "-d", '{"title": "My first todo", "completed": false}')
    (added,) = (todo for todo in json.loads(stack.curl("/todos")) if todo["id"] not in before)
    assert (added["title"], added["completed"]) == ("My first todo", False)

    description = json.loads(stack.curl("/"))
    assert description["openapi"].startswith("3.1")
    # the root describes what the role of the request may use
    assert "/todos" in description["paths"]
    assert "/notes" not in description["paths"]
    assert "/notes" in stack.api.get("/", headers=stack.token("ana")).json()["paths"]

    stack.curl(f"/todos?id=eq.{added['id']}", "-X", "PATCH", *JSON, "-d", '{"completed": true}')
    (changed,) = json.loads(stack.curl(f"/todos?id=eq.{added['id']}"))
    assert changed["completed"] is True
    assert changed["updated_at"] > added["updated_at"]

    stack.curl(f"/todos?id=eq.{added['id']}", "-X", "DELETE")
    assert json.loads(stack.curl(f"/todos?id=eq.{added['id']}")) == []


def test_notes_belong_to_the_subject_of_the_token(stack: Stack) -> None:
    ana, ben = stack.token("ana"), stack.token("ben", role="api_user")
    written = stack.api.post("/notes", json={"title": "Ana's"}, headers=ana | {"Prefer": "return=representation"})
    assert written.status_code == 201, written.text
    (note,) = written.json()
    assert note["owner"] == "ana"
    path = f"/notes?id=eq.{note['id']}"

    assert stack.api.get(path, headers=ana).json() == [note]
    assert stack.api.get(path, headers=ben).json() == []
    changed = stack.api.patch(path, json={"title": "Ben's"}, headers=ben | {"Prefer": "return=representation"})
    assert (changed.status_code, changed.json()) == (200, [])
    stolen = stack.api.post("/notes", json={"title": "For Ana", "owner": "ana"}, headers=ben)
    assert (stolen.status_code, stolen.json()["code"]) == (403, "42501")
    assert stack.api.delete(path, headers=ana).status_code == 204
    assert stack.api.get(path, headers=ana).json() == []


def test_the_containers_own_command_makes_tokens(stack: Stack) -> None:
    assert stack.compose("exec", "-T", "autorest", "/bin/postgrest", "--version").strip()
    token = stack.compose(
        "exec", "-T", "autorest", "autorest", "token", "--claim", "sub=cleo", "--expires", "1h"
    ).strip()
    headers = {"Authorization": f"Bearer {token}", "Prefer": "return=representation"}
    written = stack.api.post("/notes", json={"title": "Cleo's"}, headers=headers)
    assert written.status_code == 201, written.text
    assert written.json()[0]["owner"] == "cleo"


def test_a_user_logs_in_and_has_notes(stack: Stack) -> None:
    known = {"email": "dora@example.org", "password": "correct horse battery"}
    stack.docker("compose", "exec", "-T", *_ADD, known["email"], given=known["password"])
    answer = stack.api.post("/auth/login", json=known)
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}", "Prefer": "return=representation"}
    written = stack.api.post("/notes", json={"title": "Dora's"}, headers=headers)
    assert written.status_code == 201, written.text
    assert stack.api.get("/notes?select=title", headers=headers).json() == [{"title": "Dora's"}]
    assert stack.api.post("/auth/register", json=known).status_code == 403


def test_settings_of_the_gateway_can_be_added(stack: Stack) -> None:
    answer = stack.api.get("/todos?limit=1", headers={"X-Request-Id": "one of many"})
    assert answer.headers["x-request-id"] == "one of many"


def test_without_a_good_token_there_are_no_notes(stack: Stack) -> None:
    anonymous = stack.api.get("/notes")
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "42501")
    expired = stack.api.get("/notes", headers=stack.token("ana", exp=int(time.time()) - 3600))
    assert (expired.status_code, expired.json()["code"]) == (401, "PGRST303")


def test_a_new_table_is_served_within_two_seconds(stack: Stack) -> None:
    assert stack.api.get("/planets").status_code == 404
    stack.psql(
        "create table api.planets (name text primary key); insert into api.planets values ('Venus');"
        " grant select on api.planets to api_anon"
    )
    try:
        eventually(lambda: stack.api.get("/planets").status_code == 200, seconds=2)
        assert stack.api.get("/planets").json() == [{"name": "Venus"}]
    finally:
        stack.psql("drop table api.planets")
    eventually(lambda: stack.api.get("/planets").status_code == 404, seconds=2)


def test_traefik_hands_requests_on_as_they_are(stack: Stack) -> None:
    stack.psql('create table api."a/b %; c" (x text); grant select, insert on api."a/b %; c" to api_anon')
    path = "/a%2Fb%20%25%3B%20c"
    try:
        eventually(lambda: stack.api.get(path).status_code == 200, seconds=5)
        values = ["semi;colon", "per%cent", "plus+plus", "a&b=c", "ünï ☃", "back\\slash", ""]
        for value in values:
            assert stack.api.post(path, json={"x": value}).status_code == 201
            assert stack.api.get(path, params={"x": f"eq.{value}"}).json() == [{"x": value}]
    finally:
        stack.psql('drop table api."a/b %; c"')


def test_a_browser_gets_documentation_from_the_api(stack: Stack) -> None:
    answer = stack.api.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_the_home_page_shows_what_runs(stack: Stack) -> None:
    home = stack.at(DOMAIN)
    page = home.get("/")
    assert page.status_code == 200
    assert all(f'data-service="{service}"' in page.text for service in stack.services() if service != "home")
    assert f"curl http://api.{DOMAIN}" in page.text
    for asset in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert home.get(asset).status_code == 200, asset
    assert home.get("/nothing").status_code == 404

    def all_up() -> bool:
        health = home.get("/health.json").json()
        return health.keys() == set(stack.services()) - {"home"} and all(
            one["state"] == "up" for one in health.values()
        )

    eventually(all_up)


def test_the_home_page_notices_what_stops(stack: Stack) -> None:
    def states() -> dict[str, str]:
        return {name: one["state"] for name, one in stack.at(DOMAIN).get("/health.json").json().items()}

    stack.compose("stop", "--timeout", "5", "pgbouncer")
    try:
        eventually(lambda: states()["pgbouncer"] == "down")
        assert states()["postgres"] == "up"
    finally:
        stack.up()
    eventually(lambda: set(states().values()) == {"up"})


def test_the_dashboard_is_at_its_name_and_port(stack: Stack) -> None:
    dashboard = stack.at(f"traefik.{DOMAIN}", "DASHBOARD_PORT")
    assert dashboard.get("/").headers["location"].endswith("/dashboard/")
    page = dashboard.get("/dashboard/")
    assert page.status_code == 200
    for asset in re.findall(r'(?:src|href)="\./([^"]+)"', page.text):
        assert dashboard.get(f"/dashboard/{asset}").status_code == 200, asset
    overview = dashboard.get("/api/overview").json()
    assert overview["http"]["routers"]["errors"] == 0

    assert stack.at("localhost", "DASHBOARD_PORT").get("/dashboard/").status_code == 200

    lost = stack.at(f"traefik.{DOMAIN}").get("/")
    assert lost.is_redirect
    assert lost.headers["location"] == f"http://traefik.{DOMAIN}:{stack.ports['DASHBOARD_PORT']}/dashboard/"


@pytest.mark.parametrize("host", ["127.0.0.1", f"nothing.{DOMAIN}", "example.com"])
def test_other_names_lead_nowhere(stack: Stack, host: str) -> None:
    assert stack.at(host).get("/").status_code == 404
    assert stack.at(host, "DASHBOARD_PORT").get("/dashboard/").status_code == 404


@pytest.mark.parametrize("path", ["/live", "/ready", "/config", "/schema_cache", "/metrics"])
def test_the_admin_port_is_not_routed(stack: Stack, path: str) -> None:
    answer = stack.api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "PGRST205")


def test_pgadmin_knows_the_server_and_its_password(stack: Stack) -> None:
    pgadmin = stack.at(f"pgadmin.{DOMAIN}")
    _log_in(pgadmin, stack.secret("pgadmin_password"))
    script = pgadmin.get("/browser/js/utils.js").text
    token = re.search(r"csrf_token'\] = '([^']+)'", script)
    assert token is not None
    pgadmin.headers["X-pgA-CSRFToken"] = token[1]

    (group,) = pgadmin.get("/browser/server_group/nodes/").json()["data"]
    (server,) = pgadmin.get(f"/browser/server/nodes/{group['_id']}/").json()["result"]
    assert (server["host"], server["username"], server["db"]) == ("postgres", "postgres", "app")
    connected = pgadmin.post(f"/browser/server/connect/{group['_id']}/{server['_id']}")
    assert connected.status_code == 200, connected.text
    assert connected.json()["data"]["connected"] is True


def _log_in(pgadmin: httpx.Client, password: str) -> None:
    token = re.search(r'"csrfToken": "([^"]+)"', pgadmin.get("/login").text)
    assert token is not None
    answer = pgadmin.post(
        "/authenticate/login",
        data={
            "email": f"admin@{DOMAIN}",
            "password": password,
            "csrf_token": token[1],
            "internal_button": "Login",
        },
    )
    assert (answer.status_code, answer.headers["location"]) == (302, "/browser/")
