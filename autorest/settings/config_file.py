"""The format of the configuration file: `key = value` lines, as PostgREST's parser (configurator) reads them.

Values are strings in double quotes, numbers, `true`/`false`/`on`/`off`, and lists in brackets. A comment
starts with `#`; `#;` comments out the whole binding that follows. `group { key = value }` is short for
`group.key = value`, and `import "other.conf"` reads another file at that place. In a string, `$(NAME)`
stands for an earlier key or an environment variable, and `$$` for a dollar sign.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from autorest.settings.error import SettingsError

Literal = str | bool | Decimal | tuple["Literal", ...]

_BLANKS = re.compile(r"(?:\s+|#(?!;)[^\r\n]*)*")
_BLANKS_IN_LINE = re.compile(r"[ \t]*(?:#[^\r\n]*)?")
_LINE_END = re.compile(r"\r?\n")
_KEY = re.compile(r"[^\W\d_][\w-]*(?:\.[^\W\d_][\w-]*)*")
_IMPORT = re.compile(r"import(?![\w.-])")
_WORD = re.compile(r"on|off|true|false")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_PLAIN = re.compile(r'[^"\\]+')
_QUAD = re.compile(r"u([0-9a-fA-F]{4})")
_INTERPOLATION = re.compile(r"\$(?:(\$)|\(([^)]+)\))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_INTEGER_LIMIT = 2**63


class Line(NamedTuple):
    """A place in a configuration file; lines count from 1."""

    path: str
    number: int

    def __str__(self) -> str:
        return f"{self.path}:{self.number}"


@dataclass(frozen=True, slots=True)
class Binding:
    """The value that a key has in the end, and where it was given."""

    value: Literal
    line: Line


@dataclass(frozen=True, slots=True)
class _Bind:
    key: str
    value: Literal
    line: Line


@dataclass(frozen=True, slots=True)
class _Group:
    key: str
    members: tuple[_Directive, ...]


@dataclass(frozen=True, slots=True)
class _Import:
    path: str
    line: Line


_Directive = _Bind | _Group | _Import


def read_config_file(path: str, environment: Mapping[str, str]) -> dict[str, Binding]:
    """Read the file at `path` and what it imports; `$(NAME)` is looked up in `environment`.

    Raises SettingsError with file and line when a file cannot be read, parsed or interpolated.
    """
    bindings: dict[str, Binding] = {}
    _Evaluation(environment, bindings).import_file(path, "", ())
    return bindings


@dataclass(frozen=True, slots=True)
class _Evaluation:
    environment: Mapping[str, str]
    bindings: dict[str, Binding]

    def import_file(self, path: str, prefix: str, importing: tuple[str, ...]) -> None:
        self.apply(_Parser(path, _text(path, importing)).directives(), prefix, (*importing, path))

    def apply(self, directives: tuple[_Directive, ...], prefix: str, importing: tuple[str, ...]) -> None:
        for directive in directives:
            match directive:
                case _Bind(key, value, line):
                    if isinstance(value, str):
                        value = self.interpolate(value, prefix, prefix + key, line)
                    self.bindings[prefix + key] = Binding(value, line)
                case _Group(key, members):
                    self.apply(members, f"{prefix}{key}.", importing)
                case _Import(path, line):
                    target = str(Path(importing[-1]).parent / path)
                    if target in importing:
                        raise SettingsError(f"{line}: {path} is imported by itself, take one of the imports out")
                    self.import_file(target, prefix, importing)

    def interpolate(self, text: str, prefix: str, key: str, line: Line) -> str:
        parts, position = [], 0
        while (dollar := text.find("$", position)) >= 0:
            found = _INTERPOLATION.match(text, dollar)
            if not found:
                raise SettingsError(f"{line}: a $ stands alone in the value of {key}, write $$ for a dollar sign")
            parts += [text[position:dollar], found[1] or self.variable(found[2], prefix, key, line)]
            position = found.end()
        return "".join((*parts, text[position:]))

    def variable(self, name: str, prefix: str, key: str, line: Line) -> str:
        scopes = prefix.split(".")[:-1]
        for depth in range(len(scopes), -1, -1):
            match self.bindings.get(".".join((*scopes[:depth], name))):
                case Binding(str() as value):
                    return value
                case Binding(Decimal() as number):
                    return number_text(number)
                case Binding():
                    raise SettingsError(f"{line}: $({name}) in the value of {key} is neither a string nor a number")
        if name in self.environment:
            return self.environment[name]
        raise SettingsError(
            f"{line}: $({name}) in the value of {key} is neither an earlier key nor an environment variable"
        )


def number_text(number: Decimal) -> str:
    """Return a number of the file without needless zeros: `3000`, `0.5`."""
    if number == number.to_integral_value() and abs(number) < _INTEGER_LIMIT:
        return str(int(number))
    return repr(float(number))


def _text(path: str, importing: tuple[str, ...]) -> str:
    named = f"the file {path} imported by {importing[-1]}" if importing else f"the configuration file {path}"
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{named} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{named} is not UTF-8 (byte {error.start}), save it as UTF-8") from None


class _Parser:
    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.position = 0

    def directives(self) -> tuple[_Directive, ...]:
        directives = self.block()
        if self.position < len(self.text):
            raise self.failure("expected a line like key = value")
        return directives

    def block(self) -> tuple[_Directive, ...]:
        found: list[_Directive] = []
        self.take(_BLANKS)
        while self.position < len(self.text) and not self.text.startswith("}", self.position):
            commented = self.take_text("#;")
            if commented:
                self.take(_BLANKS_IN_LINE)
            directive = self.directive()
            if not commented:
                found.append(directive)
            self.take(_BLANKS_IN_LINE)
            if not self.take(_LINE_END):
                break
            self.take(_BLANKS)
        return tuple(found)

    def directive(self) -> _Directive:
        line = self.line()
        if self.take(_IMPORT):
            self.take(_BLANKS)
            if not self.text.startswith('"', self.position):
                raise self.failure('expected the imported file in quotes, like import "secrets.conf"')
            return _Import(self.string(), line)
        key = self.take(_KEY)
        if key is None:
            raise self.failure("expected a line like key = value")
        self.take(_BLANKS)
        if self.take_text("="):
            self.take(_BLANKS)
            return _Bind(key, self.value(key), line)
        if self.take_text("{"):
            members = self.block()
            if not self.take_text("}"):
                raise self.failure(f"expected a closing brace for {key} {{")
            return _Group(key, members)
        raise self.failure(f"expected = after {key}")

    def value(self, key: str) -> Literal:
        if self.text.startswith('"', self.position):
            return self.string()
        if word := self.take(_WORD):
            return word in ("on", "true")
        if number := self.take(_NUMBER):
            return Decimal(number)
        if self.take_text("["):
            return self.members(key)
        raise self.failure(f'expected a value for {key}: "text" in double quotes, a number, true or false')

    def members(self, key: str) -> tuple[Literal, ...]:
        found: list[Literal] = []
        self.take(_BLANKS)
        while not self.take_text("]"):
            if found and not self.take_text(","):
                raise self.failure(f"expected a comma or ] in the list of {key}")
            self.take(_BLANKS)
            found.append(self.value(key))
            self.take(_BLANKS)
        return tuple(found)

    def string(self) -> str:
        start = self.position
        self.position += 1
        parts: list[str] = []
        while True:
            if plain := self.take(_PLAIN):
                parts.append(plain)
            elif self.take_text('"'):
                return "".join(parts)
            elif self.take_text("\\"):
                parts.append(self.escape())
            else:
                self.position = start
                raise self.failure("expected a closing double quote for the string that starts here")

    def escape(self) -> str:
        unit = self.utf16_unit()
        if unit is None:
            character = _ESCAPES.get(self.text[self.position : self.position + 1])
            if character is None:
                raise self.failure(
                    r"expected \n, \t, \r, \", \\ or \u with four hexadecimal digits after the backslash"
                )
            self.position += 1
            return character
        if not 0xD800 <= unit <= 0xDFFF:
            return chr(unit)
        low = self.utf16_unit() if unit <= 0xDBFF and self.take_text("\\") else None
        if low is None or not 0xDC00 <= low <= 0xDFFF:
            raise self.failure(r"expected a pair of UTF-16 surrogates, like \ud83d\ude00")
        return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))

    def utf16_unit(self) -> int | None:
        found = _QUAD.match(self.text, self.position)
        if not found:
            return None
        self.position = found.end()
        return int(found[1], 16)

    def take(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.position)
        if not found:
            return None
        self.position = found.end()
        return found[0]

    def take_text(self, text: str) -> bool:
        if not self.text.startswith(text, self.position):
            return False
        self.position += len(text)
        return True

    def line(self) -> Line:
        return Line(self.path, self.text.count("\n", 0, self.position) + 1)

    def failure(self, expectation: str) -> SettingsError:
        return SettingsError(f"{self.line()}: {expectation}")
