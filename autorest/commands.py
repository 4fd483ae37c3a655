"""The commands: `autorest serve`, and PostgREST's spelling of the same, `postgrest [FILENAME]`."""

from __future__ import annotations

import asyncio
import difflib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import asyncpg
import psycopg
import typer
from typer.core import TyperGroup

from autorest import __version__
from autorest.auth.commands import token_command, user_app
from autorest.ready import ANY_ADDRESS, Address, NotReady, check
from autorest.settings import Settings, SettingsError, dump, example, load_settings, read_database_settings

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

T = TypeVar("T")
_SPELLINGS = {"dump_config": "dump-config", "dump_schema": "dump-schema", "ready": "ready"}
#: What typer raises for every mistake in a command line.
_WrongCommandLine: type[Exception] = typer.BadParameter.__bases__[0]
_UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, psycopg.Error, TimeoutError)


class Failure(Exception):
    """A command that could not do its work; the message is for the person who gave it."""


class Commands(TyperGroup):
    """Commands, and a configuration file in the place of a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        words = [argument for argument in args if not argument.startswith("-")]
        if words and words[0] not in self.commands:
            args = sorted(args, key=lambda argument: not argument.startswith("-"))
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = spelled(ctx.params)
        if name is None and args[0] in self.commands:
            return super().resolve_command(ctx, args)
        if not Path(args[0]).exists():
            near = difflib.get_close_matches(args[0], self.commands, 1)
            if near:
                ctx.fail(f"{args[0]} is neither a command nor a file, is {near[0]} meant?")
            if Path(args[0]).name == args[0] and not Path(args[0]).suffix:
                ctx.fail(f"{args[0]} is neither a file nor a command: {', '.join(self.commands)}")
        return name or "serve", self.commands[name or "serve"], args


app = typer.Typer(
    cls=Commands,
    subcommand_metavar="[COMMAND | FILENAME]",
    help="Turn the schemas of a PostgreSQL database into a REST API.",
    epilog="Without a command the API is served: autorest autorest.conf is autorest serve autorest.conf.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[
    str | None,
    typer.Argument(
        metavar="FILENAME", help="A configuration file. Environment variables win over it.", show_default=False
    ),
]


def spelled(options: dict[str, Any]) -> str | None:
    """Return the command that PostgREST's options ask for, if they ask for one."""
    asked = [command for option, command in _SPELLINGS.items() if options.get(option)]
    if len(asked) > 1:
        raise typer.BadParameter(f"--{asked[0]} and --{asked[1]} exclude each other")
    return asked[0] if asked else None


def _print_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


