"""Settings that the database holds: of the gateway's own role, of a function, of the roles it may take."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from autorest.catalog.model import QualifiedName
from autorest.settings.kinds import FUNCTION
from autorest.settings.load import with_database_settings, with_role_settings, with_warning
from autorest.settings.model import SETTINGS, Settings
from autorest.settings.sources import IN_DATABASE, file_contents
from autorest.sql.quote import qualified

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

_QUERIES = files(__package__) / "queries"
_PARAMETER_PRIVILEGES = (15, 0)
_ISOLATION = "default_transaction_isolation"
_ISOLATION_LEVELS = ("repeatable read", "serializable")


async def read_database_settings(
    connection: Connection, settings: Settings, *, running: Settings | None = None
) -> Settings:
    """Return `settings` with what the database has to say over them, unchanged when db-config is off.

    Settings of the role that `connection` belongs to win over those that db-pre-config makes, and of them those
    for this database alone. When the function fails, its settings are left out with a warning.
    `running` is as in `load_settings`. Raises SettingsError for a value that is wrong, and asyncpg's errors when the
    connection fails.
    """
    if not settings.db_config:
        return settings
    own = {
        row["name"].removeprefix(IN_DATABASE): row["value"] for row in await connection.fetch(_query("own_settings"))
    }
    function = FUNCTION.parse(own["db_pre_config"]) if own.get("db_pre_config") else settings.db_pre_config
    made: dict[str, str] = {}
    failure = None
    if function is not None:
        try:
            made = await _made_by(connection, function)
        except asyncpg.PostgresConnectionError:
            raise
        except asyncpg.PostgresError as error:
            failure = f"the settings of db-pre-config {FUNCTION.show(function)} are left out, it failed: {error}"
    read = with_database_settings(settings, _with_secret_file({**made, **own}), running=running)
    if failure:
        read = with_warning(read, failure)
    return with_role_settings(read, *await _of_roles(connection))


async def _made_by(connection: Connection, function: QualifiedName) -> dict[str, str]:
    names = [IN_DATABASE + attribute for attribute, setting in SETTINGS.items() if setting.about.in_database]
    async with connection.transaction(readonly=True):
        await connection.execute(f"SELECT FROM {qualified(function)}()")
        rows = await connection.fetch(_query("made_settings"), names)
    made = {row["name"].removeprefix(IN_DATABASE): row["value"] for row in rows}
    # A setting that an earlier transaction of this session made is empty afterwards, not gone.
    return {attribute: text for attribute, text in made.items() if text or SETTINGS[attribute].kind.empty}


def _with_secret_file(rows: dict[str, str]) -> dict[str, str | bytes]:
    secret = rows.get("jwt_secret", "")
    if not secret.startswith("@"):
        return {**rows}
    origin = f"{IN_DATABASE}jwt_secret in the database"
    return {**rows, "jwt_secret": file_contents(SETTINGS["jwt_secret"], secret[1:], origin)}


async def _of_roles(connection: Connection) -> tuple[dict[str, tuple[tuple[str, str], ...]], dict[str, str]]:
    rows = await connection.fetch(_query("role_settings"))
    granted = await _granted(connection, [row["name"] for row in rows if not row["for_anyone"]])
    settings: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["for_anyone"] or row["name"] in granted:
            settings.setdefault(row["role"], {})[row["name"]] = row["value"]
    levels = {role: named.pop(_ISOLATION).lower() for role, named in settings.items() if _ISOLATION in named}
    return (
        {role: tuple(named.items()) for role, named in settings.items() if named},
        {role: level if level in _ISOLATION_LEVELS else "read committed" for role, level in levels.items()},
    )


async def _granted(connection: Connection, names: Sequence[str]) -> frozenset[str]:
    if not names or connection.get_server_version()[:2] < _PARAMETER_PRIVILEGES:
        return frozenset()
    rows = await connection.fetch(_query("granted_parameters"), names)
    return frozenset(row["name"] for row in rows)


def _query(name: str) -> str:
    return (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")
