"""postgrest-js: every method of its builders, in Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.house import bearer
from tests.support.cluster import Cluster
from tests.support.gateway import GatewayProcess
from tests.support.skips import lacking

JS = Path(__file__).parent / "js"

#: What needs PostGIS, and what another method of the same name stands before.
NOT_DRIVEN = {"PostgrestTransformBuilder.geojson", "PostgrestBuilder.returns"}


def rows(*found: int) -> list[dict[str, int]]:
    return [{"id": one} for one in found]


#: Status and data.
EXPECTED: dict[str, tuple[int, Any]] = {
    "columns": (200, [{"id": 1, "no": "1", "mono": True, "directors": {"name": "Agnès Varda"}}]),
    "select": (200, [{"id": 1, "name": "Corinne Marchand"}, {"id": 2, "name": "Sandrine Bonnaire"}]),
    "eq": (200, rows(1)),
    "neq": (200, rows(2, 3, 4, 5, 6, 7)),
    "gt": (200, rows(7)),
    "gte": (200, rows(6, 7)),
    "lt": (200, rows(1)),
    "lte": (200, rows(1, 2)),
    "like": (200, rows(5, 6)),
    "ilike": (200, rows(5)),
    "likeAllOf": (200, rows(5, 6)),
    "likeAnyOf": (200, rows(2, 5)),
    "ilikeAllOf": (200, rows(5)),
    "ilikeAnyOf": (200, rows(2, 5)),
    "regexMatch": (200, rows(5)),
    "regexIMatch": (200, rows(5)),
    "is": (200, rows(7)),
    "isDistinct": (200, rows(4, 5, 6, 7)),
    "in": (200, rows(1, 5)),
    "notIn": (200, rows(4, 5, 6, 7)),
    "contains": (200, rows(1)),
    "containsJson": (200, rows(1)),
    "containedBy": (200, rows(1, 2, 5, 6, 7)),
    "overlaps": (200, rows(3, 4)),
    "rangeGt": (200, rows(2, 3)),
    "rangeGte": (200, rows(2, 3)),
    "rangeLt": (200, rows(1, 2)),
    "rangeLte": (200, rows(1, 2)),
    "rangeAdjacent": (200, rows(2, 3)),
    "textSearch": (200, rows(4)),
    "textSearchPlain": (200, rows(6)),
    "textSearchPhrase": (200, rows(3)),
    "textSearchWeb": (200, rows(2, 5)),
    "match": (200, rows(5)),
    "not": (200, rows(1, 2, 3, 4, 5, 6)),
    "or": (200, rows(1, 5)),
    "filter": (200, rows(1, 2)),
    "embeddedFilter": (200, [{"id": 2, "films": rows(4)}]),
    "embeddedOr": (200, [{"id": 1, "films": rows(1, 3)}]),
    "embeddedOrderLimit": (200, [{"films": rows(3)}]),
    "embeddedRange": (200, [{"films": rows(2, 3)}]),
    "spread": (200, [{"title": "Ran", "by": "Akira Kurosawa"}]),
    "antiJoin": (200, rows(4)),
    "aggregate": (
        200,
        [{"director_id": 1, "max": 7.8}, {"director_id": 2, "max": 8.6}, {"director_id": 3, "max": 7.5}],
    ),
    "orderNulls": (200, rows(4, 5)),
    "relatedOrder": (200, [{"id": 1, "directors": {"name": "Agnès Varda"}}]),
    "range": (206, rows(3, 4)),
    "single": (200, {"id": 1}),
    "maybeSingle": (200, {"id": 1}),
    "maybeSingleNone": (200, None),
    "csv": (200, "id,title\n5,Ran"),
    "stripNulls": (200, rows(7)),
    "returns": (200, rows(1)),
    "overrideTypes": (200, rows(1)),
    "retry": (200, rows(1)),
    "schema": (200, [{"id": 1, "other_name": "other one"}]),
    "schemaRpc": (200, '"other"'),
    "insert": (201, None),
    "insertMany": (201, [{"id": 2, "name": "two"}, {"id": 3, "name": None}]),
    "insertDefaults": (201, [{"name": "unnamed"}, {"name": "five"}]),
    "insertSingle": (201, {"id": 6}),
    "upsert": (201, [{"name": "uno"}, {"name": "seven"}]),
    "upsertIgnore": (201, []),
    "upsertOn": (201, [{"n": 1}]),
    "update": (204, None),
    "updateSelect": (200, {"id": 1, "note": "m"}),
    "delete": (204, None),
    "deleteSelect": (200, rows(6, 5)),
    "left": (200, rows(1, 2, 3, 4)),
    "rpc": (200, 3),
    "rpcGet": (200, 4),
    "rpcGetArray": (200, 3),
    "rpcHead": (200, None),
    "rpcFilter": (206, [{"id": 5, "directors": {"name": "Akira Kurosawa"}}]),
    "rpcSingle": (200, {"title": "Ran"}),
    "rpcVoid": (204, None),
    "openApi": (200, True),
}
COUNTS = {"count": 7, "planned": 1000, "estimated": 2, "range": 7, "insertDefaults": 2, "update": 2, "delete": 1}
COUNTS |= {"rpcHead": 2, "rpcFilter": 2}
#: Status and code.
ERRORS = {
    "singleNone": (406, "PGRST116"),
    "singleMany": (406, "PGRST116"),
    "maybeSingleMany": (406, "PGRST116"),
    "notFound": (404, "PGRST205"),
    "forbidden": (401, "42501"),
    "forbiddenKnown": (403, "42501"),
    "insertConflict": (409, "23505"),
    "maxAffected": (400, "PGRST124"),
    "rpcMissing": (404, "PGRST202"),
}


@pytest.fixture(scope="module")
def package() -> Path:
    """The directory of the script, with the package installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        lacking("no Node.js: install node and npm")
    if not (JS / "node_modules" / "@supabase" / "postgrest-js").exists():
        done = subprocess.run(["npm", "install"], cwd=JS, capture_output=True, text=True, timeout=120)
        if done.returncode:
            lacking(f"postgrest-js cannot be installed: {done.stderr[-300:]}")
    return JS


def test_every_method(package: Path, gateway: GatewayProcess, emptied: Cluster) -> None:
    token = bearer()["Authorization"].removeprefix("Bearer ")
    command = ["node", "drive.mjs", gateway.url, token]
    done = subprocess.run(command, cwd=package, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    found = report["results"]
    assert set(report["unused"]) <= NOT_DRIVEN
    assert {name: (found[name]["status"], found[name]["data"]) for name in EXPECTED} == EXPECTED
    assert {name: found[name]["count"] for name in COUNTS} == COUNTS
    assert {name: (found[name]["status"], found[name]["error"]["code"]) for name in ERRORS} == ERRORS
    for name in ERRORS:
        assert found[name]["error"]["keys"] == ["code", "details", "hint", "message"]
    assert all(found[name]["error"] is None for name in EXPECTED)
    assert "Seq Scan" in found["explain"]["data"]
    assert found["explainJson"]["data"][0]["Plan"]["Actual Rows"] == 1
    assert found["setHeader"]["data"]["headers"]["x-own"] == "mine"
    assert len(found["rollback"]["data"]) == 7
    assert found["abortSignal"]["error"] and found["abortSignal"]["status"] == 0
    assert found["throwOnError"]["thrown"] == ["PostgrestError", "PGRST205"]
    driven = {
        *EXPECTED,
        *COUNTS,
        *ERRORS,
        "explain",
        "explainJson",
        "setHeader",
        "rollback",
        "abortSignal",
        "throwOnError",
    }
    assert set(found) == driven
