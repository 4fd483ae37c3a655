"""Both ways to connect understand the same connection strings: the direct one and the pool's."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from autorest.database.direct import connect_direct
from autorest.database.errors import ConnectionFailed
from tests.integration.database.conftest import opened
from tests.integration.database.transactions import value, work
from tests.support.certificates import Authority
from tests.support.cluster import Cluster
from tests.support.ports import free_port
from tests.support.proxy import Proxy
from tests.support.skips import available
from tests.support.tree import ROOT

pytestmark = pytest.mark.anyio

ENCRYPTED = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


async def ask(conninfo: str, query: str, *, writable: bool = False) -> object:
    """The first value of a query over the direct connection."""
    connection = await connect_direct(conninfo, writable=writable)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def ask_pool(conninfo: str, query: str) -> str | None:
    """The same through the pool."""
    async with opened(conninfo, size=1) as database:
        return value(await database.run(work("postgres", query)))


@pytest.fixture(scope="module")
def secure() -> Iterator[tuple[Cluster, Path]]:
    """A PostgreSQL that wants passwords and has a certificate for localhost, and its authority's certificate."""
    server = available(Cluster, {"ssl": "on"}, auth="scram-sha-256")
    authority = Authority(server.directory)
    certificate, key = authority.issue("localhost")
    server.settings |= {"ssl_cert_file": str(certificate), "ssl_key_file": str(key)}
    with server:
        yield server, authority.path


async def test_a_uri(house: Cluster) -> None:
    uri = f"postgresql://authenticator@{house.host}:{house.port}/pipeline?application_name=mine"
    for query, answer in (
        ("SELECT current_user::text", "authenticator"),
        ("SELECT current_database()::text", "pipeline"),
        ("SHOW application_name", "mine"),
    ):
        assert await ask(uri, query) == answer


async def test_options_and_a_unix_socket(house: Cluster) -> None:
    conninfo = f"host={house.directory} port={house.port} user=postgres dbname=postgres"
    for options, answer in (("-c statement_timeout=4321", "4321ms"), ("-cwork_mem=8MB -cstatement_timeout=5s", "5s")):
        assert await ask(f"{conninfo} options='{options}'", "SHOW statement_timeout") == answer
        assert await ask_pool(f"{conninfo} options='{options}'", "SHOW statement_timeout") == answer
    assert await ask(conninfo, "SELECT inet_client_addr()") is None


async def test_libpqs_environment_variables(house: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"HOST": house.host, "PORT": str(house.port), "USER": "authenticator", "DATABASE": "pipeline"}
    for name, setting in (settings | {"OPTIONS": "-c lock_timeout=77"}).items():
        monkeypatch.setenv(f"PG{name}", setting)
    assert await ask("", "SELECT current_user || current_setting('lock_timeout')") == "authenticator77ms"
    assert await ask("user=postgres dbname=postgres", "SELECT current_user || current_database()") == "postgrespostgres"


