"""Where the stack is reached: the API's address as it was found to answer, and the names of the rest."""

from __future__ import annotations

import http.client
import ssl
import time
from typing import NamedTuple

from environment import hosts
from environment.compose import Project
from environment.problem import Problem

_ATTEMPTS = 20
_USUAL = {"http": 80, "https": 443}


class Address(NamedTuple):
    """How the API answers, at `entrance` of this machine.

    `serves_todos` is false where the example table was dropped or is not for everyone.
    """

    scheme: str
    domain: str
    entrance: str
    port: int
    serves_todos: bool

    def of(self, name: str = "") -> str:
        """Return the address of the domain, or with `api.` and the like of what is below it."""
        return self._at(name + self.domain)

    @property
    def without_a_name(self) -> str:
        return self._at(self.entrance_in_brackets)

    @property
    def entrance_in_brackets(self) -> str:
        return f"[{self.entrance}]" if ":" in self.entrance else self.entrance

    def _at(self, host: str) -> str:
        return f"{self.scheme}://{host}{'' if self.port == _USUAL[self.scheme] else f':{self.port}'}"


def domain_of(project: Project) -> str:
    return project.environment("traefik").get("DOMAIN", "theddt.local")


def find_api(project: Project) -> Address:
    """Ask the API through Traefik, which may send everybody on to HTTPS; raises Problem when only others answer."""
    domain, entrance = domain_of(project), project.entrance
    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            scheme, port = "http", project.published("traefik", 80) or 80
            answer = _ask(scheme, entrance, port, domain)
            secure = project.published("traefik", 443)
            if secure and (answer.getheader("Location") or "").startswith("https:"):
                scheme, port = "https", secure
                answer = _ask(scheme, entrance, port, domain)
            if answer.status < 500 and (answer.getheader("Server") or "").startswith("autorest"):
                return Address(scheme, domain, entrance, port, answer.status == 200)
            reason = f"{answer.status} {answer.reason}"
        except (OSError, http.client.HTTPException) as error:
            reason = str(error)
        time.sleep(0.5)
    raise Problem(
        f"The services are healthy, but the API does not answer: {reason}",
        "Look at what docker compose logs traefik autorest says.",
    )


def names(project: Project) -> list[str]:
    """Return the names to visit; production has only two."""
    domain = domain_of(project)
    below = ["api", "pgadmin", "traefik"] if "pgadmin" in project.services else ["api"]
    return [domain, *(f"{name}.{domain}" for name in below)]


def unresolved(project: Project) -> list[str]:
    """Return the names that lead nowhere or, where the stack is for this machine alone, elsewhere."""
    return hosts.unresolved(names(project), project.entrance, anywhere=project.is_public)


def _ask(scheme: str, entrance: str, port: int, domain: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(entrance, port, timeout=5)
    if scheme == "https":
        unchecked = ssl.create_default_context()
        unchecked.check_hostname = False  # it is this machine, by its address
        unchecked.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(entrance, port, timeout=5, context=unchecked)
    connection.request("GET", "/todos?limit=1", headers={"Host": f"api.{domain}"})
    return connection.getresponse()
