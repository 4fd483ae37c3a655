"""The first statement of every transaction: the role, and what SQL can read about the request."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from autorest.catalog.model import QualifiedName
from autorest.sql.quote import identifier, qualified

#: Always set, in this order, by the first parameters of the statement.
FIXED = ("search_path", "request.jwt.claims", "request.method", "request.path", "request.headers", "request.cookies")

#: A function takes no more arguments (PostgreSQL's FUNC_MAX_ARGS).
MOST_ARGUMENTS = 100


@lru_cache(maxsize=256)
def settings_statement(before_role: int, after_role: int, *, timezone: bool, read_only: bool) -> bytes:
    """Return the SELECT that makes all settings for the transaction (set_config, PostgreSQL 9.28.1).

    Its parameters: name and value of each setting made before the role is assumed (a right to set
    them is the connecting role's, not the assumed one's); the role; the values of `FIXED`; the time
    zone; name and value of each setting made afterwards. The settings' values do not come back, only how many are
    NULL: none.
    """
    calls: list[str] = []
    number = 0

    def parameter() -> str:
        nonlocal number
        number += 1
        return f"${number}"

    calls += [f"set_config({parameter()}, {parameter()}, true)" for _ in range(before_role)]
    calls.append(f"set_config('role', {parameter()}, true)")
    calls += [f"set_config('{name}', {parameter()}, true)" for name in FIXED]
    if timezone:
        calls.append(f"set_config('timezone', {parameter()}, true)")
    calls += [f"set_config({parameter()}, {parameter()}, true)" for _ in range(after_role)]
    if read_only:
        calls.append("set_config('transaction_read_only', 'on', true)")
    counted = (calls[start : start + MOST_ARGUMENTS] for start in range(0, len(calls), MOST_ARGUMENTS))
    return b"select " + ", ".join(f"num_nulls({', '.join(some)})" for some in counted).encode()


@lru_cache(maxsize=16)
def pre_request_statement(function: QualifiedName) -> bytes:
    return f"select {qualified(function)}()".encode()


def search_path(schemas: Sequence[str]) -> str:
    """Return the value of `search_path` for these schemas."""
    return ", ".join(identifier(schema) for schema in schemas)


READ_COMMITTED = "read committed"
REPEATABLE_READ = "repeatable read"
BEGINNINGS = {
    level: f"begin isolation level {level}".encode() for level in (READ_COMMITTED, REPEATABLE_READ, "serializable")
}
CHECK_CONSTRAINTS = b"set constraints all immediate"
