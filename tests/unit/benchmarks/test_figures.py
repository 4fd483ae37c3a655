"""What measurements come to, and how tables, charts and the command line show it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest

from autorest.sql.statement import Statement, Transaction
from benchmarks import cases, chart, cli, contenders, drivers, processes, report
from benchmarks.__main__ import APART
from benchmarks.cases import Request, Sample
from benchmarks.figures import Round, Table, ratio, summarize
from tests.support.tree import ROOT, documents


def measured(rate: float, *, errors: int = 0, memory: float = 50.0, cpu: float = 70.0) -> Round:
    return Round(int(rate * 2), 2.0, errors, 1.0, 4.0, {"own": cpu, "postgresql": 60.0}, memory)


@pytest.fixture
def table() -> Table:
    rounds = {
        "gateway": [measured(900, memory=70), measured(500), measured(1000)],
        "prototype": [measured(1000), measured(1000, errors=3), measured(1250)],
    }
    return summarize("one-row", "one row by <id>", 32, rounds, "gateway")


def test_a_row_has_the_medians_the_most_memory_and_all_errors(table: Table) -> None:
    ours, theirs = table.rows
    assert (ours.rate, ours.memory, ours.errors) == (900, 70, 0)
    assert (theirs.rate, theirs.errors, theirs.cpu) == (1000, 3, {"own": 70.0, "postgresql": 60.0})


def test_ratios_are_taken_within_a_round(table: Table) -> None:
    assert [row.ratio for row in table.rows] == [1.0, 0.8]


def test_without_a_gateway_there_is_no_ratio() -> None:
    table = summarize("one-row", "one row", 1, {"asyncpg": [measured(10)]}, "gateway")
    assert table.rows[0].ratio is None


def test_a_contender_that_answered_nothing_has_no_ratio() -> None:
    assert ratio([measured(10)], [measured(0)]) is None


def test_the_table_shows_ratios_and_says_which_row_has_errors(table: Table) -> None:
    heading, names, ours, theirs = report.written(table).splitlines()
    assert heading == "one row by <id> · 32 connections"
    assert names.split()[:2] == ["contender", "requests/s"]
    assert ours.split()[:4] == ["gateway", "900", "1.00", "x"] and ours.endswith("none")
    assert theirs.split()[:4] == ["prototype", "1,000", "0.80", "x"] and theirs.endswith("3 FAILED")
    assert names.index("p99 ms") + len("p99 ms") == ours.index("4.00") + len("4.00")


def test_a_row_without_answers_says_so() -> None:
    table = summarize("one-row", "one row", 1, {"asyncpg": [measured(0)]}, "gateway")
    assert report.written(table).endswith("NO ANSWER in time")


def test_the_json_has_every_round(table: Table) -> None:
    read = json.loads(report.as_json([table], {"cores": 2}))
    assert read["cores"] == 2
    assert [one["errors"] for one in read["tables"][0]["rounds"]["prototype"]] == [0, 3, 0]


def test_the_chart_has_a_bar_for_each_row_in_proportion(table: Table) -> None:
    root = ElementTree.fromstring(chart.draw([table], "gateway"))
    space = "{http://www.w3.org/2000/svg}"
    background, *bars = root.findall(f"{space}rect")
    widths = [int(bar.attrib["width"]) for bar in bars]
    assert widths[0] == pytest.approx(widths[1] * 0.9, abs=1)
    assert int(background.attrib["width"]) >= max(int(bar.attrib["x"]) + int(bar.attrib["width"]) for bar in bars)
    assert bars[0].attrib["fill"] != bars[1].attrib["fill"]
    texts = [text.text or "" for text in root.findall(f"{space}text")]
    assert "one row by <id> · 32 connections" in texts
    assert any("errors" in text for text in texts)


def test_a_request_is_sent_with_its_length() -> None:
    sent = Request("/todos", "POST", {"Content-Type": "application/json"}, b'{"a":1}').encoded("127.0.0.1:1")
    head, _, body = sent.partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    assert head.split(b"\r\n") == [
        b"POST /todos HTTP/1.1",
        b"Host: 127.0.0.1:1",
        b"Content-Type: application/json",
        b"Content-Length: 7",
    ]


def test_every_case_can_be_answered_by_the_gateway_and_by_hand() -> None:
    made = cases.make_cases(Sample(["a", "b"], [1], [1], "token"))
    assert set(made) == set(cases.TITLES)
    for case in made.values():
        for contender in ("gateway", "asyncpg", "sqlalchemy"):
            assert contenders.CONTENDERS[contender].answers(case)
    for known in contenders.ALL:
        assert known.only is None or known.only <= set(cases.TITLES)


def test_pgbench_gets_every_parameter_as_a_variable_of_its_own() -> None:
    statements = (
        Statement(b"select set_config('a', $1, true)", (b"x",)),
        Statement(b"select $2::int, $1", (b"y", b"2")),
    )
    script, variables = drivers.pgbench_script(Transaction("anybody", statements))
    assert script.splitlines() == [
        "\\startpipeline",
        "select set_config('a', :s0_1, true);",
        "select :s1_2::int, :s1_1;",
        "\\endpipeline",
    ]
    assert variables == {"s0_1": "x", "s1_1": "y", "s1_2": "2"}


def test_percentiles() -> None:
    ordered = [float(number) for number in range(100)]
    assert drivers.percentile(ordered, 0.5) == 50
    assert drivers.percentile(ordered, 0.99) == 99
    assert drivers.percentile([], 0.99) == 0


@pytest.mark.skipif(not processes.PROC.joinpath("self/stat").exists(), reason="there is no /proc to read")
def test_cpu_time_of_this_process_is_counted() -> None:
    before = processes.cpu_seconds(processes.family(os.getpid()))
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    after = processes.cpu_seconds(processes.family(os.getpid()))
    assert processes.spent(before, after) >= 0.03
    assert processes.memory([os.getpid()]) >= processes.memory([os.getpid()], "VmRSS") > 0


def test_processes_that_came_in_between_count_in_full() -> None:
    assert processes.spent({1: 2.0, 2: 1.0}, {1: 2.5, 3: 0.25}) == 0.75


def test_answers_are_compared_without_regard_to_the_order_of_arrays_and_the_spelling_of_times() -> None:
    ours = b'[{"at":"2026-01-01T00:00:00+00:00","items":[{"id":1},{"id":2}]}]'
    theirs = b'[{"items": [{"id": 2}, {"id": 1}], "at": "2026-01-01T00:00:00Z"}]'
    assert cli.normalized(ours) == cli.normalized(theirs) != cli.normalized(b"[]")


def test_help_says_what_every_option_case_and_contender_is() -> None:
    parser = cli.parser()
    text = parser.format_help()
    for action in parser._actions:
        assert action.help, action.dest
    for name, about in {**cases.TITLES, **{one.name: one.about for one in contenders.ALL}}.items():
        assert f"  {name:<15} {about}\n" in text + "\n"


def test_options_take_lists_and_refuse_what_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    options = cli.parser().parse_args(["--cases", "insert,rpc", "--contenders", "all", "--concurrency", "1,256"])
    assert options.cases == ("insert", "rpc")
    assert options.contenders == tuple(contenders.CONTENDERS)
    assert options.concurrency == (1, 256)
    for wrong in (["--cases", "nonsense"], ["--rounds", "0"], ["--concurrency", "many"]):
        with pytest.raises(SystemExit) as ended:
            cli.parser().parse_args(wrong)
        assert ended.value.code == 2
    assert "nonsense" in capsys.readouterr().err


@pytest.mark.parametrize("name", APART)
def test_what_is_measured_apart_has_a_command_of_its_own(name: str) -> None:
    command = [sys.executable, "-m", "benchmarks", name, "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"usage: python -m benchmarks {name} " in shown


def test_the_documentation_knows_no_other_commands() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in documents())
    assert {*re.findall(r"-m benchmarks[ .](\w+)", pages)} == {"planning", *APART}
