"""The cursor all grammars read with, and the words they share: names, quoted values, blanks, numbers.

A name is a quoted value or runs of letters, ASCII digits, `_`, `$` and spaces joined by single
dashes; spaces around a run do not belong to it. A dash followed by `>` is an arrow, not part of a name.
"""

from __future__ import annotations

import re
from typing import Final

from autorest.errors import Error, Refused, refuse
from autorest.request.limits import MAX_DEPTH, MAX_DIGITS, MAX_ITEMS

_NAME: Final = re.compile(r"[\w $]+(?:-(?!>)[\w $]+)*")
_DANGLING_DASH: Final = re.compile(r"-(?!>)")
_QUOTED: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*)"', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_BLANKS: Final = re.compile(r"[ \t]*")
_NUMBER: Final = re.compile(r"(-?)\s*(?:([0-9]+)|0[xX]([0-9a-fA-F]+)|0[oO]([0-7]+))", re.ASCII)
_ASCII_NAME_CHARACTERS: Final = frozenset("0123456789_ $-")
_EXCERPT_LENGTH: Final = 40
_TOO_BIG: Final[int] = 10**MAX_DIGITS

#: What Unicode calls a space, with the ASCII controls that are blanks.
WHITESPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)

NAME_EXPECTED: Final = "a name: letters, digits, _ and $, or anything in double quotes"


class Cursor:
    """A place in a text. In an error the text is called by its kind, and by its name if it has one."""

    __slots__ = ("items", "kind", "name_of_text", "position", "text")

    def __init__(self, text: str, kind: str, name_of_text: str = "", position: int = 0) -> None:
        self.text = text
        self.kind = kind
        self.name_of_text = name_of_text
        self.position = position
        self.items = 0

    @property
    def subject(self) -> str:
        return f"{self.kind} {excerpt(self.name_of_text)}" if self.name_of_text else self.kind

    def refuse(self, expected: str, position: int | None = None) -> Refused:
        """Return the exception that says where the text went wrong and what would be right there."""
        at = self.position if position is None else position
        found = excerpt(self.text[at:]) if at < len(self.text) else "its end"
        return refuse(
            "PGRST100",
            f"{self.subject} is malformed at character {at + 1}, at {found}",
            f"Expected {expected}.",
        )

    def count_item(self) -> None:
        self.items += 1
        if self.items > MAX_ITEMS:
            raise refuse("PGRST100", f"{self.subject} has more than {MAX_ITEMS} items", "Ask for less in one request.")

    def check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise refuse(
                "PGRST100", f"{self.subject} is nested deeper than {MAX_DEPTH} levels", "Ask for less in one request."
            )

    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def at(self, literal: str) -> bool:
        return self.text.startswith(literal, self.position)

    def take(self, literal: str) -> bool:
        """Move behind `literal` if it is what comes next."""
        if self.text.startswith(literal, self.position):
            self.position += len(literal)
            return True
        return False

    def expect(self, literal: str) -> None:
        if not self.take(literal):
            raise self.refuse(f'"{literal}"')

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
        return found

    def skip_blanks(self) -> bool:
        """Move behind spaces and tabs; tell whether there were any."""
        text = self.text
        position = self.position
        if position < len(text) and text[position] in " \t":
            self.position = _BLANKS.match(text, position).end()  # type: ignore[union-attr]
            return True
        return False

    def take_comma(self) -> bool:
        """Move behind a comma and the blanks around it; blanks without a comma are refused."""
        blanks = self.skip_blanks()
        if self.text.startswith(",", self.position):
            self.position += 1
            self.skip_blanks()
            return True
        if blanks:
            raise self.refuse("a comma")
        return False

    def quoted(self) -> str | None:
        """Read a value in double quotes, in which a backslash makes the next character literal."""
        found = self.match(_QUOTED)
        return None if found is None else unescaped(found[1])

    def name(self) -> str:
        name = self.maybe_name()
        if name is None:
            raise self.refuse(NAME_EXPECTED)
        return name

    def maybe_name(self) -> str | None:
        """Read a name, or None where none begins.

        Raises: Refused, where one begins and does not end: a quote left open, a dash that nothing follows.
        """
        start = self.position
        if self.text.startswith('"', start):
            value = self.quoted()
            if value is None:
                raise self.refuse("a closing double quote after it")
            return value
        found = self.match(_NAME)
        if found is None:
            return None
        name = found[0]
        if not name.isascii():
            name = _leading_name(name)
            self.position = start + len(name)
            if not name:
                return None
        if name[-1] == "-" or _DANGLING_DASH.match(self.text, self.position):
            raise self.refuse("a letter or a digit after the dash, or double quotes around the name")
        return joined(name) if " " in name else name


def excerpt(text: str) -> str:
    """Return the beginning of a text of the client's in quotes, for an error."""
    return f'"{text}"' if len(text) <= _EXCERPT_LENGTH else f'"{text[:_EXCERPT_LENGTH]}…"'


def unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def joined(name: str, blanks: str = " ") -> str:
    """Strip the blanks around each run of a name with dashes."""
    return "-".join([run.strip(blanks) for run in name.split("-")])


def _leading_name(name: str) -> str:
    for index, character in enumerate(name):
        if not (character.isalpha() or character in _ASCII_NAME_CHARACTERS):
            return name[:index]
    return name


def is_identifier(text: str) -> bool:
    """Tell whether text is letters, ASCII digits, `_`, `$` and spaces, at least one of them."""
    return bool(text) and all(
        character.isalpha() or (character in _ASCII_NAME_CHARACTERS and character != "-") for character in text
    )


def integer(text: str) -> int | None:
    """Read a whole number: decimal, 0x or 0o, negative, blanks and parentheses around it; None if it is none.

    One with more digits than any of PostgreSQL's integers is read as some number of that size.
    """
    digits = text.strip(WHITESPACE)
    for _ in range(MAX_DEPTH):
        if not (digits.startswith("(") and digits.endswith(")")):
            break
        digits = digits[1:-1].strip(WHITESPACE)
    found = _NUMBER.fullmatch(digits)
    if found is None:
        return None
    sign, decimal, hexadecimal, octal = found.groups()
    if decimal is not None:
        value = bounded(decimal)
    elif hexadecimal is not None:
        value = int(hexadecimal, 16)
    else:
        value = int(octal, 8)
    value = min(value, _TOO_BIG)
    return -value if sign else value


def bounded(digits: str) -> int:
    """Return the number, or one that is too big for PostgreSQL where it has more than MAX_DIGITS digits."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= MAX_DIGITS else _TOO_BIG


def nul_refused(subject: str) -> Refused:
    """Return the exception for a NUL character, with the SQLSTATE that PostgreSQL gives it."""
    return Refused(
        Error(
            400,
            "22021",
            f"{subject} contains a NUL character",
            "PostgreSQL's text cannot hold the character U+0000.",
            "Leave it out, or send the bytes to a bytea in its hexadecimal form.",
        )
    )
