"""Settings and catalog read again: by signal, by notification, in the file and in the database."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import httpx
import jwt
import pytest

from tests.integration.server.conftest import DATABASE, Start
from tests.integration.server.running import PATIENCE, SECRET, Running, metric
from tests.support.cluster import Cluster

ROLE = f"ROLE server_authenticator IN DATABASE {DATABASE}"


def bearer(secret: str = SECRET, **claims: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {jwt.encode({'role': 'server_user', **claims}, secret, 'HS256')}"}


def setting(gateway: Running, name: str) -> object:
    """Return what SQL reads in a request."""
    return gateway.api.get("/rpc/setting", params={"name": name}).json()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration file."""
    path = tmp_path / "gateway.conf"
    path.write_text('app.settings.name = "John"\nlog-level = "crit"\n')
    return path


def test_sigusr2_reads_the_file_again(run: Start, file: Path) -> None:
    gateway = run(config_file=file, jwt_secret=None, db_schemas=None)
    assert problem(gateway.api.get("/items")) == (404, "PGRST205")
    file.write_text(f"""
        app.settings.name = "Jane"
        db-schemas = "api, other"
        db-max-rows = 2
        jwt-secret = "{SECRET}"
        client-error-verbosity = "minimal"
        server-trace-header = "X-Trace"
        log-level = "info"
        db-pool = 1
    """)
    gateway.send("SIGUSR2")
    gateway.wait_logged("settings reloaded")
    answer = gateway.api.get("/items", headers={"X-Trace": "42"})
    assert len(answer.json()) == 2
    assert answer.headers["X-Trace"] == "42"
    assert setting(gateway, "app.settings.name") == "Jane"
    assert gateway.api.get("/items", headers={"Accept-Profile": "other"}).json() == []
    assert gateway.api.get("/secrets", headers=bearer()).status_code == 200
    assert gateway.api.get("/nothing").json().keys() == {"code", "message"}
    gateway.wait(lambda: len(gateway.requests) == 5, "requests are not logged")
    assert metric(gateway, "pgrst_db_pool_max") == 4


def test_more_settings_than_a_function_of_sql_has_arguments(run: Start, file: Path) -> None:
    file.write_text("".join(f'app.settings.n{number} = "{number}"\n' for number in range(250)))
    gateway = run(config_file=file)
    assert [setting(gateway, f"app.settings.n{number}") for number in (0, 91, 92, 100, 249)] == [
        "0",
        "91",
        "92",
        "100",
        "249",
    ]


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_file_that_cannot_be_used_changes_nothing(run: Start, file: Path) -> None:
    gateway = run(config_file=file)
    for contents, said in (
        ('db-max-rows = "many"', "db-max-rows"),
        ('broken = "', "closing double quote"),
        (None, "No such file"),
    ):
        if contents is None:
            file.unlink()
        else:
            file.write_text(contents)
        gateway.send("SIGUSR2")
        gateway.wait_logged(said)
        assert setting(gateway, "app.settings.name") == "John"
    assert gateway.status("/ready") == 200


