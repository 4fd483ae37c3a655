"""Settings that a real database holds."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest

from autorest.cli import main
from autorest.settings import Settings, SettingsError, load_settings, read_database_settings
from tests.support.cluster import Cluster

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

pytestmark = pytest.mark.anyio
SECRET = "a secret of thirty-two characters or more"
DATABASE = "settings_test"

SCRIPT = f"""
DROP ROLE IF EXISTS settings_gate, settings_plain, settings_strict, settings_stranger, settings_inner;
CREATE ROLE settings_gate LOGIN NOINHERIT;
CREATE ROLE settings_plain;
CREATE ROLE settings_strict;
CREATE ROLE settings_stranger;
CREATE ROLE settings_inner;
GRANT settings_plain, settings_strict TO settings_gate;
GRANT settings_inner TO settings_strict;

ALTER ROLE settings_gate SET pgrst.db_schemas = 'of_role, second';
ALTER ROLE settings_gate SET pgrst.db_max_rows = '10';
ALTER ROLE settings_gate IN DATABASE {DATABASE} SET pgrst.db_max_rows = '20';
ALTER ROLE settings_gate IN DATABASE postgres SET pgrst.db_max_rows = '30';
ALTER ROLE settings_gate SET pgrst.db_uri = 'host=elsewhere';
ALTER ROLE settings_gate SET pgrst.jwt_secret = '{SECRET}=with=signs';
ALTER ROLE settings_gate SET pgrst.db_extra_search_path = '';
ALTER ROLE settings_gate SET pgrst.nothing_known = 'x';
ALTER DATABASE {DATABASE} SET pgrst.db_anon_role = 'of_database';

ALTER ROLE settings_plain SET statement_timeout = '1s';
ALTER ROLE settings_plain SET default_transaction_isolation = 'SERIALIZABLE';
ALTER ROLE settings_plain IN DATABASE {DATABASE} SET statement_timeout = '2s';
ALTER ROLE settings_plain IN DATABASE postgres SET statement_timeout = '3s';
ALTER ROLE settings_plain SET log_min_duration_statement = '1s';
ALTER ROLE settings_plain SET "TimeZone" = 'UTC';
ALTER ROLE settings_strict SET default_transaction_isolation = 'read uncommitted';
ALTER ROLE settings_inner SET work_mem = '1MB';
ALTER ROLE settings_stranger SET statement_timeout = '9s';

CREATE SCHEMA "Gate way";
GRANT USAGE ON SCHEMA "Gate way" TO settings_gate;
CREATE FUNCTION "Gate way".settings() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('pgrst.db_schemas', 'of_function', true),
          set_config('pgrst.db_root_spec', 'of.function', true),
          set_config('pgrst.db_pool', '77', true),
          set_config('pgrst.log_level', 'nonsense', true);
END $$;
CREATE FUNCTION "Gate way".broken() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'out of order'; END $$;
CREATE FUNCTION "Gate way".wrong() RETURNS void LANGUAGE sql AS
  $$ SELECT set_config('pgrst.openapi_mode', 'sometimes', true) $$;
