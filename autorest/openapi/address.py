"""Where the API says it is reached: its own address, or a proxy's."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_URI: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[^\]/?#]*\]|[^:/?#@]+)(?P<port>:\d*)?(?P<path>/[^?#]*)?\Z"
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ANY_HOST: Final = frozenset({"*", "*4", "!4", "*6", "!6"})


class Address(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str


def public_address(host: str, port: int, proxy_uri: str | None) -> Address:
    """Return the address clients are told: that of `proxy_uri`, or the server's own where it is unset.

    A `proxy_uri` that is no absolute http(s) URI without user, query and fragment counts as unset.
    """
    proxy = read_proxy_uri(proxy_uri) if proxy_uri else None
    return proxy or Address("http", "0.0.0.0" if host in _ANY_HOST else host, port, "/")


def read_proxy_uri(uri: str) -> Address | None:
    """Return the parts of an absolute http(s) URI, None where it is not one (RFC 3986, section 4.3)."""
    match = _URI.match(uri)
    if match is None:
        return None
    scheme, digits = match["scheme"].lower(), match["port"]
    if scheme not in _DEFAULT_PORTS:
        return None
    port = _DEFAULT_PORTS[scheme] if digits is None else int(digits[1:] or 80)
    return Address(scheme, match["host"], port, match["path"] or "/") if 0 < port < 65536 else None
