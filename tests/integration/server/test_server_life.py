"""How a gateway starts, waits, recovers, and ends."""

from __future__ import annotations

import socket
import stat
import threading
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.integration.server.conftest import DATABASE, SCHEMA, Start, settings_for
from tests.integration.server.running import PATIENCE, Running
from tests.support.cluster import Cluster
from tests.support.pooler import Pooler
from tests.support.ports import free_port
from tests.support.skips import available


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of an error."""
    return answer.status_code, answer.json()["code"]


def test_it_starts_without_a_database_and_finds_it_later(stocked: Cluster, run: Start) -> None:
    stocked.stop()
    try:
        gateway = run(ready=False)
        answer = gateway.wait_answered(503)
        assert problem(answer) == (503, "PGRST000")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (gateway.status("/live"), gateway.status("/ready")) == (200, 503)
        assert gateway.admin.get("/schema_cache").content == b""
    finally:
        stocked.start()
    gateway.wait_answered(200)
    gateway.wait_ready()


def test_it_survives_the_loss_of_its_database(stocked: Cluster, run: Start) -> None:
    gateway = run()
    stocked.stop()
    try:
        gateway.wait_ready(503)
        answer = gateway.api.get("/items")
        assert answer.status_code == 503
        assert answer.json()["code"] in ("PGRST000", "PGRST001")
        assert int(answer.headers["Retry-After"]) >= 1
        assert gateway.status("/live") == 200
    finally:
        stocked.start()
    assert len(gateway.wait_answered(200).json()) == 5
    gateway.wait_ready()


def test_a_request_under_way_when_the_connection_breaks_is_told_so(stocked: Cluster, run: Start) -> None:
    gateway = run()
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(gateway.api.post("/rpc/sleep", json={"seconds": 20})))
    asking.start()
    gateway.wait(lambda: bool(stocked.execute(KILL_SLEEPERS)), "there is nobody to disconnect")
    asking.join(PATIENCE)
    assert problem(answers[0]) in ((503, "PGRST001"), (503, "57P01"))
    gateway.wait_answered(200)


KILL_SLEEPERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE state = 'active' AND usename = 'server_authenticator' AND wait_event = 'PgSleep'
"""


def test_what_a_pooler_says_before_it_hangs_up_is_told(stocked: Cluster, run: Start) -> None:
    with available(Pooler, stocked, {"query_timeout": "1"}, forced_user="server_authenticator") as pooler:
        direct = settings_for(stocked)["db-uri"]
        gateway = run(db_uri=pooler.dsn("server_authenticator", DATABASE), db_direct_uri=direct)
        answer = gateway.api.post("/rpc/sleep", json={"seconds": 20})
        assert problem(answer) == (503, "PGRST001")
        assert answer.json()["details"] == "query timeout"
        assert int(answer.headers["Retry-After"]) >= 1
        gateway.wait_answered(200)


def test_a_wrong_password_ends_the_start(tmp_path: Path) -> None:
    with Cluster(auth="scram-sha-256") as strict:
        strict.execute("CREATE ROLE someone LOGIN PASSWORD 'right'")
        gateway = Running(tmp_path, {"db-uri": strict.dsn("someone", password="wrong")}).start()
        assert gateway.wait_end() == 1
        assert gateway.logged("password authentication failed") >= 1
        assert "wrong" not in "".join(gateway.log)


def test_without_recovery_a_database_that_is_not_there_ends_the_start(run: Start) -> None:
    gateway = run(ready=False, db_uri=f"host=127.0.0.1 port={free_port()} user=x", db_pool_automatic_recovery="false")
    assert gateway.wait_end() == 1
    assert gateway.logged("db-pool-automatic-recovery is off") == 1


TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'server_authenticator'"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_without_recovery_a_lost_listener_ends_the_process(stocked: Cluster, run: Start, workers: str) -> None:
    gateway = run(db_pool_automatic_recovery="false", server_workers=workers)
    stocked.execute(TERMINATE)
    assert gateway.wait_end() == 1
    assert gateway.logged("db-pool-automatic-recovery is off") >= 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_without_recovery_a_database_that_cannot_be_reached_any_more_ends_the_process(
    stocked: Cluster, run: Start, workers: str
) -> None:
    gateway = run(db_pool_automatic_recovery="false", db_channel_enabled="false", server_workers=workers)
    # Without a listener what is closed is opened again, as long as that is possible.
    gateway.wait_answered(200)
    time.sleep(1.5)
    stocked.execute(TERMINATE)
    time.sleep(0.6)
    gateway.wait_answered(200)
    stocked.stop()
    try:
        assert gateway.wait_end() == 1
    finally:
        stocked.start()
    assert gateway.logged("db-pool-automatic-recovery is off") >= 1


