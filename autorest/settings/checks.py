"""Checks of values that have a grammar of their own: connection strings, keys, paths into claims."""

from __future__ import annotations

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from autorest.auth import keys
from autorest.auth.role_path import parse_role_path
from autorest.settings.error import Unfit


def with_password(conninfo: str, password: str | None) -> str:
    """Return a libpq connection string with the password filled in if it has none; what is no such stays as it is."""
    try:
        lacking = password and not conninfo_to_dict(conninfo).get("password")
    except ProgrammingError:
        return conninfo
    return make_conninfo(conninfo, password=password) if lacking else conninfo


def check_conninfo(conninfo: str) -> None:
    """Raise Unfit unless libpq understands the connection string."""
    try:
        conninfo_to_dict(conninfo)
    except ProgrammingError:
        # What libpq says about it may repeat a password.
        raise Unfit(
            "it is not a connection string that libpq understands, like postgresql://user@host:5432/database"
        ) from None


def check_role_claim_key(path: str) -> None:
    """Raise Unfit unless `path` is a JSONPath or in PostgREST's older syntax for one."""
    try:
        parse_role_path(path)
    except ValueError as error:
        raise Unfit(str(error)) from None


def check_jwt_secret(secret: bytes, is_base64: bool) -> None:
    """Raise Unfit unless tokens can be verified with `secret`."""
    try:
        decoded = keys.secret_bytes(secret, is_base64)
        if keys.is_url(decoded):
            keys.url_of(decoded)
        else:
            keys.parse_keys(decoded)
    except ValueError as error:
        raise Unfit(str(error)) from None


def check_signing_key(key: bytes) -> None:
    """Raise Unfit unless tokens can be signed with `key`."""
    try:
        if all(one.signing is None for one in keys.parse_keys(keys.secret_bytes(key, False)).keys):
            raise Unfit("it is a public key, tokens are signed with a secret or a private key")
    except ValueError as error:
        raise Unfit(str(error)) from None
