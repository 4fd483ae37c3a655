"""libpq's connection strings in asyncpg's words."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from asyncpg.connect_utils import SessionAttribute
from asyncpg.exceptions import ClientConfigurationError
from psycopg.conninfo import conninfo_to_dict

import autorest
from autorest.database.direct import attempts, hosts, translate


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


def given(conninfo: str) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}


def query(arguments: dict[str, Any]) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlparse(arguments["dsn"]).query).items()}


def test_a_uri_and_its_pairs_are_the_same() -> None:
    uri = translate(given("postgres://me:p%40ss%20%25@h:1/my%20db?sslmode=require"))
    assert uri == translate(given(r"host=h port=1 user=me password='p@ss %' dbname='my db' sslmode=require"))
    assert query(uri) == {"user": "me", "password": "p@ss %", "dbname": "my db", "sslmode": "require"}


@pytest.mark.parametrize(
    ("conninfo", "expected"),
    [
        ("", [(None, None)]),
        ("host=/var/run port=5433", [("/var/run", 5433)]),
        ("postgres://a,b:2,[::1]/db", [("a", None), ("b", 2), ("::1", None)]),
        ("host=a,b port=7", [("a", 7), ("b", 7)]),
        ("hostaddr=10.0.0.1,10.0.0.2 port=1,2", [("10.0.0.1", 1), ("10.0.0.2", 2)]),
        ("host=name hostaddr=10.0.0.1", [("name", None)]),
    ],
)
def test_hosts(conninfo: str, expected: list[tuple[str | None, int | None]]) -> None:
    assert hosts(given(conninfo)) == expected


def test_hosts_can_be_tried_in_any_order() -> None:
    conninfo = given(f"host={','.join(f'h{n}' for n in range(50))} load_balance_hosts=random")
    assert sorted(hosts(conninfo), key=str) != hosts(conninfo)
    assert len(set(hosts(conninfo))) == 50


@pytest.mark.parametrize("conninfo", ["host=a,b,c port=1,2", "host=a port=x"])
def test_ports_that_do_not_fit(conninfo: str) -> None:
    with pytest.raises(ClientConfigurationError, match="port"):
        hosts(given(conninfo))


def test_the_environment_fills_the_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"HOST": "e", "PORT": "9", "OPTIONS": "-c a=b", "APPNAME": "app", "CONNECT_TIMEOUT": "4"}
    for name, value in variables.items():
        monkeypatch.setenv(f"PG{name}", value)
    assert hosts({}) == [("e", 9)]
    assert hosts(given("host=h")) == [("h", 9)]
    arguments = translate({})
    assert arguments["server_settings"] == {"application_name": "app", "options": "-c a=b"}
    assert arguments["timeout"] == 4
    arguments = translate(given("application_name=mine connect_timeout=7 options='-c x=y'"))
    assert arguments["server_settings"] == {"application_name": "mine", "options": "-c x=y"}
    assert arguments["timeout"] == 7


def test_it_says_whose_connection_it_is() -> None:
    assert translate({})["server_settings"] == {"application_name": f"autorest {autorest.__version__}"}
    assert translate(given("fallback_application_name=f"))["server_settings"] == {"application_name": "f"}


@pytest.mark.parametrize(
    ("conninfo", "writable", "expected"),
    [
        ("", False, [SessionAttribute.any]),
        ("target_session_attrs=read-only", False, [SessionAttribute.read_only]),
        ("target_session_attrs=read-only", True, [SessionAttribute.read_write]),
        ("target_session_attrs=prefer-standby", False, [SessionAttribute.standby, SessionAttribute.any]),
    ],
)
def test_session_attributes(conninfo: str, writable: bool, expected: list[SessionAttribute]) -> None:
    assert attempts(given(conninfo), writable) == expected


def test_unknown_session_attributes() -> None:
    with pytest.raises(ClientConfigurationError, match="target_session_attrs: best"):
        attempts({"target_session_attrs": "best"}, False)


@pytest.mark.parametrize("text", ["gssencmode=require", "require_auth=scram-sha-256", "requirepeer=postgres"])
def test_what_cannot_be_honoured_is_not_passed_over(text: str) -> None:
    with pytest.raises(ClientConfigurationError, match=f"{text}: .*db-direct-uri"):
        translate(given(text))


def test_channel_binding_becomes_a_verified_certificate() -> None:
    arguments = translate(given("sslmode=require channel_binding=require"))
    assert arguments["ssl"] is True
    assert "sslmode" not in query(arguments)
    arguments = translate(given("sslmode=require channel_binding=require sslrootcert=/ca.pem"))
    assert query(arguments) == {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}
    assert "ssl" not in arguments


def test_authorities_of_the_system() -> None:
    arguments = translate(given("sslmode=verify-full sslrootcert=system"))
    assert arguments["ssl"] is True
    assert query(arguments | {"dsn": arguments["dsn"]}) == {}
