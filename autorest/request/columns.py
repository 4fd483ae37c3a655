"""Lists of names: `columns=id,name` and `on_conflict=id`."""

from __future__ import annotations

from autorest.request.scanner import Cursor


def parse_columns(name: str, value: str) -> tuple[str, ...]:
    """Read names separated by commas, in their order; what follows a complete list is ignored, as PostgREST does.

    Raises: Refused (PGRST100).
    """
    cursor = Cursor(value, "The parameter", name)
    names = [cursor.name()]
    cursor.count_item()
    while cursor.take_comma():
        names.append(cursor.name())
        cursor.count_item()
    return tuple(names)