def test_a_schema_that_is_not_there_is_waited_for(stocked: Cluster, run: Start) -> None:
    gateway = run(ready=False, db_schemas="later")
    answer = gateway.wait_answered(503)
    assert problem(answer) == (503, "PGRST002")
    assert int(answer.headers["Retry-After"]) >= 1
    assert gateway.status("/ready") == 503
    assert gateway.logged("'later'") >= 1
    try:
        stocked.psql("CREATE SCHEMA later; NOTIFY pgrst", dbname=DATABASE)
        gateway.wait_ready()
        assert problem(gateway.api.get("/items")) == (404, "PGRST205")
    finally:
        stocked.psql("DROP SCHEMA later", dbname=DATABASE)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"db_pool": "many"}, "db-pool"),
        ({"db_uri": "postgresql://me:hidden@[broken"}, "db-uri (AUTOREST_DB_URI) cannot be used"),
        ({"auth_login_enabled": "true", "jwt_secret": None}, "auth-signing-key"),
        ({"server_host": "no.such.host.invalid"}, "no.such.host.invalid"),
        ({"server_unix_socket": "/nowhere/at/all"}, "/nowhere/at/all"),
    ],
)
def test_settings_that_cannot_be_used_end_the_start_with_a_line(
    run: Start, settings: dict[str, str | None], said: str
) -> None:
    gateway = run(ready=False, **settings)
    assert gateway.wait_end() == 1
    complaints = [line for line in gateway.log if "starting autorest" not in line]
    assert len(complaints) == 1
    assert said in complaints[0]
    assert "Traceback" not in complaints[0]
    assert "hidden" not in complaints[0]


