"""Docker's engine and its compose: what they are asked, and how their answers are read."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from environment.commands import Outcome, must, run, watch
from environment.problem import Problem

_ASK_SECONDS = 30
#: How Docker's client puts it, before version 29 and since.
_NOT_RUNNING = re.compile(r"docker daemon (is not )?running|if the daemon is running", re.IGNORECASE)


class NoEngine(Exception):
    """No Docker engine answers; `reason` says why, and `advice` what to do to have one."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


class Port(NamedTuple):
    """A port of this machine that a service publishes."""

    service: str
    target: int
    published: int
    address: str


class Container(NamedTuple):
    """What compose says of one container; `health` is empty when it has no health check."""

    service: str
    state: str
    health: str
    exit_code: int
    published: frozenset[int]
    name: str = ""

    @property
    def is_well(self) -> bool:
        return self.state == "running" and self.health in ("", "healthy")

    @property
    def in_words(self) -> str:
        return self.health if self.state == "running" and self.health else self.state


@dataclass(frozen=True, slots=True)
class Project:
    """The parts of the compose files, with .env filled in, that setting up and tearing down need."""

    name: str
    services: dict[str, Any]
    networks: dict[str, Any]

    @property
    def ports(self) -> list[Port]:
        return [
            Port(name, int(port["target"]), int(port["published"]), port.get("host_ip", "0.0.0.0"))
            for name, service in self.services.items()
            for port in service.get("ports", ())
            if port.get("published")
        ]

    @property
    def is_public(self) -> bool:
        """Whether other machines reach it."""
        return any(not port.address.startswith("127.") for port in self.ports if port.service == "traefik")

    def published(self, service: str, target: int) -> int | None:
        """Return this machine's port for a port of a service, None when it has none."""
        return next((port.published for port in self.ports if (port.service, port.target) == (service, target)), None)

    @property
    def entrance(self) -> str:
        """The address of this machine at which Traefik is reached; one of its own where it listens on all."""
        address = next((port.address for port in self.ports if (port.service, port.target) == ("traefik", 80)), "")
        return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)

    @property
    def images(self) -> dict[str, str]:
        """The image of each service that is not built here."""
        return {name: service["image"] for name, service in self.services.items() if "build" not in service}

    @property
    def built_images(self) -> dict[str, str]:
        return {name: service["image"] for name, service in self.services.items() if "build" in service}

    def environment(self, service: str) -> dict[str, str]:
        return {name: str(value) for name, value in self.services.get(service, {}).get("environment", {}).items()}


@dataclass(frozen=True, slots=True)
class Compose:
    """The compose of an engine that answers, on the files of one checkout."""

    root: Path
    command: tuple[str, ...]
    files: tuple[str, ...]
    engine_version: str
    version: str

    def project(self) -> Project:
        printed = must(
            self._compose("config", "--format", "json", timeout=_ASK_SECONDS),
            "Docker's compose does not understand the compose files.",
            "Look into .env for a value that is not what .env.example describes, and start again.",
        )
        config = json.loads(printed[printed.index("{") :])
        return Project(config["name"], config["services"], config.get("networks", {}))

    def containers(self) -> list[Container]:
        asked = self._compose("ps", "--all", "--format", "json", timeout=_ASK_SECONDS)
        return [_container(found) for found in _objects(asked.output)] if asked.code == 0 else []

    def build(self, on_line: Callable[[str], None]) -> Outcome:
        return watch(self._argv("build"), on_line, env=self._environment, cwd=self.root)

    def pull(self, services: Sequence[str], on_line: Callable[[str], None]) -> Outcome:
        return watch(self._argv("pull", *services), on_line, env=self._environment, cwd=self.root)

    def up(self, recreate: bool, on_line: Callable[[str], None]) -> Outcome:
        again = ["--force-recreate"] if recreate else []
        argv = self._argv("up", "--detach", "--no-build", "--remove-orphans", *again)
        return watch(argv, on_line, env=self._environment, cwd=self.root)

    def down(self, volumes: bool, images: bool, on_line: Callable[[str], None]) -> Outcome:
        also = [*(["--volumes"] if volumes else []), *(["--rmi", "local"] if images else [])]
        return watch(self._argv("down", "--remove-orphans", *also), on_line, env=self._environment, cwd=self.root)

    def elsewhere(self) -> Path | None:
        """Return the other checkout that the containers of this name were started from, None if there is none."""
        label = f"label=com.docker.compose.project={self.project().name}"
        shown = '{{.Label "com.docker.compose.project.working_dir"}}'
        return another(self.root, docker("ps", "--all", "--filter", label, "--format", shown).output.splitlines())

    def last_log(self, service: str) -> str:
        return self._compose(
            "logs", "--no-color", "--no-log-prefix", "--tail", "20", service, timeout=_ASK_SECONDS
        ).last_lines

    def has_image(self, name: str) -> bool:
        return docker("image", "inspect", "--format", "{{.Id}}", name).code == 0

    def data_volumes(self) -> list[str]:
        label = f"label=com.docker.compose.project={self.project().name}"
        return docker("volume", "ls", "--quiet", "--filter", label).output.split()

    def _compose(self, *arguments: str, timeout: float) -> Outcome:
        return run(self._argv(*arguments), timeout=timeout, env=self._environment, cwd=self.root)

    def _argv(self, *arguments: str) -> list[str]:
        return [*self.command, *(part for file in self.files for part in ("--file", file)), *arguments]

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {"COMPOSE_PROGRESS": "plain", "BUILDKIT_PROGRESS": "plain", "COMPOSE_MENU": "false"}


