"""What the README and the pages tell people to type does what they say."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from tests.integration.documents.pages import Command, Example, Script, agrees, examples
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.skips import available, lacking
from tests.support.tree import ROOT

KEY = "the key of the examples, which is long enough"
SETTINGS = {
    "db-schemas": "api",
    "db-anon-role": "api_anon",
    "db-channel-enabled": "true",
    "db-config": "true",
    "jwt-secret": KEY,
    "jwt-default-role": "api_user",
}


class Reader:
    """Somebody who types the examples of a page, with curl and psql, against a gateway of their own."""

    def __init__(self, cluster: Cluster, gateway: GatewayProcess, folder: Path) -> None:
        self.cluster = cluster
        self.gateway = gateway
        self.folder = folder
        self.token = jwt.encode({"sub": "ada", "exp": int(time.time()) + 600}, KEY)

    def type(self, example: Example) -> None:
        match example:
            case Script(sql):
                self.cluster.psql(sql, dbname="app")
                self.wait_for_the_catalog()
            case Command(line, shown) if line.startswith("curl "):
                printed = self.shell(line)
                assert not shown or agrees(shown, printed), f"{line}\nprinted {printed}\nbut the page shows {shown}"

    def shell(self, line: str) -> str:
        line = line.replace("http://api.theddt.local", self.gateway.url)
        # the id in the page belongs to a todo of whoever wrote it
        line = re.sub(r"id=eq\.[0-9a-f-]{36}", f"id=eq.{self.only_todo()}", line) if "id=eq" in line else line
        command = ["bash", "-c", line.replace("curl ", "curl -sS --max-time 20 ", 1)]
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "TOKEN": self.token, "no_proxy": "*"}
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"
        return done.stdout

    def only_todo(self) -> str:
        (todo,) = httpx.get(f"{self.gateway.url}/todos").json()
        return str(todo["id"])

    def wait_for_the_catalog(self) -> None:
        """Return when the gateway knows what is in the schema now: notifications arrive in their order."""
        mark = f"Notes as of {time.monotonic_ns()}"
        self.cluster.psql(f"comment on table api.notes is '{mark}'", dbname="app")
        deadline = time.monotonic() + 10
        while mark not in httpx.get(f"{self.gateway.admin_url}/schema_cache").text:
            assert time.monotonic() < deadline, "the gateway did not hear of a change"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """A cluster for the database `app`, whose roles the examples change."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        lacking("no curl, or no bash")
    with available(Cluster) as cluster:
        yield cluster


@pytest.fixture
def reader(server: Cluster, tmp_path: Path) -> Iterator[Reader]:
    """A reader with the database as `setup.py` makes it."""
    server.createdb("app")
    for script in sorted((ROOT / "postgres" / "init").glob("*.sql")):
        server.psql(script.read_text(encoding="utf-8"), dbname="app")
    server.execute("alter role api_anon reset all")
    with GatewayProcess(server.dsn("authenticator", "app"), SETTINGS) as gateway:
        yield Reader(server, gateway, tmp_path)


def test_the_tour(reader: Reader) -> None:
    typed = [example for example in examples("README.md", "The tour") if isinstance(example, Command)]
    assert sum(example.line.startswith("curl ") for example in typed) == 6
    for example in typed:
        reader.type(example)
    assert httpx.get(f"{reader.gateway.url}/todos").json() == []


@pytest.mark.parametrize("section", ["Adding a table", "Roles and tokens"])
def test_the_other_examples_of_the_readme(section: str, reader: Reader) -> None:
    for example in examples("README.md", section):
        reader.type(example)


def test_tables_views_and_functions(reader: Reader) -> None:
    typed = list(examples("docs/tables.md"))
    shows_rows = next(
        i for i, example in enumerate(typed) if isinstance(example, Command) and "lists(name)" in example.line
    )
    for example in typed[:shows_rows]:
        reader.type(example)
    reader.cluster.psql(
        "insert into api.lists (name, owner) values ('Groceries', 'ada');"
        "insert into api.todos (title, list_id) select 'Milk', id from api.lists",
        dbname="app",
    )
    (reader.folder / "todos.ndjson").write_text('{"title":"Bread"}\n{"title":"Butter"}\n')
    for example in typed[shows_rows:]:
        reader.type(example)
    titles = {todo["title"] for todo in httpx.get(f"{reader.gateway.url}/todos").json()}
    assert titles == {"Milk", "Bread", "Butter"}
    assert httpx.get(f"{reader.gateway.url}/rpc/number_of_notes").status_code == 401
    assert (
        "Lists of things to do"
        in httpx.get(f"{reader.gateway.url}/", headers={"Authorization": f"Bearer {reader.token}"}).text
    )


def test_clients(reader: Reader) -> None:
    (reader.folder / "todos.csv").write_text("title,completed\nFrom a file,true\n")
    for example in examples("docs/clients.md"):
        reader.type(example)
    assert [todo["title"] for todo in httpx.get(f"{reader.gateway.url}/todos").json()] == ["From a file"]


def test_what_an_error_looks_like(reader: Reader) -> None:
    first = next(iter(examples("docs/errors.md")))
    assert isinstance(first, Command)
    reader.type(first)


@pytest.mark.parametrize("position", [0, 1])
def test_errors_of_your_own(position: int, reader: Reader) -> None:
    raising = [example for example in examples("docs/errors.md", "Errors of your own") if isinstance(example, Script)]
    body = f"begin {raising[position].sql} end"
    reader.type(Script(f"create function api.refuse() returns void language plpgsql as $$ {body} $$"))
    answer = httpx.post(f"{reader.gateway.url}/rpc/refuse")
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    if position == 0:
        assert answer.text in page
        assert f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}\n" in page
    else:
        assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (503, "30", "busy")


def test_limits_on_roles(reader: Reader) -> None:
    for example in examples("docs/production.md", "What one client may ask for"):
        reader.type(example)
    reader.type(Script("create function api.slow() returns void stable language sql as $$ select pg_sleep(20) $$"))
    answer = httpx.get(f"{reader.gateway.url}/rpc/slow", timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (500, "57014")
