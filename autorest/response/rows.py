"""The body of an answer, put together from the texts of its rows as the database itself would do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autorest.plan.model import CallPlan, CsvHandler, JsonHandler, ReadPlan


class Form(NamedTuple):
    """What stands before the first row, between two, and after the last; and the body without any row.

    `lines` tells that rows must not have line breaks, `parentheses` that each comes in a pair of them.
    """

    opening: bytes
    between: bytes
    closing: bytes
    empty: bytes
    lines: bool = False
    parentheses: bool = False


LINES = Form(b"", b"\n", b"\n", b"", lines=True)
#: Its opening is the line with the columns' names.
CSV = Form(b"\n", b"\n", b"", b"\n", parentheses=True)


def form_of(plan: ReadPlan | CallPlan) -> Form:
    """Return how the rows of a plan become a body, which is one of JSON, CSV or lines of JSON."""
    match plan.rendering.handler:
        case CsvHandler():
            return CSV
        case JsonHandler(strip_nulls):
            # So much white space is between the elements that json_agg makes (json_strip_nulls leaves none).
            whole_rows = isinstance(plan, ReadPlan) or plan.routine.returns.composite
            between = b"," if strip_nulls else b", \n " if whole_rows else b", "
            return Form(b"[", between, b"]", b"[]")
        case _:
            return LINES


class Body:
    """A body that grows; `rows` is how many rows it has."""

    __slots__ = ("_form", "rows")

    def __init__(self, form: Form, names: Sequence[bytes] = ()) -> None:
        """`names` are those of a CSV's columns."""
        self._form = form._replace(opening=b",".join(names) + form.opening) if names else form
        self.rows = 0

    def more(self, values: Sequence[bytes | None]) -> bytes:
        """Return the piece of the body with these rows, one at least."""
        form = self._form
        if form.parentheses:
            piece = form.between.join([value[1:-1] if value is not None else b"" for value in values])
        else:
            piece = form.between.join([b"null" if value is None else value for value in values])
            if form.lines and (piece.count(b"\n") >= len(values) or b"\r" in piece):
                piece = form.between.join([_on_one_line(value or b"null") for value in values])
        before = form.between if self.rows else form.opening
        self.rows += len(values)
        return before + piece

    def end(self) -> bytes:
        """Return the last piece, which may be empty."""
        return self._form.closing if self.rows else self._form.empty


def _on_one_line(text: bytes) -> bytes:
    """Return JSON without line breaks: they are white space in it, for inside of texts they are escaped."""
    return text.replace(b"\n", b" ").replace(b"\r", b" ")
