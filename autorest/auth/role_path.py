"""Where in the claims the role stands: `jwt-role-claim-key`, a JSONPath (RFC 9535).

The syntax that PostgREST had before version 16 (`.roles[0]`, `."a key"`, `.roles[?(@ ^== "au")]`) is
translated into a JSONPath.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

_NAMES_ONLY = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*)+")
_OLD_STEP = re.compile(
    r"""
      \. (?: (?P<name>[\w$@]+) | "(?P<quoted>[^"]*)" )
    | \[ (?P<index>[0-9]+) \]
    | \[\?\( @ \s* (?P<operator>==\^|==|!=|\^==|\*==) \s* "(?P<operand>[^"]*)" \)\] \Z
    """,
    re.VERBOSE,
)
_SPECIAL_IN_PATTERN = re.compile(r"[\\.?*+|^$()\[\]{}]")


class Missing:
    """The type of `MISSING`: there is no role where the path points."""


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class RolePath:
    """A compiled path: `text` is the JSONPath, `replaces` the outdated spelling it was written in, if it was.

    `names` are the members to go through where the path has nothing else, as `$.role` has not.
    """

    text: str
    select: Callable[[dict[str, Any]], object] = field(compare=False)
    names: tuple[str, ...] = ()
    replaces: str | None = None

    def find(self, claims: dict[str, Any]) -> object:
        """Return the first value the path selects, MISSING when it selects none."""
        return self.select(claims)


def parse_role_path(text: str) -> RolePath:
    """Compile `jwt-role-claim-key`; ValueError in one line when it is neither a JSONPath nor the older syntax."""
    if _NAMES_ONLY.fullmatch(text):
        names = tuple(text.split(".")[1:])
        return RolePath(text, lambda claims: _member(claims, names), names)
    try:
        return RolePath(text, _compiled(text))
    except ValueError as error:
        translated = _translated(text)
        if translated is None:
            raise ValueError(f"{text!r} is not a JSONPath such as $.role or $.roles[0]: {error}") from None
    return RolePath(translated, _compiled(translated), replaces=text)


def _member(claims: dict[str, Any], names: tuple[str, ...]) -> object:
    value: object = claims
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


def _compiled(text: str) -> Callable[[dict[str, Any]], object]:
    import jsonpath  # takes as long to load as everything else here, and $.role does without

    environment = jsonpath.JSONPathEnvironment(strict=True)
    del environment.function_extensions["value"]  # it fails on a single value
    try:
        query = environment.compile(text)
    except (jsonpath.JSONPathError, RecursionError) as error:
        raise ValueError(error.args[0] if error.args else "it is too deep") from None

    def select(claims: dict[str, Any]) -> object:
        try:
            found = query.match(claims)
        except (jsonpath.JSONPathError, RecursionError):
            return MISSING
        return MISSING if found is None else found.obj

    return select


def _translated(text: str) -> str | None:
    steps, position = ["$"], 0
    while position < len(text):
        step = _OLD_STEP.match(text, position)
        if step is None:
            return None
        steps.append(_translated_step(step))
        position = step.end()
    return "".join(steps) if len(steps) > 1 else None


def _translated_step(step: re.Match[str]) -> str:
    part = step.groupdict()
    match part["operator"]:
        case None if part["index"] is not None:
            return f"[{int(part['index'])}]"
        case None:
            return f"[{_literal(part['name'] if part['name'] is not None else part['quoted'])}]"
        case "==":
            return f"[?@ == {_literal(part['operand'])}]"
        case "!=":
            return f"[?@ != {_literal(part['operand'])} && search(@, '')]"
        case "^==":
            pattern = "^" + _escaped(part["operand"])
        case "==^":
            pattern = _escaped(part["operand"]) + "$"
        case _:
            pattern = _escaped(part["operand"])
    return f"[?search(@, {_literal(pattern)})]"


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _escaped(text: str) -> str:
    return _SPECIAL_IN_PATTERN.sub(lambda special: "\\" + special[0], text)
