"""Which of the exposed schemas a request is about: `Accept-Profile` and `Content-Profile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from autorest.errors import refuse
from autorest.request.scanner import excerpt

_WRITING: Final = frozenset(("POST", "PATCH", "PUT", "DELETE"))


def choose_schema(method: str, headers: Mapping[str, str], schemas: Sequence[str]) -> tuple[str, bool]:
    """Return the schema, and whether the answer must name it: it was asked for, or there are several.

    Reads `Content-Profile` for methods that write, `Accept-Profile` for the others; without it the
    first of `schemas` it is.

    Raises: Refused: PGRST106 for a schema that is not among them.
    """
    name = "content-profile" if method in _WRITING else "accept-profile"
    asked = headers.get(name)
    if asked is None:
        return schemas[0], len(schemas) != 1
    if asked not in schemas:
        raise refuse(
            "PGRST106",
            f"Invalid schema: {excerpt(asked)} is not exposed",
            None,
            f"Name one of these in the header {name.title()}: {', '.join(schemas)}",
        )
    return asked, True
