"""Where a request comes from, behind proxies that may be trusted and headers that may not."""

from __future__ import annotations

import pytest

from autorest.auth.client import client_network, parse_networks

TRUSTED = ("10.0.0.0/8", "fd00::/8", "127.0.0.1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "network"),
    [
        (None, [], None),
        ("testclient", [], None),
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], "2001:db8:1:2::/64"),
        ("fd00::1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", [], "192.0.2.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ],
)
def test_the_network_of_a_client(peer: str | None, forwarded: list[str], network: str | None) -> None:
    assert client_network(peer, forwarded, parse_networks(TRUSTED)) == network


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "localhost", "10.0.0"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError):
        parse_networks([text])
