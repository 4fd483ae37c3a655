"""The character set of a body: what its content type says, and the text that its bytes then are."""

from __future__ import annotations

import codecs
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Final, NamedTuple

from autorest.errors import Refused, refuse
from autorest.request.model import MediaType
from autorest.request.scanner import excerpt

UTF_8: Final = frozenset(("utf-8", "utf8", "us-ascii", "ascii"))
# Character sets that have no other name in Python.
_UNALIASED: Final = (
    *("cp1006", "cp720", "cp737", "cp856", "cp874", "cp875", "koi8_t", "koi8_u", "mac_arabic", "mac_croatian"),
    *("mac_farsi", "mac_romanian", "palmos", "utf_8_sig"),
)
# Python keeps what it is asked for, also what it does not know: it is asked for nothing that clients make up.
_NAMES: Final = frozenset((*aliases, *aliases.values(), *_UNALIASED))


class Decoder(NamedTuple):
    """Decodes a text that arrives in pieces, which may end within a character."""

    charset: str
    inner: codecs.IncrementalDecoder

    @classmethod
    def of(cls, content_type: MediaType) -> Decoder:
        """Raises: Refused (PGRST102) for a character set that nobody knows."""
        charset = charset_of(content_type)
        try:
            return cls(charset, codecs.getincrementaldecoder(_known(charset))())
        except LookupError:
            raise _unknown(charset) from None

    def decode(self, piece: bytes, *, final: bool = False) -> str:
        """Raises: Refused (PGRST102) where the bytes are in another character set."""
        try:
            return self.inner.decode(piece, final)
        except UnicodeError:
            raise _other(self.charset) from None


def charset_of(content_type: MediaType) -> str:
    """Return the name of the character set, UTF-8 where the content type does not say."""
    return (content_type.parameter("charset") or "utf-8").lower()


def in_utf_8(body: bytes, content_type: MediaType) -> bytes:
    """Return a whole body in UTF-8; one that says it is already is returned as it is.

    Raises: Refused (PGRST102).
    """
    charset = content_type.parameter("charset")
    if charset is None or charset.lower() in UTF_8:
        return body
    charset = charset.lower()
    try:
        return body.decode(_known(charset)).encode()
    except LookupError:
        raise _unknown(charset) from None
    except UnicodeError:
        raise _other(charset) from None


def _known(charset: str) -> str:
    """Return the name of a character set as Python writes it. Raises LookupError for one that nobody knows."""
    name = normalize_encoding(charset)
    if name not in _NAMES:
        raise LookupError(charset)
    try:
        # Python's codecs that are not of texts, such as hex, raise LookupError.
        b" ".decode(name)
    except UnicodeError:
        return name
    return name


def _unknown(charset: str) -> Refused:
    return refuse("PGRST102", f"The charset {excerpt(charset)} is not known", "Send the body in UTF-8.")


def _other(charset: str) -> Refused:
    return refuse("PGRST102", f"The body is not in the charset {excerpt(charset)}", "Send the body in UTF-8.")
