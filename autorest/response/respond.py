"""The rows of a plan as an answer: status, headers and body by kind of plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from autorest.errors import Error, refuse
from autorest.plan.model import CallPlan, Insert, MutatePlan, NoBody, ReadPlan
from autorest.request.media_types import render_media_type
from autorest.request.model import Action, MediaType, Preferences, Range
from autorest.request.preconditions import Preconditions
from autorest.response.errors import error_response
from autorest.response.headers import (
    VARY,
    content_length,
    content_range,
    from_database,
    legacy_warning,
    location,
    open_range,
    override,
    path,
    preference_applied,
    retry_hint,
    status_from_database,
)
from autorest.response.model import Answer, Headers, Response, Stream
from autorest.response.tags import REVALIDATED, Tagger, tag_of

#: Statuses of answers that never have a body (RFC 9110, 15.3.5 and 15.4.5).
BODILESS = frozenset((204, 304))
#: Media types that are text in a known character set; others say nothing of one.
CHARSET = "; charset=utf-8"
TEXTUAL = frozenset(
    (
        "application/json",
        "application/geo+json",
        "application/x-ndjson",
        "text/csv",
        "text/plain",
        "text/xml",
        "application/openapi+json",
        "application/vnd.pgrst.object+json",
        "application/vnd.pgrst.array+json",
        "application/vnd.pgrst.plan+json",
        "application/vnd.pgrst.plan+text",
    )
)


class Facts(NamedTuple):
    """What of the request the answer goes by: the rows asked for, the query string in its canonical form, and what a
    write depends on."""

    range: Range
    query: str = ""
    preconditions: Preconditions | None = None


class Beginning(NamedTuple):
    """What is known of an answer while its rows are still being read.

    total     rows in all, None when not counted; `is_exact` when they were, and not only estimated
    most      how many rows were asked for at most
    headers   the text of `response.headers`, status that of `response.status`, as they were before the rows
    """

    total: int | None
    is_exact: bool
    most: int | None
    headers: bytes | None
    status: bytes | None


@dataclass(frozen=True, slots=True)
class Responder:
    """Answers every request of one plan. What does not depend on the rows is encoded once.

    `content` are the headers that tell what the body is, `fixed` those that are always the same; `tagger` makes the
    tags of answers that have one.
    """

    plan: ReadPlan | MutatePlan | CallPlan
    content: tuple[tuple[bytes, bytes], ...]
    fixed: tuple[tuple[bytes, bytes], ...]
    location: bytes
    headers_only: bool
    verbose: bool
    tagger: Tagger | None

    @classmethod
    def of(
        cls,
        plan: ReadPlan | MutatePlan | CallPlan,
        *,
        profile: str | None,
        headers_only: bool,
        verbose: bool,
        tagged: bool,
    ) -> Responder:
        """`profile` is the schema to name in Content-Profile, if any; `tagged` tells whether answers get an `ETag`."""
        content = content_headers(plan.rendering.media_type, profile)
        rendered = not isinstance(plan.rendering.handler, NoBody)
        return cls(
            plan,
            tuple(content),
            (*preference_applied(_applied(plan)), *legacy_warning(plan.legacy), VARY),
            path(plan.relation.name) if isinstance(plan, ReadPlan) else b"",
            headers_only,
            verbose,
            Tagger(content[0][1]) if tagged and rendered else None,
        )

    def respond(self, answer: Answer, facts: Facts) -> Response:
        """Raises PGRST111 and PGRST112 when SQL set headers or a status that are none."""
        plan = self.plan
        if isinstance(plan, MutatePlan):
            status, headers, body = self._mutation(answer)
        elif isinstance(plan, CallPlan) and plan.routine.returns_void:
            status, headers, body = 204, [_range_status(answer, facts.range)[1], *self.fixed], b""
        else:
            status, headers, body = self._rows(answer, facts)
        if answer.status is not None or answer.headers is not None:
            status = status_from_database(answer.status) or status
            headers = override(headers, from_database(answer.headers))
            headers += retry_hint(status, [name for name, _ in headers])
        if status in BODILESS:
            return Response(status, headers)
        if not self.headers_only:
            headers.append(content_length(body))
        tagger = self.tagger
        if tagger is not None and (status == 200 or status == 206) and (answer.headers is None or not tag_of(headers)):
            plain = answer.total is None and not facts.range.offset
            headers.append((b"etag", tagger.tag(body, b"" if plain else _range_status(answer, facts.range)[1][1])))
            if answer.headers is None or not any(name == b"cache-control" for name, _ in headers):
                headers.append(REVALIDATED)
        return Response(status, headers, body)

    def begin(self, beginning: Beginning, facts: Facts, stream: Stream) -> Response:
        """Answer with rows that `stream` is to give, unless the status forbids a body.

        Raises PGRST111 and PGRST112 when SQL set headers or a status that are none.
        """
        status, span = _open_status(beginning, facts.range.offset)
        status = status_from_database(beginning.status) or status
        headers = override(self._row_headers(span, facts), from_database(beginning.headers))
        headers += retry_hint(status, [name for name, _ in headers])
        return Response(status, headers, stream=None if self.headers_only or status in BODILESS else stream)

    def explain(self, body: bytes) -> Response:
        """Answer with an execution plan."""
        return Response(200, [*self.content, content_length(body), *legacy_warning(self.plan.legacy), VARY], body)

    def _rows(self, answer: Answer, facts: Facts) -> tuple[int, Headers, bytes]:
        status, span = _range_status(answer, facts.range)
        headers = self._row_headers(span, facts)
        if status == 416:
            error = _out_of_bounds(facts.range.offset, answer.total)
            return status, headers, error_response(error, verbose=self.verbose).body
        return status, headers, answer.body

    def _row_headers(self, span: tuple[bytes, bytes], facts: Facts) -> Headers:
        headers = [span, *self.content, *self.fixed]
        if self.location:
            query = facts.query
            headers.append((b"content-location", self.location + b"?" + query.encode() if query else self.location))
        return headers

    def _mutation(self, answer: Answer) -> tuple[int, Headers, bytes]:
        assert isinstance(self.plan, MutatePlan)
        total = answer.page if self.plan.preferences.count in ("exact", "estimated") else None
        whole = self.plan.preferences.representation == "representation"
        body = answer.body if whole else b""
        content: Headers = [*self.content, *self.fixed] if whole else [*self.fixed]
        match self.plan.action:
            case Action.INSERT:
                headers = [content_range(1, 0, total), *content]
                if answer.location:
                    assert isinstance(self.plan.mutation, Insert)
                    headers.append(location(self.plan.mutation.relation.name, answer.location))
                updated_only = answer.inserted is not None and answer.inserted <= 0
                return (200 if updated_only else 201), headers, body
            case Action.UPSERT:
                created = 201 if (answer.inserted or 0) > 0 else 200
                return (created if whole else 204), content, body
            case Action.UPDATE:
                return (200 if whole else 204), [content_range(0, answer.page - 1, total), *content], body
            case _:
                return (200 if whole else 204), [content_range(1, 0, total), *content], body


def content_headers(media_type: MediaType, profile: str | None) -> Headers:
    """Return `Content-Type` and, where a schema was negotiated, `Content-Profile`."""
    charset = CHARSET if media_type.essence in TEXTUAL else ""
    headers: Headers = [(b"content-type", (render_media_type(media_type) + charset).encode("latin-1", "replace"))]
    if profile is not None:
        headers.append((b"content-profile", profile.encode()))
    return headers


def _range_status(answer: Answer, range_: Range) -> tuple[int, tuple[bytes, bytes]]:
    """Return 200, 206 or 416 (RFC 9110, 15.3.7 and 15.5.17) and the range."""
    header = content_range(range_.offset, range_.offset + answer.page - 1, answer.total)
    if answer.total is None:
        return 200, header
    if range_.offset > answer.total:
        return 416, header
    return (206 if answer.page < answer.total else 200), header


def _open_status(beginning: Beginning, offset: int) -> tuple[int, tuple[bytes, bytes]]:
    """Return 200 or 206 and the range of rows that are still being read, as far as it is known."""
    total, is_exact, most = beginning.total, beginning.is_exact, beginning.most
    if total is None:
        return 200, open_range(offset, None)
    page = total - offset if most is None else min(most, total - offset)
    status = 206 if page < total else 200
    if is_exact and page > 0:
        return status, content_range(offset, offset + page - 1, total)
    return status, open_range(offset, total)


def _out_of_bounds(offset: int, total: int | None) -> Error:
    return refuse(
        "PGRST103",
        "Requested range not satisfiable: it begins after the last row",
        f"The range starts at row {offset}, but there are only {total or 0} rows.",
    ).error


def _applied(plan: ReadPlan | MutatePlan | CallPlan) -> Preferences:
    """Return the preferences that this kind of plan heeds."""
    preferences = plan.preferences
    action = plan.action if isinstance(plan, MutatePlan) else None
    written = action in (Action.INSERT, Action.UPDATE)
    affecting = isinstance(plan, CallPlan) or action in (Action.UPDATE, Action.DELETE)
    resolution = action is Action.INSERT and isinstance(plan, MutatePlan) and plan.resolution_applies
    return replace(
        preferences,
        resolution=preferences.resolution if resolution else None,
        representation=preferences.representation if action is not None else None,
        missing=preferences.missing if written else None,
        max_affected=preferences.max_affected if affecting else None,
    )
