"""The stack with Docker: from the checks to the address that answers, and down again."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from environment import addresses, compose, credentials, disk, hosts, ports
from environment.addresses import Address
from environment.commands import must
from environment.compose import Compose, Container, Port, Project
from environment.console import Console, Step
from environment.disk import GIGABYTE
from environment.problem import Problem
from environment.script import shown
from environment.tour import tour

NETWORK = "web"
PRODUCTION_FILES = ("docker-compose.yml", "docker-compose.prod.yml")
_NEEDED_TO_LOAD = 4 * GIGABYTE
_NEEDED_TO_RUN = GIGABYTE // 2
_HEALTHY_SECONDS = 300
_PATIENCE_WITH_THE_UNWELL_SECONDS = 30

#: How compose begins what the engine says when it cannot start a container.
_REFUSED = "Error response from daemon:"
_STILL_COMING = ("created", "starting")
_PASSING = ("waiting", "running", *_STILL_COMING)

#: The variables of .env that move a published port elsewhere, and where to look for a free one.
_PORT_VARIABLES = {
    ("traefik", 80): ("HTTP_PORT", 8000),
    ("traefik", 443): ("HTTPS_PORT", 8443),
    ("traefik", 8080): ("DASHBOARD_PORT", 8081),
    ("postgres", 5432): ("POSTGRES_PORT", 5433),
}


def set_up(found: Compose, add_hosts: bool, console: Console) -> None:
    """Bring the stack up until every service is healthy and the API answers; raises Problem at what fails."""
    with console.step("Reading the compose files") as step:
        project = found.project()
        if somebody := of_somebody_else(found):
            raise somebody
        before = found.containers()
        step.detail = f"Docker {found.engine_version}, compose {found.version}, {len(project.services)} services"
    with console.step("Checking that the ports are free") as step:
        step.detail = _check_ports(project, before)
    with console.step("Checking the disk") as step:
        missing = [name for name, image in project.images.items() if not found.has_image(image)]
        step.detail = _check_disk(found.root, loads=bool(missing))
    with console.step("Writing secrets that do not exist yet") as step:
        _, written = credentials.prepare(found.root / "secrets")
        step.detail = f"{len(written)} files" if written else "they are all there"
    with console.step(f"Making the network {NETWORK}") as step:
        step.detail = "made" if _make_network() else "it is there"
    _load_images(found, project, missing, console)
    if before and (other := _networks_of_the_other_kind(project)):
        with console.step("Stopping the services: development and production differ in their networks") as step:
            step.detail = ", ".join(other)
            must(found.down(False, False, step.flash), "Docker could not stop them.", "Run python3 teardown.py first.")
    with console.step("Starting the services") as step:
        # a running container goes on with the secrets that it was made with
        in_use = found.root / "secrets" / credentials.IN_USE
        fingerprint = credentials.fingerprint(found.root / "secrets")
        changed = not in_use.exists() or in_use.read_text(encoding="ascii") != fingerprint
        _start(found, project, step, recreate=bool(before and changed))
        in_use.write_text(fingerprint, encoding="ascii")
    with console.step("Asking the API, through Traefik") as step:
        api = addresses.find_api(project)
        step.detail = api.of("api.")
    refused = _check_names(project, add_hosts, console)
    _say_where_everything_is(found, project, api, console)
    if refused is not None and add_hosts:
        raise refused


def of_somebody_else(found: Compose) -> Problem | None:
    """Return what keeps this checkout from the stack of its name: that it is another checkout's."""
    other = found.elsewhere()
    if other is None:
        return None
    return Problem(
        f"The stack that is here was set up from another folder, {other}.",
        f"Work with it there, or take it down there first: python3 {other / 'teardown.py'}",
    )


def take_down(found: Compose, volumes: bool, images: bool, console: Console) -> None:
    """Stop and remove the containers, and with `volumes` the data, with `images` what was built here."""
    title = "Stopping the services" + (" and removing their data" if volumes else "")
    with console.step(title) as step:
        outcome = found.down(volumes, images, step.flash)
        must(outcome, "Docker could not take the stack down.", "Put right what it says and start this again.")


def remove_network(console: Console) -> None:
    with console.step(f"Removing the network {NETWORK}") as step:
        if compose.docker("network", "inspect", NETWORK).code != 0:
            step.detail = "it is not there"
            return
        removed = compose.docker("network", "rm", NETWORK)
        step.detail = "" if removed.code == 0 else "it stays, because other containers use it"


