"""What a person can set or call is documented, and what is documented is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from autorest.commands import app
from autorest.settings import SETTINGS
from autorest.settings.about import Setting
from autorest.settings.dump import written
from autorest.settings.sources import variables

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMANDS = typer.main.get_group(app)


def sections(page: str, marks: str) -> dict[str, str]:
    parts = re.split(rf"^{marks} (.+)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def facts(setting: Setting) -> str:
    default = written(setting, setting.default)
    said = [
        setting.kind.name,
        "default none" if default == '""' else f"default `{default}`",
        "changed by a reload" if setting.about.reloadable else "changed by a restart only",
        ", ".join(f"`{name}`" for name in variables(setting, setting.key)),
    ]
    if setting.about.in_database:
        said.append(f"`pgrst.{setting.attribute}`")
    if others := [f"`{key}`" for key in setting.spellings if key != setting.key]:
        said.append("also " + ", ".join(others))
    if setting.about.ours:
        said.append("only autorest")
    return " · ".join(said)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda setting: setting.key)
def test_every_setting_has_its_facts_and_a_meaning_in_the_documentation(setting: Setting) -> None:
    section = sections("configuration.md", "###")[setting.key]
    stated, meaning = section.strip().split("\n\n", 1)
    assert stated == facts(setting)
    assert len(meaning.partition("\n## ")[0].split()) > 5


def test_the_documentation_knows_no_other_settings() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^### ([a-z]+-[a-z0-9-]+)$", page, flags=re.MULTILINE))
    assert documented == {setting.key for setting in SETTINGS.values()}


def test_every_link_into_the_documentation_of_settings_leads_somewhere() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    from_cli = re.findall(r"\(configuration\.md#([^)]+)\)", (DOCS / "cli.md").read_text(encoding="utf-8"))
    assert set(re.findall(r"\(#([^)]+)\)", page)) | set(from_cli) <= anchors


@pytest.mark.parametrize("name", COMMANDS.commands)
def test_every_command_is_documented(name: str) -> None:
    assert len(sections("cli.md", "##")[f"autorest {name}"].split()) > 2
    assert f"| `autorest {name}" in (DOCS / "cli.md").read_text(encoding="utf-8")


def test_the_documentation_knows_no_other_commands() -> None:
    assert set(sections("cli.md", "##")) == {f"autorest {name}" for name in COMMANDS.commands}


def test_every_option_is_documented() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    holders = [COMMANDS, *COMMANDS.commands.values()]
    options = {option for holder in holders for parameter in holder.params for option in parameter.opts}
    missing = [option for option in options if option.startswith("-") and f"`{option}`" not in page]
    assert not missing