@pytest.mark.parametrize("port", ["server_port", "admin_server_port"])
def test_a_port_that_is_taken_is_named(run: Start, port: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = str(other.getsockname()[1])
        gateway = run(ready=False, **{port: number})
        assert gateway.wait_end() == 1
    assert gateway.logged(f"127.0.0.1, port {number}: another program listens there") == 1


def test_nothing_is_accepted_before_the_catalog_was_attempted(stocked: Cluster, run: Start) -> None:
    with CatalogLock(stocked):
        gateway = run(ready=False)
        gateway.wait(lambda: gateway.status("/live") == 500, "/live is not 500")
        assert gateway.status("/ready") == 503
        with pytest.raises(httpx.ConnectError):
            gateway.api.get("/items")
    gateway.wait_ready()
    assert gateway.status("/live") == 200


class CatalogLock:
    """Keeps everybody from reading the catalog for a while."""

    def __init__(self, cluster: Cluster) -> None:
        self.connection = psycopg.connect(cluster.dsn(dbname=DATABASE))

    def __enter__(self) -> None:
        self.connection.execute("LOCK TABLE pg_catalog.pg_db_role_setting, pg_catalog.pg_namespace")

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def test_unix_sockets_have_their_mode_and_go_with_the_process(run: Start, tmp_path: Path) -> None:
    api, admin = tmp_path / "api.sock", tmp_path / "admin.sock"
    gateway = run(
        server_unix_socket=str(api),
        server_unix_socket_mode="640",
        admin_server_unix_socket=str(admin),
        admin_server_unix_socket_mode="666",
        log_level="info",
    )
    assert gateway.api.get("/items").status_code == 200
    assert [stat.S_IMODE(path.stat().st_mode) for path in (api, admin)] == [0o640, 0o666]
    assert gateway.logged(f"listening on {api}") == 1
    gateway.wait(lambda: any(line.startswith("- - server_anon [") for line in gateway.requests), "not logged")
    gateway.send("SIGTERM")
    assert gateway.wait_end() == 0
    assert not api.exists()
    assert not admin.exists()


def test_a_unix_socket_that_a_killed_process_left_is_replaced(run: Start, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    first = run(server_unix_socket=str(path))
    second = run(ready=False, server_unix_socket=str(path))
    assert second.wait_end() == 1
    assert second.logged(f"{path}: another program listens there") == 1
    first.process.kill()
    first.process.wait()
    assert path.exists()
    third = run(server_unix_socket=str(path))
    assert third.api.get("/items").status_code == 200


def test_a_unix_socket_that_was_removed_is_noticed(run: Start, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    gateway = run(server_unix_socket=str(path))
    path.unlink()
    assert (gateway.status("/live"), gateway.status("/ready")) == (500, 500)


@pytest.mark.parametrize("host", ["*", "*4", "!4", "*6", "!6", "::1", "localhost"])
def test_the_hosts_that_can_be_listened_on(run: Start, host: str) -> None:
    gateway = run(ready=False, server_host=host)
    address = "[::1]" if host in ("*6", "!6", "::1") else "127.0.0.1"

    def answers(port: int, path: str) -> bool:
        try:
            return httpx.get(f"http://{address}:{port}{path}").status_code == 200
        except httpx.TransportError:
            return False

    gateway.wait(lambda: answers(gateway.admin_port, "/ready"), "not ready")
    assert answers(gateway.port, "/items")


def test_the_end_waits_for_requests_under_way(run: Start) -> None:
    gateway = run()
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(gateway.api.post("/rpc/sleep", json={"seconds": 2})))
    asking.start()
    time.sleep(0.5)
    gateway.send("SIGTERM")
    gateway.wait_logged("SIGTERM")
    gateway.wait(lambda: gateway.status("/ready") != 200, "still ready")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{gateway.port}/items")
    asking.join(PATIENCE)
    assert answers[0].status_code == 204
    assert answers[0].headers["Connection"] == "close"
    assert gateway.wait_end() == 0


def test_the_end_waits_no_longer_than_it_may(stocked: Cluster, run: Start) -> None:
    gateway = run(server_shutdown_timeout="1")
    with Sleep(gateway, 60):
        gateway.send("SIGTERM")
        began = time.monotonic()
        assert gateway.wait_end() == 0
    assert time.monotonic() - began < 15
    assert sleepers(stocked) == 0


def test_a_second_signal_ends_it_at_once(run: Start) -> None:
    gateway = run(server_shutdown_timeout="600")
    with Sleep(gateway, 60):
        gateway.send("SIGINT")
        gateway.wait_logged("SIGINT")
        gateway.send("SIGINT")
        began = time.monotonic()
        assert gateway.wait_end() == 0
    assert time.monotonic() - began < 10


class Sleep:
    """Has a gateway sleep in the database for a while, without regard for the answer."""

    def __init__(self, gateway: Running, seconds: float) -> None:
        self.gateway = gateway
        self.thread = threading.Thread(target=self.ask, args=(seconds,))

    def ask(self, seconds: float) -> None:
        try:
            httpx.post(
                f"http://127.0.0.1:{self.gateway.port}/rpc/sleep", json={"seconds": seconds}, timeout=2 * PATIENCE
            )
        except httpx.TransportError:
            return

    def __enter__(self) -> None:
        self.thread.start()
        time.sleep(0.5)

    def __exit__(self, *_: object) -> None:
        self.thread.join(2 * PATIENCE)


def sleepers(cluster: Cluster) -> int:
    """Return how many sessions sleep in the database."""
    rows = cluster.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'PgSleep'")
    return int(rows[0][0])


def test_the_start_is_told(run: Start, stocked: Cluster) -> None:
    number = int(stocked.execute("SHOW server_version_num")[0][0])
    gateway = run(jwt_role_claim_key=".role", db_pool_acquisition_timout="3")
    told = "\n".join(gateway.log)
    assert "starting autorest " in told
    assert f"admin server listening on 127.0.0.1:{gateway.admin_port}" in told
    assert f"listening on 127.0.0.1:{gateway.port}" in told
    assert f"connected to PostgreSQL {number // 10000}.{number % 10000}\n" in told
    assert "relations" in told
    assert gateway.logged("outdated syntax") == 1
    gateway.send("SIGUSR2")
    gateway.wait_logged("settings reloaded")
    assert gateway.logged("outdated syntax") == 1


def test_what_transactions_are_does_not_depend_on_the_database(stocked: Cluster, tmp_path: Path) -> None:
    stocked.createdb("strict")
    stocked.psql(SCHEMA, dbname="strict")
    stocked.execute("ALTER DATABASE strict SET default_transaction_isolation = 'serializable'")
    stocked.execute("ALTER DATABASE strict SET default_transaction_read_only = on")
    uri = stocked.dsn("server_authenticator", "strict", password="right")
    # The listener would look for a server to write to.
    settings = settings_for(stocked, db_uri=uri, db_channel_enabled="false")
    with Running(tmp_path, settings) as gateway:
        assert gateway.api.post("/written", json={"client": 1, "number": 1}).status_code == 201
        level = gateway.api.get("/rpc/setting?name=transaction_isolation")
        assert level.json() == "read committed"
