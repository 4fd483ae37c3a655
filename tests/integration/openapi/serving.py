"""The gateway as these tests want it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.gateway import GatewayProcess

SECRET = "a secret for the tests of the documents, of more than 32 bytes"


@contextmanager
def serving(db_uri: str, *, prefix: str = "AUTOREST_", **settings: str) -> Iterator[str]:
    """Run a gateway with these settings, named with underscores; give its address with a slash at the end."""
    given = {"db-schemas": "api", "db-anon-role": "api_anon", "jwt-secret": SECRET}
    given |= {name.replace("_", "-"): value for name, value in settings.items()}
    with GatewayProcess(db_uri, given, prefix=prefix) as gateway:
        yield f"{gateway.url}/"
