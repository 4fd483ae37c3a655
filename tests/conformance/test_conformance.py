"""The gateway answers what PostgREST answered, in every exchange that was recorded from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import process
from tests.support.cluster import find_bindir
from tests.support.ports import free_port
from tests.support.skips import available

CASES = Path(os.environ["AUTOREST_CONFORMANCE"])
MIRROR = Path(os.environ["AUTOREST_CONFORMANCE_MIRROR"])
SPECS = sorted({json.loads(line)["spec"] for line in (CASES / "cases.jsonl").read_bytes().splitlines()})

Differences = dict[str, list[str]]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A cluster with the database that the exchanges were recorded on; the fixture's script makes it."""
    bindir = available(find_bindir)
    home = Path(tempfile.mkdtemp(prefix="autorest-conformance-"))
    home.chmod(0o755)
    data, port = home / "data", free_port()
    made = subprocess.run(
        [str(CASES / "fixtures.sh"), str(MIRROR), str(bindir), str(data), str(port)],
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    try:
        assert made.returncode == 0, made.stdout + made.stderr
        yield f"postgresql://Postgrest_Test_Authenticator@127.0.0.1:{port}/postgres"
    finally:
        if data.exists():
            process.run([str(bindir / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"], home / "stop.log")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def differences(database: str, tmp_path_factory: pytest.TempPathFactory) -> Differences:
    """Replay everything once, and return the differences of each feature's exchanges."""
    results = tmp_path_factory.mktemp("conformance") / "results.jsonl"
    gateway = f"{sys.executable} -m autorest.cli serve"
    command = [sys.executable, CASES / "replay.py", "--cases", CASES / "cases.jsonl", "--groups", CASES / "groups.json"]
    options = ["--db-uri", database, "--server", gateway, "--results", results, "--log", results.with_suffix(".log")]
    replayed = subprocess.run(
        [str(part) for part in (*command, *options)], capture_output=True, text=True, timeout=1200
    )
    assert results.exists(), replayed.stdout + replayed.stderr
    found: Differences = defaultdict(list)
    for line in results.read_bytes().splitlines():
        result = json.loads(line)
        if result["differences"]:
            found[result["spec"]].append(f"{result['id']}: {'; '.join(result['differences'])}")
    return found


@pytest.mark.parametrize("spec", SPECS)
def test_answers_are_those_of_postgrest(spec: str, differences: Differences) -> None:
    assert not differences[spec], "\n".join(differences[spec])
