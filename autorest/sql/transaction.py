"""A request's transaction: the settings, the hook before the request, the statements, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autorest.catalog.model import QualifiedName
from autorest.sql.session import (
    BEGIN,
    CHECK_CONSTRAINTS,
    ISOLATION_LEVELS,
    pre_request_statement,
    search_path,
    settings_statement,
)
from autorest.sql.statement import Statement, Transaction


class Caller(NamedTuple):
    """Who asks, and what SQL can read about the request, each as text for set_config."""

    role: str
    role_text: bytes
    claims: bytes
    method: bytes
    path: bytes
    headers: bytes
    cookies: bytes


class Work(NamedTuple):
    """What is to be done in the transaction, and on what terms.

    settings   of the function that is called, made for the whole transaction
    isolation  of the function that is called, None for the role's own
    decided    whether the results decide between commit and rollback
    """

    schema: str
    statements: tuple[Statement, ...]
    read_only: bool
    rollback: bool
    decided: bool = False
    timezone: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    isolation: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What the settings say about every transaction."""

    extra_search_path: tuple[str, ...]
    role_settings: Mapping[str, tuple[tuple[str, str], ...]]
    role_isolation: Mapping[str, str]
    app_settings: tuple[tuple[str, str], ...]
    pre_request: QualifiedName | None

    @property
    def before(self) -> int:
        """How many statements of the transaction come before the work's own."""
        return 1 if self.pre_request is None else 2

    def transaction(self, caller: Caller, work: Work) -> Transaction:
        """Return the transaction in which `work` is done as the role of `caller`."""
        before_role = self.role_settings.get(caller.role, ())
        after_role = (*work.settings, *self.app_settings)
        text = settings_statement(
            len(before_role), len(after_role), timezone=work.timezone is not None, read_only=work.read_only
        )
        parameters = [
            *_flat(before_role),
            caller.role_text,
            search_path((work.schema, *self.extra_search_path)).encode(),
            caller.claims,
            caller.method,
            caller.path,
            caller.headers,
            caller.cookies,
        ]
        if work.timezone is not None:
            parameters.append(work.timezone.encode())
        parameters += _flat(after_role)
        statements = [Statement(text, tuple(parameters))]
        if self.pre_request is not None:
            statements.append(Statement(pre_request_statement(self.pre_request)))
        statements += work.statements
        isolation = work.isolation or self.role_isolation.get(caller.role, "read committed")
        begin = ISOLATION_LEVELS.get(isolation)
        if work.rollback:
            statements.append(Statement(CHECK_CONSTRAINTS, prepare=False))
            return Transaction(caller.role, tuple(statements), begin or BEGIN, "rollback")
        if work.decided:
            return Transaction(caller.role, tuple(statements), begin or BEGIN, "decide")
        return Transaction(caller.role, tuple(statements), begin, "commit")


def _flat(settings: Sequence[tuple[str, str]]) -> list[bytes]:
    return [text.encode() for setting in settings for text in setting]
