"""The examples in the documentation: what a reader would type, and what the page says comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.tree import ROOT

#: What differs from one run to the next.
_CHANGING = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00"), "TIME"),
    (re.compile(r"\d\d:\d\d:\d\d\.\d+"), "INTERVAL"),
)


@dataclass(frozen=True, slots=True)
class Script:
    """A block of SQL."""

    sql: str


@dataclass(frozen=True, slots=True)
class Command:
    """A line for the shell, and the output that the page shows for it; empty if it shows none."""

    line: str
    shown: str


Example = Script | Command


def examples(page: str, first: str | None = None) -> Iterator[Example]:
    """Yield the examples of a page in their order, from the heading `first` on to the next heading of its level."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if first is not None:
        _, heading, rest = text.partition(f"\n## {first}\n")
        assert heading, f"{page} has no heading {first}"
        text = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    for language, block in re.findall(r"^```(sql|console)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        if language == "sql":
            yield Script(block)
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            yield Command(line, shown.strip())


def without_what_changes(text: str) -> str:
    """Return `text` with a word in place of each id and time."""
    for pattern, word in _CHANGING:
        text = pattern.sub(word, text)
    return text


def agrees(shown: str, printed: str) -> bool:
    """Tell whether a program printed what a page shows; the page may leave off the rest with an ellipsis."""
    shown, printed = without_what_changes(shown), without_what_changes(printed.strip())
    return printed.startswith(shown[:-1]) if shown.endswith("…") else printed == shown
