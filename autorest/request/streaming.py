"""Which bodies are not waited for: large ones of rows to insert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from autorest.request.media_types import parse_media_type
from autorest.request.rows import ROW_TYPES

#: Bytes. A body that is not longer is read whole, and inserted by one statement.
STREAMED_FROM: Final = 1 << 20


def is_streamed(method: str, path: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Tell whether a large body can be inserted while it arrives: rows for a relation, none of which come back."""
    if method != "POST" or path == b"/" or path.count(b"/") != 1:
        return False
    content_type = next((value for name, value in headers if name == b"content-type"), b"")
    if parse_media_type(content_type.decode("latin-1")).essence not in ROW_TYPES:
        return False
    # Execution plans and rows that were written are of one statement.
    return not any(
        (name == b"prefer" and b"representation" in value) or (name == b"accept" and b"vnd.pgrst.plan" in value.lower())
        for name, value in headers
    )
