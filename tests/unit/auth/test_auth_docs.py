"""The page on authentication says what the code does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from autorest.auth.authenticator import Authenticator
from autorest.auth.login import LoginService, LoginSettings
from autorest.auth.routes import login_routes
from autorest.auth.signer import SignerSettings
from tests.support.tokens import Settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "auth.md").read_text(encoding="utf-8")
SOURCE = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "autorest" / "auth").glob("*.py"))


def test_every_code_is_described() -> None:
    codes = set(re.findall(r'"((?:AUTH|PGRST)\d{3}|22023)"', SOURCE))
    assert codes == set(re.findall(r"`((?:AUTH|PGRST)\d{3}|22023)`", PAGE))


def test_every_setting_is_described() -> None:
    for protocol in (SignerSettings, LoginSettings):
        for name in vars(protocol):
            if name.startswith(("auth_", "jwt_")):
                assert re.search(rf"`{name.replace('_', '-')}\b", PAGE), name


def test_every_route_is_described() -> None:
    async def run(sql: str, parameters: Sequence[str | None]) -> Sequence[Sequence[str | None]]:
        raise AssertionError("no request is made")

    service = LoginService(run, Settings(), Authenticator(Settings()))
    served = [route.path for route in login_routes(service)]
    service.close()
    assert re.findall(r"^\| `(?:GET|POST) (/auth/\w+)`", PAGE, re.MULTILINE) == served