def _check_ports(project: Project, before: Sequence[Container]) -> str:
    ours = {port for container in before for port in container.published}
    for port in project.ports:
        wanted = [f"{one.service}'s {one.target}" for one in project.ports if one.published == port.published]
        if len(wanted) > 1:
            raise Problem(
                f"Port {port.published} is wanted for {' and '.join(wanted)}.",
                "Give one of them another port in .env (.env.example names the variables), and start again.",
            )
        if port.published not in ours and ports.is_taken(port.published):
            by_docker = compose.docker("ps", "--filter", f"publish={port.published}", "--format", "{{.Names}}").output
            who = f"the container {by_docker.split()[0]}" if by_docker.split() else ports.holder(port.published)
            raise Problem(
                f"Port {port.published}, which {port.service} needs, is taken by {who}.",
                f"Stop that and start again{_or_move(port)}.",
            )
    return ", ".join(map(str, sorted(port.published for port in project.ports)))


def _or_move(port: Port) -> str:
    known = _PORT_VARIABLES.get((port.service, port.target))
    if known is None:
        return ""
    variable, first = known
    free = next(number for number in range(first, 65536) if not ports.is_taken(number))
    return f", or choose another port: write {variable}={free} into .env"


def _check_disk(root: Path, loads: bool) -> str:
    # what Docker names lies in a virtual machine on macOS and Windows; then the disk of the checkout has to do
    named = Path(compose.docker("info", "--format", "{{.DockerRootDir}}").output.strip() or root)
    return disk.check(
        named if _is_seen(named) else root,
        _NEEDED_TO_LOAD if loads else _NEEDED_TO_RUN,
        " (docker system prune removes what no container uses)",
    )


def _is_seen(folder: Path) -> bool:
    try:
        return folder.exists()
    except PermissionError:
        return False


def _make_network() -> bool:
    if compose.docker("network", "inspect", NETWORK).code == 0:
        return False
    must(
        compose.docker("network", "create", NETWORK),
        f"The network {NETWORK} could not be made.",
        "Put right what Docker says and start again.",
    )
    return True


def _networks_of_the_other_kind(project: Project) -> list[str]:
    """Return the networks whose way out is open and should be closed, or the other way round.

    Compose leaves a network that is there as it is: production would run in the open one of development.
    """
    other = []
    for network in project.networks.values():
        asked = compose.docker("network", "inspect", "--format", "{{.Internal}}", network["name"])
        wanted = str(network.get("internal", False)).lower()
        if asked.code == 0 and not network.get("external") and asked.output.strip() != wanted:
            other.append(network["name"])
    return other


def _load_images(found: Compose, project: Project, missing: Sequence[str], console: Console) -> None:
    if missing:
        with console.step(f"Pulling {', '.join(missing)}") as step:
            must(
                found.pull(missing, step.flash),
                "The images could not be pulled.",
                "Without a way to the registry, name images that are here in .env (.env.example shows how).",
            )
    with console.step(f"Building {', '.join(project.built_images)}") as step:
        outcome = found.build(step.flash)
        if outcome.code != 0:
            if not all(found.has_image(image) for image in project.built_images.values()):
                raise Problem(
                    "The images could not be built.",
                    "Put right what the builder says and start again; a proxy has to stand in the configuration of "
                    "Docker's client (https://docs.docker.com/engine/cli/proxy/).",
                    outcome.last_lines,
                )
            step.detail = f"not possible now ({outcome.output.splitlines()[-1]}); the images that are here are used"


def _start(found: Compose, project: Project, step: Step, recreate: bool) -> None:
    """Start every service and show how they are until all are well."""
    said: list[str] = []
    outcomes = []
    upping = threading.Thread(target=lambda: outcomes.append(found.up(recreate, said.append)), daemon=True)
    upping.start()
    give_up = time.monotonic() + _HEALTHY_SECONDS
    unwell_since: dict[str, float] = {}
    while True:
        containers = found.containers()
        lines = _in_lines(project, containers)
        step.show(lines, [line for line in lines if not line.endswith(_PASSING)])
        if outcomes and outcomes[0].code != 0:
            raise not_started(found, containers, outcomes[0].last_lines)
        seen = {container.service for container in containers}
        if outcomes and seen >= project.services.keys() and all(container.is_well for container in containers):
            step.detail = f"{len(containers)} containers are healthy"
            return
        now = time.monotonic()
        for container in containers:
            if container.health == "unhealthy" or container.state in ("exited", "dead", "restarting"):
                unwell_since.setdefault(container.service, now)
            else:
                unwell_since.pop(container.service, None)
        lost = any(now - since > _PATIENCE_WITH_THE_UNWELL_SECONDS for since in unwell_since.values())
        if now > give_up or (outcomes and lost):
            raise not_started(found, containers, "")
        time.sleep(1)


