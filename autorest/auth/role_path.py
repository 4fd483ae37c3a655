"""Where in the claims the role stands: `jwt-role-claim-key`, a JSONPath (RFC 9535).

The syntax that PostgREST had before version 16 (`.roles[0]`, `."a key"`, `.roles[?(@ ^== "au")]`) is
translated into a JSONPath.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import jsonpath

_ENVIRONMENT = jsonpath.JSONPathEnvironment(strict=True)
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
    """A compiled path: `text` is the JSONPath, `replaces` the outdated spelling it was written in, if it was."""

    text: str
    query: jsonpath.JSONPath | jsonpath.CompoundJSONPath
    replaces: str | None = None

    def find(self, claims: dict[str, Any]) -> object:
        """Return the first value the path selects, MISSING when it selects none."""
        try:
            found = self.query.match(claims)
        except (jsonpath.JSONPathError, RecursionError):
            return MISSING
        return MISSING if found is None else found.obj


def parse_role_path(text: str) -> RolePath:
    """Compile `jwt-role-claim-key`; ValueError in one line when it is neither a JSONPath nor the older syntax."""
    try:
        return RolePath(text, _ENVIRONMENT.compile(text))
    except (jsonpath.JSONPathError, RecursionError) as error:
        reason = str(error.args[0]) if error.args else "it is empty"
    translated = _translated(text)
    if translated is None:
        raise ValueError(
            f"jwt-role-claim-key is {text!r}, it must be a JSONPath such as $.role or $.roles[0]: {reason}"
        )
    return RolePath(translated, _ENVIRONMENT.compile(translated), text)


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
