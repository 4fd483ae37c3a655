"""What an operator can ask, count or run into is described, and what is described is there."""

from __future__ import annotations

import re

from autorest.metrics import DESCRIBED, Numbers, Series, exposition
from autorest.refusals import MESSAGES
from autorest.server.protocol import Limits
from tests.support.tree import ROOT


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_every_metric_is_described_with_its_type() -> None:
    rows = re.findall(r"^\| `((?:pgrst|autorest)_\w+)` \| (\w+) \| \w", page("operations.md"), flags=re.MULTILINE)
    numbers = Numbers(
        {(name, "x" if known.label else ""): 1.0 for name, known in DESCRIBED.items()}, {("/", "GET", 200): Series()}
    )
    exposed = re.findall(r"^# TYPE (\w+) (\w+)$", exposition(numbers).decode(), flags=re.MULTILINE)
    assert sorted(rows) == sorted(exposed)


def test_every_path_of_the_admin_server_is_described() -> None:
    paths = re.findall(r"^\| `(/\w+)` \|", page("operations.md"), flags=re.MULTILINE)
    assert paths == ["/live", "/ready", "/metrics", "/schema_cache", "/config"]


def test_every_error_of_the_server_is_described() -> None:
    described = re.findall(r"^### HTTP(\d+)\n\n\*\*(\d+)\*\* \w", page("errors.md"), flags=re.MULTILINE)
    assert [(int(code), int(status)) for code, status in described] == [(status, status) for status in MESSAGES]


def test_the_limits_of_a_connection_are_described() -> None:
    limits = Limits()
    rows = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", page("limits.md"), flags=re.MULTILINE))
    assert rows["the whole URL"] == f"{limits.target // 1024} kB"
    assert rows["the headers"] == f"{limits.head // 1024} kB"
    assert rows["silence while a body is being sent, or an answer being taken"] == f"{limits.silent_seconds:.0f} s"
    assert rows["a connection without a request"] == f"{limits.idle_seconds:.0f} s"
    assert rows["requests sent ahead on one connection"] == f"about {limits.pipelined}"
