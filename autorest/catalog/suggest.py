"""Finding the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

#: Bytes of a name in PostgreSQL (NAMEDATALEN).
LONGEST_NAME = 63


def shown(name: str) -> str:
    """Return what an error tells of a name that a client made up: no more than a name can have."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def closest(name: str, candidates: Iterable[str], minimum: float) -> str | None:
    """Return the one of `candidates` that is most like `name`, or None when none is like it enough.

    Likeness is 1 less the edit distance in proportion to the longer name, regardless of case: 1.0 for the same name.
    `minimum` is the least that counts. Takes about 0.2 ms for a thousand candidates.
    """
    found = process.extractOne(
        name, tuple(candidates), scorer=Levenshtein.normalized_similarity, processor=str.lower, score_cutoff=minimum
    )
    return found[0] if found else None
