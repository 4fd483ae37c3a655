"""Every metric and every path of the admin server is documented."""

from __future__ import annotations

import re
from pathlib import Path

from autorest.metrics import DESCRIBED

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_metrics_of_the_page_are_those_of_the_gateway() -> None:
    requests = {
        "autorest_http_requests_total",
        "autorest_http_request_duration_seconds",
        "autorest_http_response_size_bytes",
    }
    assert set(re.findall(r"`((?:pgrst|autorest)_[a-z_]+)`", PAGE)) == requests | set(DESCRIBED)


def test_paths_of_the_admin_server_are_on_the_page() -> None:
    source = (Path(__file__).resolve().parents[3] / "autorest" / "admin.py").read_text(encoding="utf-8")
    paths = set(re.findall(r'case "(/[a-z_]+)"', source))
    assert len(paths) >= 5
    assert {path for path in paths if f"| `{path}` |" not in PAGE} == set()
