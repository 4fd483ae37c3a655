"""Fields: a column's name with a path into its JSON, and the path of embeds a parameter's name begins with.

name   data->key   data->>0   data->"a key"->-1
clients.projects.name   (of clients, of projects: name)
"""

from __future__ import annotations

import re
from typing import Final

from autorest.request.limits import MAX_DEPTH
from autorest.request.model import EmbedPath, Field, JsonStep
from autorest.request.scanner import WHITESPACE, Cursor, joined

# An index must be followed by something a path can be followed by; a ")" makes it a key, as PostgREST has it.
_INDEX: Final = re.compile(r"(-?)([0-9]+)(?=->|::|\.|,|\Z)")
_KEY: Final = re.compile(r"[^(\-:.,>)]+(?:-(?!>)[^(\-:.,>)]+)*")
_DANGLING_DASH: Final = re.compile(r"-(?!>)")
_BLANK: Final = re.compile(rf"[{WHITESPACE}]")


def parse_json_path(cursor: Cursor) -> tuple[JsonStep, ...]:
    steps: list[JsonStep] = []
    while cursor.take("->"):
        cursor.check_depth(len(steps) + 1)
        as_text = cursor.take(">")
        index = cursor.match(_INDEX)
        if index is not None:
            steps.append(JsonStep(as_text, index[1] + index[2], True))
        else:
            steps.append(JsonStep(as_text, _key(cursor)))
    return tuple(steps)


def _key(cursor: Cursor) -> str:
    if cursor.at('"'):
        quoted = cursor.quoted()
        if quoted is None:
            raise cursor.refuse("a closing double quote after it")
        return quoted
    found = cursor.match(_KEY)
    if found is None or _DANGLING_DASH.match(cursor.text, cursor.position):
        raise cursor.refuse("a key or an index after the arrow; a key with any of . , : > - ( ) in double quotes")
    key = found[0]
    return joined(key, WHITESPACE) if _BLANK.search(key) else key


def parse_field(cursor: Cursor) -> Field:
    """Read a name and its JSON path, with blanks around them."""
    cursor.skip_blanks()
    name = cursor.name()
    path = parse_json_path(cursor) if cursor.at("->") else ()
    cursor.skip_blanks()
    return Field(name, path)


def parse_path(text: str, kind: str) -> tuple[EmbedPath, Field]:
    """Read the name of a query parameter: embeds and a field, separated by dots.

    What follows a complete path is ignored, as PostgREST does. `kind` is what the text is in an error.

    Raises: Refused (PGRST100).
    """
    if text.isascii() and text.isidentifier():
        return (), Field(text)
    cursor = Cursor(text, kind, text)
    names = parse_names(cursor)
    return tuple(names[:-1]), Field(names[-1], parse_json_path(cursor))


def parse_names(cursor: Cursor) -> list[str]:
    """Read names separated by dots, one at least."""
    names = [cursor.name()]
    while cursor.take("."):
        if len(names) > MAX_DEPTH:
            cursor.check_depth(len(names))
        names.append(cursor.name())
    return names
