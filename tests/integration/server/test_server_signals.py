"""Signals at bad moments: before anything is ready for them, while workers start, and to all processes at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.integration.server.conftest import Start
from tests.integration.server.running import PATIENCE, Running, metric
from tests.integration.server.test_server_workers import children

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has none of these signals")


def is_prepared(pid: int) -> bool:
    """Tell whether a process holds back SIGUSR1 or has a handler for it (proc(5))."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    masks = dict(line.split(":\t", 1) for line in status.splitlines() if line.startswith("Sig"))
    bit = 1 << (signal.SIGUSR1 - 1)
    return bool((int(masks["SigBlk"], 16) | int(masks["SigCgt"], 16)) & bit)


def until(true: Callable[[], bool]) -> None:
    """Return when `true()`, looking all the time."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def named(gateway: Running) -> str:
    """Return the setting that the tests change, as one of the workers has it."""
    with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=PATIENCE) as client:
        return str(client.get("/rpc/setting", params={"name": "app.settings.name"}).json())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.conf"
    path.write_text('app.settings.name = "John"')
    return path


@pytest.mark.parametrize("moment", ["at once", "when settings are read"])
def test_a_signal_to_reload_is_heeded_however_early_it_comes(run: Start, file: Path, moment: str) -> None:
    gateway = run(ready=False, config_file=file)
    if moment == "at once":
        until(lambda: is_prepared(gateway.process.pid))
    else:
        until(lambda: gateway.logged("starting autorest") > 0)
    file.write_text('app.settings.name = "Jane"')
    for name in ("SIGUSR1", "SIGUSR2", "SIGUSR1"):
        gateway.send(name)
    gateway.wait_ready()
    assert named(gateway) == "Jane"


def test_a_signal_to_end_ends_it_without_a_word_of_python_s(run: Start) -> None:
    gateway = run(ready=False)
    until(lambda: is_prepared(gateway.process.pid))
    gateway.send("SIGINT")
    gateway.wait_end()
    assert "Traceback" not in gateway.told("")


def test_a_signal_to_end_during_the_start_ends_it_in_order(run: Start, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    gateway = run(ready=False, server_unix_socket=str(path))
    until(path.exists)
    gateway.send("SIGTERM")
    assert gateway.wait_end() == 0
    assert not path.exists()


def test_workers_that_are_being_started_survive_reloads_and_heed_them(run: Start, file: Path) -> None:
    gateway = run(ready=False, config_file=file, server_workers="3")
    until(lambda: len(children(gateway)) > 0)
    file.write_text('app.settings.name = "Jane"')
    while gateway.status("/ready") != 200:
        gateway.send("SIGUSR1")
        gateway.send("SIGUSR2")
        assert gateway.process.poll() is None
    assert {named(gateway) for _ in range(30)} == {"Jane"}
    assert gateway.logged("ended with status") == 0


def test_a_worker_that_is_being_restarted_survives_reloads_and_heeds_them(run: Start, file: Path) -> None:
    gateway = run(config_file=file, server_workers="2")
    before = children(gateway)
    os.kill(min(before), signal.SIGKILL)
    gateway.wait_logged("ended with status -9")
    file.write_text('app.settings.name = "Jane"')
    while children(gateway) == {max(before)} or gateway.status("/ready") != 200:
        gateway.send("SIGUSR1")
        gateway.send("SIGUSR2")
        time.sleep(0.005)
    gateway.wait(lambda: {named(gateway) for _ in range(20)} == {"Jane"}, "a worker has not heard of it")
    assert gateway.logged("ended with status") == 1


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_who_tells_all_processes_to_end_is_in_no_hurry(run: Start, name: str) -> None:
    """A service manager sends SIGTERM to every process it has started, a terminal SIGINT."""
    gateway = run(server_workers="2")
    answers: list[int] = []

    def ask() -> None:
        url = f"http://127.0.0.1:{gateway.port}/rpc/sleep"
        answers.append(httpx.post(url, json={"seconds": 2}, timeout=PATIENCE).status_code)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    time.sleep(0.8)
    for pid in (*children(gateway), gateway.process.pid):
        os.kill(pid, getattr(signal, name))
    for thread in asking:
        thread.join(PATIENCE)
    assert answers == [204] * 4
    assert gateway.wait_end() == 0


def test_workers_that_are_being_started_end_with_the_others(run: Start) -> None:
    gateway = run(ready=False, server_workers="3")
    until(lambda: len(children(gateway)) > 0)
    gateway.send("SIGTERM")
    assert gateway.wait_end() == 0
    assert "Traceback" not in gateway.told("")


def test_no_trouble_ends_the_attempts_to_read_the_catalog(run: Start) -> None:
    """Such a name of a host makes Python raise what no database does."""
    gateway = run(ready=False, db_direct_uri=f"host={'a' * 70}.example user=nobody")
    gateway.wait(lambda: gateway.status("/live") == 200, "it is not live")
    failed = 'pgrst_schema_cache_loads_total{status="FAIL"}'
    gateway.wait(lambda: metric(gateway, failed) >= 3, "it does not try again")
    assert gateway.status("/ready") == 503
    assert gateway.logged("could not be loaded, trying again") == 1
