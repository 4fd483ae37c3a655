"""What all operations of the document share: parameters, headers and the answers that are no success."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from autorest.request import media_types

Json = dict[str, Any]

JSON: Final = "application/json"
OBJECT: Final = "application/vnd.pgrst.object+json"
STRIPPED_OBJECT: Final = "application/vnd.pgrst.object+json;nulls=stripped"
STRIPPED_ARRAY: Final = "application/vnd.pgrst.array+json;nulls=stripped"
CSV: Final = media_types.CSV.essence
NDJSON: Final = media_types.NDJSON.essence
GEOJSON: Final = "application/geo+json"
FORM: Final = "application/x-www-form-urlencoded"

FILTER_PATTERN: Final = (
    r"^(not\.)?("
    r"(eq|gte?|lte?|i?like|i?match)(\((any|all)\))?\."
    r"|(neq|isdistinct|cs|cd|ov|sl|sr|nxr|nxl|adj)\."
    r"|in\.\(.*\)$"
    r"|is\.(null|not_null|true|false|unknown)$"
    r"|(|pl|ph|w)fts(\([^)]*\))?\."
    r")"
)

_FILTER: Final = """A condition on one column: an operator, a dot and a value, as in `eq.5`. `not.` in front negates it.

| operator | is true where the column |
|---|---|
| `eq` `neq` | equals the value, or does not |
| `gt` `gte` `lt` `lte` | is greater, greater or equal, less, less or equal |
| `like` `ilike` | matches a pattern, `*` standing for any text; `ilike` ignores case |
| `match` `imatch` | matches a POSIX regular expression; `imatch` ignores case |
| `in.(a,b,"c,d")` | is one of the list |
| `is.null` `is.not_null` `is.true` `is.false` `is.unknown` | is just that |
| `isdistinct` | differs, null counted as a value |
| `fts` `plfts` `phfts` `wfts` | matches a full-text query, `fts(english).cat` with a configuration |
| `cs` `cd` `ov` | contains, is contained in, overlaps (arrays, ranges, JSON) |
| `sl` `sr` `nxr` `nxl` `adj` | of ranges: left of, right of, not beyond to the right, or left, next to |

`eq gt gte lt lte like ilike match imatch` take `(any)` or `(all)` and a list: `like(any).{O*,P*}`.
"""

_LOGIC: Final = (
    "Conditions joined by {word}, in parentheses: `(age.lt.18,age.gt.65)`. They may be nested and negated: "
    "`(a.eq.1,not.and(b.gte.0,b.lte.9))`."
)

_SELECT: Final = """The columns to return, separated by commas; all of them (`*`) when left out.

