"""Several workers: started, asked, killed, restarted and ended as one."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.server.conftest import DATABASE, Start, settings_for
from tests.integration.server.running import PATIENCE, Running, metric
from tests.support.cluster import Cluster

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has one worker")


def children(gateway: Running) -> set[int]:
    """Return the process ids of the workers."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        if lines["PPid"] == str(gateway.process.pid) and not lines["State"].startswith("Z"):
            found.add(int(status.parent.name))
    return found


@pytest.fixture(scope="module")
def crowd(stocked: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway of three workers."""
    settings = settings_for(stocked, server_workers="3", log_level="info", db_pool="2")
    with Running(tmp_path_factory.mktemp("crowd"), settings) as running:
        yield running


def test_all_workers_serve_and_are_counted_together(crowd: Running) -> None:
    assert len(children(crowd)) == 3
    for _ in range(60):
        with httpx.Client(base_url=f"http://127.0.0.1:{crowd.port}") as client:
            assert client.get("/items").status_code == 200
    assert metric(crowd, 'autorest_http_requests_total{method="GET",route="/items",status="200"}') == 60
    assert metric(crowd, "pgrst_db_pool_max") == 6
    assert metric(crowd, "autorest_workers") == 3
    assert metric(crowd, 'pgrst_schema_cache_loads_total{status="SUCCESS"}') >= 3
    assert crowd.logged("with 3 workers") == 1
    crowd.wait(lambda: len(crowd.requests) == 60, "not all are logged")


def test_the_admin_port_speaks_for_all(crowd: Running) -> None:
    assert (crowd.status("/live"), crowd.status("/ready")) == (200, 200)
    assert "relations" in crowd.admin.get("/schema_cache").json()
    assert "server-workers = 3" in crowd.admin.get("/config").text.splitlines()
    assert crowd.admin.get("/numbers").status_code == 404


def test_a_reload_reaches_all(crowd: Running, stocked: Cluster) -> None:
    before = metric(crowd, 'pgrst_schema_cache_loads_total{status="SUCCESS"}')
    crowd.send("SIGUSR1")
    crowd.wait(lambda: metric(crowd, 'pgrst_schema_cache_loads_total{status="SUCCESS"}') == before + 3, "not all")
    stocked.psql("NOTIFY pgrst", dbname=DATABASE)
    crowd.wait(lambda: metric(crowd, 'pgrst_schema_cache_loads_total{status="SUCCESS"}') == before + 6, "not all")


def test_a_killed_worker_is_replaced_and_only_its_requests_are_lost(crowd: Running) -> None:
    counted = 'autorest_http_requests_total{method="GET",route="/many",status="200"}'
    failures: list[Exception] = []
    answers: list[int] = []
    done = threading.Event()

    def ask() -> None:
        client = httpx.Client(base_url=f"http://127.0.0.1:{crowd.port}", timeout=PATIENCE)
        while not done.is_set():
            try:
                answers.append(client.get("/many?limit=1").status_code)
            except httpx.TransportError as error:
                failures.append(error)
                client = httpx.Client(base_url=f"http://127.0.0.1:{crowd.port}", timeout=PATIENCE)

    asking = [threading.Thread(target=ask) for _ in range(6)]
    for thread in asking:
        thread.start()
    for worker in sorted(children(crowd)):
        time.sleep(0.3)
        known = metric(crowd, counted)
        os.kill(worker, signal.SIGKILL)
        crowd.wait(lambda worker=worker: worker not in children(crowd), "it lives")  # type: ignore[misc]
        assert metric(crowd, counted) >= known
        crowd.wait(lambda: len(children(crowd)) == 3, "it is not replaced")
        crowd.wait_ready()
    done.set()
    for thread in asking:
        thread.join(PATIENCE)
    assert {*answers} == {200}
    assert len(answers) > 100
    # A client loses the connection that the killed worker had, no more.
    assert len(failures) <= 3 * len(asking)
    assert crowd.logged("ended with status -9") == 3


def test_workers_end_with_their_supervisor(run: Start) -> None:
    gateway = run(server_workers="2")
    workers = children(gateway)
    gateway.process.kill()
    gateway.process.wait()
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "a worker is left"
        time.sleep(0.1)


def test_requests_under_way_are_finished_at_the_end(run: Start) -> None:
    gateway = run(server_workers="2")
    answers: list[httpx.Response] = []
    asking = [
        threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"http://127.0.0.1:{gateway.port}/rpc/sleep", json={"seconds": 2}, timeout=PATIENCE)
            )
        )
        for _ in range(4)
    ]
    for thread in asking:
        thread.start()
    time.sleep(0.8)
    gateway.send("SIGTERM")
    for thread in asking:
        thread.join(PATIENCE)
    assert [answer.status_code for answer in answers] == [204] * 4
    assert gateway.wait_end() == 0


def test_a_second_signal_ends_all_at_once(run: Start) -> None:
    gateway = run(server_workers="2", server_shutdown_timeout="600")
    sleeping = threading.Thread(target=sleep_for_long, args=(gateway,))
    sleeping.start()
    time.sleep(0.5)
    gateway.send("SIGTERM")
    gateway.wait_logged("SIGTERM")
    gateway.send("SIGTERM")
    assert gateway.wait_end() == 0
    sleeping.join(PATIENCE)


def sleep_for_long(gateway: Running) -> None:
    try:
        httpx.post(f"http://127.0.0.1:{gateway.port}/rpc/sleep", json={"seconds": 60}, timeout=2 * PATIENCE)
    except httpx.TransportError:
        return


def test_a_trouble_without_a_remedy_ends_all(run: Start) -> None:
    gateway = run(
        ready=False, server_workers="2", db_uri="host=127.0.0.1 port=1 user=x", db_pool_automatic_recovery="false"
    )
    assert gateway.wait_end() == 1


def test_workers_share_a_unix_socket(run: Start, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    gateway = run(server_workers="2", server_unix_socket=str(path))
    assert gateway.api.get("/items").status_code == 200
    gateway.send("SIGTERM")
    assert gateway.wait_end() == 0
    assert not path.exists()


def test_without_a_database_workers_wait_for_it(stocked: Cluster, run: Start) -> None:
    stocked.stop()
    try:
        gateway = run(ready=False, server_workers="2")
        gateway.wait_answered(503)
        assert gateway.status("/ready") == 503
    finally:
        stocked.start()
    gateway.wait_ready()
    gateway.wait_answered(200)
