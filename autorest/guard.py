"""Conditional writes: what GET on the same URL answers is read in the write's transaction, and decides on it.

The transaction sees the database as it was when it began (repeatable read): whoever changes one of the rows between
that and the write makes PostgreSQL refuse the write, so that no change is lost (RFC 9110, 13.1.1).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from autorest.errors import Refused
from autorest.plan.model import CustomHandler, JsonHandler, MutatePlan, ReadPlan, Rendering
from autorest.plan.negotiate import object_rendering
from autorest.refusals import outdated
from autorest.request.model import Range
from autorest.request.preconditions import Preconditions, Tags
from autorest.response.headers import from_database
from autorest.response.model import Response
from autorest.response.respond import content_headers
from autorest.response.tags import Tagger, digits_of, opaque_of, tag_of
from autorest.result import Result, handled_body, page_of
from autorest.sql.answer import Counting, Rendered, read_statement
from autorest.sql.binding import Values
from autorest.sql.statement import Statement

#: A condition about more rows than these, or more bytes, never holds: they would have to be held in memory.
MOST_ROWS: Final = 1000
MOST_BYTES: Final = 16 << 20
#: What PostgreSQL says to a write of what has changed since the transaction began (SQLSTATE serialization_failure).
CHANGED_MEANWHILE: Final = "40001"


class Guard(NamedTuple):
    """Judges a write by what was there before it.

    current     reads what GET answers
    handled     whether a media type handler of the database renders that
    whole, one  make the tags of the array, and of the object that a single row is with another `Accept`
    counted     whether the result of the write tells how many rows it wrote
    answered    makes the tag of what the write answers with, None where that has none: no rows, or none that stay
    """

    current: Rendered
    handled: bool
    whole: Tagger
    one: Tagger | None
    counted: bool
    answered: Tagger | None

    @classmethod
    def of(cls, plan: MutatePlan, read: ReadPlan, *, limited: bool, kept: bool) -> Guard:
        """`limited` tells whether the server limits how many rows are read, `kept` whether what is written stays."""
        handler = read.rendering.handler
        explained = plan.rendering.explain is not None
        shown = kept and plan.preferences.representation == "representation" and not explained
        one = object_rendering(strip_nulls=handler.strip_nulls) if isinstance(handler, JsonHandler) else None
        return cls(
            current=read_statement(read, Counting(), limited=limited, most=None if read.by_key else MOST_BYTES),
            handled=isinstance(handler, CustomHandler),
            whole=_tagger(read.rendering),
            one=None if one is None else _tagger(one),
            counted=not explained,
            answered=_tagger(plan.rendering) if shown else None,
        )

    def around(self, write: Statement, values: Values) -> tuple[Statement, ...]:
        """Return the write with what is to be read before it, and again after it where its answer may have a tag."""
        asked = values.range(())
        most = MOST_ROWS + 1 if asked.limit is None else min(asked.limit, MOST_ROWS + 1)
        values = values._replace(ranges={**values.ranges, (): Range(asked.offset, most)})
        current = self.current.filled(values)
        return (current, write) if self.answered is None else (current, write, current)

    def objection(self, before: Result, written: Result, wanted: Preconditions) -> Refused | None:
        """Return why the write must not be kept: HTTP412, or nothing."""
        rows = page_of(before)
        if wanted.none_match is not None and self._is_named(before, rows, wanted.none_match, weakly=True):
            return Refused(outdated("What If-None-Match rules out is there.", "Read it before you change it."))
        if wanted.match is None:
            return None
        if rows > MOST_ROWS:
            return Refused(outdated(f"If-Match guards at most {MOST_ROWS} rows.", "Name fewer rows in the URL."))
        if not self._is_named(before, rows, wanted.match, weakly=False):
            return _changed("What is there is not what If-Match names.")
        if self.counted and page_of(written) > rows:
            return Refused(
                outdated(
                    f"The write is about more than the {rows} rows that GET on this URL answers with.",
                    "Leave limit, offset and inner joins out of the URL, or narrow it by filters.",
                )
            )
        return None

    def tagged(self, response: Response, after: Result) -> Response:
        """Return the answer of a write with the tag that GET gives now, if GET answers with the same."""
        if self.answered is None or tag_of(response.headers) is not None:
            return response
        body = self._body(after)
        if response.body == body or (page_of(after) == 1 and response.body == body[1:-1]):
            response.headers.append((b"etag", self.answered.tag(response.body)))
        return response

    def _body(self, result: Result) -> bytes:
        return handled_body(result) if self.handled else result.get_value(0, 2) or b""

    def _is_named(self, before: Result, rows: int, tags: Tags, *, weakly: bool) -> bool:
        """Tell whether the tags name what is there; where SQL makes the tag itself, that is the one."""
        if rows == 0 or tags.anything:
            return rows > 0
        own = tag_of(from_database(before.get_value(0, 3)))
        if own is not None:
            strong = not own.startswith(b"W/")
            return tags.name(opaque_of(own)) if weakly else strong and opaque_of(own) in tags.strong
        body = self._body(before)
        if not body:
            # There are more bytes than that.
            return False
        digits = {self.whole.digits(body)}
        if rows == 1 and self.one is not None:
            digits.add(self.one.digits(body[1:-1]))
        named = tags.strong | tags.weak if weakly else tags.strong
        return any(digits_of(opaque) in digits for opaque in named)


def _tagger(rendering: Rendering) -> Tagger:
    return Tagger(content_headers(rendering.media_type, None)[0][1])


def understood(sqlstate: str) -> Refused | None:
    """Return what an SQLSTATE means for a guarded write, None where it means nothing else than always."""
    if sqlstate != CHANGED_MEANWHILE:
        return None
    return _changed("Another request wrote at the same time what this one was to write.")


def _changed(details: str) -> Refused:
    return Refused(outdated(details, "Somebody changed it: read it again, and decide anew on what it is now."))
