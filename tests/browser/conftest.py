"""The page in a real browser, before the real gateway, before a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import jwt
import pytest

from tests.integration.openapi.serving import SECRET, serving
from tests.support.cluster import Cluster
from tests.support.gateway import ROOT
from tests.support.skips import available, lacking

if TYPE_CHECKING:
    from tests.browser.page import Page

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
    with available(Cluster) as cluster:
        for script in (*sorted((ROOT / "postgres" / "init").glob("*.sql")), Path(__file__).with_name("demo.sql")):
            cluster.psql(script.read_text(encoding="utf-8"))
        with serving(f"postgresql://authenticator@{cluster.host}:{cluster.port}/postgres") as address:
            yield address


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
