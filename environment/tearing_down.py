"""The command line of teardown.py."""

from __future__ import annotations

import argparse
from pathlib import Path

from environment import compose, credentials, embedded, stack
from environment.compose import Compose, NoEngine
from environment.console import Console
from environment.problem import Problem
from environment.script import ended_by, root
from environment.trees import remove_tree

_EPILOG = """
examples:
  python3 teardown.py                    stop everything; on a terminal, ask what else to remove
  python3 teardown.py --yes              stop everything, remove no data, ask nothing
  python3 teardown.py --volumes --yes    ... and remove the data
  python3 teardown.py --all --yes        as if setup.py had never run, but for pulled images and the hosts file

Without --volumes or --all no data is lost, and python3 setup.py brings everything back.
"""


def main() -> int:
    """Take the environment down as the command line says, and return the exit code."""
    options = _options()
    console = Console(ask=not options.yes)
    return ended_by(lambda: _take_down(root(), options, console), console)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="teardown.py",
        description="Stop the environment that setup.py started, with Docker or embedded, and remove what is named.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--volumes", action="store_true", help="remove the data: Docker's volumes and postgres-data/")
    parser.add_argument("--network", action="store_true", help="remove the network web, unless others use it")
    parser.add_argument("--secrets", action="store_true", help="remove secrets/*.txt; setup.py makes new ones")
    parser.add_argument("--all", action="store_true", help="all of these, the images built here, and .venv")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    return parser.parse_args()


def _take_down(checkout: Path, options: argparse.Namespace, console: Console) -> None:
    found, obstacle = _engine(checkout)
    volumes, network, secrets = _what_to_remove(checkout, found, options, console)

    embedded.stop(checkout, console)
    if found is not None:
        stack.take_down(found, volumes, options.all, console)
        if network:
            stack.remove_network(console)
    else:
        console.note(" ".join(filter(None, (obstacle.what, "The stack is left as it is.", obstacle.advice))))
    if volumes:
        with console.step("Removing postgres-data") as step:
            step.detail = "" if embedded.forget_data(checkout) else "it is not there"
    if secrets:
        with console.step("Removing the secrets") as step:
            removed = credentials.remove(checkout / "secrets")
            step.detail = f"{len(removed)} files" if removed else "there are none"
    if options.all:
        with console.step("Removing .venv") as step:
            step.detail = "" if remove_tree(checkout / ".venv") else "it is not there"
    if not volumes:
        console.say("\nThe data stays; python3 setup.py brings everything back.")


def _engine(checkout: Path) -> tuple[Compose | None, Problem]:
    """Return the compose of this machine, or why there is none to talk to: no engine, or another checkout's stack."""
    try:
        found = compose.find(checkout)
        somebody = stack.of_somebody_else(found)
        return (None, somebody) if somebody else (found, Problem(""))
    except NoEngine as none:
        return None, Problem(none.reason)
    except Problem as problem:
        return None, problem


def _what_to_remove(
    checkout: Path, found: Compose | None, options: argparse.Namespace, console: Console
) -> tuple[bool, bool, bool]:
    """Return whether data, network and secrets go, after asking where that may be asked."""
    named = options.volumes or options.network or options.secrets or options.all
    volumes, secrets = options.volumes or options.all, options.secrets or options.all
    if not named:
        has_data = (checkout / "postgres-data").exists() or (found is not None and found.data_volumes() != [])
        return (
            has_data and console.ask("Remove the data too? It cannot be brought back."),
            found is not None and console.ask(f"Remove the network {stack.NETWORK} too?"),
            any((checkout / "secrets").glob("*.txt")) and console.ask("Remove the passwords and keys in secrets too?"),
        )
    losses = [*(["the data"] if volumes else []), *(["the secrets"] if secrets else [])]
    if losses and console.interactive and not console.ask(f"Remove {' and '.join(losses)} for good?"):
        raise Problem("Nothing was changed.", "Without --volumes, --secrets and --all nothing is removed for good.")
    return volumes, options.network or options.all, secrets