CREATE FUNCTION "Gate way".writes() RETURNS void LANGUAGE sql AS $$ CREATE TABLE public.written () $$;
"""


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Cluster:
    cluster.createdb(DATABASE)
    cluster.psql(SCRIPT, dbname=DATABASE)
    return cluster


@pytest.fixture
async def connection(database: Cluster) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(
        host=database.host, port=database.port, user="settings_gate", database=DATABASE, timeout=10
    )
    try:
        yield opened
    finally:
        await opened.close()


def settings(**variables: str) -> Settings:
    return load_settings(None, {f"AUTOREST_{name}": text for name, text in variables.items()})


async def test_settings_of_the_role_win_and_those_for_this_database_most(connection: Connection) -> None:
    read = await read_database_settings(connection, settings(DB_SCHEMAS="outside", DB_MAX_ROWS="1", DB_URI="host=here"))
    assert read.db_schemas == ("of_role", "second")
    assert read.db_max_rows == 20
    assert read.jwt_secret == f"{SECRET}=with=signs".encode()
    assert read.db_extra_search_path == ()
    assert read.db_uri == "host=here"


async def test_settings_of_a_database_alone_do_not_count(connection: Connection) -> None:
    assert (await read_database_settings(connection, settings())).db_anon_role is None


async def test_the_function_fills_what_the_role_leaves_open(connection: Connection) -> None:
    read = await read_database_settings(connection, settings(DB_PRE_CONFIG="Gate way.settings"))
    assert read.db_schemas == ("of_role", "second")
    assert read.db_root_spec == ("of", "function")
    assert (read.db_pool, read.log_level) == (10, "error")
    assert read.warnings == ()


async def test_what_the_function_no_longer_makes_is_gone(connection: Connection) -> None:
    outside = settings(DB_PRE_CONFIG="Gate way.settings", DB_ROOT_SPEC="out.side")
    assert (await read_database_settings(connection, outside)).db_root_spec == ("of", "function")
    outside = settings(DB_PRE_CONFIG="Gate way.broken", DB_ROOT_SPEC="out.side")
    assert (await read_database_settings(connection, outside)).db_root_spec == ("out", "side")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("Gate way.broken", "out of order"),
        ("Gate way.absent", "does not exist"),
        ('x"; DROP SCHEMA public; --', "does not exist"),
        ("Gate way.writes", "read-only transaction"),
    ],
)
async def test_a_function_that_fails_is_a_warning(connection: Connection, function: str, reason: str) -> None:
    read = await read_database_settings(connection, settings(DB_PRE_CONFIG=function))
    assert read.db_max_rows == 20
    assert len(read.warnings) == 1
    assert f"db-pre-config {function}" in read.warnings[0]
    assert reason in read.warnings[0]


async def test_a_wrong_value_is_an_error_that_names_its_place(connection: Connection) -> None:
    with pytest.raises(SettingsError, match=r"openapi-mode \(pgrst\.openapi_mode in the database\) cannot be"):
        await read_database_settings(connection, settings(DB_PRE_CONFIG="Gate way.wrong"))


async def test_the_role_may_name_the_function(database: Cluster, connection: Connection) -> None:
    database.execute("ALTER ROLE settings_gate SET pgrst.db_pre_config = 'Gate way.settings'")
    try:
        read = await read_database_settings(connection, settings())
    finally:
        database.execute("ALTER ROLE settings_gate RESET pgrst.db_pre_config")
    assert read.db_pre_config == ("Gate way", "settings")
    assert read.db_root_spec == ("of", "function")


async def test_a_secret_in_the_database_may_be_a_file(
    database: Cluster, connection: Connection, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    database.execute(f"ALTER ROLE settings_gate IN DATABASE {DATABASE} SET pgrst.jwt_secret = '@{tmp_path}/secret'")
    try:
        read = await read_database_settings(connection, settings())
    finally:
        database.execute(f"ALTER ROLE settings_gate IN DATABASE {DATABASE} RESET pgrst.jwt_secret")
    assert read.jwt_secret == SECRET.encode()


async def test_settings_of_roles_that_requests_may_run_as(connection: Connection) -> None:
    read = await read_database_settings(connection, settings())
    assert dict(read.role_settings["settings_plain"]) == {"statement_timeout": "2s", "TimeZone": "UTC"}
    assert read.role_settings["settings_inner"] == (("work_mem", "1MB"),)
    assert set(read.role_settings) == {"settings_plain", "settings_inner"}
    assert read.role_isolation_levels == {"settings_plain": "serializable", "settings_strict": "read committed"}


async def test_a_granted_parameter_counts_as_well(database: Cluster, connection: Connection) -> None:
    if database.version < 15:
        pytest.skip("PostgreSQL grants parameters from version 15 on")
    database.execute("GRANT SET ON PARAMETER log_min_duration_statement TO settings_gate")
    try:
        read = await read_database_settings(connection, settings())
    finally:
        database.execute("REVOKE SET ON PARAMETER log_min_duration_statement FROM settings_gate")
    assert dict(read.role_settings["settings_plain"])["log_min_duration_statement"] == "1s"


async def test_db_config_switches_all_of_it_off(connection: Connection) -> None:
    outside = settings(DB_CONFIG="false", DB_MAX_ROWS="1")
    assert await read_database_settings(connection, outside) is outside


async def test_a_reload_keeps_what_only_a_restart_changes(connection: Connection) -> None:
    running = await read_database_settings(connection, settings(DB_TX_END="commit"))
    reloaded = load_settings(None, {"AUTOREST_DB_TX_END": "rollback"}, running=running)
    reloaded = await read_database_settings(connection, reloaded, running=running)
    assert str(reloaded.db_tx_end) == "commit"
    assert reloaded.db_max_rows == 20
    assert reloaded.role_settings == running.role_settings


def command(
    arguments: list[str],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(sys, "argv", ["postgrest", *arguments])
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, capsys.readouterr().err
    return capsys.readouterr().out


def test_dump_config_shows_what_the_database_says(
    database: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = f"postgresql://settings_gate@{database.host}:{database.port}/{DATABASE}"
    printed = command(["--dump-config"], {"PGRST_DB_URI": uri}, monkeypatch, capsys)
    assert "db-max-rows = 20\n" in printed
    assert 'db-schemas = "of_role,second"\n' in printed
    assert f'db-uri = "{uri}"\n' in printed


def test_dump_schema_is_json(
    database: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database.psql(
        "CREATE SCHEMA IF NOT EXISTS shown; CREATE TABLE IF NOT EXISTS shown.things (id int PRIMARY KEY)",
        dbname=DATABASE,
    )
    environment = {"PGRST_DB_URI": database.dsn(dbname=DATABASE), "PGRST_DB_SCHEMAS": "shown"}
    catalog = json.loads(command(["--dump-schema"], environment, monkeypatch, capsys))
    [[name, relation]] = catalog["relations"]
    assert name == {"schema": "shown", "name": "things"}
    assert relation["primary_key"] == ["id"]
    assert relation["columns"]["id"]["nullable"] is False
