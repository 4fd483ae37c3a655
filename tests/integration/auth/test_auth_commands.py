"""Users and tokens from the command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import jwt
import pytest
import typer
from typer.testing import CliRunner, Result

from autorest.auth.authenticator import Authenticator
from autorest.auth.commands import token_command, user_app
from tests.integration.auth.conftest import DATABASE, Connect, Database
from tests.support.ports import free_port
from tests.support.tokens import SECRET, Settings

EMAIL, PASSWORD = "ada@example.org", "correct horse battery"
Run = Callable[..., Result]


@pytest.fixture
def run(database: Database) -> Run:
    """Run a command; settings may be given by name."""

    def command(*words: str, stdin: str | None = None, **settings: object) -> Result:
        configured = replace(Settings(db_uri=database.uri), **settings)  # type: ignore[arg-type]
        app = typer.Typer(pretty_exceptions_enable=False)
        app.add_typer(user_app(lambda config: configured), name="user")
        app.command("token")(token_command(lambda config: configured))
        return CliRunner().invoke(app, words, input=stdin)

    return command


@pytest.mark.anyio
async def test_the_life_of_a_user(run: Run, connect: Connect) -> None:
    client = await connect()
    added = run("user", "add", EMAIL, stdin=PASSWORD + "\n")
    assert added.exit_code == 0 and EMAIL in added.output and PASSWORD not in added.output
    assert (await client.log_in(EMAIL, PASSWORD)).status_code == 200
    again = run("user", "add", EMAIL.upper(), stdin=PASSWORD)
    assert again.exit_code == 1 and "already" in again.output

    session = (await client.log_in(EMAIL, PASSWORD)).json()
    assert run("user", "passwd", EMAIL.upper(), stdin="another password\n").exit_code == 0
    assert (await client.log_in(EMAIL, PASSWORD)).status_code == 401
    assert (await client.log_in(EMAIL, "another password")).status_code == 200
    answer = await client.post("/auth/refresh", json={"refresh_token": session["refresh_token"]})
    assert answer.status_code == 401

    assert run("user", "disable", EMAIL).exit_code == 0
    assert (await client.log_in(EMAIL, "another password")).status_code == 401
    (line,) = run("user", "list").output.splitlines()
    assert line.split("\t")[1:4] == [EMAIL, "api_user", "disabled"]
    assert run("user", "enable", EMAIL).exit_code == 0
    assert (await client.log_in(EMAIL, "another password")).status_code == 200


def test_a_new_password_ends_the_waiting(run: Run, database: Database) -> None:
    run("user", "add", EMAIL, stdin=PASSWORD)
    for _ in range(11):
        ((answer,),) = database.cluster.execute(
            "select auth.begin_login(%s, null)", (EMAIL,), user="authenticator", dbname=DATABASE
        )
    assert answer["wait"] > 0
    run("user", "passwd", EMAIL, stdin=PASSWORD)
    ((answer,),) = database.cluster.execute(
        "select auth.begin_login(%s, null)", (EMAIL,), user="authenticator", dbname=DATABASE
    )
    assert answer["wait"] == 0


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        (("user", "passwd", "bob@example.org"), PASSWORD, "no user bob@example.org"),
        (("user", "disable", "bob@example.org"), None, "no user bob@example.org"),
        (("user", "enable", "bob@example.org"), None, "no user bob@example.org"),
        (("user", "add", EMAIL), "short\n", "at least 8 characters"),
        (("user", "add", EMAIL), "", "at least 8 characters"),
        (("user", "add", EMAIL, "--role", "postgres"), PASSWORD, 'cannot have the role "postgres": It must exist'),
        (("user", "add", EMAIL, "--role", "nobody"), PASSWORD, 'granted to "authenticator"'),
        (("user", "add", "not an address"), PASSWORD, "is not an e-mail address"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    run: Run, words: tuple[str, ...], stdin: str | None, message: str
) -> None:
    result = run(*words, stdin=stdin)
    assert result.exit_code == 1 and message in result.output
    assert "Traceback" not in result.output and len(result.output.splitlines()) == 1


def test_a_database_that_cannot_be_used(run: Run, database: Database) -> None:
    gone = run("user", "list", db_uri=f"postgresql://authenticator@127.0.0.1:{free_port()}/{DATABASE}")
    assert gone.exit_code == 1 and "onnect" in gone.output and "Traceback" not in gone.output
    bare = run("user", "list", db_uri=database.cluster.dsn())
    assert bare.exit_code == 1 and "05-auth.sql" in bare.output


def test_a_token(run: Run) -> None:
    words = ("token", "--role", "author", "--claim", "sub=7", "--claim", "admin:=true", "--claim", "a=b=c", "--expires")
    result = run(*words, "1h30m")
    assert result.exit_code == 0
    claims = jwt.decode(result.output.strip(), SECRET, ["HS256"])
    assert claims.pop("exp") - claims.pop("iat") == 5400
    assert claims == {"role": "author", "sub": "7", "admin": True, "a": "b=c"}
    identity = Authenticator(Settings()).authenticate(b"Bearer " + result.output.strip().encode(), time.time())
    assert identity.role == "author"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1d2h3m4s", 93784), ("30d", 2592000)]
)
def test_how_long_a_token_is_good(run: Run, text: str, seconds: int) -> None:
    claims = jwt.decode(run("token", "--expires", text).output.strip(), SECRET, ["HS256"])
    assert claims["exp"] - claims["iat"] == seconds
    assert "exp" not in jwt.decode(run("token", "--expires", "never").output.strip(), SECRET, ["HS256"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--claim", "novalue"), "name=text"),
        (("--claim", "=x"), "name=text"),
        (("--claim", ":=5"), "name=text"),
        (("--claim", "n:=five"), "not JSON"),
        (("--claim", "n:=NaN"), "not JSON"),
        (("--claim", "exp:=5"), "cannot set exp"),
        (("--claim", "iat=now"), "cannot set iat"),
        (("--expires", ""), "duration"),
        (("--expires", "soon"), "duration"),
        (("--expires", "-5m"), "duration"),
    ],
)
def test_a_token_that_cannot_be_made(run: Run, words: tuple[str, ...], message: str) -> None:
    result = run("token", *words)
    assert result.exit_code == 1 and message in result.output and len(result.output.splitlines()) == 1


def test_without_a_private_key_there_is_no_token(run: Run) -> None:
    result = run("token", jwt_secret="https://idp.example.org/keys")
    assert result.exit_code == 1 and "auth-signing-key" in result.output
