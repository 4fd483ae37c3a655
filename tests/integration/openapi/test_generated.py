"""Requests generated from the 3.1 document: whatever it says can be sent, the gateway answers.

AUTOREST_FUZZ_EXAMPLES says how many are made of each operation.
"""

from __future__ import annotations

import os
import time
from typing import Any

import httpx
import jwt
import pytest
import schemathesis
from schemathesis.core.result import Ok

from tests.integration.openapi.serving import SECRET

EXAMPLES = int(os.environ.get("AUTOREST_FUZZ_EXAMPLES", "12"))


@pytest.fixture(scope="module")
def headers() -> dict[str, str]:
    claims = {"role": "api_user", "sub": "anna", "exp": int(time.time()) + 3600}
    return {"Authorization": f"Bearer {jwt.encode(claims, SECRET)}", "Prefer": "tx=rollback"}


def test_nothing_that_the_document_allows_breaks_the_gateway(address: str, headers: dict[str, str]) -> None:
    from hypothesis import HealthCheck, Phase, given, settings

    schema = schemathesis.openapi.from_url(address, headers=headers)
    sent = accepted = 0
    with httpx.Client(timeout=10) as client:
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def check(case: Any) -> None:
                nonlocal sent, accepted
                request = case.as_transport_kwargs(base_url=address.rstrip("/"))
                body = {"content" if isinstance(request.get("data"), bytes) else "data": request.get("data")}
                response = client.request(
                    request["method"],
                    request["url"],
                    params=request.get("params"),
                    headers={**request.get("headers", {}), **headers},
                    **({"json": request["json"]} if "json" in request else body),
                )
                sent += 1
                accepted += response.is_success
                assert response.status_code < 500, (request, response.text)

            check()
    print(f"{sent} requests, {accepted} of them accepted")
    assert sent > 12 * EXAMPLES
    assert accepted > sent * 0.1
