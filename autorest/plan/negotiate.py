"""Content negotiation: which handler renders the rows, labelled as which media type (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from autorest.catalog.model import Catalog, MediaHandler, QualifiedName
from autorest.errors import refuse
from autorest.plan.model import (
    CsvHandler,
    CustomHandler,
    Explain,
    GeoJsonHandler,
    Handler,
    JsonHandler,
    LinesHandler,
    Rendering,
    SingleHandler,
)
from autorest.request.media_types import JSON, NDJSON, parse_media_type, render_media_type
from autorest.request.model import MediaType

OBJECT = MediaType("application/vnd.pgrst.object+json")
STRIPPED = (("nulls", "stripped"),)
BUILT_IN: dict[str, tuple[Handler, MediaType]] = {
    "*/*": (JsonHandler(), JSON),
    "application/json": (JsonHandler(), JSON),
    "text/csv": (CsvHandler(), MediaType("text/csv")),
    NDJSON.essence: (LinesHandler(), NDJSON),
    "application/geo+json": (GeoJsonHandler(), MediaType("application/geo+json")),
}
PLAN_FORMATS = {
    "application/vnd.pgrst.plan": "text",
    "application/vnd.pgrst.plan+text": "text",
    "application/vnd.pgrst.plan+json": "json",
}
PLAN_OPTIONS = ("analyze", "verbose", "settings", "buffers", "wal")


def negotiate(
    catalog: Catalog, accepts: Sequence[MediaType], target: QualifiedName, *, whole_rows: bool, plan_enabled: bool
) -> Rendering:
    """Return how rows of `target` are rendered for the first acceptable media type.

    `whole_rows` says that nothing but `*` is selected: only then do handlers written for the
    relation apply. Raises PGRST107 when nothing acceptable can be made.
    """
    for accepted in accepts:
        rendering = _rendering(catalog, accepted, target, whole_rows)
        if rendering is not None and (plan_enabled or rendering.explain is None):
            return rendering
    listed = ", ".join(render_media_type(accepted) for accepted in accepts)
    raise refuse(
        "PGRST107",
        f"Nothing here can be represented as {listed}",
        None,
        "Ask for application/json, or define a handler for the media type you want.",
    )


def _rendering(catalog: Catalog, accepted: MediaType, target: QualifiedName, whole_rows: bool) -> Rendering | None:
    if accepted.essence in PLAN_FORMATS:
        return _explained(catalog, accepted, target, whole_rows)
    strip = accepted.parameter("nulls") == "stripped"
    match accepted.essence:
        case "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object":
            return object_rendering(strip_nulls=strip)
        case "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array":
            if strip:
                return rows_rendering(strip_nulls=True)
            accepted = JSON
    found = _handler(catalog, accepted.essence, target, whole_rows)
    if found is not None:
        return Rendering(CustomHandler(found.function, found.target), MediaType(found.media_type))
    built_in = BUILT_IN.get(accepted.essence)
    return Rendering(*built_in) if built_in else None


def rows_rendering(*, strip_nulls: bool) -> Rendering:
    """Return the built-in rendering as an array."""
    if strip_nulls:
        return Rendering(JsonHandler(True), MediaType("application/vnd.pgrst.array+json", STRIPPED))
    return Rendering(JsonHandler(), JSON)


def object_rendering(*, strip_nulls: bool) -> Rendering:
    """Return the rendering as one object."""
    return Rendering(SingleHandler(strip_nulls), MediaType(OBJECT.essence, STRIPPED if strip_nulls else ()))


def _handler(catalog: Catalog, essence: str, target: QualifiedName, whole_rows: bool) -> MediaHandler | None:
    handlers = catalog.media_handlers
    if whole_rows:
        own = handlers.get((target, "*/*")) or handlers.get((target, essence))
        if own is not None:
            return own
    return handlers.get((None, essence))


def _explained(catalog: Catalog, accepted: MediaType, target: QualifiedName, whole_rows: bool) -> Rendering | None:
    wanted = parse_media_type(accepted.parameter("for") or JSON.essence)
    inner = _rendering(catalog, wanted, target, whole_rows)
    if inner is None or inner.explain is not None:
        return None
    asked = (accepted.parameter("options") or "").split("|")
    options = tuple(option for option in PLAN_OPTIONS if option in asked)
    kind = PLAN_FORMATS[accepted.essence]
    parameters: tuple[tuple[str, str], ...] = (("for", render_media_type(_named(wanted, inner))),)
    if options:
        parameters = (*parameters, ("options", "|".join(options)))
    return Rendering(inner.handler, MediaType(f"application/vnd.pgrst.plan+{kind}", parameters), Explain(kind, options))


def _named(wanted: MediaType, found: Rendering) -> MediaType:
    """Return what the plan is for: as it was asked, our own media types by their full name."""
    if not wanted.essence.startswith("application/vnd.pgrst."):
        return MediaType(wanted.essence)
    return JSON if isinstance(found.handler, CustomHandler) else found.media_type
