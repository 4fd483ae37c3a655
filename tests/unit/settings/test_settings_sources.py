"""Where values come from and which of them wins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autorest.settings import Settings, SettingsError, dump, load_settings, with_database_settings
from autorest.settings.kinds import TransactionEnd

SECRET = "a secret of thirty-two characters or more"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "gateway.conf"


def load(config: Path, text: str = "", running: Settings | None = None, **environment: str) -> Settings:
    config.write_text(text)
    return load_settings(str(config), environment, running=running)


def test_the_database_wins_over_the_environment_and_that_over_the_file(config: Path) -> None:
    text = "db-max-rows = 1\ndb-pool = 1\ndb-pool-max-lifetime = 1\njwt-cache-max-entries = 1"
    settings = load(
        config,
        text,
        PGRST_DB_MAX_ROWS="2",
        PGRST_DB_POOL="2",
        PGRST_DB_POOL_MAX_LIFETIME="2",
        AUTOREST_DB_MAX_ROWS="3",
        AUTOREST_DB_POOL="3",
    )
    settings = with_database_settings(settings, {"db_max_rows": "4"})
    found = (settings.db_max_rows, settings.db_pool, settings.db_pool_max_lifetime, settings.jwt_cache_max_entries)
    assert found == (4, 3, 2, 1)


def test_an_empty_value_hides_those_behind_it(config: Path) -> None:
    settings = load(config, 'db-anon-role = "file"\ndb-schemas = "file"', PGRST_DB_ANON_ROLE="", AUTOREST_DB_SCHEMAS="")
    assert settings.db_anon_role is None
    assert settings.db_schemas == ("public",)
    settings = with_database_settings(load(config, "db-max-rows = 5"), {"db_max_rows": ""})
    assert settings.db_max_rows is None


def test_older_names_count_where_the_setting_is_not_given(config: Path) -> None:
    text = """
    db-schema = "old"
    max-rows = 7
    pre-request = "old.check"
    role-claim-key = "$$.old"
    root-spec = "old.root"
    secret-is-base64 = true
    """
    settings = load(config, text, AUTOREST_DB_SCHEMAS="new")
    assert settings.db_schemas == ("new",)
    assert settings.db_max_rows == 7
    assert settings.db_pre_request == ("old", "check")
    assert settings.jwt_role_claim_key == "$.old"
    assert settings.db_root_spec == ("old", "root")
    assert settings.jwt_secret_is_base64
    assert load(config, 'db-schemas = "file"', PGRST_DB_SCHEMA="old").db_schemas == ("file",)
    assert load(config, 'db-schemas = ""', PGRST_DB_SCHEMA="old").db_schemas == ("old",)


def test_of_the_idle_time_the_older_name_wins(config: Path) -> None:
    settings = load(config, "db-pool-timeout = 5\ndb-pool-max-idletime = 6", PGRST_DB_POOL_MAX_IDLETIME="7")
    assert settings.db_pool_max_idletime == 5


def test_what_only_autorest_has_is_no_variable_of_postgrest(config: Path) -> None:
    settings = load(config, "server-workers = 2", PGRST_SERVER_WORKERS="3", PGRST_DB_MAX_PREPARED="9")
    assert (settings.server_workers, settings.db_max_prepared) == (2, 150)


def test_bare_values_in_the_file(config: Path) -> None:
    settings = load(config, "db-pool = 1000.0\ndb-config = off\nserver-max-body-size = 4096\ndb-max-rows = 1e3")
    assert (settings.db_pool, settings.db_config) == (1000, False)
    assert (settings.server_max_body_size, settings.db_max_rows) == (4096, 1000)


def test_a_bare_value_of_another_kind_is_passed_over_with_a_warning(config: Path) -> None:
    settings = load(config, "db-channel-enabled = 13\ndb-max-rows = true")
    assert settings.db_channel_enabled
    assert settings.db_max_rows is None
    assert [warning.split(": ")[1] for warning in settings.warnings] == [
        "db-max-rows is not a whole number from 0 to 9223372036854775807, its default is used",
        "db-channel-enabled is not true or false, its default is used",
    ]


def test_a_text_needs_its_quotes(config: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"gateway\.conf:1: the value of server-unix-socket-mode needs double quotes"
    ):
        load(config, "server-unix-socket-mode = 660")


def test_a_wrong_value_in_the_file_is_named_with_its_line(config: Path) -> None:
    with pytest.raises(SettingsError, match=r'log-level \(.*gateway\.conf:3\) cannot be "loud"'):
        load(config, '\n\nlog-level = "loud"')


def test_a_wrong_value_in_the_database_is_named(config: Path) -> None:
    with pytest.raises(SettingsError, match=r"db-max-rows \(pgrst\.db_max_rows in the database\) cannot be \"few\""):
        with_database_settings(load(config), {"db_max_rows": "few"})


def test_the_database_holds_only_what_it_may(config: Path) -> None:
    rows = {"db_uri": "postgresql://elsewhere", "db_pool": "99", "server_port": "1", "nothing": "x", "log_level": "?"}
    assert with_database_settings(load(config), rows) == load(config)


def test_the_database_decides_how_a_secret_from_elsewhere_is_read(config: Path) -> None:
    settings = load(config, AUTOREST_JWT_SECRET="no base64 at all, but long enough")
    with pytest.raises(SettingsError, match="not base64"):
        with_database_settings(settings, {"jwt_secret_is_base64": "true"})


def test_app_settings_come_from_file_and_environment(config: Path) -> None:
    settings = load(
        config,
        'app.settings.one = "1"\napp.settings.two = "2"\napp { settings { three = "3" } }\napp.settings.a.b = "deeper"',
        PGRST_APP_SETTINGS_two="22",
        PGRST_APP_SETTINGS_FOUR="4",
        AUTOREST_APP_SETTINGS_four="44",
        AUTOREST_APP_SETTINGS_FIVE_FILE="@/not/a/path",
    )
    assert settings.app_settings == {
        "app.settings.one": "1",
        "app.settings.two": "22",
        "app.settings.three": "3",
        "app.settings.four": "44",
        "app.settings.FIVE_FILE": "@/not/a/path",
    }


def test_app_settings_without_quotes_are_what_postgrest_makes_of_them(config: Path) -> None:
    settings = load(config, "app.settings.flag = false\napp.settings.number = 1")
    assert settings.app_settings == {"app.settings.flag": "Bool False", "app.settings.number": "Number 1.0"}
    assert len(settings.warnings) == 2
    with pytest.raises(SettingsError, match="needs double quotes"):
        load(config, "app.settings.list = [1]")


def test_names_that_are_no_settings_warn(config: Path) -> None:
    settings = load(config, "db-poool = 1", AUTOREST_DB_URL="x", PGRST_DB_USE_LEGACY_GUCS="true", AUTOREST_IMAGE="y")
    assert [warning.partition("there is")[2] for warning in settings.warnings] == [
        " no setting db-poool, is db-pool meant?",
        " no setting for the variable AUTOREST_DB_URL, is AUTOREST_DB_URI meant?",
    ]


class TestFiles:
    def test_a_variable_names_a_file(self, config: Path, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text(SECRET + "\n")
        (tmp_path / "role").write_text("  anon\r\n")
        settings = load(
            config, PGRST_JWT_SECRET_FILE=str(tmp_path / "secret"), AUTOREST_DB_ANON_ROLE_FILE=str(tmp_path / "role")
        )
        assert settings.jwt_secret == SECRET.encode()
        assert settings.db_anon_role == "anon"

    @pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
    def test_a_secret_loses_one_line_end(self, config: Path, tmp_path: Path, ending: bytes) -> None:
        secret = bytes(range(7, 40)) + b"\n"
        (tmp_path / "secret").write_bytes(secret + ending if ending else secret[:-1])
        settings = load(config, f'jwt-secret = "@{tmp_path}/secret"')
        assert settings.jwt_secret == (secret if ending else secret[:-1])

    def test_a_relative_path_is_for_secrets_and_connections(
        self, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "uri").write_text("\n postgresql://auth@db/shop \n")
        settings = load(config, 'db-uri = "@uri"\ndb-anon-role = "@anon"', AUTOREST_DB_PASSWORD="@./uri")
        assert settings.db_uri.startswith("user=auth dbname=shop host=db password=")
        assert settings.db_anon_role == "@anon"

    def test_an_absolute_path_is_for_every_setting(self, config: Path, tmp_path: Path) -> None:
        (tmp_path / "pool").write_text("33\n")
        assert load(config, AUTOREST_DB_POOL=f"@{tmp_path}/pool").db_pool == 33

    def test_a_file_that_is_not_there_is_named_with_the_variable(self, config: Path, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"jwt-secret \(AUTOREST_JWT_SECRET_FILE\): .*absent cannot be read"):
            load(config, AUTOREST_JWT_SECRET_FILE=str(tmp_path / "absent"))

    def test_a_text_that_is_not_utf_8_is_refused(self, config: Path, tmp_path: Path) -> None:
        (tmp_path / "role").write_bytes(b"\xff")
        with pytest.raises(SettingsError, match="not UTF-8"):
            load(config, AUTOREST_DB_ANON_ROLE_FILE=str(tmp_path / "role"))

    def test_a_variable_and_its_file_exclude_each_other(self, config: Path, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="PGRST_JWT_SECRET and PGRST_JWT_SECRET_FILE are both set"):
            load(config, PGRST_JWT_SECRET=SECRET, PGRST_JWT_SECRET_FILE="/x")
        (tmp_path / "role").write_text("anon")
        settings = load(config, PGRST_DB_ANON_ROLE="", PGRST_DB_ANON_ROLE_FILE=str(tmp_path / "role"))
        assert settings.db_anon_role == "anon"

    def test_a_path_in_a_file_is_no_path(self, config: Path, tmp_path: Path) -> None:
        (tmp_path / "role").write_text(f"@{tmp_path}/other")
        assert load(config, AUTOREST_DB_ANON_ROLE_FILE=str(tmp_path / "role")).db_anon_role == f"@{tmp_path}/other"

    @pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="no /dev/stdin on this platform")
    def test_standard_input_is_read_once(self) -> None:
        script = """
