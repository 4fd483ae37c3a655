"""A request's transaction: the settings, the hook before the request, the statements, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from autorest.catalog.model import QualifiedName
from autorest.sql.session import (
    BEGINNINGS,
    CHECK_CONSTRAINTS,
    READ_COMMITTED,
    REPEATABLE_READ,
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


class Terms(NamedTuple):
    """On what terms something is done in a transaction.

    settings   of the function that is called, made for the whole transaction
    isolation  of the function that is called, None for the role's own
    stable     whether what was read must still be so when something is written: at least repeatable read
    decided    whether the results decide between commit and rollback
    """

    schema: str
    read_only: bool
    rollback: bool = False
    decided: bool = False
    timezone: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    isolation: str | None = None
    stable: bool = False


class Frame(NamedTuple):
    """All of a transaction but what differs between two requests of one role on the same terms.

    settings  the text of the statement that makes the settings, and its parameters before and after
              those that a request brings
    opening   statements between that one and the request's own
    closing   statements after them
    """

    role: str
    settings: bytes
    before: tuple[bytes, ...]
    search_path: bytes
    after: tuple[bytes, ...]
    opening: tuple[Statement, ...]
    closing: tuple[Statement, ...]
    begin: bytes | None
    end: str

    @property
    def first(self) -> int:
        """The position of the request's first own statement among the results."""
        return 1 + len(self.opening)

    def transaction(self, caller: Caller, statements: tuple[Statement, ...]) -> Transaction:
        """Return the transaction in which `statements` are run for `caller`."""
        role, settings, before, path, after, opening, closing, begin, end = self
        _, role_text, claims, method, request_path, headers, cookies = caller
        parameters = (*before, role_text, path, claims, method, request_path, headers, cookies, *after)
        return Transaction(role, (Statement(settings, parameters), *opening, *statements, *closing), begin, end)


class Defaults(NamedTuple):
    """What a transaction is in the database that is not told otherwise: `default_transaction_…` (PostgreSQL 20.11)."""

    isolation: str = READ_COMMITTED
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """What the settings say about every transaction, and the database about one that is not told otherwise."""

    extra_search_path: tuple[str, ...]
    role_settings: Mapping[str, tuple[tuple[str, str], ...]]
    role_isolation: Mapping[str, str]
    app_settings: tuple[tuple[str, str], ...]
    pre_request: QualifiedName | None
    defaults: Defaults = field(default_factory=Defaults)

    def frame(self, role: str, terms: Terms) -> Frame:
        """Return the frame of transactions that are run as `role` on these terms."""
        before = self.role_settings.get(role, ())
        after = (*terms.settings, *self.app_settings)
        timezone = () if terms.timezone is None else (terms.timezone.encode(),)
        closing: tuple[Statement, ...] = ()
        end = "commit"
        if terms.rollback:
            closing, end = (Statement(CHECK_CONSTRAINTS, prepare=False),), "rollback"
        elif terms.decided:
            end = "decide"
        return Frame(
            role=role,
            settings=settings_statement(
                len(before), len(after), timezone=terms.timezone is not None, read_only=terms.read_only
            ),
            before=_flat(before),
            search_path=search_path((terms.schema, *self.extra_search_path)).encode(),
            after=(*timezone, *_flat(after)),
            opening=() if self.pre_request is None else (Statement(pre_request_statement(self.pre_request)),),
            closing=closing,
            begin=self.beginning(role, terms, end),
            end=end,
        )

    def beginning(self, role: str, terms: Terms, end: str) -> bytes | None:
        """Return how a transaction begins explicitly, None where the database's defaults and its end allow it not to.

        What it may do cannot be widened once it has begun, and its isolation level not be changed.
        """
        level = terms.isolation or self.role_isolation.get(role, READ_COMMITTED)
        if terms.stable and level == READ_COMMITTED:
            level = REPEATABLE_READ
        widened = self.defaults.read_only and not terms.read_only
        if end == "commit" and level == self.defaults.isolation and not widened:
            return None
        return BEGINNINGS[level] + b" read write" if widened else BEGINNINGS[level]


def _flat(settings: Sequence[tuple[str, str]]) -> tuple[bytes, ...]:
    return tuple(text.encode() for setting in settings for text in setting)
