"""Lines of the log: their form, what is in them, and which there are."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator

import pytest

from autorest.errors import refuse
from autorest.logs import RequestLog, configure_logs, set_log_level
from autorest.response.model import Response
from autorest.sql.statement import Statement, Transaction

SCOPE = {
    "client": ("192.0.2.7", 4711),
    "method": "GET",
    "raw_path": b"/todos",
    "query_string": b"title=eq.milk",
    "http_version": "1.1",
    "headers": [
        (b"user-agent", b"curl/8"),
        (b"referer", b"http://here/"),
        (b"authorization", b"Bearer secret"),
        (b"cookie", b"session=secret"),
    ],
}


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    for name in ("autorest", "autorest.auth", "autorest.errors"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def written(log: RequestLog, write: Callable[[RequestLog], None]) -> None:
    """Write to a log within an event loop, as a gateway does."""

    async def run() -> None:
        write(log)
        log.flush()

    asyncio.run(run())


def test_a_request_is_a_line_in_the_combined_format(capfd: pytest.CaptureFixture[str]) -> None:
    log = RequestLog("info", "text")
    written(log, lambda log: log.write(SCOPE, Response(200, [], role="api_anon"), 12, 0.001))
    assert re.fullmatch(
        r"192\.0\.2\.7 - api_anon \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
        r' "GET /todos\?title=eq\.milk HTTP/1\.1" 200 12 "http://here/" "curl/8"\n',
        capfd.readouterr().out,
    )


def test_a_request_is_a_json_object(capfd: pytest.CaptureFixture[str]) -> None:
    log = RequestLog("info", "json")
    written(log, lambda log: log.write(SCOPE, Response(404, [], role="api_anon"), None, 0.25))
    line = json.loads(capfd.readouterr().out)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "warning",
        "logger": "autorest.requests",
        "client": "192.0.2.7",
        "role": "api_anon",
        "method": "GET",
        "path": "/todos?title=eq.milk",
        "protocol": "HTTP/1.1",
        "status": 404,
        "size": None,
        "referer": "http://here/",
        "user_agent": "curl/8",
        "seconds": 0.25,
    }


@pytest.mark.parametrize("format_", ["text", "json"])
def test_what_a_client_sends_stays_within_its_line_and_quotation(
    capfd: pytest.CaptureFixture[str], format_: str
) -> None:
    scope = {
        **SCOPE,
        "client": None,
        "headers": [(b"user-agent", b'evil" 200 0 "-" "x\t\xff\xc3\xa9')],
        "raw_path": b'/"quoted"',
    }
    log = RequestLog("info", format_)
    written(log, lambda log: log.write(scope, Response(200, [], role="role\n127.0.0.1 - admin\u0085"), 1, 0.0))
    out = capfd.readouterr().out
    assert out.count("\n") == len(out.splitlines()) == 1
    said = json.loads(out) if format_ == "json" else {"path": out, "user_agent": out, "role": out}
    assert r"/\x22quoted\x22" in said["path"]
    assert r"evil\x22 200 0 \x22-\x22 \x22x\x09\xffé" in said["user_agent"]
    assert r"role\x0a127.0.0.1 - admin\x85" in said["role"]


@pytest.mark.parametrize("format_", ["text", "json"])
def test_no_secret_of_a_request_is_logged(capfd: pytest.CaptureFixture[str], format_: str) -> None:
    written(RequestLog("debug", format_), lambda log: log.write(SCOPE, Response(500, []), 1, 0.0))
    assert "secret" not in capfd.readouterr().out


def test_many_lines_are_written_whole(capfd: pytest.CaptureFixture[str]) -> None:
    scope = {**SCOPE, "query_string": b"x" * 1000}

    def write(log: RequestLog) -> None:
        for number in range(200):
            log.write(scope, Response(200, [], role=f"role{number}"), number, 0.0)

    written(RequestLog("info", "text"), write)
    lines = capfd.readouterr().out.splitlines()
    assert [re.findall(r"role\d+", line) for line in lines] == [[f"role{number}"] for number in range(200)]


@pytest.mark.parametrize(
    ("level", "lowest"), [("crit", 1000), ("error", 500), ("warn", 400), ("info", 0), ("debug", 0)]
)
def test_the_level_decides_by_status(level: str, lowest: int) -> None:
    log = RequestLog("info", "text")
    log.set_level(level)
    assert log.logged_from == lowest


def test_the_log_of_the_gateway_is_a_line_each_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error", "text")
    logging.getLogger("autorest.database").info("one\n  two\nthree")
    line = capsys.readouterr().err
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}: one two three\n", line)


def test_no_message_moves_a_terminal_s_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error", "text")
    logging.getLogger("autorest").error("the role %s\n\tis not there", "\x1b[2J\u009b1mx\x7f")
    line = capsys.readouterr().err
    assert line.endswith(": the role \\x1b[2J\\x9b1mx\\x7f is not there\n")


def test_the_log_of_the_gateway_can_be_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error", "json")
    try:
        raise ValueError("on purpose")
    except ValueError:
        logging.getLogger("autorest").exception("one\ntwo")
    lines = capsys.readouterr().err.splitlines()
    line = json.loads(lines[0])
    assert len(lines) == 1
    assert (line["level"], line["logger"], line["message"]) == ("error", "autorest", "one\ntwo")
    assert "ValueError: on purpose" in line["exception"]


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("crit", {"life"}),
        ("error", {"life", "5xx"}),
        ("warn", {"life", "5xx"}),
        ("info", {"life", "5xx", "login"}),
        ("debug", {"life", "5xx", "login", "detail"}),
    ],
)
def test_the_life_of_the_gateway_is_told_at_any_level(
    capsys: pytest.CaptureFixture[str], level: str, told: set[str]
) -> None:
    configure_logs("info", "text")
    set_log_level(level)
    logging.getLogger("autorest").info("life")
    logging.getLogger("autorest").debug("detail")
    logging.getLogger("autorest.auth").info("login")
    logging.getLogger("autorest.errors").error("5xx")
    assert {line.rpartition(": ")[2] for line in capsys.readouterr().err.splitlines()} == told


def test_an_error_is_told_with_all_its_details(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error", "text")
    RequestLog("error", "text").write_error(refuse("PGRST121", "message", "details", "hint").error)
    error = json.loads(capsys.readouterr().err[28:])
    assert error == {"code": "PGRST121", "message": "message", "details": "details", "hint": "hint"}


def test_the_same_trouble_of_many_requests_is_told_once_in_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error", "text")
    log = RequestLog("error", "text")
    for code in ("PGRST003", "PGRST003", "PGRST001", "PGRST003", "57014", "57014"):
        log.write_error(refuse(code, "x", status=500).error)
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line[28:])["code"] for line in lines] == ["PGRST003", "PGRST001", "57014", "57014"]


def test_the_statements_of_a_request_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error", "text")
    statements = (Statement(b"select set_config($1, $2, true)", (b"a", b"secret")), Statement(b"select 1\n  from x"))
    RequestLog("error", "text").write_queries(Transaction("role", statements))
    lines = capsys.readouterr().err.splitlines()
    assert [line[28:] for line in lines] == ["select set_config($1, $2, true)", "select 1 from x"]