from autorest.settings import load_settings
environment = {"AUTOREST_JWT_SECRET": "@/dev/stdin"}
running = load_settings(None, environment)
again = load_settings(None, environment, running=running)
print(running.jwt_secret.decode(), again.jwt_secret == running.jwt_secret)
"""
        done = subprocess.run([sys.executable, "-c", script], input=SECRET + "\n", capture_output=True, text=True)
        assert (done.stdout, done.stderr) == (f"{SECRET} True\n", "")


class TestReload:
    def test_what_only_a_restart_changes_stays(self, config: Path) -> None:
        running = load(config, 'db-uri = "host=one"\ndb-tx-end = "rollback"\nserver-port = 1\nlog-level = "crit"')
        reloaded = load(
            config, 'db-uri = "host=two"\ndb-tx-end = "commit"\nserver-port = 2\nlog-level = "info"', running=running
        )
        assert (reloaded.db_uri, reloaded.db_direct_uri, reloaded.server_port) == ("host=one", "host=one", 1)
        assert reloaded.db_tx_end is TransactionEnd.ROLLBACK
        assert reloaded.log_level == "info"

    def test_what_the_database_said_at_the_start_stays_as_well(self, config: Path) -> None:
        running = with_database_settings(load(config), {"db_tx_end": "rollback", "db_max_rows": "5"})
        reloaded = with_database_settings(load(config, running=running), {"db_tx_end": "commit"}, running=running)
        assert reloaded.db_tx_end is TransactionEnd.ROLLBACK
        assert reloaded.db_max_rows is None

    def test_a_password_is_filled_in_once(self, config: Path) -> None:
        running = load(config, AUTOREST_DB_URI="host=db", AUTOREST_DB_PASSWORD="old")
        again = load(config, AUTOREST_DB_URI="host=db", AUTOREST_DB_PASSWORD="new", running=running)
        assert again.db_uri == running.db_uri == "host=db password=old"
        assert 'db-uri = "host=db"\n' in dump(again)

    def test_files_are_read_again(self, config: Path, tmp_path: Path) -> None:
        path = tmp_path / "secret"
        path.write_text(SECRET)
        running = load(config, AUTOREST_JWT_SECRET_FILE=str(path))
        path.write_text(SECRET[::-1])
        assert load(config, running=running, AUTOREST_JWT_SECRET_FILE=str(path)).jwt_secret == SECRET[::-1].encode()
