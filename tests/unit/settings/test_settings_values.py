"""What each setting takes, and what it says to what it does not take."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from autorest.catalog.model import QualifiedName
from autorest.settings import SETTINGS, Settings, SettingsError, load_settings, with_database_settings

SECRET = "a secret of thirty-two characters or more"


def load(**variables: str) -> Settings:
    return load_settings(None, {f"AUTOREST_{name}": text for name, text in variables.items()})


def complaint(**variables: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load(**variables)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_without_anything_given_everything_has_a_value() -> None:
    settings = load()
    assert settings.db_uri == settings.db_direct_uri == "postgresql://"
    assert settings.db_schemas == ("public",)
    assert settings.db_extra_search_path == ("public",)
    assert settings.server_host == settings.admin_server_host == "!4"
    assert settings.server_unix_socket_mode == settings.admin_server_unix_socket_mode == 0o660
    unset = ("db_anon_role", "jwt_secret", "db_max_rows", "admin_server_port", "server_unix_socket")
    assert all(getattr(settings, name) is None for name in unset)
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DB_SCHEMAS", "api,  reports ,x", ("api", "reports", "x")),
        ("DB_SCHEMAS", "", ("public",)),
        ("DB_EXTRA_SEARCH_PATH", "", ()),
        ("DB_EXTRA_SEARCH_PATH", "a, b", ("a", "b")),
        ("DB_HOISTED_TX_SETTINGS", "work_mem", ("work_mem",)),
        ("DB_PRE_REQUEST", "auth.check", QualifiedName("auth", "check")),
        ("DB_PRE_REQUEST", "check", QualifiedName("", "check")),
        ("DB_ROOT_SPEC", "a.b.c", QualifiedName("a", "b.c")),
        ("DB_MAX_ROWS", " 100 ", 100),
        ("DB_MAX_ROWS", "", None),
        ("DB_CONFIG", "false", False),
        ("DB_CONFIG", "FALSE", False),
        ("DB_CONFIG", '"true"', True),
        ("DB_CONFIG", "0", False),
        ("DB_CONFIG", "2", True),
        ("DB_CONFIG", "", True),
        ("SERVER_PORT", "0", 0),
        ("SERVER_UNIX_SOCKET_MODE", "777", 0o777),
        (
            "SERVER_CORS_ALLOWED_ORIGINS",
            "https://a.example, https://b.example",
            ("https://a.example", "https://b.example"),
        ),
        ("SERVER_MAX_BODY_SIZE", "100MB", 100 * 1024**2),
        ("SERVER_MAX_BODY_SIZE", "1 gb", 1024**3),
        ("SERVER_MAX_BODY_SIZE", "0", 0),
        ("JWT_AUD", "mobile", "mobile"),
        ("JWT_AUD", "https://api.example.com/v1?x=%20", "https://api.example.com/v1?x=%20"),
        ("JWT_SECRET", SECRET, SECRET.encode()),
        ("JWT_ROLE_CLAIM_KEY", "$['https://example.com/role'].key", "$['https://example.com/role'].key"),
        ("OPENAPI_SERVER_PROXY_URI", "https://example.com:8443/base", "https://example.com:8443/base"),
        ("LOG_LEVEL", "debug", "debug"),
    ],
)
def test_a_text_becomes_the_value(name: str, text: str, value: Any) -> None:
    assert getattr(load(**{name: text}), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DB_POOL", "many"),
        ("DB_POOL", "0"),
        ("DB_POOL", "1.5"),
        ("DB_POOL", "1_0"),
        ("DB_MAX_ROWS", "-1"),
        ("DB_MAX_ROWS", "9" * 40),
        ("DB_CONFIG", "yes"),
        ("DB_SCHEMAS", "api, pg_catalog"),
        ("DB_SCHEMAS", "information_schema"),
        ("DB_SCHEMAS", "api,,x"),
        ("DB_TX_END", "maybe"),
        ("SERVER_PORT", "65536"),
        ("ADMIN_SERVER_PORT", "-1"),
        ("SERVER_UNIX_SOCKET_MODE", "599"),
        ("SERVER_UNIX_SOCKET_MODE", "800"),
        ("ADMIN_SERVER_UNIX_SOCKET_MODE", "66"),
        ("SERVER_MAX_BODY_SIZE", "lots"),
        ("SERVER_MAX_BODY_SIZE", "1TB"),
        ("JWT_AUD", "http://%%nowhere"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("OPENAPI_MODE", "follow"),
        ("OPENAPI_SERVER_PROXY_URI", "api.example.com"),
        ("OPENAPI_SERVER_PROXY_URI", "ftp://example.com"),
        ("OPENAPI_SERVER_PROXY_URI", "https://user@example.com"),
        ("OPENAPI_SERVER_PROXY_URI", "https://example.com?query"),
        ("OPENAPI_SERVER_PROXY_URI", "https://example.com:99999"),
        ("OPENAPI_SERVER_PROXY_URI", "https://[::1"),
        ("CLIENT_ERROR_VERBOSITY", "loud"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(name: str, text: str) -> None:
    said = complaint(**{name: text})
    setting = SETTINGS[name.lower()]
    assert said.startswith(f'{setting.key} (AUTOREST_{name}) cannot be "{text}": it wants {setting.kind.wants}')


def test_a_very_long_value_is_shown_in_part() -> None:
    assert len(complaint(LOG_LEVEL="loud" * 1000)) < 250


@pytest.mark.parametrize(
    "secret",
    ["too short", '{"kty": "RSA"}', '{"keys": []}', "-----BEGIN PUBLIC KEY-----\nhush\n-----END PUBLIC KEY-----"],
)
def test_a_wrong_secret_is_not_shown(secret: str) -> None:
    said = complaint(JWT_SECRET=secret)
    assert said.startswith("jwt-secret (AUTOREST_JWT_SECRET) cannot be used: ")
    assert secret not in said
    assert "hush" not in said


def test_base64_makes_a_short_secret_of_a_long_text() -> None:
    encoded = base64.b64encode(b"0123456789012345678901234").decode()
    assert len(encoded) >= 32
    assert "needs at least 32" in complaint(JWT_SECRET=encoded, JWT_SECRET_IS_BASE64="true")
    assert "not base64" in complaint(JWT_SECRET="no base64 at all!" * 3, JWT_SECRET_IS_BASE64="true")


@pytest.mark.parametrize("path", ["role.name", "1234", ".a##", "$.a;;b", ".role[?(@ =)]", "@@.role"])
def test_a_wrong_path_to_the_role_is_refused(path: str) -> None:
    assert f"{path}" in complaint(JWT_ROLE_CLAIM_KEY=path)


def test_the_older_syntax_of_the_path_warns() -> None:
    settings = load(JWT_ROLE_CLAIM_KEY=".realm.roles[0]")
    assert settings.jwt_role_claim_key == ".realm.roles[0]"
    assert len(settings.warnings) == 1
    assert ".realm.roles[0]" in settings.warnings[0]


def test_the_admin_server_has_a_port_of_its_own() -> None:
    assert "3000 is also the server-port" in complaint(ADMIN_SERVER_PORT="3000")
    assert load(ADMIN_SERVER_PORT="3000", SERVER_PORT="3001").admin_server_port == 3000
    assert load(ADMIN_SERVER_PORT="0", SERVER_PORT="0").admin_server_port == 0


def test_the_admin_server_is_where_the_server_is_unless_told_otherwise() -> None:
    assert load(SERVER_HOST="localhost").admin_server_host == "localhost"
    assert load(SERVER_HOST="localhost", ADMIN_SERVER_HOST="::1").admin_server_host == "::1"


def test_how_a_transaction_ends() -> None:
    ends = {text: load(DB_TX_END=text).db_tx_end for text in ("commit", "commit-allow-override", "rollback")}
    ends["rollback-allow-override"] = load(DB_TX_END="rollback-allow-override").db_tx_end
    assert {text: (end.rollback_all, end.allow_override) for text, end in ends.items()} == {
        "commit": (False, False),
        "commit-allow-override": (False, True),
        "rollback": (True, False),
        "rollback-allow-override": (True, True),
    }


def test_the_password_fills_connection_strings_that_have_none() -> None:
    settings = load(
        DB_URI="postgresql://auth@pooler:6432/shop?sslmode=require",
        DB_DIRECT_URI="host=db user=auth password=own",
        DB_PASSWORD="it's \\ odd",
    )
    assert conninfo_to_dict(settings.db_uri) == {
        "user": "auth",
        "password": "it's \\ odd",
        "host": "pooler",
        "port": "6432",
        "dbname": "shop",
        "sslmode": "require",
    }
    assert settings.db_direct_uri == "host=db user=auth password=own"
    assert load(DB_URI="host=db", DB_PASSWORD="x").db_direct_uri == "host=db password=x"


def test_the_password_needs_a_connection_string() -> None:
    said = complaint(DB_URI="my_database", DB_PASSWORD="hush")
    assert said.startswith("db-uri (AUTOREST_DB_URI) cannot be used:")
    assert "hush" not in said
    assert "my_database" not in said


def test_app_settings_have_names_that_sql_can_read() -> None:
    assert load(APP_SETTINGS_Support="x").app_settings == {"app.settings.Support": "x"}
    assert "app.settings.a-b" in complaint(**{"APP_SETTINGS_a-b": "x"})


def test_secrets_are_not_in_what_is_printed_by_chance() -> None:
    settings = load(JWT_SECRET=SECRET, DB_URI="postgresql://u:hush@h/d", DB_PASSWORD="hush", APP_SETTINGS_KEY="hush")
    assert "hush" not in repr(settings)
    assert SECRET not in repr(settings)


def test_settings_never_change() -> None:
    settings = load(APP_SETTINGS_X="1")
    with pytest.raises(ValidationError):
        settings.db_pool = 3
    with pytest.raises(TypeError):
        settings.app_settings["app.settings.y"] = "2"  # type: ignore[index]


def test_settings_made_of_values_take_those_of_the_database() -> None:
    settings = with_database_settings(Settings(db_schemas=("api",), db_max_rows=3), {"db_max_rows": "4"})
    assert (settings.db_schemas, settings.db_max_rows) == (("api",), 4)


def test_settings_can_be_made_of_values() -> None:
    settings = Settings(db_schemas=("api",), db_pool=3, jwt_secret=SECRET.encode())
    assert (settings.db_schemas, settings.db_pool, settings.jwt_secret) == (("api",), 3, SECRET.encode())
