"""The load: wrk against what speaks HTTP, pgbench against pgBouncer itself."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from autorest.sql.statement import Transaction
from benchmarks import processes
from benchmarks.cases import Case
from benchmarks.contenders import Running
from benchmarks.figures import OWN, PGBOUNCER, POSTGRESQL, Round
from benchmarks.stage import DATABASE, Stage
from tests.support.process import Unavailable

SCRIPT = Path(__file__).with_name("requests.lua")


def find_wrk() -> str:
    """Return the path of wrk; raise Unavailable if there is none."""
    program = shutil.which("wrk")
    if program is None:
        raise Unavailable("there is no wrk on the PATH. On Debian and Ubuntu: sudo apt install wrk")
    return program


def run(command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> str:
    """Run a program that ends by itself and return its output; it is killed when it does not, or on Ctrl-C."""
    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, **(environment or {})},
    ) as child:
        try:
            output, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            child.kill()
            raise Unavailable(f"{command[0]} did not end within {seconds:.0f} s") from error
        except BaseException:
            child.kill()
            raise
    return output


class Meter:
    """CPU time of PostgreSQL, pgBouncer and one contender between two readings."""

    def __init__(self, stage: Stage, own: int | None) -> None:
        roots = {POSTGRESQL: stage.cluster.pid, PGBOUNCER: stage.pooler.pid, OWN: own}
        self.roots = {name: root for name, root in roots.items() if root is not None}
        self.before = self.read()

    def read(self) -> dict[str, dict[int, float]]:
        return {name: processes.cpu_seconds(processes.family(root)) for name, root in self.roots.items()}

    def per_request(self, requests: int) -> dict[str, float]:
        """Return the µs per request since the beginning, by process."""
        after = self.read()
        count = max(1, requests)
        return {name: processes.spent(self.before[name], after[name]) / count * 1e6 for name in self.roots}


@contextmanager
def request_file(case: Case, running: Running) -> Iterator[Path]:
    """Write the requests of a case as `requests.lua` reads them."""
    with tempfile.NamedTemporaryFile(prefix="autorest-requests-") as file:
        for request in case.requests[running.contender.dialect]:
            encoded = request.encoded(running.host)
            file.write(b"%d\n" % len(encoded) + encoded)
        file.flush()
        yield Path(file.name)


def drive(stage: Stage, running: Running, case: Case, concurrency: int, seconds: int, seed: int) -> Round:
    """Load one contender with wrk for some seconds."""
    options = ["-t1", f"-c{concurrency}", f"-d{seconds}s", "--timeout", "10s", "--script", str(SCRIPT)]
    with request_file(case, running) as file:
        environment = {"AUTOREST_REQUESTS": str(file), "AUTOREST_SEED": str(seed)}
        meter = Meter(stage, running.pid)
        output = run([find_wrk(), *options, f"http://{running.host}/"], seconds + 30, environment)
        found = re.search(r"^figures (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", output, re.MULTILINE)
        if found is None:
            raise Unavailable(f"wrk said: {output.strip()[-500:]}")
        requests, duration, broken, refused, p50, p99 = map(int, found.groups())
        unexpected = requests - refused if case.status >= 400 else refused
        return Round(
            requests=requests,
            seconds=duration / 1e6,
            errors=broken + unexpected,
            p50=p50 / 1e3,
            p99=p99 / 1e3,
            cpu=meter.per_request(requests),
            memory=processes.memory(processes.family(running.pid)),
        )


def pgbench_script(transaction: Transaction) -> tuple[str, dict[str, str]]:
    """Return a pgbench script that runs the transaction as one pipeline, and its variables."""
    variables: dict[str, str] = {}
    lines = ["\\startpipeline"]
    for position, statement in enumerate(transaction.statements):
        for number, parameter in enumerate(statement.parameters, 1):
            if parameter is None:
                raise Unavailable("pgbench cannot bind NULL")
            variables[f"s{position}_{number}"] = parameter.decode()
        text = statement.text.decode()
        lines.append(re.sub(r"\$(\d+)", lambda found, at=position: f":s{at}_{found[1]}", text) + ";")  # type: ignore[misc]
    return "\n".join([*lines, "\\endpipeline", ""]), variables


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of the ordered values do not exceed; 0 when there are none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def pgbench(stage: Stage, transaction: Transaction, concurrency: int, seconds: int) -> Round:
    """Run the gateway's transaction with pgbench through pgBouncer, as prepared statements in one pipeline."""
    program = stage.cluster.bindir / "pgbench"
    if not program.exists():
        raise Unavailable(f"{stage.cluster.bindir} has no pgbench")
    script, variables = pgbench_script(transaction)
    with tempfile.TemporaryDirectory(prefix="autorest-pgbench-") as name:
        file = Path(name) / "script"
        file.write_text(script)
        words = [str(program), "-n", "-M", "prepared", "-c", str(concurrency), "-j", "1", "-T", str(seconds)]
        words += ["-f", str(file), "-l", "--sampling-rate=0.2", "--log-prefix", str(Path(name) / "log")]
        for variable, value in variables.items():
            words += ["-D", f"{variable}={value}"]
        where = ["-h", stage.pooler.host, "-p", str(stage.pooler.port), "-U", "authenticator", DATABASE]
        meter = Meter(stage, None)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        output = run([*words, *where], seconds + 30)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        rate = re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)
        count = re.search(r"^number of transactions actually processed: (\d+)", output, re.MULTILINE)
        if rate is None or count is None or not int(count[1]):
            raise Unavailable(f"pgbench said: {output.strip()[-500:]}")
        took = sorted(
            int(line.split()[2]) / 1e3 for log in Path(name).glob("log.*") for line in log.read_text().splitlines()
        )
    requests = int(count[1])
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    aborted = re.search(r"^pgbench: error:", output, re.MULTILINE)
    return Round(
        requests=requests,
        seconds=requests / float(rate[1]),
        errors=1 if aborted else 0,
        p50=percentile(took, 0.5),
        p99=percentile(took, 0.99),
        cpu={OWN: own / requests * 1e6, **meter.per_request(requests)},
        memory=0.0,
    )
