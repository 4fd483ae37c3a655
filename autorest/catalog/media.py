"""Handlers of media types, from the rows of the catalog's queries."""

from __future__ import annotations

import re

from autorest.catalog.model import MediaHandler, QualifiedName
from autorest.catalog.rows import Row

#: RFC 6838, section 4.2, as far as the name of a domain may go; and the name that stands for any of them.
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9.-]+/[A-Za-z0-9.+-]+|\*/\*")
_ANY = "*/*"
#: What an answer to any media type is labelled with.
_UNKNOWN_CONTENT = "application/octet-stream"
#: Media types that are labelled in one spelling, however the domain's name is written.
_WELL_KNOWN = frozenset(
    {
        "application/geo+json",
        "application/json",
        "application/octet-stream",
        "application/openapi+json",
        "application/x-www-form-urlencoded",
        "text/csv",
        "text/plain",
        "text/xml",
    }
)
#: Media types that the gateway answers in its own way; nothing can take their place.
_RESERVED = re.compile(r"application/vnd\.pgrst\.(plan|object|array)(\+json|\+text)?")


def media_handler(row: Row) -> tuple[tuple[QualifiedName | None, str], MediaHandler] | None:
    """Make an entry of `Catalog.media_handlers` of a row of queries/media_handlers.sql.

    Returns None when the domain's name is no media type, or one that cannot be handled.
    """
    written: str = row["media_type"]
    media_type = written.lower()
    if not _MEDIA_TYPE.fullmatch(written) or _RESERVED.fullmatch(media_type):
        return None
    label = media_type if media_type in _WELL_KNOWN else written
    target = QualifiedName(row["target_schema"], row["target_name"]) if row["target_name"] else None
    handler = MediaHandler(
        function=QualifiedName(row["schema"], row["name"]),
        target=target,
        media_type=_UNKNOWN_CONTENT if written == _ANY else label,
    )
    return (target, label), handler
