"""The refusals of a token: codes PGRST300 to PGRST303 and their `WWW-Authenticate` challenge (RFC 6750 section 3).

Clients compare `error_description` with what they have always received, so its texts are part of the
protocol, like a code; the message in the body is for people.
"""

from __future__ import annotations

from typing import NamedTuple

from autorest.errors import Error, Refused, refuse

CHALLENGE = (("WWW-Authenticate", "Bearer"),)


class Flaw(NamedTuple):
    """One way in which a token is not acceptable."""

    code: str
    description: str
    message: str

    def refusal(self, details: str | None = None) -> Refused:
        """Return the 401 for this flaw, to be raised."""
        return refuse(self.code, self.message, details, headers=self.challenge())

    def challenge(self) -> tuple[tuple[str, str]]:
        value = f'Bearer error="invalid_token", error_description="{self.description}"'
        return (("WWW-Authenticate", value),)


EMPTY = Flaw("PGRST301", "Empty JWT is sent in Authorization header", "No token follows the word Bearer")
NO_KEY = Flaw("PGRST301", "No suitable key or wrong key type", "The token's signature could not be verified")
BAD_ALGORITHM = Flaw(
    "PGRST301", "Wrong or unsupported encoding algorithm", "The token's algorithm is not one that is accepted here"
)
MALFORMED = Flaw("PGRST301", "JWT cryptographic operation failed", "The token is malformed")

BAD_CLAIMS = Flaw("PGRST303", "Parsing claims failed", "The token's claims are not a JSON object")
EXPIRED = Flaw("PGRST303", "JWT expired", "The JWT expired")
NOT_YET_VALID = Flaw("PGRST303", "JWT not yet valid", "The token may not be used yet")
ISSUED_LATER = Flaw("PGRST303", "JWT issued at future", "The token was issued in the future")
OTHER_AUDIENCE = Flaw("PGRST303", "JWT not in audience", "The token is meant for another audience")
EXP_TYPE = Flaw("PGRST303", "The JWT 'exp' claim must be a number", "The claim exp is not a number of seconds")
NBF_TYPE = Flaw("PGRST303", "The JWT 'nbf' claim must be a number", "The claim nbf is not a number of seconds")
IAT_TYPE = Flaw("PGRST303", "The JWT 'iat' claim must be a number", "The claim iat is not a number of seconds")
AUD_TYPE = Flaw(
    "PGRST303",
    "The JWT 'aud' claim must be a string or an array of strings",
    "The claim aud is neither a text nor a list of texts",
)


def parts(count: int) -> Refused:
    """Return the refusal of a token that has not three parts."""
    return Flaw(
        "PGRST301",
        f"Expected 3 parts in JWT; got {count}",
        f"A token has three parts with dots between them, this one has {count}",
    ).refusal()


def no_secret() -> Refused:
    """Return the refusal of any token while `jwt-secret` is not configured."""
    return refuse("PGRST300", "Tokens cannot be verified here: jwt-secret is not configured")


def token_required() -> Refused:
    """Return the refusal of a request that names no role while there is no anonymous one."""
    return refuse("PGRST302", "A token that names a role is required", headers=CHALLENGE)


def unknown_role(role: str) -> Refused:
    """Return what PostgreSQL answers to SET ROLE with a role that does not exist (SQLSTATE 22023)."""
    return Refused(Error(401, "22023", f'role "{role}" does not exist', headers=CHALLENGE))


class UnknownKey(Refused):
    """The token names a key that the provider's keys, as last fetched, do not hold."""


def unknown_key() -> UnknownKey:
    """Return the refusal of a token signed with a key that is not, or not yet, known."""
    return UnknownKey(NO_KEY.refusal("No configured key has the token's key id and algorithm").error)


def keys_not_loaded() -> UnknownKey:
    """Return the 503 for a token that arrives before the provider's keys could be fetched once."""
    error = refuse(
        "PGRST300",
        "Tokens cannot be verified yet: the provider's keys could not be fetched",
        status=503,
        headers=(("Retry-After", "1"),),
    ).error
    return UnknownKey(error)