def _in_lines(project: Project, containers: Sequence[Container]) -> list[str]:
    states: dict[str, list[str]] = {name: [] for name in project.services}
    for container in containers:
        states.setdefault(container.service, []).append(container.in_words)
    width = max(map(len, states))
    return [f"{name:{width}}  {', '.join(words) or 'waiting'}" for name, words in states.items()]


def not_started(found: Compose, containers: Sequence[Container], said: str) -> Problem:
    """Say which service keeps the stack from starting, or what the engine `said` when it refused to start one."""
    culprit = blamed(containers, said)
    if culprit is None and _REFUSED in said:
        # what is not well yet did nothing wrong: the engine would not start one of them
        return Problem("The services did not start.", "Put right what Docker says and start again.", said)
    first = culprit or next(iter(worst_first(containers)), None)
    if first is None:
        return Problem("The services did not start.", "Put right what Docker says and start again.", said)
    return Problem(
        f"The service {first.service} {'does not start' if first is culprit else f'is {first.in_words}'}.",
        f"Put right what its log says (docker compose logs {first.service}) and start again.",
        found.last_log(first.service) or said,
    )


def blamed(containers: Sequence[Container], said: str) -> Container | None:
    """Return the container that compose says the others wait for in vain; it may just be starting once more."""
    names = re.findall(r"\bcontainer (\S+) (?:exited|is unhealthy)", said)
    return next((one for one in containers if one.name in names), None)


def worst_first(containers: Sequence[Container]) -> list[Container]:
    """Return those that are not well; last come those that wait for another one or may be well in a moment."""
    return sorted((one for one in containers if not one.is_well), key=lambda one: one.in_words in _STILL_COMING)


def _check_names(project: Project, add_hosts: bool, console: Console) -> Problem | None:
    """Offer to add the names to the hosts file, and return why that was not possible."""
    with console.step(f"Looking up {addresses.domain_of(project)} and its siblings") as step:
        missing = addresses.unresolved(project)
        step.detail = f"not known here: {', '.join(missing)}" if missing else "they are known"
    if not missing:
        return None
    lines = hosts.lines(addresses.names(project), project.entrance)
    if not add_hosts and console.interactive:
        console.say(f"\n{hosts.by_hand(lines)}\n")
        add_hosts = console.ask(f"Add it to {hosts.hosts_file()} now?")
    if add_hosts:
        try:
            with console.step(f"Adding them to {hosts.hosts_file()}"):
                hosts.add(lines, hosts.hosts_file(), console.interactive)
        except Problem as problem:
            return problem
    return None


def _say_where_everything_is(found: Compose, project: Project, api: Address, console: Console) -> None:
    secrets = found.root / "secrets"
    resolves = not addresses.unresolved(project)
    console.say(f"\nThe API is at {api.of('api.')}.{' The tour:' if api.serves_todos else ''}")
    if api.serves_todos:
        options = "" if resolves else f"--resolve api.{api.domain}:{api.port}:{api.entrance_in_brackets} "
        console.say(f"\n{tour(api.of('api.'), options)}")
    if not resolves:
        console.say(
            "\nUntil the hosts file knows the names, --resolve stands in for it; so does a header:\n\n"
            f'  curl -H "Host: api.{api.domain}" {api.without_a_name}/todos'
        )
        if not console.interactive:
            console.say(f"\n{hosts.by_hand(hosts.lines(addresses.names(project), api.entrance))}")
    console.say(f"\n  home page   {api.of()}/")
    console.say(f"  API         {api.of('api.')}/ (documentation, in a browser)")
    if "pgadmin" in project.services:
        email = project.environment("pgadmin").get("PGADMIN_DEFAULT_EMAIL", "")
        console.say(f"  pgAdmin     {api.of('pgadmin.')}/")
        console.say(f"              {email}, password in {shown(secrets / credentials.PGADMIN)}")
    if dashboard := project.published("traefik", 8080):
        named = f"traefik.{api.domain}"
        host = named if resolves and named in addresses.names(project) else "localhost"
        console.say(f"  Traefik     http://{host}:{dashboard}/")
    if postgres := project.published("postgres", 5432):
        console.say(f"  PostgreSQL  127.0.0.1:{postgres}, database app, user postgres")
        console.say(f"              password in {shown(secrets / credentials.SUPERUSER)}")
    console.say(f"  tokens      signed with the key in {shown(secrets / credentials.JWT_SECRET)}")
    console.say("\npython3 teardown.py stops it; the data stays.")
