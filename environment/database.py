"""The database in the embedded cluster: made from postgres/init, its passwords those in secrets/."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from environment import scram
from environment.cluster import HOST, SUPERUSER, Cluster
from environment.commands import Outcome, must, run, without_postgres_variables
from environment.credentials import Credentials
from environment.script import shown

NAME = "app"
_UNFINISHED = "app_being_made"


def let_the_superuser_in(cluster: Cluster, known: Credentials) -> None:
    """Make the superuser's password the one in secrets/ if it is another one; the server runs before and after.

    Without the old password nobody may do that over a connection, so a single-user backend does it.
    """
    if _ask(cluster, known, "select 1").code != 0:
        cluster.run_alone(f"alter role {SUPERUSER} password '{scram.verifier(known.superuser_password)}'")
        cluster.start(cluster.port)
        _order(cluster, known, "select 1")


def make(cluster: Cluster, known: Credentials, scripts: Sequence[Path]) -> bool:
    """Apply the scripts to a new database, and return whether there was none before.

    The database gets its name last, so that one that was left unfinished is never taken for whole.
    """
    if _order(cluster, known, f"select datname from pg_database where datname = '{NAME}'").strip() == NAME:
        return False
    _order(cluster, known, f"drop database if exists {_UNFINISHED} with (force)")
    _order(cluster, known, f"create database {_UNFINISHED}")
    for script in scripts:
        must(
            _psql(cluster, known, _UNFINISHED, "--file", script),
            f"{script} could not be applied.",
            "Put right what PostgreSQL says about it and start again.",
        )
    _order(cluster, known, f"alter database {_UNFINISHED} rename to {NAME}")
    return True


def let_the_gateway_in(cluster: Cluster, known: Credentials) -> None:
    """Make the authenticator's password the one in secrets/."""
    _order(cluster, known, f"alter role authenticator password '{known.authenticator_verifier}'")


def psql_command(cluster: Cluster, password_file: str) -> str:
    """Return what to type to enter the database with the wheel's psql."""
    program = shown(cluster.program("psql"))
    arguments = f"-h {HOST} -p {cluster.port} -U {SUPERUSER} {NAME}"
    if sys.platform == "win32":
        return f'"{program}" {arguments}'
    return f'PGPASSWORD="$(cat {shlex.quote(password_file)})" {shlex.quote(program)} {arguments}'


def _order(cluster: Cluster, known: Credentials, statement: str) -> str:
    return must(
        _ask(cluster, known, statement),
        "PostgreSQL refused a statement of the set-up.",
        f"Its log is {cluster.log}; put right what it says and start again.",
    )


def _ask(cluster: Cluster, known: Credentials, statement: str) -> Outcome:
    return _psql(cluster, known, SUPERUSER, "--tuples-only", "--no-align", given=statement)


def _psql(
    cluster: Cluster, known: Credentials, database: str, *arguments: str | Path, given: str | None = None
) -> Outcome:
    env = without_postgres_variables(LC_ALL="C", PGPASSWORD=known.superuser_password, PGCLIENTENCODING="UTF8")
    argv: list[str | Path] = [
        cluster.program("psql"),
        "--no-psqlrc",
        "--quiet",
        "--set",
        "ON_ERROR_STOP=1",
        "--no-password",
    ]
    where = ["--host", HOST, "--port", str(cluster.port), "--username", SUPERUSER, "--dbname", database]
    return run([*argv, *where, *arguments], timeout=300, env=env, given=given)
