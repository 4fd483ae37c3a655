"""The clients of other people talk to the gateway of the API's tests."""

from __future__ import annotations

from tests.integration.api.conftest import emptied, gateway, gateways, house

__all__ = ["emptied", "gateway", "gateways", "house"]
