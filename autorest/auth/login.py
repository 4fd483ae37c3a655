"""The login: e-mail and password against `auth.users`, sessions with rotating refresh tokens.

The database is reached through the functions of schema `auth` only (postgres/init/05-auth.sql). Every
statement has text parameters and one column of JSON text, so that any driver can run it.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import orjson

from autorest.auth import refusals
from autorest.auth.authenticator import Authenticator
from autorest.auth.client import parse_networks
from autorest.auth.passwords import MAXIMUM_BYTES, PasswordThreads, acceptable
from autorest.auth.signer import Signer, SignerSettings
from autorest.errors import Refused, refuse

logger = logging.getLogger("autorest.auth")

#: Runs one statement as the role the gateway connects as; `$1` stands for the first parameter. Returns the
#: rows, whose values are text. Raises Refused when the database does not answer or reports an error.
Run = Callable[[str, Sequence[str | None]], Awaitable[Sequence[Sequence[str | bytes | None]]]]

#: Makes the statements after it in a transaction those of the role that connects, whatever the function of an earlier
#: request has left in the session.
BE_YOURSELF = "select set_config('role', 'none', true)"
BEGIN_LOGIN = "select auth.begin_login($1::text, $2::text)::text"
FINISH_LOGIN = (
    "select auth.finish_login($1::text::uuid, $2::text, decode($3::text, 'hex'), $4::text::interval, $5::text)::text"
)
RENEW_SESSION = (
    "select auth.renew_session($1::text::uuid, decode($2::text, 'hex'), decode($3::text, 'hex'),"
    " $4::text::interval)::text"
)
END_SESSION = "select auth.end_session($1::text::uuid)::text"
FIND_USER = "select auth.find_user($1::text::uuid)::text"
BEGIN_REGISTRATION = "select auth.begin_registration($1::text)::text"
ADD_USER = "select auth.add_user($1::text, $2::text, $3::text)::text"

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")
_EMAIL_CHARACTERS = 254
_SECRET_BYTES = 32


class LoginSettings(SignerSettings, Protocol):
    """The settings of the login; lifetimes in seconds."""

    @property
    def auth_registration_enabled(self) -> bool: ...
    @property
    def auth_default_role(self) -> str: ...
    @property
    def auth_token_lifetime(self) -> int: ...
    @property
    def auth_refresh_lifetime(self) -> int: ...
    @property
    def auth_trusted_proxies(self) -> Sequence[str]: ...


class Tokens(NamedTuple):
    """What a login results in (RFC 6749 section 5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str


class Credentials(NamedTuple):
    """An e-mail address and a password, as they were sent."""

    email: str
    password: str


class _RefreshToken(NamedTuple):
    session: UUID
    secret: bytes

    @classmethod
    def parse(cls, text: str) -> _RefreshToken | None:
        try:
            raw = urlsafe_b64decode(text.encode("ascii"))
        except ValueError:
            return None
        return cls(UUID(bytes=raw[:16]), raw[16:]) if len(raw) == 16 + _SECRET_BYTES else None

    def __str__(self) -> str:
        return urlsafe_b64encode(self.session.bytes + self.secret).decode()


class LoginService:
    """Logs users in and out.

    `run` reaches the database, `authenticator` reads the tokens that `me` and `log_out` are given. Raises
    ValueError as `Signer` does, and for a trusted proxy that is no network. `close` ends its threads.
    """

    def __init__(self, run: Run, settings: LoginSettings, authenticator: Authenticator) -> None:
        self.reconfigure(settings)
        self._run = run
        self._authenticator = authenticator
        self._passwords = PasswordThreads()

    def reconfigure(self, settings: LoginSettings) -> None:
        """Follow changed settings; ValueError, and nothing is changed, when they cannot be used."""
        signer, trusted_proxies = Signer(settings), parse_networks(settings.auth_trusted_proxies)
        self.settings, self.trusted_proxies, self._signer = settings, trusted_proxies, signer

    def close(self) -> None:
        """End the threads that hash passwords."""
        self._passwords.close()

    async def log_in(self, credentials: Credentials, address: str | None) -> Tokens:
        """Check a password and open a session.

        `address` is the network the request came from, for counting failures. Raises Refused AUTH401 for a
        wrong e-mail or password, alike and after the same time, AUTH429 after too many of them.
        """
        if not is_email(credentials.email) or len(credentials.password.encode()) > MAXIMUM_BYTES:
            raise wrong_credentials()
        begun = await self._ask(BEGIN_LOGIN, credentials.email, address)
        _refuse_while_waiting(begun["wait"])
        verdict = await self._passwords.verify(credentials.password, begun["password_hash"])
        if not verdict.right:
            logger.info("a login from %s failed", address)
            raise wrong_credentials()
        logger.info("user %s logged in from %s", begun["id"], address)
        return await self._open_session(begun["id"], address, verdict.new_hash)

    async def register(self, credentials: Credentials, address: str | None) -> Tokens:
        """Add a user and log them in.

        Raises Refused AUTH403 where registration is switched off, AUTH400 for an e-mail or a password that
        cannot be used, AUTH409 when there is such a user, AUTH429 after too many attempts.
        """
        if not self.settings.auth_registration_enabled:
            raise refuse("AUTH403", "Registration is switched off", status=403)
        if not is_email(credentials.email):
            raise refuse("AUTH400", "This is not an e-mail address", status=400)
        if objection := acceptable(credentials.password):
            raise refuse("AUTH400", objection, status=400)
        _refuse_while_waiting((await self._ask(BEGIN_REGISTRATION, address))["wait"])
        hashed = await self._passwords.hash(credentials.password)
        added = await self._ask(ADD_USER, credentials.email, hashed, self.settings.auth_default_role)
        if added is None:
            raise refuse("AUTH409", "There is a user with this e-mail address already", status=409)
        logger.info("user %s registered from %s", added["id"], address)
        return await self._open_session(added["id"], None, None)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token for new tokens; it is good once.

        Raises Refused AUTH401 when it is unknown, expired or ended. One that was exchanged before ends its
        session: somebody else has it.
        """
        token = _RefreshToken.parse(refresh_token)
        if token is None:
            raise wrong_refresh_token()
        successor = token._replace(secret=secrets.token_bytes(_SECRET_BYTES))
        renewed = await self._ask(
            RENEW_SESSION, str(token.session), _hashed(token), _hashed(successor), self._refresh_lifetime()
        )
        if renewed["outcome"] == "reused":
            logger.warning("a refresh token of user %s was used twice, its session has ended", renewed["id"])
        if renewed["outcome"] != "renewed":
            raise wrong_refresh_token()
        return self._tokens(renewed, successor)

    async def log_out(self, refresh_token: str | None, authorization: bytes | None) -> None:
        """End the session of a refresh token, or else of an access token; its access tokens expire by themselves.

        Raises Refused AUTH400 when there is neither, and as the authenticator does.
        """
        if refresh_token is not None:
            token = _RefreshToken.parse(refresh_token)
            session = None if token is None else str(token.session)
        elif authorization is not None:
            session = _uuid((await self._claims(authorization)).get("sid"))
        else:
            raise refuse("AUTH400", "A refresh_token or an access token is needed to log out", status=400)
        if session is not None:
            await self._ask(END_SESSION, session)

    async def me(self, authorization: bytes | None) -> dict[str, Any]:
        """Return the user an access token belongs to: id, email, role, created_at, last_login_at.

        Raises Refused PGRST301 to PGRST303 as the authenticator does, AUTH404 when the token is not one of a user.
        """
        user_id = _uuid((await self._claims(authorization)).get("sub"))
        user = None if user_id is None else await self._ask(FIND_USER, user_id)
        if user is None:
            raise refuse("AUTH404", "The token does not belong to a user of this login", status=404)
        found: dict[str, Any] = user
        return found

    async def _claims(self, authorization: bytes | None) -> dict[str, Any]:
        identity = await self._authenticator.authenticate_patiently(authorization, time.time())
        if not identity.authenticated:
            raise refusals.token_required()
        claims: dict[str, Any] = orjson.loads(identity.claims)
        return claims

    async def _open_session(self, user_id: str, address: str | None, new_hash: str | None) -> Tokens:
        secret = secrets.token_bytes(_SECRET_BYTES)
        hashed = hashlib.sha256(secret).hexdigest()
        opened = await self._ask(FINISH_LOGIN, user_id, address, hashed, self._refresh_lifetime(), new_hash)
        if opened is None:
            raise wrong_credentials()
        return self._tokens(opened, _RefreshToken(UUID(opened["session"]), secret))

    def _tokens(self, user: dict[str, str], refresh_token: _RefreshToken) -> Tokens:
        claims = {"sub": user["id"], "email": user["email"], "sid": str(refresh_token.session)}
        lifetime = self.settings.auth_token_lifetime
        access_token = self._signer.sign(user["role"], claims, time.time(), lifetime)
        return Tokens(access_token, "bearer", lifetime, str(refresh_token))

    def _refresh_lifetime(self) -> str:
        return f"{self.settings.auth_refresh_lifetime} seconds"

    async def _ask(self, sql: str, *parameters: str | None) -> Any:
        rows = await self._run(sql, parameters)
        answer = rows[0][0]
        return None if answer is None else orjson.loads(answer)


def wrong_credentials() -> Refused:
    """Return the refusal of a login: the same whether the e-mail is unknown, disabled, or the password wrong."""
    return refuse("AUTH401", "The e-mail address or the password is wrong", status=401, headers=refusals.CHALLENGE)


def wrong_refresh_token() -> Refused:
    """Return the refusal of a refresh token."""
    return refuse(
        "AUTH401",
        "The refresh token is not valid any more",
        None,
        "Log in again.",
        status=401,
        headers=refusals.CHALLENGE,
    )


def _refuse_while_waiting(seconds: int) -> None:
    if seconds > 0:
        raise refuse(
            "AUTH429",
            "There were too many failed attempts",
            None,
            f"Try again in {seconds} seconds.",
            status=429,
            headers=(("Retry-After", str(seconds)),),
        )


def is_email(text: str) -> bool:
    """Tell whether a text has the form of an e-mail address, and a length that the database takes."""
    return len(text) <= _EMAIL_CHARACTERS and _EMAIL.fullmatch(text) is not None


def _hashed(token: _RefreshToken) -> str:
    return hashlib.sha256(token.secret).hexdigest()


def _uuid(value: object) -> str | None:
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None