def test_a_secret_in_a_file_of_its_own_is_read_again(run: Start, stocked: Cluster, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("another secret, just as long as it must be")
    gateway = run(jwt_secret=f"@{secret}", db_config="false")
    assert gateway.api.get("/secrets", headers=bearer()).status_code == 401
    secret.write_text(SECRET)
    gateway.send("SIGUSR1")
    gateway.wait(lambda: gateway.logged("catalog loaded") == 2, "not reloaded")
    assert gateway.api.get("/secrets", headers=bearer()).status_code == 401
    gateway.send("SIGUSR2")
    gateway.wait_logged("settings reloaded")
    assert gateway.api.get("/secrets", headers=bearer()).status_code == 200
    # A token that was verified before is not believed any longer than its key.
    secret.write_text("another secret, just as long as it must be")
    stocked.psql("NOTIFY pgrst, 'reload config'", dbname=DATABASE)
    gateway.wait_logged("settings reloaded", 2)
    assert gateway.api.get("/secrets", headers=bearer()).status_code == 401


@pytest.mark.parametrize("how", ["SIGUSR1", "NOTIFY pgrst", "NOTIFY pgrst, 'reload schema'"])
def test_the_catalog_is_read_again(run: Start, stocked: Cluster, how: str) -> None:
    gateway = run()
    assert problem(gateway.api.get("/fresh")) == (404, "PGRST205")
    stocked.psql("CREATE TABLE api.fresh (); GRANT SELECT ON api.fresh TO server_anon", dbname=DATABASE)
    try:
        if how.startswith("SIG"):
            gateway.send(how)
        else:
            stocked.psql(how, dbname=DATABASE)
        gateway.wait_answered(200, "/fresh")
        assert metric(gateway, 'pgrst_schema_cache_loads_total{status="SUCCESS"}') == 2
    finally:
        stocked.psql("DROP TABLE api.fresh", dbname=DATABASE)


def test_a_notification_for_something_else_does_nothing(run: Start, stocked: Cluster) -> None:
    gateway = run()
    before = gateway.log
    stocked.psql("NOTIFY pgrst, 'reload'; NOTIFY other, 'reload schema'", dbname=DATABASE)
    time.sleep(1)
    assert gateway.log == before


def test_a_burst_of_notifications_is_followed_a_few_times(run: Start, stocked: Cluster) -> None:
    gateway = run()
    for _ in range(50):
        stocked.psql("NOTIFY pgrst, 'reload schema'", dbname=DATABASE)
    stocked.psql("CREATE TABLE api.last (); GRANT SELECT ON api.last TO server_anon; NOTIFY pgrst", dbname=DATABASE)
    try:
        gateway.wait_answered(200, "/last")
        assert 2 <= metric(gateway, 'pgrst_schema_cache_loads_total{status="SUCCESS"}') <= 25
    finally:
        stocked.psql("DROP TABLE api.last", dbname=DATABASE)


def test_settings_in_the_database_win_and_are_read_again(run: Start, stocked: Cluster) -> None:
    stocked.psql(
        f"ALTER {ROLE} SET pgrst.db_schemas = 'other, api'; ALTER {ROLE} SET pgrst.db_tx_end = 'rollback';"
        f"ALTER {ROLE} SET pgrst.server_cors_allowed_origins = 'http://only.example'",
        dbname=DATABASE,
    )
    try:
        gateway = run(db_schemas="api", log_level="info")
        assert gateway.api.get("/items").json() == []
        # What only a start changes can stand in the database as well.
        assert gateway.api.post("/items", json={"id": 1}).status_code == 201
        assert gateway.api.get("/items").json() == []
        answer = gateway.api.get("/items", headers={"Origin": "http://elsewhere.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers
        stocked.psql(f"ALTER {ROLE} RESET pgrst.db_schemas; NOTIFY pgrst, 'reload config'", dbname=DATABASE)
        gateway.wait(lambda: len(gateway.api.get("/items").json()) == 5, "the settings are the same")
        stocked.psql(f"ALTER {ROLE} SET pgrst.db_max_rows = 'many'; NOTIFY pgrst, 'reload config'", dbname=DATABASE)
        gateway.wait_logged("pgrst.db_max_rows in the database")
        assert len(gateway.api.get("/items").json()) == 5
    finally:
        stocked.psql(f"ALTER {ROLE} RESET ALL", dbname=DATABASE)


def test_what_is_set_for_the_gateway_s_role_holds_after_a_reload(run: Start, stocked: Cluster) -> None:
    gateway = run()
    assert gateway.api.post("/rpc/sleep", json={"seconds": 0.6}).status_code == 204
    stocked.psql(f"ALTER {ROLE} SET statement_timeout = '300ms'", dbname=DATABASE)
    try:
        gateway.send("SIGUSR1")
        answer = gateway.wait_answered(500, "/rpc/sleep", params={"seconds": 0.6})
        assert answer.json()["code"] == "57014"
    finally:
        stocked.psql(f"ALTER {ROLE} RESET statement_timeout", dbname=DATABASE)


def test_what_is_set_for_a_request_s_role_holds_after_a_reload(run: Start, stocked: Cluster) -> None:
    gateway = run()
    stocked.psql("ALTER ROLE server_anon SET statement_timeout = '12345ms'", dbname=DATABASE)
    try:
        assert setting(gateway, "statement_timeout") == "0"
        stocked.psql("NOTIFY pgrst, 'reload config'", dbname=DATABASE)
        gateway.wait(lambda: setting(gateway, "statement_timeout") == "12345ms", "it does not hold")
    finally:
        stocked.psql("ALTER ROLE server_anon RESET statement_timeout", dbname=DATABASE)


def test_it_is_ready_again_when_settings_could_be_read_after_all(run: Start, stocked: Cluster) -> None:
    gateway = run(db_config="true")
    gateway.api.get("/items")
    stocked.psql("ALTER ROLE server_authenticator CONNECTION LIMIT 1", dbname=DATABASE)
    try:
        gateway.send("SIGUSR2")
        gateway.wait_logged("too many connections for role")
    finally:
        stocked.psql("ALTER ROLE server_authenticator CONNECTION LIMIT -1", dbname=DATABASE)
    gateway.wait_logged("settings reloaded")
    assert gateway.status("/ready") == 200


def test_settings_that_the_login_cannot_use_change_nothing(run: Start, file: Path) -> None:
    gateway = run(config_file=file, auth_login_enabled="true")
    file.write_text('jwt-role-claim-key = "$$.roles[0]"')
    gateway.send("SIGUSR2")
    gateway.wait_logged("the settings were not reloaded")
    assert gateway.api.get("/secrets", headers=bearer()).status_code == 200


def test_the_listener_follows_its_settings(run: Start, stocked: Cluster, file: Path) -> None:
    gateway = run(config_file=file, db_channel_enabled=None)
    file.write_text('db-channel = "other_channel"')
    gateway.send("SIGUSR2")
    gateway.wait_logged("listening for notifications on channel 'other_channel'")
    stocked.psql("NOTIFY other_channel, 'reload config'", dbname=DATABASE)
    gateway.wait_logged("told to reload the settings on channel 'other_channel'")
    file.write_text("db-channel-enabled = false")
    gateway.send("SIGUSR2")
    gateway.wait(lambda: metric(gateway, "autorest_listener_up") == 0, "still listening")
    assert gateway.status("/ready") == 200


def test_prepared_statements_follow_their_setting(run: Start, file: Path) -> None:
    gateway = run(config_file=file)
    prepared = "autorest_db_statements_prepared_total"
    gateway.api.get("/items")
    before = metric(gateway, prepared)
    assert before > 0
    file.write_text("db-prepared-statements = false")
    gateway.send("SIGUSR2")
    gateway.wait_logged("settings reloaded")
    gateway.api.get("/items?select=name")
    assert metric(gateway, prepared) == before
    file.write_text("db-prepared-statements = true")
    gateway.send("SIGUSR2")
    gateway.wait_logged("settings reloaded", 2)
    gateway.wait(lambda: gateway.api.get("/items?select=id").is_success and metric(gateway, prepared) > before, "none")


def test_no_request_fails_while_the_catalog_is_replaced(run: Start, stocked: Cluster) -> None:
    gateway = run()
    statuses: list[int] = []
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=PATIENCE) as client:
            while not done.is_set():
                statuses.append(client.get("/items?select=id,name&order=id").status_code)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    for number in range(15):
        stocked.psql(f"ALTER TABLE api.items ADD added_{number} int; NOTIFY pgrst", dbname=DATABASE)
        time.sleep(0.1)
    gateway.wait(lambda: "added_14" in gateway.api.get("/items?limit=1").text, "the last column is missing")
    done.set()
    for thread in asking:
        thread.join(PATIENCE)
    stocked.psql("".join(f"ALTER TABLE api.items DROP added_{number};" for number in range(15)), dbname=DATABASE)
    assert {*statuses} == {200}
    assert len(statuses) > 100


def test_a_failing_reload_keeps_the_catalog_and_is_no_readiness(run: Start, stocked: Cluster) -> None:
    gateway = run()
    stocked.psql(f"ALTER {ROLE} SET statement_timeout = '1ms'", dbname=DATABASE)
    try:
        gateway.send("SIGUSR1")
        gateway.wait_ready(503)
        assert len(gateway.api.get("/items").json()) == 5
        assert metric(gateway, 'pgrst_schema_cache_loads_total{status="FAIL"}') >= 1
        assert gateway.logged("could not be loaded") >= 1
    finally:
        stocked.psql(f"ALTER {ROLE} RESET statement_timeout", dbname=DATABASE)
    gateway.wait_ready()


def test_a_dropped_table_is_the_database_s_word_until_the_catalog_is_read(run: Start, stocked: Cluster) -> None:
    stocked.psql("CREATE TABLE api.gone (); GRANT SELECT ON api.gone TO server_anon", dbname=DATABASE)
    gateway = run()
    assert gateway.api.get("/gone").status_code == 200
    stocked.psql("DROP TABLE api.gone", dbname=DATABASE)
    assert problem(gateway.api.get("/gone")) == (404, "42P01")
    stocked.psql("NOTIFY pgrst", dbname=DATABASE)
    gateway.wait(lambda: problem(gateway.api.get("/gone")) == (404, "PGRST205"), "the catalog is the same")


def test_a_column_of_another_type_is_one_after_a_reload(run: Start, stocked: Cluster) -> None:
    stocked.psql("CREATE TABLE api.cats (id uuid); GRANT SELECT ON api.cats TO server_anon", dbname=DATABASE)
    try:
        gateway = run()
        assert gateway.api.get("/cats?id=eq.dea27321-f988-4a57-93e4-8eeb38f3cf1e").status_code == 200
        stocked.psql(
            "ALTER TABLE api.cats ALTER id TYPE int USING 1; INSERT INTO api.cats VALUES (1); NOTIFY pgrst",
            dbname=DATABASE,
        )
        answer = gateway.wait_answered(200, "/cats?id=eq.1")
        assert json.loads(answer.text) == [{"id": 1}]
    finally:
        stocked.psql("DROP TABLE api.cats", dbname=DATABASE)
