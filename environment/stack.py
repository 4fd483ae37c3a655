"""The stack with Docker: from the checks to the address that answers, and down again."""

from __future__ import annotations

import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from environment import compose, credentials, hosts, ports
from environment.commands import must
from environment.compose import Compose, Container, Port, Project
from environment.console import Console, Step
from environment.problem import Problem
from environment.tour import tour

NETWORK = "web"
PRODUCTION_FILES = ("docker-compose.yml", "docker-compose.prod.yml")
_GIGABYTE = 1 << 30
_NEEDED_TO_LOAD = 4 * _GIGABYTE
_NEEDED_TO_RUN = _GIGABYTE // 2
_HEALTHY_SECONDS = 300
_PATIENCE_WITH_THE_UNWELL_SECONDS = 30

_STILL_COMING = ("created", "starting")

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
        step.detail = ", ".join(written) if written else "they are all there"
    with console.step(f"Making the network {NETWORK}") as step:
        step.detail = "made" if _make_network() else "it is there"
    _load_images(found, project, missing, console)
    with console.step("Starting the services") as step:
        # a running container goes on with the secrets that it was made with
        in_use = found.root / "secrets" / credentials.IN_USE
        fingerprint = credentials.fingerprint(found.root / "secrets")
        changed = not in_use.exists() or in_use.read_text(encoding="ascii") != fingerprint
        _start(found, project, step, recreate=bool(before and changed))
        in_use.write_text(fingerprint, encoding="ascii")
    domain = project.environment("traefik").get("DOMAIN", "theddt.local")
    http_port = next((port.published for port in project.ports if (port.service, port.target) == ("traefik", 80)), 80)
    with console.step("Asking the API for its todos, through Traefik"):
        _check_api(domain, http_port)
    refused = _check_names(domain, add_hosts, console)
    _say_where_everything_is(found, project, domain, http_port, console)
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
        if port.published not in ours and ports.is_taken(port.published):
            by_docker = compose.docker("ps", "--filter", f"publish={port.published}", "--format", "{{.Names}}").output
            who = f"the container {by_docker.split()[0]}" if by_docker.split() else ports.holder(port.published)
            raise Problem(
                f"Port {port.published}, which {port.service} needs, is taken by {who}.",
                f"Stop that and start again{_or_move(port)}.",
            )
    return ", ".join(str(port.published) for port in project.ports)


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
    where = named if named.exists() else root
    free = shutil.disk_usage(where).free
    needed = _NEEDED_TO_LOAD if loads else _NEEDED_TO_RUN
    if free < needed:
        raise Problem(
            f"Only {free / _GIGABYTE:.1f} GB are free at {where}, and {needed / _GIGABYTE:.1f} GB are needed.",
            "Free some space (docker system prune removes what no container uses) and start again.",
        )
    return f"{free / _GIGABYTE:.0f} GB free"


def _make_network() -> bool:
    if compose.docker("network", "inspect", NETWORK).code == 0:
        return False
    must(
        compose.docker("network", "create", NETWORK),
        f"The network {NETWORK} could not be made.",
        "Put right what Docker says and start again.",
    )
    return True


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
                    "Put right what the builder says and start again; behind a proxy it needs HTTPS_PROXY.",
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
        step.show(_in_lines(project, containers))
        if outcomes and outcomes[0].code != 0:
            raise _not_started(found, containers, outcomes[0].last_lines)
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
            raise _not_started(found, containers, "")
        time.sleep(1)


def _in_lines(project: Project, containers: Sequence[Container]) -> list[str]:
    states: dict[str, list[str]] = {name: [] for name in project.services}
    for container in containers:
        states.setdefault(container.service, []).append(container.in_words)
    width = max(map(len, states))
    return [f"{name:{width}}  {', '.join(words) or 'waiting'}" for name, words in states.items()]


def _not_started(found: Compose, containers: Sequence[Container], said: str) -> Problem:
    unwell = worst_first(containers)
    if not unwell:
        return Problem("The services did not start.", "Put right what Docker says and start again.", said)
    return Problem(
        f"The service {unwell[0].service} is {unwell[0].in_words}.",
        f"Put right what its log says (docker compose logs {unwell[0].service}) and start again.",
        found.last_log(unwell[0].service) or said,
    )


def worst_first(containers: Sequence[Container]) -> list[Container]:
    """Return those that are not well; last come those that wait for another one or may be well in a moment."""
    return sorted((one for one in containers if not one.is_well), key=lambda one: one.in_words in _STILL_COMING)


def _check_api(domain: str, port: int) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/todos?limit=1", headers={"Host": f"api.{domain}"})
    straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    reason = ""
    for _ in range(20):
        try:
            straight.open(request, timeout=5).read()
        except urllib.error.HTTPError as error:
            reason = f"it answers {error.code}: {error.read(300).decode('utf-8', 'replace')}"
        except OSError as error:
            reason = str(error)
        else:
            return
        time.sleep(0.5)
    raise Problem(
        f"The services are healthy, but the API does not answer: {reason}",
        "Look at what docker compose logs traefik autorest says.",
    )


def _check_names(domain: str, add_hosts: bool, console: Console) -> Problem | None:
    """Offer to add the names to the hosts file, and return why that was not possible."""
    with console.step(f"Looking up {domain} and its siblings") as step:
        missing = hosts.unresolved(domain)
        step.detail = f"not known here: {', '.join(missing)}" if missing else "they lead here"
    if not missing:
        return None
    if not add_hosts:
        console.say(f"\n{hosts.by_hand(domain)}\n")
        add_hosts = console.ask(f"Add them to {hosts.hosts_file()} now?")
    if add_hosts:
        try:
            hosts.add(domain, hosts.hosts_file(), console.interactive)
            console.say(f"  ok  The names are in {hosts.hosts_file()} now")
        except Problem as problem:
            return problem
    return None


def _say_where_everything_is(found: Compose, project: Project, domain: str, http_port: int, console: Console) -> None:
    suffix = "" if http_port == 80 else f":{http_port}"
    published = {(port.service, port.target): port.published for port in project.ports}
    secrets = found.root / "secrets"
    resolves = not hosts.unresolved(domain)
    options = "" if resolves else f"--resolve api.{domain}:{http_port}:127.0.0.1 "
    console.say(f"\nThe API is at http://api.{domain}{suffix}. The tour:\n")
    console.say(tour(f"http://api.{domain}{suffix}", options))
    if not resolves:
        console.say(
            f"\nUntil the hosts file knows the names, --resolve stands in for it; so does a header:\n\n"
            f'  curl -H "Host: api.{domain}" http://127.0.0.1{suffix}/todos'
        )
    console.say(f"\n  home page   http://{domain}{suffix}/")
    console.say(f"  API         http://api.{domain}{suffix}/ (documentation in a browser)")
    if "pgadmin" in project.services:
        email = project.environment("pgadmin").get("PGADMIN_DEFAULT_EMAIL", "")
        console.say(f"  pgAdmin     http://pgadmin.{domain}{suffix}/")
        console.say(f"              {email}, password in {secrets / credentials.PGADMIN}")
    if dashboard := published.get(("traefik", 8080)):
        console.say(f"  Traefik     http://traefik.{domain}:{dashboard}/")
    if postgres := published.get(("postgres", 5432)):
        console.say(f"  PostgreSQL  127.0.0.1:{postgres}, database app, user postgres")
        console.say(f"              password in {secrets / credentials.SUPERUSER}")
    console.say(f"  tokens      signed with the key in {secrets / credentials.JWT_SECRET}")
    console.say("\npython3 teardown.py stops it; the data stays.")
