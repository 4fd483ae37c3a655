"""The page's files: how they are served, and that they need nothing from elsewhere."""

from __future__ import annotations

import asyncio
import re
from importlib.resources import files

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from autorest import pages

STATIC = files("autorest.pages") / "static"
NAMES = sorted(entry.name for entry in STATIC.iterdir())


class Client:
    """Asks the page's routes, without a server."""

    def __init__(self) -> None:
        self.app = Starlette(routes=[*pages.routes(), Route("/", pages.page)])

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://test") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(ask())

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.ask("GET", path, headers)


@pytest.fixture
def client() -> Client:
    return Client()


def test_the_page_is_the_index(client: Client) -> None:
    response = client.get("/")
    assert response.content == pages.index()
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["vary"] == "Accept"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "index.html"])
def test_every_file_is_served(client: Client, name: str) -> None:
    response = client.get(f"/-/{name}")
    assert (response.status_code, response.content) == (200, (STATIC / name).read_bytes())
    expected = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[name.rpartition(".")[2]]
    assert response.headers["content-type"].startswith(expected)
    assert response.headers["x-content-type-options"] == "nosniff"
    assert client.ask("HEAD", f"/-/{name}").status_code == 200


def test_what_is_no_file_is_not_found(client: Client) -> None:
    for path in ("/-/", "/-/index.html", "/-/../__init__.py", "/-/%2e%2e%2f__init__.py", "/-/nothing.js"):
        assert client.get(path).status_code == 404, path


@pytest.mark.parametrize("path", ["/", "/-/app.js"])
def test_what_has_not_changed_is_not_sent_again(client: Client, path: str) -> None:
    first = client.get(path)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_nothing_but_the_page_itself_may_run(client: Client) -> None:
    policy = dict(part.split(" ", 1) for part in client.get("/").headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
    assert policy["require-trusted-types-for"] == "'script'"


def test_the_page_needs_nothing_from_elsewhere() -> None:
    index = pages.index().decode()
    wanted = re.findall(r'(?:src|href)="([^"]+)"', index)
    assert {link for link in wanted if not link.startswith("#")} == {
        "./-/app.js",
        "./-/icon.svg",
        "./-/style.css",
        "./-/theme.js",
    }
    assert "style=" not in index and "onclick" not in index
    for name in NAMES:
        text = (STATIC / name).read_text(encoding="utf-8")
        assert set(re.findall(r"https?://[\w.]+", text)) <= {"http://www.w3.org"}, name
        for imported in re.findall(r'from "\./([^"]+)"', text):
            assert imported in NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".js")])
def test_no_script_reads_html(name: str) -> None:
    text = (STATIC / name).read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
