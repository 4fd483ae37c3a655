"""`setup.py --embedded`, really run: PostgreSQL from the wheel, the gateway, and what can happen to them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import jwt
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.setup.checkout import Checkout, Run
from tests.support import process
from tests.support.ports import free_port
from tests.support.skips import lacking


def superuser(checkout: Checkout, run: Run) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as the person would who reads the end of setup.py's output."""
    address = next(line for line in run.output.splitlines() if line.strip().startswith("PostgreSQL  "))
    port = int(address.partition("127.0.0.1:")[2].partition(",")[0])
    password = (checkout.root / "secrets" / "postgres_password.txt").read_text()
    return psycopg.connect(
        host="127.0.0.1", port=port, user="postgres", dbname="app", password=password, autocommit=True
    )


def test_a_half_installed_environment_heals_and_the_tour_works(installed: Checkout) -> None:
    started = installed.start()
    process.wait_until(lambda: (installed.root / ".venv" / "bin" / "pip").exists(), started.process, started.log, 120)
    os.killpg(started.process.pid, signal.SIGKILL)
    started.process.wait()

    with installed.serving() as run:
        assert run.call("GET", "/todos") == (200, [])
        made = run.call("POST", "/todos", {"title": "My first todo", "completed": False})
        assert (made.status, made.body[0]["title"]) == (201, "My first todo")
        where = f"/todos?id=eq.{made.body[0]['id']}"
        assert run.call("PATCH", where, {"completed": True}).body[0]["completed"] is True
        assert run.call("DELETE", where).status == 200
        assert run.call("GET", "/todos").body == []
        assert run.call("GET", "/").body["openapi"].startswith("3.1")
    assert run.process.returncode == 0
    assert "Traceback" not in run.output


def test_a_second_run_finds_the_data_and_applies_nothing_again(checkout: Checkout) -> None:
    with checkout.serving() as run:
        run.call("POST", "/todos", {"title": "kept"})
        with superuser(checkout, run) as connection:
            connection.execute("drop table api.notes")
    with checkout.serving() as run:
        assert run.titles() == ["kept"]
        assert run.call("GET", "/notes").status == 404


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_cleanly(checkout: Checkout, number: signal.Signals) -> None:
    with checkout.serving() as run:
        run.call("POST", "/todos", {"title": "kept"})
        assert run.end(number) == 0
        assert checkout.processes() == []
        assert "Traceback" not in run.output
    assert "database system is shut down" in next(checkout.data.glob("*/server.log")).read_text()


def test_notes_belong_to_the_tokens_subject(checkout: Checkout) -> None:
    with checkout.serving() as run:
        key = (checkout.root / "secrets" / "jwt_secret.txt").read_text()
        ann, bob = (jwt.encode({"sub": name}, key, algorithm="HS256") for name in ("ann", "bob"))
        assert run.call("GET", "/notes").status == 401
        assert run.call("POST", "/notes", {"title": "hers"}, ann).body[0]["owner"] == "ann"
        assert [note["title"] for note in run.call("GET", "/notes", token=ann).body] == ["hers"]
        assert run.call("GET", "/notes", token=bob).body == []
        assert run.call("PATCH", "/notes", {"title": "his"}, bob).body == []
        assert run.call("POST", "/notes", {"title": "forged", "owner": "ann"}, bob).status == 403


def test_a_new_table_is_served_within_two_seconds(checkout: Checkout) -> None:
    with checkout.serving() as run, superuser(checkout, run) as connection:
        assert run.call("GET", "/books").status == 404
        connection.execute("create table api.books (id int primary key)")
        connection.execute("grant select on api.books to api_anon")
        deadline = time.monotonic() + 2
        while (answer := run.call("GET", "/books")).status != 200:
            assert time.monotonic() < deadline, answer
        assert answer.body == []


def test_only_whoever_knows_a_password_enters_the_database(checkout: Checkout) -> None:
    with checkout.serving() as run, superuser(checkout, run) as connection:
        for user in ("postgres", "authenticator"):
            where = make_conninfo(host="127.0.0.1", port=connection.info.port, dbname="app", user=user)
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(where, password="guessed")
        row = connection.execute("select setting from pg_settings where name = 'listen_addresses'").fetchone()
        assert row == ("127.0.0.1",)
        rules = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
        assert rules == [("scram-sha-256",)]


def test_after_kill_9_nothing_stays_and_the_next_run_works_at_once(checkout: Checkout) -> None:
    port = free_port()
    with checkout.serving(port=port) as run:
        run.call("POST", "/todos", {"title": "kept"})
        run.end(signal.SIGKILL)
        with checkout.serving(port=port) as again:
            assert again.titles() == ["kept"]
            again.end(signal.SIGKILL)
    checkout.wait_until_quiet()


