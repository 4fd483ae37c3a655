"""Media types: what `Accept` and `Content-Type` say (RFC 9110, sections 8.3.1 and 12.5.1)."""

from __future__ import annotations

import re
from typing import Final

from autorest.request.limits import MAX_MEDIA_TYPES
from autorest.request.model import MediaType

#: Fewer characters than a token may have, and dots in values for versions: PostgREST's, which ends at any other.
_ESSENCE: Final = re.compile(r"((?:[^\W_]|[.*])+/(?:[^\W_]|[.*+-])+)")
_PARAMETER: Final = re.compile(
    r'\s*;\s*((?:[^\W_]|-)+)\s*=\s*(?:"([^"\\]*+(?:\\.[^"\\]*+)*)"|((?:[^\W_]|[|.-])+))', re.DOTALL
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_BARE_VALUE: Final = re.compile(r"[0-9A-Za-z|.-]+")
_TO_QUOTE: Final = re.compile(r'["\\]')
# PostgREST writes the parameters of these without a space, and its clients compare the text.
_COMPACT: Final = frozenset(("application/vnd.pgrst.array+json", "application/vnd.pgrst.object+json"))
#: What has parameters; any other type is the text that a domain is named by, and is compared letter by letter.
_PARAMETRIC: Final = frozenset(
    (
        "*/*",
        "application/geo+json",
        "application/json",
        "application/octet-stream",
        "application/openapi+json",
        "application/vnd.oai.openapi+json",
        "application/vnd.pgrst.array",
        "application/vnd.pgrst.array+json",
        "application/vnd.pgrst.object",
        "application/vnd.pgrst.object+json",
        "application/vnd.pgrst.plan",
        "application/vnd.pgrst.plan+json",
        "application/vnd.pgrst.plan+text",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
        "text/csv",
        "text/plain",
        "text/xml",
    )
)
_WEIGHT: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)

ANY: Final = MediaType("*/*")
JSON: Final = MediaType("application/json")
CSV: Final = MediaType("text/csv")
_ARRAYS: Final = frozenset(("application/vnd.pgrst.array+json", "application/vnd.pgrst.array"))
#: One JSON object a line; PostgREST does not have it.
NDJSON: Final = MediaType("application/x-ndjson")


def parse_media_type(text: str) -> MediaType:
    """Read one media type; of a parameter given twice the last counts, what is no parameter ends the list.

    Of the types that PostgREST knows by name. Any other text, a media type or not, is returned whole as the
    essence, as it is written: only a handler of that very name makes it.
    """
    stripped = text.strip()
    found = _ESSENCE.match(stripped)
    essence = found[1].lower() if found is not None else ""
    if found is None or essence not in _PARAMETRIC:
        return MediaType(stripped)
    position = found.end()
    if position == len(stripped):
        return MediaType(essence)
    parameters: dict[str, str] = {}
    while (parameter := _PARAMETER.match(stripped, position)) is not None:
        name, quoted, token = parameter.groups()
        parameters[name.lower()] = token if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
        position = parameter.end()
    return MediaType(essence, tuple(parameters.items()))


def parse_content_type(text: str) -> MediaType:
    """Read the type of a body: an array of PostgREST's own type is JSON, unless its nulls are left out."""
    found = parse_media_type(text)
    return found._replace(essence=JSON.essence) if is_array(found) else found


def is_array(media_type: MediaType) -> bool:
    """Tell whether it is PostgREST's own type of an array that is JSON: one whose nulls are not left out."""
    return media_type.essence in _ARRAYS and media_type.parameter("nulls") != "stripped"


def parse_accept(header: str | None) -> tuple[MediaType, ...]:
    """Return the acceptable media types, the preferred ones first; `*/*` where there is no header.

    By weight, then by how specific they are (parameters count for, asterisks against), then as written.
    Parameters after the weight belong to no type (RFC 9110 no longer has them) and are dropped.
    A weight of 0 puts a type last, it does not exclude it: so does PostgREST.
    """
    if header is None:
        return (ANY,)
    if not header:
        return ()
    if "," not in header and ";" not in header:
        return (parse_media_type(header.replace(" ", "")),)
    weighted: list[tuple[float, int, MediaType]] = []
    for part in header.split(",", MAX_MEDIA_TYPES)[:MAX_MEDIA_TYPES]:
        text, _, rest = part.replace(" ", "").partition(";q=")
        specificity = text.count(";") - text.count("*")
        weighted.append((_weight(rest), specificity, parse_media_type(text)))
    weighted.sort(key=lambda entry: entry[:2], reverse=True)
    return tuple([media_type for _, _, media_type in weighted])


def render_media_type(media_type: MediaType) -> str:
    """Return the media type as it is written in a header; values that could not be read otherwise are quoted."""
    separator = ";" if media_type.essence in _COMPACT else "; "
    return media_type.essence + "".join(
        [f"{separator}{name}={_rendered_value(value)}" for name, value in media_type.parameters]
    )


def _rendered_value(value: str) -> str:
    return value if _BARE_VALUE.fullmatch(value) else '"' + _TO_QUOTE.sub(r"\\\g<0>", value) + '"'


def _weight(text: str) -> float:
    found = _WEIGHT.match(text)
    return float(found[0]) if found is not None else 1.0
