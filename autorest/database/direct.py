"""The direct connection to PostgreSQL, past any pooler: for the catalog and for LISTEN.

libpq's connection strings are understood by libpq's own parser and put into the words of asyncpg, which reads most of
libpq's environment variables, the password file and the service file by itself.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlencode

import asyncpg
import psycopg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.exceptions import (
    ClientConfigurationError,
    InvalidAuthorizationSpecificationError,
    TargetServerAttributeNotMatched,
)
from psycopg.conninfo import conninfo_to_dict

import autorest
from autorest.database.connection import forget_unreadable_home

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

#: How long an attempt may take for each host, and a query, in seconds.
CONNECT_SECONDS = 5.0
QUERY_SECONDS = 60.0

#: What asyncpg takes from a connection URI's query under libpq's names.
IN_URI = (
    "user",
    "password",
    "passfile",
    "dbname",
    "service",
    "sslmode",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslrootcert",
    "sslcrl",
    "sslnegotiation",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "krbsrvname",
    "gsslib",
)
#: What would weaken the connection if it were passed over in silence.
UNKNOWN = (("gssencmode", "require"), ("require_auth", None), ("requirepeer", None), ("sslcrldir", None))


async def connect_direct(conninfo: str, *, writable: bool = False) -> Connection:
    """Connect to what a libpq connection string, a URI or key=value, and the environment say.

    Hosts are tried in their order, or in any order with `load_balance_hosts=random`, for `connect_timeout` seconds
    each. `writable` takes only a server that accepts writes, whatever `target_session_attrs` says.

    Raises what asyncpg raises: OSError or TimeoutError if no host answers, asyncpg.PostgresError if the server
    refuses, asyncpg.InterfaceError if the string cannot be honoured or no host has the attributes wanted.
    """
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value not in (None, "")}
    except psycopg.ProgrammingError:
        # What libpq says about it may repeat a password.
        raise ClientConfigurationError("not a connection string that libpq understands") from None
    forget_unreadable_home()
    arguments = translate(given)
    last: Exception | None = None
    for attributes in attempts(given, writable):
        for host, port in hosts(given):
            arguments |= {"host": host, "port": port, "target_session_attrs": attributes}
            try:
                connection: Connection = await asyncpg.connect(**arguments)
                return connection
            except InvalidAuthorizationSpecificationError:
                raise
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
                last = error
    assert last is not None
    raise named(last, given)


def translate(given: Mapping[str, str]) -> dict[str, Any]:
    """Return asyncpg's arguments for libpq's parameters, but for the hosts; raise if one cannot be honoured."""
    for name, value in UNKNOWN:
        if name in given and value in (None, given[name]):
            raise ClientConfigurationError(
                f"the direct connection cannot honour {name}={given[name]}: write a db-direct-uri without it"
            )
    options = {name: given[name] for name in IN_URI if name in given}
    if service := os.environ.get("PGSERVICE"):
        options.setdefault("service", service)
    timeout = float(given.get("connect_timeout") or os.environ.get("PGCONNECT_TIMEOUT") or 0)
    settings = {"application_name": application_name(given)}
    if more := given.get("options") or os.environ.get("PGOPTIONS"):
        settings["options"] = more
    arguments: dict[str, Any] = {
        "server_settings": settings,
        "timeout": timeout if timeout > 0 else CONNECT_SECONDS,
        "command_timeout": QUERY_SECONDS,
        # Through a pooler in transaction mode, named statements may be gone at the next transaction.
        "statement_cache_size": 0,
    }
    if verified_by_the_system(given):
        arguments["ssl"] = True
        options = {name: value for name, value in options.items() if name not in ("sslmode", "sslrootcert")}
    elif given.get("channel_binding") == "require":
        options["sslmode"] = "verify-full"
    arguments["dsn"] = "postgresql://?" + urlencode(options, quote_via=quote)
    return arguments


def verified_by_the_system(given: Mapping[str, str]) -> bool:
    """Whether the server's certificate must come from an authority the system trusts.

    So says `sslrootcert=system`. `channel_binding=require` is read that way too unless an authority is named:
    asyncpg cannot bind to the channel, but a verified certificate keeps out whoever that was to keep out.
    """
    root = given.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
    return root == "system" or (root is None and given.get("channel_binding") == "require")


def application_name(given: Mapping[str, str]) -> str:
    """Return the name that PostgreSQL shows for the connection."""
    return (
        given.get("application_name")
        or os.environ.get("PGAPPNAME")
        or given.get("fallback_application_name")
        or f"autorest {autorest.__version__}"
    )


def hosts(given: Mapping[str, str]) -> list[tuple[str | None, int | None]]:
    """Return the pairs of host and port to try; None stands for asyncpg's defaults and the environment's."""
    names = (given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "").split(",")
    ports = (given.get("port") or os.environ.get("PGPORT") or "").split(",")
    if len(ports) not in (1, len(names)):
        raise ClientConfigurationError(f"{len(ports)} ports are given for {len(names)} hosts")
    try:
        numbers = [int(port) if port else None for port in ports]
    except ValueError:
        raise ClientConfigurationError(f"not a port: {','.join(ports)}") from None
    numbers *= len(names) // len(numbers)
    pairs = [(name or None, number) for name, number in zip(names, numbers, strict=True)]
    if given.get("load_balance_hosts") == "random":
        random.shuffle(pairs)
    return pairs


def attempts(given: Mapping[str, str], writable: bool) -> list[SessionAttribute]:
    """Return the attributes to look for on every host, in turn."""
    if writable:
        return [SessionAttribute.read_write]
    wanted = given.get("target_session_attrs") or os.environ.get("PGTARGETSESSIONATTRS") or "any"
    if wanted == "prefer-standby":
        return [SessionAttribute.standby, SessionAttribute.any]
    try:
        return [SessionAttribute(wanted)]
    except ValueError:
        raise ClientConfigurationError(f"not a value of target_session_attrs: {wanted}") from None


def named(error: Exception, given: Mapping[str, str]) -> Exception:
    """Return the error to raise: a time-out has no words of its own, and asyncpg's inner errors are none of OSError."""
    match error:
        case TimeoutError() if not str(error):
            return TimeoutError(f"no answer from {given.get('host') or given.get('hostaddr') or 'PostgreSQL'} in time")
        case TargetServerAttributeNotMatched():
            wanted = given.get("target_session_attrs") or os.environ.get("PGTARGETSESSIONATTRS") or "read-write"
            return ConnectionError(f"no server is what is wanted: target_session_attrs={wanted}")
        case asyncpg.InternalClientError():
            return ConnectionError(str(error))
        case _:
            return error
