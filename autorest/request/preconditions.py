"""`If-Match` and `If-None-Match`: what a request wants to be so before it is carried out (RFC 9110, 13.1)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TAG: Final = re.compile(rb'[ \t]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,|$)')


class Tags(NamedTuple):
    """The entity tags of a header, without quotes; `anything` is its `*`.

    What cannot be read stands for no tag: a condition is never taken for fulfilled because of it.
    """

    anything: bool = False
    strong: frozenset[bytes] = frozenset()
    weak: frozenset[bytes] = frozenset()

    def name(self, opaque: bytes) -> bool:
        """Tell whether one of them is this tag by the weak comparison (RFC 9110, 8.8.3.2)."""
        return self.anything or opaque in self.strong or opaque in self.weak


class Preconditions(NamedTuple):
    """What must be there, and what must not; None where the request does not say."""

    match: Tags | None = None
    none_match: Tags | None = None


def parse_tags(value: bytes) -> Tags:
    """Return the tags of a header's value, several headers of one name joined by commas."""
    if value.strip(b" \t") == b"*":
        return Tags(anything=True)
    found: dict[bool, set[bytes]] = {True: set(), False: set()}
    position = 0
    while position < len(value):
        tag = _TAG.match(value, position)
        if tag is not None:
            found[tag[1] is None].add(tag[2])
        position = tag.end() if tag is not None else (value.find(b",", position) + 1 or len(value))
    return Tags(False, frozenset(found[True]), frozenset(found[False]))


def parse_preconditions(match: bytes | None, none_match: bytes | None) -> Preconditions | None:
    """Return what the values of the two headers say, None where there is neither."""
    if match is None and none_match is None:
        return None
    return Preconditions(
        None if match is None else parse_tags(match),
        None if none_match is None else parse_tags(none_match),
    )
