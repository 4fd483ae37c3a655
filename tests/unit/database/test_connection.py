"""What the pool's connections get by default."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from autorest.database.connection import DEFAULTS, complete


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGCONNECT_TIMEOUT", raising=False)


@pytest.mark.parametrize("conninfo", ["", "host=h dbname=d", "postgres://u:p@h/d?sslmode=require"])
def test_defaults_are_added_to_what_is_given(conninfo: str) -> None:
    completed = conninfo_to_dict(complete(conninfo))
    defaults = conninfo_to_dict(" ".join(f"{name}='{value}'" for name, (_, value) in DEFAULTS.items()))
    assert completed == {**defaults, **conninfo_to_dict(conninfo)}


def test_what_is_given_wins() -> None:
    completed = conninfo_to_dict(complete("connect_timeout=9 keepalives_idle=60"))
    assert (completed["connect_timeout"], completed["keepalives_idle"]) in ((9, 60), ("9", "60"))


def test_the_environment_wins_over_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "8")
    assert "connect_timeout" not in conninfo_to_dict(complete("host=h"))


@pytest.mark.parametrize("conninfo", ["host", "postgres://[bad", "no_such_thing=1"])
def test_nonsense_is_refused(conninfo: str) -> None:
    with pytest.raises(ValueError, match="connection string"):
        complete(conninfo)
