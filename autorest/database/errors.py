"""What can go wrong between a transaction and its answer."""

from __future__ import annotations

from psycopg.pq import DiagnosticField
from psycopg.pq.abc import PGresult

#: When those are to try again who were refused because too many wait.
FULL_RETRY = 1.0


class DatabaseError(Exception):
    """PostgreSQL refused a statement; the whole transaction was rolled back.

    The fields are those of the ErrorResponse message (PostgreSQL documentation, section 55.8), None where absent.
    `severity` is not translated by lc_messages. `routine` is the function of PostgreSQL's own source that raised it.
    """

    __slots__ = (
        "column",
        "constraint",
        "context",
        "datatype",
        "detail",
        "hint",
        "message",
        "routine",
        "schema",
        "severity",
        "sqlstate",
        "table",
    )

    def __init__(
        self,
        sqlstate: str,
        message: str,
        *,
        severity: str = "ERROR",
        detail: str | None = None,
        hint: str | None = None,
        context: str | None = None,
        schema: str | None = None,
        table: str | None = None,
        column: str | None = None,
        datatype: str | None = None,
        constraint: str | None = None,
        routine: str | None = None,
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.severity = severity
        self.detail = detail
        self.hint = hint
        self.context = context
        self.schema = schema
        self.table = table
        self.column = column
        self.datatype = datatype
        self.constraint = constraint
        self.routine = routine

    def __str__(self) -> str:
        return f"{self.sqlstate}: {self.message}"

    @classmethod
    def of(cls, result: PGresult) -> DatabaseError:
        """Return the error that a failed result carries; bytes that are not UTF-8 are replaced."""

        def text(field: DiagnosticField) -> str | None:
            value = result.error_field(field)
            return None if value is None else bytes(value).decode("utf-8", "replace")

        message = text(DiagnosticField.MESSAGE_PRIMARY)
        return cls(
            text(DiagnosticField.SQLSTATE) or "XX000",
            result.get_error_message() if message is None else message,
            severity=text(DiagnosticField.SEVERITY_NONLOCALIZED) or "ERROR",
            detail=text(DiagnosticField.MESSAGE_DETAIL),
            hint=text(DiagnosticField.MESSAGE_HINT),
            context=text(DiagnosticField.CONTEXT),
            schema=text(DiagnosticField.SCHEMA_NAME),
            table=text(DiagnosticField.TABLE_NAME),
            column=text(DiagnosticField.COLUMN_NAME),
            datatype=text(DiagnosticField.DATATYPE_NAME),
            constraint=text(DiagnosticField.CONSTRAINT_NAME),
            routine=text(DiagnosticField.SOURCE_FUNCTION),
        )


class Unavailable(Exception):
    """The database did not answer for a reason that is not the statement's.

    `retry_after` is in how many seconds the next attempt to connect is due, 0.0 if a connection is there already.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class ConnectionFailed(Unavailable):
    """No connection could be opened; nothing was sent."""


class ConnectionLost(Unavailable):
    """The connection broke while the transaction was under way: whether it was committed is not known.

    Unless `uncommitted`: then it was not. `error` is what the server said before it hung up, such as 57P01 when it
    was shut down.
    """

    def __init__(self, message: str, error: DatabaseError | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.uncommitted = False


class PoolFull(Unavailable):
    """So many wait for a connection already that this one was refused at once; nothing was sent."""

    def __init__(self) -> None:
        super().__init__("too many transactions wait for a connection", FULL_RETRY)


class PoolTimeout(Unavailable):
    """All connections stayed busy for the acquisition time-out; nothing was sent."""
