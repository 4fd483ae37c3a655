"""Verifiers against the RFC's example and against what PostgreSQL itself computes."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from environment.scram import saslprep, verifier, verifies
from tests.support.cluster import Cluster

PASSWORDS = [
    "pencil",
    "x",
    "with blanks  inside",
    "I\u00adX",  # RFC 4013, section 3: mapped to nothing
    "\u00aa",  # ... normalised
    "\u2168",  # ... normalised
    "\u0007",  # ... prohibited
    "\u0627\u0031",  # ... fails the check of directions
    "\u0627\u0628",
    "\u00a0\u1680x",
    "gr\u00fc\u00dfe \U0001f600",
    "\u0221",  # not in Unicode 3.2
    "quote ' backslash \\ dollar $",
    "l\u0301o\u0308ng" * 40,
]


def test_the_example_of_rfc_7677() -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    assert verifier("pencil", salt) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_every_verifier_has_a_salt_of_its_own() -> None:
    assert verifier("pencil") != verifier("pencil")


@pytest.mark.parametrize(
    ("password", "prepared"),
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX")],
)
def test_the_examples_of_rfc_4013(password: str, prepared: str) -> None:
    assert saslprep(password) == prepared


@pytest.mark.parametrize("password", ["\u0007", "\u0627\u0031", "", "\u00ad"])
def test_what_the_profile_prohibits_stays_as_it_is(password: str) -> None:
    assert saslprep(password) == password


@pytest.mark.parametrize("stored", ["", "md5d41d8cd98f00b204e9800998ecf8427e", "SCRAM-SHA-256$4096:=$a:b", "pencil"])
def test_what_is_no_verifier_verifies_nothing(stored: str) -> None:
    assert not verifies(stored, "pencil")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=st.sampled_from(PASSWORDS) | st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1))
def test_postgres_computes_the_same(cluster: Cluster, password: str) -> None:
    quoted = password.replace("'", "''")
    cluster.execute("drop role if exists scram_test")
    cluster.execute(f"create role scram_test password '{quoted}'")
    stored = cluster.execute("select rolpassword from pg_authid where rolname = 'scram_test'")[0][0]
    assert verifies(stored, password)
    assert not verifies(stored, password + "x")


@pytest.fixture(scope="module")
def strict() -> Iterator[Cluster]:
    with Cluster(auth="scram-sha-256") as server:
        yield server


@pytest.mark.parametrize("password", PASSWORDS)
def test_postgres_lets_in_who_knows_the_password_of_a_verifier(strict: Cluster, password: str) -> None:
    strict.execute("drop role if exists scram_login")
    strict.execute(f"create role scram_login login password '{verifier(password)}'")
    psycopg.connect(strict.dsn("scram_login"), password=password).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(strict.dsn("scram_login"), password=password + "x")
