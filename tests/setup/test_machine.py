"""What setup.py asks this machine: ports, names, processes, and who else is running it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from environment import hosts, ports, processes
from environment.compose import another
from environment.lock import Lock
from environment.problem import Problem
from tests.setup.checkout import REPOSITORY
from tests.support import process
from tests.support.skips import lacking

NAMES = ["theddt.local", "api.theddt.local"]


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def nobody() -> Iterator[None]:
    """For a moment, be a user who may not do everything."""
    was = os.geteuid()
    user = process.unprivileged()
    if user is not None:
        os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(was)


def line(started: subprocess.Popen[str]) -> str:
    assert started.stdout is not None
    return started.stdout.readline().strip()


def test_a_free_port_is_not_taken() -> None:
    assert not ports.is_taken(ports.free_port())


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_port_is_taken_whichever_address_of_localhost_it_is_on(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        taken = socket.create_server((address, 0), family=family)
    except OSError:
        lacking(f"this machine has no {address}")
    with taken:
        port = taken.getsockname()[1]
        assert ports.is_taken(port)
        assert str(os.getpid()) in ports.holder(port)


def test_a_port_whose_connections_are_just_closing_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
    assert not ports.is_taken(port)


def test_a_port_for_root_alone_is_forbidden_to_others() -> None:
    first = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if os.geteuid() != 0 or not first.exists() or int(first.read_text()) < 2:
        lacking("no port here is for root alone")
    assert not ports.is_forbidden(1)
    with nobody():
        assert ports.is_forbidden(1)
    assert not ports.is_forbidden(ports.free_port())


def test_the_lines_for_the_hosts_file_are_appended_once_and_on_lines_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(b"127.0.0.1 localhost")
    hosts.add(hosts.lines(NAMES), file, interactive=False)
    first, *added = file.read_text().splitlines()
    assert first == "127.0.0.1 localhost"
    assert added == hosts.lines(NAMES)
    assert "127.0.0.1 theddt.local api.theddt.local" in added


def test_a_hosts_file_that_may_not_be_changed_is_explained_with_the_exact_lines(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.touch(mode=0o400)
    with nobody(), pytest.raises(Problem) as refused:
        hosts.add(hosts.lines(NAMES), file, interactive=False)
    assert all(line in refused.value.advice for line in hosts.lines(NAMES))


def test_a_checkout_in_a_folder_that_is_closed_is_somebody_elses(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        with nobody():
            assert another(Path("/"), [str(tmp_path / "autorest")]) == tmp_path / "autorest"
    finally:
        tmp_path.chmod(0o700)


def test_names_that_lead_elsewhere_are_unresolved() -> None:
    assert hosts.unresolved(["invalid", "localhost", "192.0.2.1"]) == ["invalid", "192.0.2.1"]


def test_names_must_lead_to_the_address_that_was_chosen() -> None:
    assert hosts.unresolved(["localhost", "127.0.0.9", "192.0.2.1"], "127.0.0.9") == ["localhost", "192.0.2.1"]
    assert hosts.lines(NAMES, "127.0.0.9") == ["127.0.0.9 theddt.local api.theddt.local"]


def test_names_may_lead_elsewhere_where_the_stack_is_for_others_too() -> None:
    assert hosts.unresolved(["invalid", "localhost", "192.0.2.1"], anywhere=True) == ["invalid"]


def test_a_lock_is_held_by_one_and_dropped_when_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from environment.lock import Lock;"
        "lock = Lock(pathlib.Path(sys.argv[1])); print(lock.acquire(), flush=True); sys.stdin.read()"
    )
    with python(code, str(tmp_path / "lock")) as other:
        assert line(other) == "True"
        lock = Lock(tmp_path / "lock")
        assert not lock.acquire()
        assert lock.holder() == other.pid
        other.kill()
    assert lock.holder() is None
    with lock:
        assert lock.acquire()
        assert not Lock(tmp_path / "lock").acquire()
    assert Lock(tmp_path / "lock").acquire()


def test_a_process_is_known_until_it_ends_even_if_nobody_collects_it() -> None:
    with python("import time; print('up', flush=True); time.sleep(60)") as child:
        line(child)
        assert "time.sleep" in processes.command_line(child.pid)
        assert processes.end(child.pid, signal.SIGKILL, 10)
        assert processes.command_line(child.pid) == ""


def test_ending_what_has_ended_is_no_failure() -> None:
    with python("") as child:
        child.wait()
    assert processes.end(child.pid, signal.SIGTERM, 1)


TETHERED = """
import sys, subprocess, time
from pathlib import Path
from environment.tether import run_tethered, run_afterwards
program = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (Path(sys.argv[1]).touch(), sys.exit(0)))"
program = f"from pathlib import Path; {program}; Path(sys.argv[2]).touch(); time.sleep(60)"
import os
first = run_tethered([sys.executable, "-c", program, sys.argv[1], sys.argv[2]], dict(os.environ), Path("/"))
then = run_afterwards([sys.executable, "-c", f"open({sys.argv[3]!r}, 'w')"], {})
while not Path(sys.argv[2]).exists():
    time.sleep(0.02)
print("up", flush=True)
if sys.stdin.readline() == "release":
    first.release()
    then.release()
"""


@pytest.mark.parametrize("ending", ["released", "killed"])
def test_what_is_tethered_stops_however_its_holder_ends(tmp_path: Path, ending: str) -> None:
    stopped, started, afterwards = (tmp_path / name for name in ("stopped", "started", "afterwards"))
    with python(TETHERED, str(stopped), str(started), str(afterwards)) as holder:
        assert line(holder) == "up"
        assert not afterwards.exists()
        if ending == "killed":
            holder.kill()
        else:
            holder.communicate("release")
    deadline = time.monotonic() + 10
    while not (stopped.exists() and afterwards.exists()):
        assert time.monotonic() < deadline, "the tethers did not do their work"
        time.sleep(0.05)
