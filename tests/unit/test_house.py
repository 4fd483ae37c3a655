"""The rules of the house: who may know whom, who may touch the world, and where SQL is made."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.tree import ROOT, python_files, text_files

PACKAGE = ROOT / "autorest"

#: Each room, and the rooms whose values it may know. What is not here is the spine and may know all.
ROOMS: dict[str, set[str]] = {
    "request": {"catalog", "errors"},
    "catalog": set(),
    "plan": {"catalog", "request", "errors"},
    "sql": {"catalog", "request", "plan", "errors"},
    "database": {"sql"},
    "response": {"catalog", "request", "plan", "errors"},
    "openapi": {"catalog", "request", "sql", "response", "settings", "errors"},
    "auth": {"errors"},
    "errors": set(),
}

#: Rooms that compute and do nothing else: no I/O, no clock, no global.
PURE = ("request", "plan", "sql", "response", "openapi", "errors")

#: What pure code may import: modules without an effect on anything outside them.
# fmt: off
WITHOUT_EFFECT = {
    "__future__", "abc", "backports", "base64", "binascii", "bisect", "codecs", "collections", "compression", "copy",
    "csv", "dataclasses",
    "decimal", "difflib", "encodings", "enum", "functools", "hashlib", "heapq", "html", "ipaddress", "itertools",
    "json",
    "math", "operator", "orjson", "rapidfuzz", "re", "string", "struct", "textwrap", "types", "typing",
    "typing_extensions", "unicodedata", "urllib.parse", "uuid", "zlib",
}
# fmt: on

#: How SQL begins; a sentence would begin with one capital.
_VERBS = (
    "alter|call|copy|create|declare|delete from|do|drop|explain|fetch|grant|insert into|listen|lock|merge|notify|reset|"
    "revoke|select|set|truncate|unlisten|update|with"
)
SQL = re.compile(rf"\s*({_VERBS}|{_VERBS.upper()})\s")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def modules(room: str) -> list[Path]:
    place = PACKAGE / room
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that `path` imports anywhere, in full: of `from a.b import c` it is a.b."""
    for node in ast.walk(parsed(path)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
            case ast.ImportFrom():
                pytest.fail(f"{path}:{node.lineno}: imports say the whole name of a module")


def spoken(node: ast.expr) -> str | None:
    """Return the text that an expression begins with, if it is put together from text and something else."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Add() | ast.Mod()):
            return text
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return text
    return None


def filled_in(node: ast.expr) -> list[ast.expr]:
    """Return what is put into the text of an expression that `spoken` knows."""
    match node:
        case ast.JoinedStr(values=values):
            return [value.value for value in values if isinstance(value, ast.FormattedValue)]
        case ast.BinOp(right=right):
            return [right]
        case ast.Call(args=args, keywords=keywords):
            return [*args, *(keyword.value for keyword in keywords)]
    return []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_only_what_lies_before_it(room: str) -> None:
    known = ROOMS[room] | {room}
    for path in modules(room):
        for module in imports(path):
            if module.startswith("autorest."):
                assert module.split(".")[1] in known, f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("room", PURE)
def test_pure_code_imports_nothing_that_could_touch_the_world(room: str) -> None:
    for path in modules(room):
        for module in imports(path):
            parts = module.split(".")
            harmless = parts[0] == "autorest" or {module, parts[0]} & WITHOUT_EFFECT
            assert harmless, f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("room", PURE)
def test_pure_code_opens_prints_and_changes_nothing_global(room: str) -> None:
    for path in modules(room):
        for node in ast.walk(parsed(path)):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            assert not isinstance(node, ast.Global), f"{where} changes a global"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("open", "print", "input", "exec", "eval", "__import__"), where


def test_outside_the_room_for_it_nothing_is_put_into_sql_but_quoted_names() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.is_relative_to(PACKAGE / "sql"):
            continue
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.expr) or not SQL.match(spoken(node) or ""):
                continue
            for part in filled_in(node):
                called = part.func if isinstance(part, ast.Call) else None
                name = called.id if isinstance(called, ast.Name) else None
                assert name in ("identifier", "qualified"), f"{path.relative_to(ROOT)}:{node.lineno} puts SQL together"


def test_identifiers_are_quoted_in_one_place() -> None:
    doubling = re.compile(r"""replace\(\s*['"]"['"]\s*,\s*['"]""['"]\s*\)""")
    quoting = [path for path in PACKAGE.rglob("*.py") if doubling.search(path.read_text(encoding="utf-8"))]
    assert quoting == [PACKAGE / "sql" / "quote.py"]


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in python_files() if path.stat().st_size and not ast.get_docstring(parsed(path))]
    assert not silent


def test_every_line_ends_as_on_unix() -> None:
    assert not [path for path in text_files() if b"\r\n" in path.read_bytes()]


def test_git_keeps_the_ends_of_lines_on_every_machine() -> None:
    assert "* text=auto eol=lf" in (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()


def test_no_group_is_repeated_possessively() -> None:
    """Python before 3.11.5 lets such a group take too much (gh-106052), and Debian 12 has 3.11.2."""
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in python_files()
        if path.is_relative_to(PACKAGE)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "re.compile" in line or re.match(r"\s*r[bf]?['\"]", line)
        if re.search(r"(?<!\\)\)[*+?]\+(?!,)", line)
    ]
    assert found == []
