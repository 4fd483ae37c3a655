"""Every way to say where the database is: the pool, the catalog and the listener of a gateway all find it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.server.conftest import DATABASE, SCHEMA
from tests.integration.server.running import Running, metric
from tests.support.certificates import Authority
from tests.support.cluster import Cluster
from tests.support.ports import free_port

ROLE = "server_authenticator"
ENCRYPTED = """
    SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
    WHERE usename = 'server_authenticator'
"""


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, dict[str, str]]]:
    """A PostgreSQL that wants passwords and has a certificate for localhost, and what stands for it in the cases."""
    files = tmp_path_factory.mktemp("connecting")
    server = Cluster({"ssl": "on"}, auth="scram-sha-256")
    authority, other = Authority(server.directory), Authority(files, "other")
    certificate, key = authority.issue("localhost")
    server.settings |= {"ssl_cert_file": str(certificate), "ssl_key_file": str(key)}
    service, passwords = files / "services", files / "passwords"
    service.write_text(f"[mine]\nhost=localhost\nport={server.port}\nuser={ROLE}\ndbname={DATABASE}\npassword=right\n")
    passwords.write_text(f"localhost:{server.port}:{DATABASE}:{ROLE}:right\n")
    passwords.chmod(0o600)
    with server:
        server.createdb(DATABASE)
        server.psql(SCHEMA, dbname=DATABASE)
        server.execute(f"ALTER ROLE {ROLE} PASSWORD 'right'")
        yield (
            server,
            {
                "port": str(server.port),
                "dead": str(free_port()),
                "place": f"{server.port}/{DATABASE}",
                "directory": str(server.directory),
                "root": str(authority.path),
                "other": str(other.path),
                "service": str(service),
                "passwords": str(passwords),
            },
        )


PLAIN = {"PGHOST": "localhost", "PGPORT": "{port}", "PGUSER": ROLE, "PGDATABASE": DATABASE, "PGPASSWORD": "right"}
PAIRS = f"user={ROLE} password=right dbname={DATABASE}"


def started(
    secure: tuple[Cluster, dict[str, str]], directory: Path, uri: str | None, environment: dict[str, str]
) -> Running:
    filled = {name: text.format(**secure[1]) for name, text in environment.items()}
    settings = {
        "db-uri": None if uri is None else uri.format(**secure[1]),
        "db-schemas": "api",
        "db-anon-role": "server_anon",
    }
    return Running(directory, settings, environment=filled)


@pytest.mark.parametrize(
    ("uri", "environment"),
    [
        (None, PLAIN),
        (None, {"PGSERVICEFILE": "{service}", "PGSERVICE": "mine"}),
        ("service=mine", {"PGSERVICEFILE": "{service}"}),
        (f"postgresql://{ROLE}@localhost:{{place}}", {"PGPASSFILE": "{passwords}"}),
        (f"postgresql://{ROLE}:right@127.0.0.1:{{dead}},localhost:{{place}}?target_session_attrs=read-write", {}),
        (None, PLAIN | {"PGHOST": "127.0.0.1,localhost", "PGPORT": "{dead},{port}", "PGTARGETSESSIONATTRS": "primary"}),
        (f"host={{directory}} port={{port}} {PAIRS}", {}),
    ],
)
def test_the_database_is_found(
    secure: tuple[Cluster, dict[str, str]], tmp_path: Path, uri: str | None, environment: dict[str, str]
) -> None:
    with started(secure, tmp_path, uri, environment) as gateway:
        assert len(gateway.api.get("/items").json()) == 5
        assert metric(gateway, "autorest_listener_up") == 1


@pytest.mark.parametrize(
    ("uri", "environment"),
    [
        (f"host=localhost port={{port}} {PAIRS} sslmode=verify-full sslrootcert={{root}}", {}),
        (None, PLAIN | {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "{root}"}),
        (None, PLAIN | {"PGSSLMODE": "verify-ca", "PGSSLROOTCERT": "{root}", "PGHOST": "127.0.0.1"}),
    ],
)
def test_every_connection_is_encrypted_to_a_server_that_was_verified(
    secure: tuple[Cluster, dict[str, str]], tmp_path: Path, uri: str | None, environment: dict[str, str]
) -> None:
    with started(secure, tmp_path, uri, environment) as gateway:
        assert gateway.api.get("/items").status_code == 200
        [(encrypted, all_)] = secure[0].execute(ENCRYPTED)
        assert encrypted == all_ >= 2


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (PLAIN | {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "{other}"}, "certificate verify failed"),
        (PLAIN | {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "{root}", "PGHOST": "127.0.0.1"}, "does not match host"),
        (PLAIN | {"PGTARGETSESSIONATTRS": "standby"}, "not in hot standby mode"),
    ],
)
def test_another_server_is_none(
    secure: tuple[Cluster, dict[str, str]], tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    gateway = started(secure, tmp_path, None, environment).start()
    try:
        gateway.wait_logged(said)
        gateway.wait_logged("could not be loaded, trying again")
        gateway.wait_answered(503)
        assert gateway.status("/ready") == 503
        assert "Traceback" not in gateway.told("")
    finally:
        gateway.__exit__()
