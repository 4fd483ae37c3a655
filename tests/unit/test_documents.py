"""The pages say what the code does, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autorest import __version__
from autorest.auth.routes import ENDPOINTS
from autorest.errors import STATUSES
from autorest.request import limits
from autorest.response.errors import BY_CLASS, BY_STATE
from autorest.settings import SETTINGS
from autorest.settings.dump import written
from tests.support.tree import ROOT, documents

LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return where links into a page can lead: GitHub's names for its headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE):
        base = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number, name = 0, base
        while name in found:
            number, name = number + 1, f"{base}-{number + 1}"
        found.add(name)
    return found


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_the_index_leads_to_every_page() -> None:
    linked = {target.partition("#")[0] for target in LINK.findall(prose(ROOT / "docs" / "index.md"))}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"} <= linked


def test_every_error_is_described_with_its_status() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    described = re.findall(r"^### (PGRST\w+)\n\n\*\*(\d+)\*\* \S", page, flags=re.MULTILINE)
    assert {code: int(status) for code, status in described} == STATUSES


def test_the_status_of_every_sqlstate_is_described() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[0-9A-Z…`, ]+`) \| ([0-9, ]+) \|", page, flags=re.MULTILINE)
    described = {state: status for states, status in rows for state in re.findall(r"`([0-9A-Z]+…?)`", states)}
    known = {state: str(status) for state, status in BY_STATE.items()}
    known |= {f"{prefix}…": str(status) for prefix, status in BY_CLASS.items()}
    assert described == known | {"42501": "401, 403"}


def test_every_path_of_the_admin_server_is_documented() -> None:
    source = (ROOT / "autorest" / "admin.py").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    served = re.findall(r'case "(/\w+)":', source)
    assert served
    assert set(re.findall(r"^\| `(/\w+)` \|", page, flags=re.MULTILINE)) == set(served)


def test_every_path_of_the_login_is_documented() -> None:
    page = (ROOT / "docs" / "auth.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+) /auth/(\w+)` \|", page, flags=re.MULTILINE)
    assert {path: method for method, path in documented} == ENDPOINTS


def test_the_limits_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| ([\w ]+)[^|]* \| ([\d,]+)", page, flags=re.MULTILINE))
    known = {
        "the query string": limits.MAX_QUERY_LENGTH,
        "of it all but the values of filters and arguments": limits.MAX_STRUCTURE,
        "media types of an ": limits.MAX_MEDIA_TYPES,
        "fields of a form": limits.MAX_PAIRS,
        "parameters of a query string": limits.MAX_PARAMETERS,
        "nesting": limits.MAX_DEPTH,
        "columns and embeds of a ": limits.MAX_ITEMS,
        "nesting of a JSON body": limits.MAX_JSON_DEPTH,
        "a line of a CSV or NDJSON body": limits.MAX_LINE,
        "the names of the columns of a CSV body": limits.MAX_HEADER,
        "what the rows of a CSV or NDJSON body become as JSON": limits.MAX_ROWS,
    }
    assert {what: said[what] for what in known} == {what: f"{number:,}" for what, number in known.items()}


def test_the_readmes_table_has_the_settings_with_their_defaults() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (.+?) \|", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert len(rows) > 5
    settings = {setting.key: setting for setting in SETTINGS.values()}
    for key, default in rows:
        said = default.strip("`")
        inherited = said == "none" or said in settings
        assert written(settings[key], settings[key].default).strip('"') == ("" if inherited else said), key


def test_the_changes_begin_with_this_version() -> None:
    page = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = re.search(r"^## (\S+)", page, flags=re.MULTILINE)
    assert version is not None and version[1] == __version__
