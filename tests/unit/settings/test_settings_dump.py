"""Settings written down are settings that can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorest.settings import SETTINGS, dump, example, load_settings

EVERYTHING = """
admin-server-host = "localhost"
admin-server-port = 3001
app.settings.b = "say \\"b\\""
app.settings.a = "1"
client-error-verbosity = "minimal"
db-anon-role = "anon"
db-extra-search-path = ""
db-max-rows = 10
db-pre-request = "auth.check"
db-schemas = "api,   reports"
db-tx-end = "rollback-allow-override"
db-uri = "postgresql://auth:pa$$$$@db/shop"
jwt-role-claim-key = "$$.roles[?(@ == \\"x\\")]"
jwt-secret = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MD-_"
jwt-secret-is-base64 = true
server-unix-socket-mode = "777"
server-workers = 4
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "gateway.conf"


def dumped(config: Path, text: str) -> list[str]:
    config.write_text(text, encoding="utf-8")
    return dump(load_settings(str(config), {})).splitlines()


def test_every_setting_of_postgrest_is_dumped_in_order(config: Path) -> None:
    lines = dumped(config, "")
    assert [line.partition(" = ")[0] for line in lines] == sorted(
        setting.key for setting in SETTINGS.values() if not setting.about.ours
    )
    assert 'db-max-rows = ""' in lines
    assert 'db-anon-role = ""' in lines
    assert "db-pool = 10" in lines
    assert "db-config = true" in lines
    assert 'jwt-role-claim-key = "$$.role"' in lines
    assert 'server-unix-socket-mode = "660"' in lines
    hoisted = "statement_timeout,plan_filter.statement_cost_limit,default_transaction_isolation"
    assert f'db-hoisted-tx-settings = "{hoisted}"' in lines


def test_what_is_given_is_dumped(config: Path) -> None:
    lines = dumped(config, EVERYTHING)
    assert lines == sorted(lines)
    for line in (
        'app.settings.a = "1"',
        'app.settings.b = "say \\"b\\""',
        'db-extra-search-path = ""',
        "db-max-rows = 10",
        'db-pre-request = "auth.check"',
        'db-schemas = "api,reports"',
        'db-tx-end = "rollback-allow-override"',
        'db-uri = "postgresql://auth:pa$$$$@db/shop"',
        'jwt-role-claim-key = "$$.roles[?(@ == \\"x\\")]"',
        'jwt-secret = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MD+/"',
        'server-unix-socket-mode = "777"',
        "server-workers = 4",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (".roles[0].name", '.\\"roles\\"[0].\\"name\\"'),
        ('.\\"a key\\".b', '.\\"a key\\".\\"b\\"'),
        ('.roles[?(@ ^== \\"au\\")]', '.\\"roles\\"[?(@ ^== \\"au\\")]'),
    ],
)
def test_the_older_syntax_of_the_path_is_dumped_with_quotes(config: Path, path: str, shown: str) -> None:
    assert f'jwt-role-claim-key = "{shown}"' in dumped(config, f'jwt-role-claim-key = "{path}"')


def test_the_password_is_not_dumped(config: Path) -> None:
    lines = dumped(config, 'db-uri = "host=db"\ndb-direct-uri = "host=direct"\ndb-password = "hush"')
    assert 'db-uri = "host=db"' in lines
    assert 'db-direct-uri = "host=direct"' in lines
    assert "hush" not in "".join(lines)


def test_a_dump_is_read_as_what_was_dumped(config: Path) -> None:
    lines = dumped(config, EVERYTHING)
    assert dumped(config, "\n".join(lines)) == lines


@given(st.text(min_size=1).filter(lambda text: not text.startswith("@")))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    config = tmp_path_factory.getbasetemp() / "any.conf"
    given = load_settings(None, {"AUTOREST_DB_ANON_ROLE": text, "AUTOREST_APP_SETTINGS_X": text})
    config.write_bytes(dump(given).encode())
    again = load_settings(str(config), {})
    assert again.db_anon_role == text
    assert again.app_settings == {"app.settings.X": text}


def test_the_example_shows_every_setting_and_changes_none(config: Path) -> None:
    config.write_text(example(), encoding="utf-8")
    assert dump(load_settings(str(config), {})) == dump(load_settings(None, {}))
    shown = re.findall(r"^# ([a-z0-9-]+) = ", example(), flags=re.MULTILINE)
    assert sorted(shown) == sorted(setting.key for setting in SETTINGS.values())


def test_the_example_is_right_when_its_lines_are_put_in_force(config: Path, tmp_path: Path) -> None:
    secret = tmp_path / "jwt_secret"
    secret.write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMw==")
    text = re.sub(r"^# ", "", example(), flags=re.MULTILINE)
    text = re.sub(r"/run/secrets/(jwt_secret|signing_key)", str(secret), text)
    config.write_text(text, encoding="utf-8")
    settings = load_settings(str(config), {})
    assert settings.warnings == ()
    assert settings.db_pool == 20
    assert settings.app_settings == {"app.settings.support": "desk@example.com"}
