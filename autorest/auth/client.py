"""Where a request comes from, as far as that can be known behind proxies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and networks such as `10.0.0.0/8`; ValueError for what is neither."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts)


def client_network(peer: str | None, forwarded: Iterable[str], trusted: Sequence[Network]) -> str | None:
    """Return where a request came from: an IPv4 address, the /64 of an IPv6 one, None over a Unix socket.

    `peer` is the other end of the connection, `forwarded` the values of `X-Forwarded-For`, which count only
    as far as `trusted` proxies wrote them.
    """
    address = None if peer is None else _address(peer)
    for hop in reversed(",".join(forwarded).split(",")):
        if address is None or not any(address in network for network in trusted):
            break
        before = _address(hop.strip())
        if before is None:
            break
        address = before
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return None if address is None else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
