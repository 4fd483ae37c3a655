"""Who a request is made by: tokens to roles and claims, and a login that issues such tokens."""

from autorest.auth.authenticator import Authenticator
from autorest.auth.identity import Identity
from autorest.auth.refusals import UnknownKey

__all__ = ["Authenticator", "Identity", "UnknownKey"]
