"""`autorest user …` and `autorest token`: users of the login, and tokens without one, from the command line."""

from __future__ import annotations

import getpass
import re
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any, NoReturn, Protocol

import orjson
import psycopg
import typer

from autorest.auth.login import ADD_USER, BE_YOURSELF, LoginSettings, is_email
from autorest.auth.passwords import acceptable, hash_password
from autorest.auth.signer import Signer

SET_PASSWORD = "select auth.set_password($1::text, $2::text)::text"
SET_DISABLED = "select auth.set_disabled($1::text, $2::text::boolean)::text"
LIST_USERS = "select auth.list_users()::text"

_DURATION = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?")
_UNITS = (86400, 3600, 60, 1)


class CommandSettings(LoginSettings, Protocol):
    """The settings these commands need."""

    @property
    def db_uri(self) -> str: ...


Load = Callable[[str | None], CommandSettings]
Config = Annotated[
    str | None, typer.Option("--config", "-c", metavar="FILENAME", help="A configuration file.", show_default=False)
]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The user's e-mail address.")]


def user_app(load: Load) -> typer.Typer:
    """Return the commands below `autorest user`; `load` reads the settings, from a configuration file if named."""
    app = typer.Typer(help="Manage the users of the login.", no_args_is_help=True, rich_markup_mode=None)

    @app.command("add")
    def add(
        email: Email,
        role: Annotated[
            str | None, typer.Option(help="The database role of the user's tokens.", show_default="auth-default-role")
        ] = None,
        config: Config = None,
    ) -> None:
        """Add a user. The password is asked for, or read from the first line of standard input."""
        if not is_email(email):
            fail(f"{email} is not an e-mail address")
        settings = load(config)
        hashed = hash_password(read_password())
        added = ask(settings, ADD_USER, email, hashed, role or settings.auth_default_role)
        if added is None:
            fail(f"there is a user {email} already")
        typer.echo(f"added {email} with the id {added['id']}")

    @app.command("passwd")
    def passwd(email: Email, config: Config = None) -> None:
        """Set a user's password and end their sessions. It is asked for, or read from standard input."""
        settings = load(config)
        if not ask(settings, SET_PASSWORD, email, hash_password(read_password())):
            fail(f"there is no user {email}")
        typer.echo(f"changed the password of {email}")

    @app.command("disable")
    def disable(email: Email, config: Config = None) -> None:
        """Keep a user from logging in, and end their sessions. Tokens they have are good until they expire."""
        if not ask(load(config), SET_DISABLED, email, "true"):
            fail(f"there is no user {email}")
        typer.echo(f"disabled {email}")

    @app.command("enable")
    def enable(email: Email, config: Config = None) -> None:
        """Let a disabled user log in again."""
        if not ask(load(config), SET_DISABLED, email, "false"):
            fail(f"there is no user {email}")
        typer.echo(f"enabled {email}")

    @app.command("list")
    def show(config: Config = None) -> None:
        """Print the users, one a line.

        A line has the id, the e-mail address, the role, whether the user is disabled, and when they logged in last.
        """
        for user in ask(load(config), LIST_USERS):
            state = "disabled" if user["disabled"] else "enabled"
            seen = user["last_login_at"] or "never"
            typer.echo("\t".join((user["id"], user["email"], user["role"], state, seen)))

    return app


def token_command(load: Load) -> Callable[..., None]:
    """Return the command `autorest token`; `load` reads the settings, from a configuration file if named."""

    def token(
        role: Annotated[str | None, typer.Option(help="The database role that the token names.")] = None,
        claim: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME=TEXT", help="A claim; NAME:=JSON for one that is no text. May be repeated."),
        ] = None,
        expires: Annotated[
            str, typer.Option(metavar="DURATION", help="How long it is good, such as 90s, 15m, 1h30m, 30d; or never.")
        ] = "1h",
        config: Config = None,
    ) -> None:
        """Print a token signed with the gateway's key."""
        try:
            claims = parse_claims(claim or [])
            lifetime = parse_duration(expires)
            signer = Signer(load(config))
        except ValueError as error:
            fail(str(error))
        typer.echo(signer.sign(role, claims, time.time(), lifetime))

    return token


def parse_claims(texts: list[str]) -> dict[str, Any]:
    """Read claims from `name=text` and `name:=json`; ValueError for anything else."""
    claims: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.rstrip(":"):
            raise ValueError(f"--claim {text} has not the form name=text or name:=json")
        if not name.endswith(":"):
            claims[name] = value
            continue
        try:
            claims[name[:-1]] = orjson.loads(value)
        except ValueError:
            raise ValueError(f"--claim {text}: {value} is not JSON") from None
    if both := claims.keys() & {"exp", "iat"}:
        raise ValueError(f"--claim cannot set {min(both)}: --expires says how long the token is good, from now on")
    return claims


def parse_duration(text: str) -> int | None:
    """Return the seconds in `1h30m` and the like, None for `never`; ValueError for anything else."""
    if text == "never":
        return None
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"--expires {text} is no duration such as 90s, 15m, 1h30m, 30d, or never")
    return sum(int(amount) * unit for amount, unit in zip(match.groups(default="0"), _UNITS, strict=True))


def read_password() -> str:
    """Ask for a password twice, or read the first line of standard input when that is no terminal."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            fail("the two passwords differ")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if objection := acceptable(password):
        fail(objection)
    return password


def ask(settings: CommandSettings, sql: str, *parameters: str) -> Any:
    """Run one function of schema `auth` and return its JSON."""
    try:
        with psycopg.connect(settings.db_uri, connect_timeout=10, prepare_threshold=None) as connection:
            connection.execute(BE_YOURSELF)
            row = psycopg.RawCursor(connection).execute(sql, parameters).fetchone()
    except (psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedFunction):
        fail("the database has no schema auth for the login yet: run postgres/init/05-auth.sql in it")
    except psycopg.Error as error:
        report = error.diag
        fail(": ".join(filter(None, (report.message_primary or str(error).strip(), report.message_hint))))
    assert row is not None
    return None if row[0] is None else orjson.loads(row[0])


def fail(message: str) -> NoReturn:
    """End the command with an error."""
    typer.echo(f"autorest: {message}", err=True)
    raise typer.Exit(1)
