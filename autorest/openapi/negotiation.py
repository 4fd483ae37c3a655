"""What a client gets at the root: the page, OpenAPI 3.1 or OpenAPI 2.0."""

from __future__ import annotations

from typing import Final

from autorest.errors import refuse
from autorest.request.media_types import is_array
from autorest.request.model import MediaType

V2: Final = "2.0"
V3: Final = "3.1"

_PAGE: Final = frozenset({"text/html", "application/xhtml+xml"})
_OPENAPI: Final = frozenset({"application/openapi+json", "application/vnd.oai.openapi+json"})
_ANY_VERSION: Final = frozenset({"application/json", "*/*"})
_VERSIONS: Final = {"2": V2, "2.0": V2, "3": V3, "3.1": V3, "3.1.0": V3, "3.1.1": V3}


def prefers_page(accept: tuple[MediaType, ...]) -> bool:
    """Tell whether HTML is preferred to the document; `accept` is ordered, most wanted first."""
    return next((media.essence in _PAGE for media in accept if media.essence in _PAGE or _version(media, V3)), False)


def choose_version(accept: tuple[MediaType, ...], configured: str) -> str:
    """Return `2.0` or `3.1`, whichever `accept` asks for first; `configured` where it leaves it open.

    A version is asked for with the media type's parameter, as in `application/openapi+json;version=3.1`.
    Without any media type everything is accepted. Raises `Refused` (PGRST107) where nothing
    acceptable can be made.
    """
    if not accept:
        return configured
    for media in accept:
        if version := _version(media, configured):
            return version
    wanted = ", ".join(media.essence for media in accept)
    raise refuse("PGRST107", f"The root can be had as application/openapi+json or text/html, not as {wanted}")


def content_type(version: str) -> str:
    """Return what the answer is labelled with; only 3.1 says its version, so that 2.0 is as PostgREST's."""
    parameter = "" if version == V2 else f";version={version}"
    return f"application/openapi+json{parameter}; charset=utf-8"


def _version(media: MediaType, configured: str) -> str | None:
    if media.essence in _ANY_VERSION or is_array(media):
        return configured
    if media.essence not in _OPENAPI:
        return None
    asked = media.parameter("version")
    return configured if asked is None else _VERSIONS.get(asked.strip('"'))
