"""The page in a real browser, before the real gateway, before a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import jwt
import psycopg
import pytest

from tests.support import process
from tests.support.cluster import Cluster
from tests.support.ports import free_port
from tests.support.process import Unavailable
from tests.support.skips import lacking

if TYPE_CHECKING:
    from tests.browser.page import Page

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret for the browser's tests, of more than 32 bytes"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1360,1000",
)


def token(role: str = "api_user", *, seconds: int = 3600) -> str:
    """Return a token for `role` that expires in so many seconds."""
    return jwt.encode({"role": role, "sub": "anna", "exp": int(time.time()) + seconds}, SECRET)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Start a gateway on a database of its own and give its address, with a slash at the end."""
    try:
        cluster = Cluster()
    except Unavailable as error:
        lacking(str(error))
    with cluster, tempfile.TemporaryDirectory(prefix="autorest-browser-") as folder:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            for script in sorted((ROOT / "postgres" / "init").glob("*.sql")):
                connection.execute(script.read_bytes())
            connection.execute((Path(__file__).parent / "demo.sql").read_bytes())
        port = free_port()
        settings = {
            "DB_URI": f"postgresql://authenticator@{cluster.host}:{cluster.port}/postgres",
            "DB_SCHEMAS": "api",
            "DB_ANON_ROLE": "api_anon",
            "JWT_SECRET": SECRET,
            "SERVER_HOST": "127.0.0.1",
            "SERVER_PORT": str(port),
        }
        log = Path(folder) / "log"
        command = [sys.executable, "-c", "from autorest.cli import main; main()", "serve"]
        variables = [f"AUTOREST_{name}={value}" for name, value in settings.items()]
        gateway = process.start(
            ["env", f"PYTHONPATH={ROOT}", "PYTHONDONTWRITEBYTECODE=1", *variables, *command], log, drop=False
        )
        try:
            process.wait_until(lambda: answers(port), gateway, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.stop(gateway, signal.SIGTERM)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/todos", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="session")
def page(address: str) -> Iterator[Page]:
    """Start a browser that all tests share."""
    selenium = pytest.importorskip("selenium", reason="selenium is not installed")
    assert selenium
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    from tests.browser.page import Page

    browser = os.environ.get("AUTOREST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        lacking("no browser: install Debian's chromium and chromium-driver")
    with tempfile.TemporaryDirectory(prefix="autorest-chromium-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        controlled = webdriver.Chrome(options=options, service=Service(driver))
        try:
            yield Page(controlled, address)
        finally:
            controlled.quit()


@pytest.fixture(autouse=True)
def afresh(page: Page) -> Iterator[None]:
    """Begin every test without token and theme, and fail the one in which the browser complained."""
    page.forget()
    yield
    assert page.complaints() == []