async def test_the_password_file(secure: tuple[Cluster, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server, _ = secure
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"{server.host}:{server.port}:*:postgres:{server.password}\n")
    passfile.chmod(0o600)
    conninfo = f"host={server.host} port={server.port} user=postgres dbname=postgres"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(f"{conninfo} password=wrong", "SELECT 1")
    assert await ask(f"{conninfo} passfile='{passfile}'", "SELECT 1") == 1
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    assert await ask(conninfo, "SELECT 1") == 1
    assert await ask_pool(conninfo, "SELECT 1") == "1"


async def test_a_certificate_is_verified(secure: tuple[Cluster, Path], tmp_path: Path) -> None:
    server, authority = secure
    stranger = Authority(tmp_path, "stranger").path
    where = f"port={server.port} user=postgres password={server.password} dbname=postgres"
    good = f"host=localhost {where} sslmode=verify-full sslrootcert={authority}"
    assert await ask(good, ENCRYPTED) == "true"
    assert await ask_pool(good, ENCRYPTED) == "true"
    other_name = f"host=127.0.0.1 {where} sslmode=verify-full sslrootcert={authority}"
    other_authority = f"host=localhost {where} sslmode=verify-full sslrootcert={stranger}"
    no_authority = f"host=localhost {where} sslmode=verify-full sslrootcert=system"
    for conninfo in (other_name, other_authority, no_authority):
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(conninfo, "SELECT 1")
        with pytest.raises(ConnectionFailed, match="certificate"):
            await ask_pool(conninfo, "SELECT 1")
    assert await ask(f"host=127.0.0.1 {where} sslmode=verify-ca sslrootcert={authority}", ENCRYPTED) == "true"
    assert await ask(f"host=127.0.0.1 {where} sslmode=require", ENCRYPTED) == "true"
    assert await ask(f"host=127.0.0.1 {where} sslmode=disable", ENCRYPTED) == "false"


async def test_channel_binding_that_is_required_is_never_dropped(secure: tuple[Cluster, Path], tmp_path: Path) -> None:
    server, authority = secure
    conninfo = (
        f"host=localhost port={server.port} user=postgres password={server.password} dbname=postgres"
        " sslmode=require channel_binding=require"
    )
    assert await ask(f"{conninfo} sslrootcert={authority}", ENCRYPTED) == "true"
    with pytest.raises(ssl.SSLCertVerificationError):
        await ask(conninfo, "SELECT 1")
    with pytest.raises(ssl.SSLCertVerificationError):
        await ask(f"{conninfo} sslrootcert={Authority(tmp_path, 'stranger').path}", "SELECT 1")


async def test_several_hosts(house: Cluster) -> None:
    with Proxy(house.host, house.port) as dead:
        dead.cut()
        where = f"host=127.0.0.1,127.0.0.1,{house.host} port={free_port()},{dead.port},{house.port}"
        conninfo = f"{where} user=postgres dbname=postgres connect_timeout=2"
        started = time.monotonic()
        assert await ask(conninfo, "SELECT inet_server_port()") == house.port
        assert time.monotonic() - started < 5
        assert await ask_pool(conninfo, "SELECT inet_server_port()") == str(house.port)


async def test_a_server_with_the_attributes_wanted(house: Cluster) -> None:
    with Cluster({"default_transaction_read_only": "on"}) as reader:
        conninfo = f"host={reader.host},{house.host} port={reader.port},{house.port} user=postgres dbname=postgres"
        ports = {
            "any": reader.port,
            "read-only": reader.port,
            "read-write": house.port,
            "primary": reader.port,
            "prefer-standby": reader.port,
        }
        for wanted, port in ports.items():
            assert await ask(f"{conninfo} target_session_attrs={wanted}", "SELECT inet_server_port()") == port
            assert await ask_pool(f"{conninfo} target_session_attrs={wanted}", "SELECT inet_server_port()") == str(port)
        both = f"{conninfo} target_session_attrs=read-only"
        assert await ask(both, "SELECT inet_server_port()", writable=True) == house.port
        with pytest.raises(ConnectionError, match="no server is what is wanted: target_session_attrs=standby"):
            await ask(f"{conninfo} target_session_attrs=standby", "SELECT 1")


async def test_nobody_there() -> None:
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await connect_direct(f"host=127.0.0.1 port={free_port()} user=postgres")
    with Proxy("127.0.0.1", 1) as dead:
        dead.cut()
        with pytest.raises(TimeoutError, match=r"127\.0\.0\.1"):
            await connect_direct(f"host=127.0.0.1 port={dead.port} user=postgres connect_timeout=1")


async def test_nonsense() -> None:
    with pytest.raises(asyncpg.InterfaceError, match="connection string"):
        await connect_direct("no_such_thing=1")


#: Everything is loaded before the process becomes somebody else, who may not be able to.
IN_ANOTHER_S_HOME = """
import asyncio, os, sys
import asyncpg, encodings.idna, psycopg
from autorest.database.connection import complete
from autorest.database.direct import connect_direct
ENCRYPTED = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
async def ask():
    connection = await connect_direct(sys.argv[1])
    print(await connection.fetchval(ENCRYPTED))
    await connection.close()
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
print(*psycopg.connect(complete(sys.argv[1])).execute(ENCRYPTED).fetchone())
asyncio.run(ask())
"""


@pytest.mark.parametrize("mode", ["disable", "prefer", "require"])
def test_a_home_of_somebody_else_is_none(secure: tuple[Cluster, Path], tmp_path: Path, mode: str) -> None:
    home = tmp_path / "home"
    (home / ".postgresql").mkdir(parents=True)
    home.chmod(0 if os.geteuid() else 0o700)
    conninfo = secure[0].dsn(password="postgres", sslmode=mode)
    try:
        done = subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_S_HOME, conninfo],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT)},
        )
    finally:
        home.chmod(0o700)
    answer = "false\n" if mode == "disable" else "true\n"
    assert (done.stdout, done.stderr) == (2 * answer, "")