def _print_example(asked: bool) -> None:
    if asked:
        show_example()
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    dump_config: Annotated[bool, typer.Option("--dump-config", help="The same as dump-config.")] = False,
    dump_schema: Annotated[bool, typer.Option("--dump-schema", help="The same as dump-schema.")] = False,
    ready: Annotated[bool, typer.Option("--ready", help="The same as ready.")] = False,
    show_example: Annotated[
        bool, typer.Option("--example", "-e", help="The same as example.", is_eager=True, callback=_print_example)
    ] = False,
    show_version: Annotated[
        bool, typer.Option("--version", "-v", help="The same as version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Run the command that the options ask for when none was given."""
    if ctx.invoked_subcommand is None:
        commands: dict[str | None, Callable[[str | None], None]] = {
            None: serve,
            "dump-config": show_config,
            "dump-schema": show_schema,
            "ready": check_ready,
        }
        commands[spelled(ctx.params)](None)


@app.command()
def serve(config: Config = None) -> None:
    """Serve the API until a signal ends it."""
    settings = load_settings(config, os.environ)
    from autorest import server

    raise typer.Exit(server.serve(settings, config))


@app.command("ready", short_help="Ask a running gateway whether it is ready.")
def check_ready(config: Config = None) -> None:
    """Ask a running gateway's admin server whether it is ready: exit code 0 when it is, 1 when not."""
    settings = load_settings(config, os.environ)
    try:
        typer.echo(check(address_of(settings)))
    except NotReady as error:
        raise Failure(str(error)) from None


@app.command("dump-config", short_help="Print the settings that are in force.")
def show_config(config: Config = None) -> None:
    """Print the settings that are in force, secrets among them, as a configuration file."""
    settings = load_settings(config, os.environ, connecting=False)
    if settings.db_config:
        try:
            settings = asyncio.run(
                _connected(settings, lambda connection: read_database_settings(connection, settings))
            )
        except _UNREACHABLE as error:
            _warn(f"settings that the database may hold are left out: {_reason(error)}")
    for warning in settings.warnings:
        _warn(warning)
    typer.echo(dump(settings), nl=False)


@app.command("dump-schema", short_help="Print what is known of the database.")
def show_schema(config: Config = None) -> None:
    """Print what the gateway knows of the database as JSON, whose structure may change."""
    settings = load_settings(config, os.environ)
    from autorest.catalog.document import document
    from autorest.catalog.load import MissingSchemas, load_catalog

    async def read(connection: Connection) -> bytes:
        read = await read_database_settings(connection, settings)
        return document(
            await load_catalog(
                connection,
                schemas=read.db_schemas,
                extra_search_path=read.db_extra_search_path,
                hoisted_settings=read.db_hoisted_tx_settings,
            )
        )

    try:
        typer.echo(asyncio.run(_connected(settings, read)))
    except MissingSchemas as error:
        raise Failure(f"db-schemas cannot be served: {error}") from None
    except _UNREACHABLE as error:
        raise Failure(f"the schema cannot be read: {_reason(error)}") from None


@app.command("example", short_help="Print a configuration file to start from.")
def show_example() -> None:
    """Print a configuration file that shows every setting, all of them commented out."""
    typer.echo(example(), nl=False)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"autorest {__version__}")


def _load(config: str | None) -> Settings:
    return load_settings(config, os.environ)


app.add_typer(user_app(_load), name="user")
app.command("token")(token_command(_load))


def address_of(settings: Settings) -> Address:
    """Return where the admin server listens.

    Raises Failure when there is none, and where it listens on any address: another gateway's could be behind the first
    one that answers.
    """
    if settings.admin_server_unix_socket:
        return Address("", 0, settings.admin_server_unix_socket)
    if settings.admin_server_port is None:
        raise Failure("there is no admin server to ask, set admin-server-port")
    if settings.admin_server_host in ANY_ADDRESS:
        raise Failure(
            f'admin-server-host "{settings.admin_server_host}" is no address that can be asked,'
            ' set admin-server-host to one, like "localhost"'
        )
    return Address(settings.admin_server_host, settings.admin_server_port)


async def _connected(settings: Settings, use: Callable[[Connection], Awaitable[T]]) -> T:
    from autorest.database.direct import connect_direct

    async with asyncio.timeout(settings.db_pool_acquisition_timeout or None):
        connection = await connect_direct(settings.db_direct_uri)
    try:
        return await use(connection)
    finally:
        await connection.close()


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _warn(text: str) -> None:
    typer.echo(f"autorest: warning: {text}", err=True)


def run() -> None:
    """Run the command line; the exit code is 1 for a wrong configuration and 2 for a wrong command line."""
    try:
        code = app(standalone_mode=False)
    except _WrongCommandLine as error:
        message = error.format_message().rstrip(".")  # type: ignore[attr-defined]
        if "\n" not in message:
            context = getattr(error, "ctx", None)
            program = context.command_path if context is not None else "autorest"
            message = f"autorest: {message[:1].lower()}{message[1:]} ({program} -h shows what there is)"
        typer.echo(message, err=True)
        sys.exit(2)
    except typer.Abort:
        sys.exit(1)
    except (SettingsError, Failure) as error:
        typer.echo(f"autorest: {error}", err=True)
        sys.exit(1)
    if code:
        sys.exit(code)
