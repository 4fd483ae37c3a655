"""The statements around a request's own."""

from __future__ import annotations

from autorest.catalog.model import QualifiedName
from autorest.sql.statement import Statement
from autorest.sql.transaction import Caller, Defaults, Session, Terms

CALLER = Caller("alice", b"alice", b'{"role":"alice"}', b"GET", b"/films", b"{}", b"{}")
WORK = (Statement(b"select 1"),)


def session(**changes: object) -> Session:
    plain: dict[str, object] = {
        "extra_search_path": ("public",),
        "role_settings": {},
        "role_isolation": {},
        "app_settings": (),
        "pre_request": None,
    }
    return Session(**{**plain, **changes})  # type: ignore[arg-type]


def test_an_implicit_transaction_with_the_settings_first() -> None:
    frame = session().frame("alice", Terms("api", read_only=True))
    transaction = frame.transaction(CALLER, WORK)
    assert (transaction.role, transaction.begin, transaction.end) == ("alice", None, "commit")
    settings, work = transaction.statements
    assert work == WORK[0] and frame.first == 1
    assert settings.text.count(b"set_config") == 8 and b"'transaction_read_only', 'on'" in settings.text
    assert settings.parameters == (b"alice", b'"api", "public"', b'{"role":"alice"}', b"GET", b"/films", b"{}", b"{}")


def test_settings_of_a_role_come_before_it_and_others_after() -> None:
    own = session(role_settings={"alice": (("statement_timeout", "5s"),)}, app_settings=(("app.x", "y"),))
    terms = Terms("api", read_only=False, timezone="UTC", settings=(("work_mem", "7MB"),))
    [settings, _] = own.frame("alice", terms).transaction(CALLER, WORK).statements
    assert settings.parameters[:3] == (b"statement_timeout", b"5s", b"alice")
    assert settings.parameters[-5:] == (b"UTC", b"work_mem", b"7MB", b"app.x", b"y")
    assert b"transaction_read_only" not in settings.text
    placeholders = [f"${number}".encode() for number in range(1, len(settings.parameters) + 1)]
    assert all(placeholder in settings.text for placeholder in placeholders)
    assert session().frame("bob", terms).before == ()


def test_the_hook_runs_between_settings_and_work() -> None:
    frame = session(pre_request=QualifiedName("api", "check it")).frame("alice", Terms("api", read_only=True))
    texts = [statement.text for statement in frame.transaction(CALLER, WORK).statements]
    assert texts[1:] == [b'select "api"."check it"()', b"select 1"] and frame.first == 2


def test_how_a_transaction_begins_and_ends() -> None:
    careful = session(role_isolation={"alice": "serializable"})
    committed = b"begin isolation level read committed"
    serializable = b"begin isolation level serializable"
    repeatable = b"begin isolation level repeatable read"
    for own, terms, begin, end in (
        (session(), Terms("api", False, rollback=True), committed, "rollback"),
        (session(), Terms("api", False, decided=True), committed, "decide"),
        (careful, Terms("api", True), serializable, "commit"),
        (careful, Terms("api", False, rollback=True), serializable, "rollback"),
        (careful, Terms("api", False, isolation="read committed"), None, "commit"),
        (session(), Terms("api", False, isolation="repeatable read"), repeatable, "commit"),
        (session(), Terms("api", False, decided=True, stable=True), repeatable, "decide"),
        (session(), Terms("api", False, rollback=True, stable=True), repeatable, "rollback"),
        (careful, Terms("api", False, decided=True, stable=True), serializable, "decide"),
    ):
        transaction = own.frame("alice", terms).transaction(CALLER, WORK)
        assert (transaction.begin, transaction.end) == (begin, end)
        closing = [statement.text for statement in transaction.statements[2:]]
        assert closing == ([b"set constraints all immediate"] if end == "rollback" else [])


def test_the_defaults_of_the_database_do_not_matter() -> None:
    strict = session(defaults=Defaults("serializable", read_only=True), role_isolation={"alice": "serializable"})
    read, write = Terms("api", read_only=True), Terms("api", read_only=False)
    for role, terms, begin in (
        ("bob", read, b"begin isolation level read committed"),
        ("bob", write, b"begin isolation level read committed read write"),
        ("alice", read, None),
        ("alice", write, b"begin isolation level serializable read write"),
    ):
        assert strict.frame(role, terms).begin == begin
