"""Headers: the range of rows, the preferences that were applied, what SQL asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

import orjson

from autorest.errors import refuse
from autorest.request.model import Preferences
from autorest.response.model import Headers

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

VARY = (b"vary", b"Accept, Prefer, Range")


def content_range(first: int, last: int, total: int | None) -> tuple[bytes, bytes]:
    """Return `Content-Range` with the unit left out, as PostgREST writes it; `*` for no rows (RFC 9110, 14.4)."""
    rows = f"{first}-{last}" if total != 0 and first <= last else "*"
    return b"content-range", f"{rows}/{'*' if total is None else total}".encode()


def open_range(first: int, total: int | None) -> tuple[bytes, bytes]:
    """Return `Content-Range` of rows whose last is not known yet."""
    return b"content-range", f"{first}-*/{'*' if total is None else total}".encode()


def content_length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)


def preference_applied(preferences: Preferences) -> Headers:
    """Return `Preference-Applied` (RFC 7240, 3) with those preferences that are given, or nothing."""
    applied = [
        preferences.resolution and f"resolution={preferences.resolution}",
        preferences.missing and f"missing={preferences.missing}",
        preferences.representation and f"return={preferences.representation}",
        preferences.count and f"count={preferences.count}",
        preferences.transaction and f"tx={preferences.transaction}",
        preferences.handling and f"handling={preferences.handling}",
        preferences.timezone and f"timezone={preferences.timezone}",
        f"max-affected={preferences.max_affected}"
        if preferences.max_affected is not None and preferences.handling == "strict"
        else None,
    ]
    listed = ", ".join(one for one in applied if one)
    return [(b"preference-applied", listed.encode("latin-1", "replace"))] if listed else []


def legacy_advice(names: Sequence[tuple[str, str]]) -> str:
    """Return what to change where embeds with an alias are addressed by their relation's name: (relation, alias)."""
    listed = ", ".join(f"'{relation}' as '{alias}'" for relation, alias in names)
    return f"An embed that has an alias is to be addressed by it: {listed}. Its relation's name will not do for ever."


def legacy_warning(names: Sequence[tuple[str, str]]) -> Headers:
    """Return that advice as `Warning` (RFC 7234, 5.5), or nothing."""
    if not names:
        return []
    quoted = without_controls(legacy_advice(names)).replace("\\", "\\\\").replace('"', '\\"')
    return [(b"warning", f'299 autorest "{quoted}"'.encode())]


def location(target: str, key: Sequence[tuple[str, str | None]]) -> tuple[bytes, bytes]:
    """Return `Location` for the row with this primary key."""
    query = "&".join(
        f"{quote(name, safe='')}={'is.null' if value is None else 'eq.' + quote(value, safe='')}" for name, value in key
    )
    return b"location", path(target) + b"?" + query.encode()


def path(name: str) -> bytes:
    """Return the path of a relation as PostgREST writes it, decoded; what would end the header is encoded."""
    return "".join(character if character.isprintable() else quote(character) for character in f"/{name}").encode()


def is_header(pair: tuple[str, object]) -> bool:
    """Whether SQL's name and value can be sent as a header (RFC 9110, 5.1 and 5.5)."""
    name, value = pair
    return isinstance(value, str) and bool(_TOKEN.fullmatch(name)) and not _CONTROL.search(value)


def without_controls(text: str) -> str:
    """Return a text of SQL's for a place in an answer's head, where a control character would end its line."""
    return _CONTROL.sub(" ", text)


def from_database(text: bytes | None) -> Headers:
    """Return the headers that SQL set in `response.headers`. Raises PGRST111 when it is no such list."""
    if text is None:
        return []
    try:
        entries = orjson.loads(text)
        if not isinstance(entries, list):
            raise ValueError(entries)
        pairs = [pair for entry in entries for pair in _single(entry)]
        return [(name.lower().encode(), value.encode()) for name, value in pairs]
    except (ValueError, TypeError, AttributeError):
        raise refuse(
            "PGRST111",
            "The setting response.headers is not a list of headers",
            None,
            'It must be a JSON array of objects with one key and a text each, like [{"X-Name": "value"}].',
        ) from None


def _single(entry: dict[str, str]) -> list[tuple[str, str]]:
    [pair] = entry.items()
    if not is_header(pair):
        raise ValueError(pair)
    return [pair]


def is_status(number: int | float) -> bool:
    """Whether an answer can have this status of SQL's: three digits, and the last of its request (RFC 9110, 15)."""
    return 200 <= number <= 999 and number == int(number)


def status_from_database(text: bytes | None) -> int | None:
    """Return the status that SQL set in `response.status`. Raises PGRST112 when it is no status."""
    if text is None:
        return None
    digits = text[: len(text) - len(text.lstrip(b"0123456789"))].lstrip(b"0")
    status = int(digits) if digits and len(digits) <= 3 else 0
    if not is_status(status):
        raise refuse(
            "PGRST112",
            "The setting response.status is not an HTTP status",
            None,
            "It must be a number from 200 to 999, like 201.",
        )
    return status


def retry_hint(status: int, names: Iterable[bytes]) -> Headers:
    """Return `Retry-After` for a 503 of SQL's that has none among its headers' `names`: nothing is to be waited for."""
    return [(b"retry-after", b"0")] if status == 503 and b"retry-after" not in names else []


def override(own: Headers, database: Headers) -> Headers:
    """Return both, without those of ours that the database set itself."""
    if not database:
        return own
    taken = {name for name, _ in database}
    return [header for header in own if header[0] not in taken] + database
