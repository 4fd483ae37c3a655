"""From a request to its SQL: directly when the shape was seen before, else through the rooms."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from autorest.catalog.model import Catalog
from autorest.errors import Refused
from autorest.plan.model import InfoPlan, ReadPlan, RootPlan
from autorest.plan.planner import plan
from autorest.request.columns import parse_columns
from autorest.request.media_types import JSON
from autorest.request.model import ALL_ROWS, Action, ApiRequest, EmbedPath, JsonPayload, Payload, Range, RawPayload
from autorest.request.payload import parse_payload
from autorest.request.preconditions import parse_preconditions
from autorest.request.query import canonical, split_query
from autorest.request.ranges import restricted, top_range
from autorest.request.raw import Head, Heeded, RawRequest
from autorest.request.request import parse_request
from autorest.request.shape import Shape, split_ranges, split_shape
from autorest.response.respond import Facts
from autorest.snapshot import Snapshot
from autorest.sql.binding import Values
from autorest.template import Prepared
from autorest.trace import Trace

#: Requests with longer query strings are not remembered as they are.
MOST_REMEMBERED = 512
#: Of requests with longer paths, query strings or keys not even the template is.
MOST_SHARED = 8192


def prepare(
    snapshot: Snapshot,
    catalog: Catalog,
    raw: RawRequest,
    head: Head,
    trace: Trace | None = None,
    parsed: ApiRequest | None = None,
) -> Prepared | InfoPlan | ApiRequest:
    """Go from the request to its SQL: directly when the shape was seen before, else through the rooms.

    `parsed` is what `parse_request` made of it, where that was done already. Returns the request itself when it asks
    for the description of the API. What was prepared for a GET is kept for the next one that is the same.
    """
    exactly = None
    if raw.method == "GET" and head.terms is not None and len(raw.query_string) <= MOST_REMEMBERED:
        exactly = (raw.path, raw.query_string, head.terms)
        if (known := snapshot.templates.recall(exactly)) is not None:
            if trace is not None:
                trace.mark("parse")
            return known
    heeded = head.heeded
    parameters = split_query(raw.query_string)
    query_shape, tails, has_range = split_shape(parameters)
    ranges: dict[EmbedPath, Range] = {}
    top, satisfiable = ALL_ROWS, True
    header = heeded.range.decode("latin-1") if heeded.range is not None and raw.method == "GET" else None
    if has_range or header is not None:
        try:
            ranges = split_ranges(parameters)
            top = ranges[()] = top_range(raw.method, ranges.get((), ALL_ROWS), header)
        except Refused:
            # Something else may be wrong before that: the whole grammar finds it.
            satisfiable = False
    json = _json_payload(raw, heeded, parameters, parsed)
    shareable = satisfiable and head.terms is not None
    shape = _shape(raw, heeded, query_shape, top != ALL_ROWS, json) if shareable else None
    payload: Payload | None = json
    template = snapshot.templates.get(shape) if shape is not None else None
    if trace is not None:
        trace.mark("parse")
    if template is None:
        request = parsed or parse_request(
            raw.method, raw.path, raw.query_string, raw.headers, raw.body, snapshot.request_settings
        )
        if trace is not None:
            trace.mark("parse")
        try:
            planned = plan(request, catalog, snapshot.settings)
        except Refused as refused:
            if shape is not None and _is_readable(query_shape, has_range or header is not None):
                snapshot.templates.refuse(shape, refused.error)
                if exactly is not None:
                    snapshot.templates.refuse(exactly, refused.error)
            raise
        if isinstance(planned, InfoPlan):
            return planned
        if isinstance(planned, RootPlan):
            return request
        template = snapshot.template(planned, request, ranged=top != ALL_ROWS)
        payload = request.payload
        if shape is not None:
            snapshot.templates.put(shape, template)
    values = Values(tails, body=_body(payload))
    if ranges or snapshot.max_rows is not None:
        ranges.setdefault((), ALL_ROWS)
        values = values._replace(
            ranges={path: restricted(rows, snapshot.max_rows) for path, rows in ranges.items()},
            default_range=restricted(ALL_ROWS, snapshot.max_rows),
        )
    query = canonical(parameters) if parameters and isinstance(template.plan, ReadPlan) else ""
    asked = None if template.guard is None else parse_preconditions(heeded.if_match, heeded.if_none_match)
    prepared = Prepared(template, template.statements(values), Facts(top, query, asked), values)
    if exactly is not None:
        snapshot.templates.remember(exactly, prepared)
    return prepared


_WRITES = {"POST": Action.INSERT, "PUT": Action.UPSERT, "PATCH": Action.UPDATE}


def _json_payload(
    raw: RawRequest, heeded: Heeded, parameters: Sequence[tuple[str, str | None]], parsed: ApiRequest | None
) -> JsonPayload | None:
    """Read a JSON body for its keys, which are part of the shape; None for what the whole grammar must look at."""
    if raw.method not in _WRITES or heeded.content_type not in (None, b"application/json"):
        return None
    if parsed is not None:
        return parsed.payload if isinstance(parsed.payload, JsonPayload) else None
    action = Action.CALL if raw.path.startswith(b"/rpc/") else _WRITES[raw.method]
    listed = next((value for name, value in parameters if name == "columns"), None)
    try:
        columns = None if listed is None else tuple(sorted(set(parse_columns("columns", listed))))
        payload = parse_payload(raw.body, JSON, action, columns)
    except Refused:
        return None
    return payload if isinstance(payload, JsonPayload) else None


def _shape(
    raw: RawRequest, heeded: Heeded, query_shape: Shape, ranged: bool, payload: JsonPayload | None
) -> Hashable | None:
    """Return what requests must have in common to share a template; None when it cannot be shared.

    `ranged` tells whether not all rows are asked for, at the top: without that the rows need not be counted twice.
    """
    if len(raw.path) + len(raw.query_string) > MOST_SHARED:
        return None
    if raw.method in _WRITES and (payload is None or _is_long(payload.keys)):
        return None
    if not _is_filtered(raw, payload) and not _is_readable(query_shape, False):
        # Its SQL does not have the lists of the filters, and would not find what is wrong with them.
        return None
    return (
        raw.method,
        raw.path,
        query_shape,
        heeded.accept,
        heeded.prefer,
        heeded.accept_profile,
        heeded.content_profile,
        ranged,
        (payload.keys, payload.is_object) if payload is not None else None,
        raw.method != "GET" and (heeded.if_match is not None or heeded.if_none_match is not None),
    )


def _is_filtered(raw: RawRequest, payload: JsonPayload | None) -> bool:
    """Tell whether the SQL has the filters: an insert has none, nor has an update of nothing."""
    match raw.method:
        case "POST":
            return raw.path.startswith(b"/rpc/")
        case "PATCH":
            return payload is not None and bool(payload.keys)
    return True


def _is_long(keys: Sequence[str]) -> bool:
    return len(keys) > MOST_SHARED or sum(map(len, keys)) > MOST_SHARED


def _is_readable(query_shape: Shape, ranged: bool) -> bool:
    """Tell whether no value can make a request of this shape one that the grammar refuses, before the planner does."""
    return not ranged and not any(isinstance(part, tuple) and str(part[1]).endswith("in.") for part in query_shape)


def _body(payload: Payload | None) -> bytes:
    match payload:
        case JsonPayload(text=text):
            return text
        case RawPayload(content):
            return content
    return b""
