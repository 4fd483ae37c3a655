"""Commands, in our spelling and in PostgREST's."""

from __future__ import annotations

import http.server
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from autorest import __version__
from autorest.cli import main
from autorest.settings import SETTINGS, example
from tests.support.ports import free_port

Server = TypeVar("Server", bound=socketserver.BaseServer)


class Said(str):
    """What a command printed to standard output, with what it printed to standard error and its exit code."""

    errors: str
    code: int


class Run:
    """Runs the command line in this process, in an environment of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    def __call__(self, *arguments: str, **environment: str) -> Said:
        for name in os.environ:
            if name.startswith(("PGRST_", "AUTOREST_", "PG")):
                self.monkeypatch.delenv(name)
        for name, text in environment.items():
            self.monkeypatch.setenv(name, text)
        self.monkeypatch.setattr(sys, "argv", ["autorest", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        printed = self.capsys.readouterr()
        said = Said(printed.out)
        said.errors, said.code = printed.err, int(str(code or 0))
        return said


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capsys)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "gateway.conf"
    path.write_text("db-config = false\ndb-pool = 7")
    return str(path)


class Admin(http.server.BaseHTTPRequestHandler):
    """An admin server that is ready, or not."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/ready" else 404)
        self.end_headers()

    def address_string(self) -> str:
        return "client"

    def log_message(self, *_: object) -> None:
        pass


class Unready(Admin):
    status = 503


def served(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def admin() -> Iterator[http.server.HTTPServer]:
    yield from served(http.server.HTTPServer(("127.0.0.1", 0), Admin))


@pytest.fixture
def unready() -> Iterator[http.server.HTTPServer]:
    yield from served(http.server.HTTPServer(("127.0.0.1", 0), Unready))


def port_of(server: http.server.HTTPServer) -> str:
    return str(server.server_port)


@pytest.mark.parametrize("arguments", [["version"], ["--version"], ["-v"], ["some.conf", "--version"]])
def test_version(run: Run, arguments: list[str]) -> None:
    said = run(*arguments)
    assert (said, said.code, said.errors) == (f"autorest {__version__}\n", 0, "")


@pytest.mark.parametrize("arguments", [["example"], ["--example"], ["-e"], ["-e", "some.conf"]])
def test_example(run: Run, arguments: list[str]) -> None:
    said = run(*arguments)
    assert (said, said.code) == (example(), 0)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["some.conf", "--help"]])
def test_help(run: Run, arguments: list[str]) -> None:
    said = run(*arguments)
    assert said.code == 0
    for word in ("serve", "ready", "dump-config", "dump-schema", "--dump-config", "--ready", "FILENAME"):
        assert word in said


@pytest.mark.parametrize("command", ["serve", "ready", "dump-config", "dump-schema", "example", "version"])
def test_every_command_has_help(run: Run, command: str) -> None:
    said = run(command, "-h")
    assert said.code == 0
    assert f"{command} [OPTIONS]" in said


def test_dump_config_in_every_spelling(run: Run, config: str) -> None:
    spellings = [["dump-config", config], ["--dump-config", config], [config, "--dump-config"]]
    said = [run(*spelling) for spelling in spellings]
    assert [one.code for one in said] == [0, 0, 0]
    assert said[0] == said[1] == said[2]
    lines = said[0].splitlines()
    assert "db-pool = 7" in lines
    assert len(lines) == sum(not setting.about.ours for setting in SETTINGS.values())


def test_dump_config_takes_the_environment(run: Run, config: str) -> None:
    assert "db-pool = 8\n" in run("--dump-config", config, PGRST_DB_POOL="8")
    assert "db-pool = 9\n" in run("--dump-config", PGRST_DB_CONFIG="false", AUTOREST_DB_POOL="9")


