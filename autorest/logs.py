"""The log: what happens to the gateway on standard error, and requests, a line each, on standard output.

Lines are text as PostgREST writes them (Apache's combined format for requests), or JSON objects.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from autorest.errors import Error
from autorest.response.model import Response
from autorest.sql.statement import Transaction

#: The lowest status that is logged, by `log-level`.
LOGGED_FROM = {"crit": 1000, "error": 500, "warn": 400, "info": 0, "debug": 0}
#: The loggers that tell of single requests: they follow `log-level`, others tell of the gateway's life at any level.
OF_REQUESTS = ("autorest.auth", "autorest.errors")
LEVELS = {
    "crit": logging.CRITICAL,
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
#: How long lines about requests are kept to be written together.
GATHER_SECONDS = 0.05
#: So much is written to a pipe as a whole, whoever else writes to it (POSIX, PIPE_BUF).
WHOLE_BYTES = 4096
#: How often the same trouble of requests is told.
REPEAT_SECONDS = 5.0
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: Characters that are written in hexadecimal: control characters, which a terminal obeys, and in what a client sends
#: the quotation mark.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0))}
_ESCAPED = {**_CONTROLS, 0x22: "\\x22"}

errors = logging.getLogger("autorest.errors")
queries = logging.getLogger("autorest.queries")


class Clock:
    """The local time as text, made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, now: float) -> str:
        """Return a time in seconds since the epoch as `26/Jul/2021:01:56:38 -0500`, in any locale."""
        second = int(now)
        if second != self._second:
            local = time.localtime(second)
            self._second = second
            self._text = time.strftime(f"%d/{MONTHS[local.tm_mon - 1]}/%Y:%H:%M:%S %z", local)
        return self._text


class TextFormatter(logging.Formatter):
    """A line of the log as PostgREST writes it."""

    def __init__(self) -> None:
        super().__init__()
        self._clock = Clock()

    def format(self, record: logging.LogRecord) -> str:
        message = one_line(record.getMessage())
        line = f"{self._clock.text(record.created)}: {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """A line of the log as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def iso(seconds: float) -> str:
    """Return a time in RFC 3339, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def configure_logs(level: str, format_: str) -> None:
    """Write the log to standard error from now on, as `log-level` and `log-format` say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format_ == "json" else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    set_log_level(level)


def set_log_level(level: str) -> None:
    """Follow a changed `log-level`."""
    logging.getLogger("autorest").setLevel(min(logging.INFO, LEVELS[level]))
    for name in OF_REQUESTS:
        logging.getLogger(name).setLevel(LEVELS[level])


class RequestLog:
    """The log of requests, and of what went wrong in them.

    `logged_from` is the lowest status that is logged: whoever answers requests asks before it calls `write`.
    """

    def __init__(self, level: str, format_: str) -> None:
        self.logged_from = LOGGED_FROM[level]
        self._json = format_ == "json"
        self._clock = Clock()
        self._lines: list[str] = []
        self._told: dict[str, float] = {}

    def set_level(self, level: str) -> None:
        """Follow a changed `log-level`."""
        self.logged_from = LOGGED_FROM[level]

    def write(self, scope: Mapping[str, Any], response: Response, size: int | None, seconds: float) -> None:
        """Log a request and its answer of `size` bytes, None where that is not known."""
        headers = dict(scope["headers"])
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        now = time.time()
        entry = {
            "client": scope["client"][0] if scope["client"] else None,
            "role": text(response.role.encode()) if response.role else None,
            "method": scope["method"],
            "path": text(target),
            "protocol": f"HTTP/{scope['http_version']}",
            "status": response.status,
            "size": size,
            "referer": text(headers.get(b"referer", b"")),
            "user_agent": text(headers.get(b"user-agent", b"")),
        }
        if self._json:
            level = "error" if response.status >= 500 else "warning" if response.status >= 400 else "info"
            line = {"time": iso(now), "level": level, "logger": "autorest.requests", **entry, "seconds": seconds}
            self._lines.append(orjson.dumps(line).decode())
        else:
            self._lines.append(combined(entry, self._clock.text(now)))
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self.flush)

    def write_error(self, error: Error) -> None:
        """Log why an answer is a 5xx; the same again only after a while where every request has the same trouble."""
        if error.code.startswith("PGRST00"):
            now = time.monotonic()
            if now - self._told.get(error.code, -REPEAT_SECONDS) < REPEAT_SECONDS:
                return
            self._told[error.code] = now
        errors.error("%s", orjson.dumps(error.body()).decode())

    def write_queries(self, transaction: Transaction) -> None:
        """Log the statements of a request, a line each."""
        for statement in transaction.statements:
            queries.info("%s", one_line(statement.text.decode("utf-8", "replace")))

    def flush(self) -> None:
        """Write what was gathered."""
        lines, self._lines = self._lines, []
        piece = b""
        for line in lines:
            encoded = f"{line}\n".encode("utf-8", "replace")
            if len(piece) + len(encoded) > WHOLE_BYTES:
                write_out(piece)
                piece = b""
            piece += encoded
        write_out(piece)


def write_out(piece: bytes) -> None:
    """Write to standard output; where nobody reads it any more there is nobody to tell."""
    with contextlib.suppress(OSError):
        while piece:
            piece = piece[os.write(1, piece) :]


def one_line(message: str) -> str:
    """Return `message` without line breaks and other control characters."""
    return " ".join(line.strip() for line in message.splitlines()).translate(_CONTROLS)


def text(raw: bytes) -> str:
    """Return what a client sent as text in which nothing ends a line or a quotation."""
    return raw.decode("utf-8", "backslashreplace").translate(_ESCAPED)


def combined(entry: Mapping[str, Any], when: str) -> str:
    """Return a line in Apache's combined format, with the role as the user."""
    size = "-" if entry["size"] is None else entry["size"]
    return (
        f"{entry['client'] or '-'} - {entry['role'] or '-'} [{when}]"
        f' "{entry["method"]} {entry["path"]} {entry["protocol"]}" {entry["status"]} {size}'
        f' "{entry["referer"]}" "{entry["user_agent"]}"'
    )
