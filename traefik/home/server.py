"""The home page of the stack, and the list of the gateway's replicas for Traefik.

Port 8080, routed by Traefik: `/` is the page, `/health.json` how every service is. Port 8081, inside only:
`/traefik.json` is the dynamic configuration that Traefik's HTTP provider polls.
"""

from __future__ import annotations

import html
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import probes

PAGE_PORT = 8080
TRAEFIK_PORT = 8081
SECONDS_BETWEEN_PROBES = 2.0

_HERE = Path(__file__).resolve().parent
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Service(NamedTuple):
    """What the page says of a service; `address` is where it is found from outside, a web page or not."""

    title: str
    role: str
    address: str


SERVICES = {
    "autorest": Service("autorest", "The API, with its documentation", "{api}/"),
    "pgadmin": Service("pgAdmin", "The database, in the browser", "http://pgadmin.{domain}{port}/"),
    "traefik": Service(
        "Traefik", "Routes host names to services", "http://traefik.{domain}:{dashboard_port}/dashboard/"
    ),
    "pgbouncer": Service("pgBouncer", "Pools the connections", ""),
    "postgres": Service("PostgreSQL", "Keeps the data", "postgresql://postgres@127.0.0.1:{postgres_port}/app"),
}


class Body(NamedTuple):
    """A response's body and its media type."""

    media_type: str
    content: bytes


class Watch:
    """Knows how the services are: asks them again and again on a thread, so that no visitor waits for them."""

    def __init__(self, services: list[str]) -> None:
        self._services = services
        self._known: Mapping[str, probes.Health] = MappingProxyType({})
        self._asked = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def known(self) -> Mapping[str, probes.Health]:
        """Return the last answers; waits for the first ones."""
        self._asked.wait(5)
        return self._known

    def _run(self) -> None:
        with ThreadPoolExecutor(len(self._services)) as pool:
            while True:
                self._known = MappingProxyType(
                    dict(zip(self._services, pool.map(probes.health, self._services), strict=True))
                )
                self._asked.set()
                time.sleep(SECONDS_BETWEEN_PROBES)


def replicas() -> Body:
    """Return the gateway's replicas as Traefik's dynamic configuration, spread evenly and watched on their admin port.

    `/live` and not `/ready`: while the database is away, the gateway's own answer says more than Traefik's.
    """
    service = {
        "loadBalancer": {
            "servers": [{"url": f"http://{address}:3000"} for address in probes.addresses(probes.GATEWAY)],
            "healthCheck": {
                "path": "/live",
                "port": 3001,
                "interval": "5s",
                "unhealthyInterval": "1s",
                "timeout": "4s",
            },
        }
    }
    return _json({"http": {"services": {"autorest": service}}})


def page(services: list[str], settings: Mapping[str, str]) -> Body:
    """Return the page for the services that run here, with what the environment says of names and ports."""
    domain = settings.get("DOMAIN") or "theddt.local"
    port = "" if settings.get("HTTP_PORT", "80") == "80" else f":{settings['HTTP_PORT']}"
    values = {
        "api": f"http://api.{domain}{port}",
        "dashboard_port": settings.get("DASHBOARD_PORT") or "8080",
        "domain": domain,
        "port": port,
        "postgres_port": settings.get("POSTGRES_PORT", ""),
    }

    def filled(text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda name: html.escape(values.get(name[1], name[0])), text)

    addresses = {name: filled(service.address) for name, service in SERVICES.items()}
    if not values["postgres_port"]:
        addresses["postgres"] = ""
    cards = "\n".join(_card(name, addresses[name]) for name in SERVICES if name in services)
    text = (_HERE / "index.html").read_text(encoding="utf-8")
    return Body("text/html; charset=utf-8", filled(text).replace("{cards}", cards).encode())


def _card(name: str, address: str) -> str:
    service = SERVICES[name]
    title = html.escape(service.title)
    heading = f'<a href="{address}">{title}</a>' if address.startswith("http") else title
    place = address.split("/")[2].rpartition("@")[2] if address else "inside only"
    return (
        f'      <li class="card" data-service="{name}" data-state="unknown">\n'
        f"        <h3>{heading}</h3>\n"
        f"        <p>{html.escape(service.role)}</p>\n"
        f'        <p class="place">{place}</p>\n'
        '        <p class="state"><span class="light"></span> <span class="detail">asking&hellip;</span></p>\n'
        "      </li>"
    )


def _json(value: object) -> Body:
    return Body("application/json", json.dumps(value, separators=(",", ":")).encode())


def _file(name: str, media_type: str) -> Body:
    return Body(media_type, (_HERE / name).read_bytes())


def serve(port: int, routes: Mapping[str, Callable[[], Body]]) -> ThreadingHTTPServer:
    """Start to answer GET and HEAD for the paths of `routes` on a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "home"
        sys_version = ""
        timeout = 30

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, with_body: bool) -> None:
            route = routes.get(self.path.partition("?")[0])
            status = HTTPStatus.OK if route else HTTPStatus.NOT_FOUND
            body = route() if route else Body("text/plain; charset=utf-8", b"There is no such page here.\n")
            self.send_response(status)
            self.send_header("Content-Type", body.media_type)
            self.send_header("Content-Length", str(len(body.content)))
            self.send_header("Cache-Control", "no-cache")
            for name, value in _SECURITY.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body.content)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing: Traefik asks every two seconds."""

    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name=f"port {port}", daemon=True).start()
    return server


def main() -> None:
    services = [name.strip() for name in os.environ.get("HOME_SERVICES", ",".join(probes.KNOWN)).split(",")]
    if unknown := set(services) - set(probes.KNOWN):
        sys.exit(f"HOME_SERVICES names what is not known here: {', '.join(sorted(unknown))}.")

    # the first process of a container does not heed SIGTERM by itself
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    watch = Watch(services)
    watch.start()
    home = page(services, os.environ)
    serve(TRAEFIK_PORT, {"/traefik.json": replicas})
    serve(
        PAGE_PORT,
        {
            "/": lambda: home,
            "/health.json": lambda: _json(dict(watch.known())),
            "/home.css": lambda: _file("home.css", "text/css; charset=utf-8"),
            "/home.js": lambda: _file("home.js", "text/javascript; charset=utf-8"),
            "/icon.svg": lambda: _file("icon.svg", "image/svg+xml"),
        },
    )
    threading.Event().wait()


if __name__ == "__main__":
    main()
