"""Short ways to write the transactions that tests run."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.pq.abc import PGresult

from autorest.sql.statement import Statement, Transaction

SETTINGS = b"SELECT set_config('role', $1, true), set_config('request.who', $2, true)"


def statement(text: str, *parameters: str | None, prepare: bool = True) -> Statement:
    """A statement with text parameters."""
    return Statement(text.encode(), tuple(None if value is None else value.encode() for value in parameters), prepare)


def settings(role: str, who: str | None = None) -> Statement:
    """The statement that makes the transaction `role`'s."""
    return Statement(SETTINGS, (role.encode(), (who or role).encode()))


def work(role: str, *texts: str | Statement, begin: str | None = None, end: str = "commit") -> Transaction:
    """A transaction of `role`: its settings, then the statements."""
    statements = tuple(statement(text) if isinstance(text, str) else text for text in texts)
    return Transaction(role, (settings(role), *statements), begin.encode() if begin else None, end)


def rows(result: PGresult) -> list[tuple[str | None, ...]]:
    """The rows of a result as text."""
    return [
        tuple(
            None if value is None else bytes(value).decode()
            for value in (result.get_value(row, column) for column in range(result.nfields))
        )
        for row in range(result.ntuples)
    ]


def value(results: Sequence[PGresult]) -> str | None:
    """The first value of the last result."""
    return rows(results[-1])[0][0]