def test_after_everything_was_killed_the_next_run_works(checkout: Checkout) -> None:
    with checkout.serving() as run:
        run.call("POST", "/todos", {"title": "kept"})
        # first setup.py and its tethers, so that none of them can stop anything any more
        mine = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
        ours = [line.split(None, 1) for line in mine.splitlines() if str(checkout.root) in line]
        os.kill(run.process.pid, signal.SIGKILL)
        for pid, _ in sorted(ours, key=lambda process: "tether.py" not in process[1]):
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        run.process.wait()
    with checkout.serving() as again:
        assert again.titles() == ["kept"]


def test_postgres_that_dies_is_started_again(checkout: Checkout) -> None:
    with checkout.serving() as run:
        run.call("POST", "/todos", {"title": "kept"})
        pid_file = next(checkout.data.glob("*/postmaster.pid"))
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
        process.wait_until(lambda: "starting it again" in run.output, run.process, run.log)
        process.wait_until(lambda: run.call("GET", "/todos").status == 200, run.process, run.log)
        assert run.titles() == ["kept"]
        assert run.end() == 0


def test_a_pid_file_that_names_something_else_is_no_obstacle(checkout: Checkout) -> None:
    with checkout.serving() as run:
        run.call("POST", "/todos", {"title": "kept"})
    cluster = next(checkout.data.glob("[0-9]*")).resolve()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            (cluster / "postmaster.pid").write_text(f"{stranger.pid}\n{cluster}\n0\n5432\n\n\n\nready\n")
            with checkout.serving() as again:
                assert again.titles() == ["kept"]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_taken_port_is_named_with_who_holds_it(checkout: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = checkout.run("setup.py", "--embedded", "--port", str(port))
    assert ended.returncode == 1
    assert f"Port {port} is taken by" in ended.stderr
    assert f"(process {os.getpid()})" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_run_beside_another_says_where_that_is(checkout: Checkout) -> None:
    with checkout.serving() as run:
        second = checkout.run("setup.py", "--embedded")
        assert second.returncode == 0
        assert f"http://localhost:{run.port}" in second.stdout
        assert f"process {run.process.pid}" in second.stdout
        assert run.call("GET", "/todos").status == 200


def test_teardown_stops_what_runs_elsewhere_and_keeps_the_data(checkout: Checkout) -> None:
    with checkout.serving() as run:
        run.call("POST", "/todos", {"title": "kept"})
        ended = checkout.run("teardown.py")
        assert ended.returncode == 0, ended.stderr
        assert run.process.wait(10) == 0
        assert checkout.processes() == []
    with checkout.serving() as run:
        assert run.titles() == ["kept"]
        assert checkout.run("teardown.py", "--volumes").returncode == 0
        assert not checkout.data.exists()
    with checkout.serving() as run:
        assert run.titles() == []


def test_new_secrets_fit_the_old_data(checkout: Checkout) -> None:
    with checkout.serving() as run:
        run.call("POST", "/todos", {"title": "kept"})
    old = (checkout.root / "secrets" / "postgres_password.txt").read_text()
    assert checkout.run("teardown.py", "--secrets").returncode == 0
    with checkout.serving() as run, superuser(checkout, run) as connection:
        assert run.titles() == ["kept"]
        assert connection.info.password != old


def test_a_script_that_fails_is_named_and_the_next_run_starts_over(checkout: Checkout) -> None:
    broken = checkout.root / "postgres" / "init" / "04-broken.sql"
    broken.write_text("create table api.half (id int);\nselect 1 / 0;\n")
    try:
        ended = checkout.run("setup.py", "--embedded", "--port", str(free_port()))
        assert ended.returncode == 1
        assert str(broken) in ended.stderr
        assert "division by zero" in ended.stderr
        assert checkout.processes() == []
    finally:
        broken.unlink()
    with checkout.serving() as run:
        assert run.call("GET", "/todos").status == 200
        assert run.call("GET", "/half").status == 404


def test_a_cluster_that_was_left_unfinished_is_made_anew(checkout: Checkout) -> None:
    with checkout.serving() as run:
        version = next(checkout.data.glob("[0-9]*"))
    unfinished = version.resolve().with_name(f"unfinished-{version.name}")
    version.resolve().rename(unfinished)
    (unfinished / "PG_VERSION").unlink()
    with checkout.serving() as run:
        assert run.titles() == []


def test_a_damaged_installation_is_mended(checkout: Checkout) -> None:
    package = next(checkout.root.glob(".venv/lib/python*/site-packages/starlette"))
    shutil.rmtree(package)
    with checkout.serving() as run:
        assert "damaged" in run.output
        assert run.call("GET", "/todos").status == 200


def test_variables_that_lead_elsewhere_lead_nowhere(checkout: Checkout) -> None:
    with checkout.serving(PGHOST="192.0.2.1", PGPORT="1", PGSSLMODE="require", PGSERVICE="no", PGUSER="no") as run:
        assert run.call("GET", "/todos").status == 200


def test_the_gateways_commands_find_its_settings_whatever_the_environment_says(checkout: Checkout) -> None:
    elsewhere = "postgresql://192.0.2.1/x"
    with checkout.serving(PGRST_DB_URI=elsewhere, AUTOREST_SERVER_PORT="1", PGRST_JWT_SECRET="short") as run:

        def autorest(*arguments: str) -> str:
            argv = [str(checkout.root / ".venv" / "bin" / "autorest"), *arguments]
            return subprocess.run(argv, cwd=checkout.root, capture_output=True, text=True, check=True).stdout.strip()

        assert autorest("ready", "postgres-data/gateway.conf").startswith("OK")
        token = autorest("token", "--claim", "sub=ada", "--config", "postgres-data/gateway.conf")
        assert run.call("GET", "/notes", token=token) == (200, [])


def test_whoever_is_added_as_a_user_logs_in(checkout: Checkout) -> None:
    known = {"email": "ada@example.org", "password": "correct horse battery"}
    with checkout.serving() as run:
        argv = [str(checkout.root / ".venv" / "bin" / "autorest"), "user", "add", known["email"]]
        config = ("--config", "postgres-data/gateway.conf")
        subprocess.run([*argv, *config], cwd=checkout.root, input=known["password"], text=True, check=True)
        tokens = run.call("POST", "/auth/login", known)
        assert tokens.status == 200, tokens.body
        made = run.call("POST", "/notes", {"title": "hers"}, tokens.body["access_token"])
        assert (made.status, made.body[0]["title"]) == (201, "hers")
    with checkout.serving(AUTOREST_AUTH_LOGIN_ENABLED="false") as run:
        assert run.call("POST", "/auth/login", known).status == 404


def test_a_wrong_key_in_secrets_is_refused_in_a_sentence(checkout: Checkout) -> None:
    secrets = checkout.root / "secrets"
    (secrets / "jwt_secret.txt").write_text("short")
    ended = checkout.run("setup.py", "--embedded", "--port", str(free_port()))
    assert ended.returncode == 1
    assert "jwt_secret.txt" in ended.stderr
    assert "32 bytes" in ended.stderr
    assert "Traceback" not in ended.stderr


def as_root() -> None:
    if os.geteuid() != 0:
        lacking("only root can be refused by PostgreSQL")


def test_root_keeps_its_folders_closed(checkout: Checkout) -> None:
    as_root()
    closed = [path for path in checkout.root.parents if path.stat().st_mode & 0o777 == 0o700]
    assert closed, "the folder of the tests is meant to be closed to others"
    with checkout.serving() as run, superuser(checkout, run) as connection:
        row = connection.execute("select setting from pg_settings where name = 'data_directory'").fetchone()
        assert row is not None
        data = Path(str(row[0]))
        assert data.stat().st_uid != 0
        assert data.stat().st_mode & 0o777 == 0o700
        assert next(checkout.data.glob("[0-9]*")).resolve() == data
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in closed)
    assert checkout.run("teardown.py", "--volumes", "--yes").returncode == 0
    assert not data.exists()


def test_a_user_who_is_not_root_needs_nobody_else() -> None:
    as_root()
    python = "/usr/bin/python3"
    asks = "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"
    if not Path(python).exists() or subprocess.run([python, "-c", asks], capture_output=True).returncode:
        lacking(f"{python} is no Python that another user could run this with")
    nobody = process.unprivileged()
    assert nobody is not None
    # not in pytest's own folder, which each run of pytest closes to all others
    home = Path(tempfile.mkdtemp(prefix="autorest-home-"))
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    checkout = Checkout(home / "autorest", python, nobody.pw_uid)
    try:
        with checkout.serving(HOME=str(home)) as run:
            run.call("POST", "/todos", {"title": "kept"})
        with checkout.serving(sudo=True) as run:
            assert run.titles() == ["kept"]
            run.call("POST", "/todos", {"title": "kept with sudo"})
        with checkout.serving(HOME=str(home)) as run:
            assert run.titles() == ["kept", "kept with sudo"]
            assert all(path.stat().st_uid == nobody.pw_uid for path in checkout.data.iterdir())
    finally:
        checkout.remove()
        shutil.rmtree(home, ignore_errors=True)