def docker(*arguments: str) -> Outcome:
    return run(["docker", *arguments], timeout=_ASK_SECONDS)


def find(root: Path, files: Sequence[str] = ()) -> Compose:
    """Return the compose of this machine's engine, for `files` or for what compose takes by itself.

    Raises NoEngine when there is no engine to talk to, and Problem when there is one without compose.
    """
    if shutil.which("docker") is None:
        raise NoEngine("Docker is not installed.", "install it (https://docs.docker.com/get-docker/)")
    asked = docker("version", "--format", "{{.Server.Version}}")
    if asked.code != 0:
        raise no_answer(asked.output)
    for command in (("docker", "compose"), ("docker-compose",)):
        version = run([*command, "version", "--short"], timeout=_ASK_SECONDS)
        if version.code == 0 and (number := re.search(r"(\d+)\.\d+[.\d]*", version.output)) and int(number[1]) >= 2:
            return Compose(root, command, tuple(files), asked.output.strip(), number[0])
    raise Problem(
        "Docker's engine answers, but its compose (version 2 or newer) is missing.",
        "Install the package docker-compose-plugin or Docker Desktop, or go without Docker: "
        "python3 setup.py --embedded",
    )


def no_answer(printed: str) -> NoEngine:
    """Return why the engine does not answer, from what Docker's client printed about it."""
    if "permission denied" in printed:
        return NoEngine(
            "Docker is here, but this user may not use it.", "run sudo usermod -aG docker $USER and log in again"
        )
    if _NOT_RUNNING.search(printed):
        return NoEngine("Docker is installed, but its engine does not run.", "start it")
    said = (printed.strip().splitlines() or ["it says nothing"])[-1]
    return NoEngine(f"Docker is installed, but its engine does not answer: {said}", "put that right")


def another(root: Path, folders: Iterable[str]) -> Path | None:
    """Return the first of these folders that is not `root`; one that is not there any more is nobody's."""
    for folder in map(Path, folders):
        try:
            if folder.is_absolute() and not os.path.samestat(folder.stat(), root.stat()):
                return folder
        except PermissionError:  # in a folder that its user keeps closed
            return folder
        except OSError:
            continue
    return None


def _objects(printed: str) -> Iterator[dict[str, Any]]:
    """Read what compose prints: an array before 2.21, an object a line since."""
    for line in printed.splitlines():
        if line.startswith("["):
            yield from json.loads(line)
        elif line.startswith("{"):
            yield json.loads(line)


def _container(found: dict[str, Any]) -> Container:
    published = frozenset(int(port["PublishedPort"]) for port in found.get("Publishers") or () if port["PublishedPort"])
    health, name = found.get("Health") or "", found.get("Name", "")
    return Container(found["Service"], found["State"], health, int(found["ExitCode"]), published, name)