`alias:column` renames, `column::text` casts, `data->a->>b` looks into JSON, `column.sum()` aggregates where that is
switched on. `other(*)` embeds the rows of a related table or view, `...other(name)` spreads them into the row,
`other!inner(*)` leaves out rows without any. Other columns than all change the shape of the answer.
"""

_PREFER: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "return": (
        "`return=minimal` (the default), `headers-only` or `representation`: what the answer holds of the rows written",
        ("return=representation", "return=headers-only", "return=minimal"),
    ),
    "count": (
        "`count=exact`, `planned` or `estimated`: the total in `Content-Range`",
        ("count=exact", "count=planned", "count=estimated"),
    ),
    "resolution": (
        "`resolution=merge-duplicates` or `ignore-duplicates`: update, or skip, rows that exist already",
        ("resolution=merge-duplicates", "resolution=ignore-duplicates"),
    ),
    "missing": (
        "`missing=default`: columns that the body leaves out get their default, not null",
        ("missing=default",),
    ),
    "max-affected": (
        "`max-affected=10`, with `handling=strict`: change nothing if it were more rows",
        ("handling=strict, max-affected=10",),
    ),
    "handling": ("`handling=strict`: refuse preferences that are not understood", ("handling=strict",)),
    "timezone": ("`timezone=Europe/Zurich`: the time zone of timestamps", ("timezone=Europe/Zurich",)),
    "tx": ("`tx=rollback`: try it and undo it, where the server allows that", ("tx=rollback",)),
}

#: Which preferences mean something to which kind of operation; the key is the parameter's.
_PREFER_SETS: Final[Mapping[str, tuple[str, ...]]] = {
    "preferRead": ("count", "timezone", "handling"),
    "preferInsert": ("return", "resolution", "missing", "count", "timezone", "handling", "tx"),
    "preferUpdate": ("return", "missing", "max-affected", "count", "timezone", "handling", "tx"),
    "preferUpsert": ("return", "count", "timezone", "handling", "tx"),
    "preferDelete": ("return", "max-affected", "count", "timezone", "handling", "tx"),
    "preferCall": ("count", "max-affected", "timezone", "handling", "tx"),
}


class _Failure(NamedTuple):
    name: str
    description: str
    code: str
    message: str
    headers: tuple[str, ...] = ()


_FAILURES: Final[Mapping[int, _Failure]] = {
    300: _Failure(
        "MultipleChoices",
        "More than one relationship (`PGRST201`) or function (`PGRST203`) could be meant; `details` lists them.",
        "PGRST201",
        "More than one relationship fits 'orders' and 'addresses'",
    ),
    400: _Failure(
        "BadRequest",
        "The query string (`PGRST100`), the body (`PGRST102`), a relationship (`PGRST200`), a column (`PGRST204`) or a "
        "preference (`PGRST122`) is wrong, or PostgreSQL refused a value or a constraint (its SQLSTATE).",
        "PGRST100",
        "The filter cannot be read",
    ),
    401: _Failure(
        "Unauthorized",
        "The token cannot be read or verified (`PGRST301`), is missing (`PGRST302`), or its claims do not hold, it has "
        "expired for one (`PGRST303`); or the anonymous role lacks a privilege (`42501`).",
        "PGRST303",
        "The JWT expired",
        ("WWW-Authenticate",),
    ),
    403: _Failure(
        "Forbidden",
        "The token's role lacks a privilege, or row-level security refuses the row (`42501`).",
        "42501",
        "permission denied for table orders",
    ),
    404: _Failure(
        "NotFound",
        "There is no such table or view (`PGRST205`, `42P01`) or no function with these arguments (`PGRST202`).",
        "PGRST205",
        "There is no table or view 'api.orders' in the schema cache",
    ),
    405: _Failure(
        "MethodNotAllowed",
        "The method is not to be had here: a function that writes was called in a read-only transaction (`25006`), or "
        "the filters of a PUT are not exactly the primary key (`PGRST105`).",
        "PGRST105",
        "PUT needs an eq filter on each column of the primary key, and nothing else",
    ),
    406: _Failure(
        "NotAcceptable",
        "None of the media types in `Accept` can be made (`PGRST107`), one object was asked for and the result is not "
        "one row (`PGRST116`), or the schema in the profile header is not exposed (`PGRST106`).",
        "PGRST116",
        "One row was asked for, and the result has none",
    ),
    409: _Failure(
        "Conflict",
        "The row exists already (`23505`) or is referred to, or refers to one that does not exist (`23503`).",
        "23505",
        'duplicate key value violates unique constraint "orders_pkey"',
    ),
    412: _Failure(
        "PreconditionFailed",
        "The row is another one than `If-Match` names, or is gone; or `If-None-Match` rules out what is there "
        "(`HTTP412`). Nothing was changed: read it again.",
        "HTTP412",
        "A precondition of the request does not hold",
    ),
    413: _Failure("ContentTooLarge", "The body is longer than the server takes.", "PGRST102", "The body is too long"),
    416: _Failure(
        "RangeNotSatisfiable",
        "The offset lies beyond the last row while rows are counted exactly, or the limits make no range (`PGRST103`).",
        "PGRST103",
        "The range cannot be satisfied",
        ("Content-Range",),
    ),
    500: _Failure(
        "InternalServerError",
        "The database failed, or a function set a status or headers that make no answer (`PGRST111`, `PGRST112`).",
        "XX000",
        "internal error",
    ),
    503: _Failure(
        "ServiceUnavailable",
        "The database cannot be reached (`PGRST000`, `PGRST001`, `PGRST002`).",
        "PGRST001",
        "The database cannot be reached",
        ("Retry-After",),
    ),
    504: _Failure(
        "GatewayTimeout",
        "No connection to the database became free in time (`PGRST003`).",
        "PGRST003",
        "No connection became free in time",
    ),
}

_ALWAYS: Final = (400, 401, 403, 404, 406, 500, 503, 504)

_HEADERS: Final[Mapping[str, tuple[str, Json, str | int]]] = {
    "Content-Range": ("First and last row, and the total if it was counted", {"type": "string"}, "0-24/3573"),
    "Content-Location": ("The target with its parameters in order", {"type": "string"}, "/orders?id=eq.1"),
    "ETag": (
        "The tag of this answer, for `If-None-Match` of a GET and `If-Match` of a write with the same URL",
        {"type": "string"},
        '"5ee1a2b0c4d3f697"',
    ),
    "Preference-Applied": ("The preferences that were honoured", {"type": "string"}, "return=representation"),
    "WWW-Authenticate": ("What is wrong with the token (RFC 6750)", {"type": "string"}, "Bearer"),
    "Retry-After": ("Seconds to wait before trying again", {"type": "integer", "minimum": 0}, 1),
}


def parameter(key: str) -> Json:
    return {"$ref": f"#/components/parameters/{key}"}


def schema(key: str) -> Json:
    return {"$ref": f"#/components/schemas/{key}"}


def response(key: str, description: str) -> Json:
    """Return a reference to a response, described as it is meant in this place."""
    return {"$ref": f"#/components/responses/{key}", "description": description}


def headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def failures(*statuses: int) -> Json:
    """Return the answers every operation may give, and those of `statuses`."""
    responses: Json = {
        str(status): {"$ref": f"#/components/responses/{_FAILURES[status].name}"}
        for status in sorted({*_ALWAYS, *statuses})
    }
    responses["default"] = {"$ref": "#/components/responses/Error"}
    return responses


def not_modified() -> Json:
    """Return the answer to what a client has already, by its status."""
    return {"304": {"$ref": "#/components/responses/NotModified"}}


def components(profiles: tuple[str, ...]) -> Json:
    """Return the shared components; `profiles` are the schemas a client may choose from."""
    return {
        "schemas": {"Error": _error_schema(), "Filter": _filter_schema()},
        "parameters": {**_parameters(), **_profile_parameters(profiles)},
        "headers": {
            name: {"description": description, "schema": schema, "example": example}
            for name, (description, schema, example) in _HEADERS.items()
        },
        "responses": {
            **{failure.name: _failure(failure) for failure in _FAILURES.values()},
            "Done": {
                "description": "Done",
                "headers": headers("Content-Range", "Preference-Applied"),
            },
            "NotModified": {
                "description": "The client has this answer already: its tag is in `If-None-Match`.",
                "headers": headers("ETag"),
            },
            "Error": {
                "description": "Any other error, such as one that a function raises with a status of its own.",
                "content": {JSON: {"schema": schema("Error")}},
            },
        },
        "securitySchemes": {
            "JWT": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A JSON Web Token. Its role claim names the database role the request runs as.",
            }
        },
    }


def _error_schema() -> Json:
    text = {"type": ["string", "null"]}
    return {
        "type": "object",
        "description": "What went wrong.",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string", "description": "A PGRST code, or PostgreSQL's SQLSTATE"},
            "message": {"type": "string"},
            "details": {
                "description": "What exactly, or the choices there were",
                "type": ["string", "array", "null"],
                "items": {"type": "object", "additionalProperties": {"type": "string"}},
            },
            "hint": {**text, "description": "What to do about it"},
        },
    }


def _failure(failure: _Failure) -> Json:
    response: Json = {
        "description": failure.description,
        "content": {
            JSON: {
                "schema": schema("Error"),
                "example": {"code": failure.code, "message": failure.message, "details": None, "hint": None},
            }
        },
    }
    if failure.headers:
        response["headers"] = headers(*failure.headers)
    return response


def _parameters() -> Json:
    def query(name: str, description: str, schema: Json) -> Json:
        return {"name": name, "in": "query", "description": description, "schema": schema}

    text, count = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}
    logic = {"type": "string", "pattern": r"^\(.+\)$"}
    return {
        "select": query("select", _SELECT, text),
        "order": query(
            "order",
            "The order of the rows: columns separated by commas, each with `.asc` or `.desc` and `.nullsfirst` or "
            "`.nullslast` if need be, as in `created_at.desc.nullslast,id`.",
            text,
        ),
        "limit": query("limit", "At most so many rows.", count),
        "offset": query("offset", "Leave out so many rows at the start.", count),
        "and": query("and", _LOGIC.format(word="AND"), logic),
        "or": query("or", _LOGIC.format(word="OR"), logic),
        "columns": query(
            "columns", "The columns to write, separated by commas; other keys of the body are ignored.", text
        ),
        "on_conflict": query(
            "on_conflict",
            "The columns, separated by commas, that tell whether a row exists already; the primary key by default.",
            text,
        ),
        "Range": {
            "name": "Range",
            "in": "header",
            "description": "First and last row, counted from 0; the last may be left out. Of GET only.",
            "schema": {"type": "string", "pattern": "^[0-9]+-[0-9]*$"},
            "example": "0-24",
        },
        "If-Match": {
            "name": "If-Match",
            "in": "header",
            "description": "Write only if GET of this URL still has one of these tags; `*`: if there is a row.",
            "schema": {"type": "string"},
        },
        "If-None-Match": {
            "name": "If-None-Match",
            "in": "header",
            "description": "Answer 304 to a GET that would have one of these tags. In a PUT, `*`: create only.",
            "schema": {"type": "string"},
        },
        **{key: _prefer(names) for key, names in _PREFER_SETS.items()},
    }


def _prefer(names: tuple[str, ...]) -> Json:
    chosen = [_PREFER[name] for name in names]
    lines = "".join(f"\n- {description}" for description, _ in chosen)
    return {
        "name": "Prefer",
        "in": "header",
        "description": f"What the client would like (RFC 7240), separated by commas:\n{lines}",
        "schema": {"type": "string"},
        "examples": {example: {"value": example} for _, examples in chosen for example in examples},
    }


def _profile_parameters(profiles: tuple[str, ...]) -> Json:
    if len(profiles) < 2:
        return {}
    return {
        header: {
            "name": header,
            "in": "header",
            "description": f"The schema to use. {profiles[0]} when left out.",
            "schema": {"type": "string", "enum": list(profiles)},
        }
        for header in ("Accept-Profile", "Content-Profile")
    }


def filter_parameter(name: str, description: str | None) -> Json:
    """Return the parameter that filters by the column `name`, as the query string writes it."""
    how = "An operator and a value, such as `eq.value`. See the schema for all operators."
    return {
        "name": name,
        "in": "query",
        "description": how if description is None else f"{description}\n\n{how}",
        "schema": schema("Filter"),
    }


def _filter_schema() -> Json:
    return {"type": "string", "description": _FILTER, "pattern": FILTER_PATTERN}
