"""Run every check that this machine can run: python3 -m tests [arguments for pytest].

Nothing but Python 3.11 is needed. The first run makes a virtual environment with everything in
requirements-dev.lock; it is kept in the cache (~/.cache/autorest, or AUTOREST_CACHE) until the lock file, the
package's metadata, the Python or the place of the checkout changes. Then pytest runs, ruff and mypy among its tests.

What cannot run on this machine is skipped with the reason; with AUTOREST_FORBID_SKIPS=1 that is a failure.
"""

from __future__ import annotations

import sys

# written so that an old Python, which is what this is for, understands it
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("This needs Python 3.11 or newer, and %s is older. Try: python3.11 -m tests" % sys.executable)  # noqa: UP031

import contextlib
import hashlib
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-dev.lock"
_KEPT_SECONDS = 30 * 24 * 3600


def main() -> int:
    """Run pytest in the environment that the lock file describes and return its exit code."""
    try:
        python = environment()
    except KeyboardInterrupt:
        print("\nInterrupted; the next run starts the installation over.", file=sys.stderr)
        return 130
    # as a module from the top of the checkout, so that `import tests` works wherever this was started
    command = [str(python), "-m", "pytest", *sys.argv[1:]]
    sys.stdout.flush()
    os.chdir(ROOT)
    if sys.platform == "win32":
        # Ctrl-C reaches both; pytest is the one to act on it
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return subprocess.call(command)
    return os.execv(command[0], command)


def environment() -> Path:
    """Return the interpreter of a virtual environment with all that the tests need, making it first if need be."""
    cache = cache_directory()
    home = cache / f"tests-{fingerprint()}"
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = home / "complete"
    if not stamp.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / "tests.lock"):
            if not stamp.exists():
                forget_unused(cache)
                build(home, python)
                stamp.touch()
    os.utime(stamp)
    return python


def cache_directory() -> Path:
    """Return where things are kept between runs.

    PostgreSQL refuses to run as root, and another account must be able to run the one in the environment: root's own
    home is no place for it.
    """
    if chosen := os.environ.get("AUTOREST_CACHE"):
        return Path(chosen).absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "autorest"
    if os.geteuid() == 0 and not Path.home().stat().st_mode & 0o001:
        return Path("/var/cache/autorest")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autorest"


def fingerprint() -> str:
    """Return a name for what an environment depends on."""
    digest = hashlib.sha256()
    for part in (ROOT, sys.version, sys.executable, platform.machine()):
        digest.update(f"{part}\n".encode())
    for file in (LOCK, ROOT / "pyproject.toml"):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def build(home: Path, python: Path) -> None:
    """Make the environment anew, whatever an interrupted run left of it."""
    started = time.monotonic()
    print(f"Making {home} from {LOCK.name}, once ...", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    if importlib.util.find_spec("ensurepip") is None:
        fail(
            "This Python cannot make virtual environments: its module ensurepip is missing.",
            "On Debian and Ubuntu: sudo apt install python3-venv. Then start again.",
        )
    # not from within another virtual environment: that one may go away
    base = getattr(sys, "_base_executable", sys.executable)
    run([base, "-m", "venv", home], "The environment could not be made.")
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore")
    help_ = "Without a network or behind a proxy, pip needs PIP_INDEX_URL, PIP_FIND_LINKS or HTTPS_PROXY."
    run([*pip, "--requirement", LOCK], "The dependencies could not be installed.", help_)
    run([*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT], "The package could not be installed.", help_)
    print(f"Made it in {time.monotonic() - started:.0f} s.", flush=True)


def run(command: Sequence[str | Path], problem: str, help_: str = "") -> None:
    """Run a program whose output everybody may see; end with `problem` when it fails."""
    try:
        code = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, cwd=ROOT).returncode
    except OSError as error:
        fail(problem, str(error))
    if code:
        fail(problem, help_)


def fail(*lines: str) -> NoReturn:
    """End with exit code 1 and an explanation."""
    sys.exit("\n".join(line for line in lines if line))


def forget_unused(cache: Path) -> None:
    """Remove environments that nothing used for a month."""
    for other in cache.glob("tests-*"):
        stamp = other / "complete"
        newest = stamp if stamp.exists() else other
        if other.is_dir() and time.time() - newest.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that the operating system lets go of even if this process is killed."""
    with path.open("a+b") as file:
        lock(file)
        yield


if sys.platform == "win32":
    import msvcrt

    def lock(file: IO[bytes]) -> None:
        """Wait for the lock on the file's first byte."""
        while True:
            file.seek(0)
            with contextlib.suppress(OSError):
                return msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)

else:
    import fcntl

    def lock(file: IO[bytes]) -> None:
        """Wait for the lock on the file."""
        fcntl.flock(file, fcntl.LOCK_EX)


if __name__ == "__main__":
    sys.exit(main())