def test_warnings_are_not_part_of_a_dump(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "gateway.conf"
    path.write_text("db-config = false\nnothing-known = 1")
    said = run("dump-config", str(path))
    assert "nothing-known" not in said
    assert f"autorest: warning: {path}:2: there is no setting nothing-known" in said.errors


@pytest.mark.parametrize("command", [[], ["serve"], ["ready"], ["dump-config"], ["dump-schema"]])
def test_a_wrong_configuration_ends_every_command_in_one_line(run: Run, command: list[str]) -> None:
    said = run(*command, AUTOREST_LOG_LEVEL="loud")
    assert (said, said.code) == ("", 1)
    assert said.errors == (
        'autorest: log-level (AUTOREST_LOG_LEVEL) cannot be "loud": it wants one of crit, error, warn, info, debug\n'
    )


def test_a_file_that_is_not_there_ends_in_one_line(run: Run) -> None:
    said = run("absent.conf")
    assert said.code == 1
    assert said.errors == "autorest: the configuration file absent.conf cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["srve"], "srve is neither a command nor a file, is serve meant?"),
        (["nonsense"], "nonsense is neither a file nor a command: serve, ready, dump-config, dump-schema, example"),
        (["--nothing"], "--nothing"),
        (["--dump-confg"], "--dump-config"),
        (["serve", "--port", "3000"], "--port"),
        (["ready", "a", "b"], "(b)"),
        (["--ready", "--dump-config"], "--dump-config and --ready exclude each other"),
        (["user", "nonsense"], "nonsense"),
        (["user", "add"], "EMAIL"),
        (["token", "--claim"], "--claim"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(run: Run, arguments: list[str], said: str) -> None:
    told = run(*arguments)
    assert (told, told.code) == ("", 2)
    assert told.errors.startswith("autorest: ")
    assert said in told.errors
    assert told.errors.endswith(" -h shows what there is)\n")
    assert told.errors.count("\n") == 1


def test_commands_of_users_are_shown_when_none_is_named(run: Run) -> None:
    told = run("user")
    assert all(command in told + told.errors for command in ("add", "passwd", "disable", "enable"))


@pytest.mark.parametrize("command", ["ready", "--ready"])
def test_ready(run: Run, admin: http.server.HTTPServer, command: str) -> None:
    said = run(command, AUTOREST_ADMIN_SERVER_HOST="localhost", AUTOREST_ADMIN_SERVER_PORT=port_of(admin))
    assert (said, said.code) == (f"OK: http://localhost:{port_of(admin)}/ready\n", 0)


def test_ready_asks_the_server_host_by_default(run: Run, admin: http.server.HTTPServer) -> None:
    said = run("ready", PGRST_SERVER_HOST="127.0.0.1", PGRST_ADMIN_SERVER_PORT=port_of(admin))
    assert said == f"OK: http://127.0.0.1:{port_of(admin)}/ready\n"


def test_not_ready(run: Run, unready: http.server.HTTPServer) -> None:
    said = run("ready", AUTOREST_ADMIN_SERVER_HOST="127.0.0.1", AUTOREST_ADMIN_SERVER_PORT=port_of(unready))
    assert (said, said.code) == ("", 1)
    assert said.errors == f"autorest: not ready: http://127.0.0.1:{port_of(unready)}/ready answered 503\n"


def test_ready_over_a_unix_socket(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "admin.sock")
    for _ in served(socketserver.UnixStreamServer(path, Admin)):
        said = run("ready", AUTOREST_ADMIN_SERVER_UNIX_SOCKET=path)
        assert (said, said.code) == (f"OK: unix:{path}:/ready\n", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ready_without_anyone_there(run: Run, host: str) -> None:
    port = free_port()
    said = run("ready", AUTOREST_ADMIN_SERVER_HOST=host, AUTOREST_ADMIN_SERVER_PORT=str(port))
    address = f"http://[::1]:{port}/ready" if host == "::1" else f"http://127.0.0.1:{port}/ready"
    assert said.code == 1
    assert said.errors.startswith(f"autorest: no answer from {address}: ")


def test_ready_without_an_admin_server(run: Run) -> None:
    said = run("ready", AUTOREST_SERVER_HOST="localhost", AUTOREST_ADMIN_SERVER_PORT="")
    assert said.code == 1
    assert "set admin-server-port" in said.errors


@pytest.mark.parametrize("host", ["*", "*4", "!4", "*6", "!6"])
def test_ready_needs_an_address_to_ask(run: Run, host: str) -> None:
    said = run("ready", AUTOREST_SERVER_HOST=host, AUTOREST_ADMIN_SERVER_PORT="3001")
    assert said.code == 1
    assert f'"{host}" is no address' in said.errors


def test_without_a_database_the_dump_goes_without_it(run: Run) -> None:
    said = run("--dump-config", AUTOREST_DB_URI=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    assert said.code == 0
    assert "db-pool = 10\n" in said
    assert "settings that the database may hold are left out: " in said.errors


def test_what_is_no_connection_string_is_dumped_and_not_served(run: Run) -> None:
    said = run("--dump-config", PGRST_DB_URI="postgresql://me:hidden@[broken")
    assert said.code == 0
    assert 'db-uri = "postgresql://me:hidden@[broken"\n' in said
    assert "settings that the database may hold are left out: " in said.errors
    assert "hidden" not in said.errors
    served = run("serve", PGRST_DB_URI="shop")
    assert (served, served.code) == ("", 1)
    assert served.errors.startswith("autorest: db-uri (PGRST_DB_URI) cannot be used: ")


def test_without_a_database_there_is_no_schema_to_dump(run: Run) -> None:
    said = run("dump-schema", AUTOREST_DB_URI=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    assert (said, said.code) == ("", 1)
    assert said.errors.startswith("autorest: the schema cannot be read: ")
    assert said.errors.count("\n") == 1


@pytest.mark.parametrize("name", ["autorest", "postgrest"])
def test_the_installed_programs_are_this_command_line(name: str) -> None:
    project = (Path(__file__).resolve().parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'{name} = "autorest.cli:main"' in project


def test_in_a_process_of_its_own() -> None:
    environment = {"PATH": os.environ["PATH"], "AUTOREST_DB_POOL": "none"}
    done = subprocess.run([sys.executable, "-m", "autorest.cli"], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert (
        done.stderr == 'autorest: db-pool (AUTOREST_DB_POOL) cannot be "none": it wants a whole number of at least 1\n'
    )
