"""What the tests of the API share besides fixtures: names, tokens, answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import jwt

HERE = Path(__file__).parent
DATABASE = "house"
ANON = "house_anon"
SECRET = "the secret of the house, of more than 32 bytes"
REPRESENTATION = {"Prefer": "return=representation"}
OBJECT = {"Accept": "application/vnd.pgrst.object+json"}


def bearer(role: str | None = "house_user", **claims: Any) -> dict[str, str]:
    """Return the header with a token for `role`."""
    payload = claims if role is None else {"role": role, **claims}
    return {"Authorization": f"Bearer {jwt.encode(payload, SECRET, 'HS256')}"}


def got(answer: httpx.Response, status: int = 200) -> Any:
    """Return the JSON of an answer that has this status."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    return answer.json()


def error(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the error of an answer, which must be one in PostgREST's form."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    body: dict[str, Any] = answer.json()
    assert set(body) == {"code", "message", "details", "hint"}
    assert body["code"] == code, body
    assert body["message"]
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["proxy-status"] == f"autorest; error={code}"
    return body


def ids(answer: httpx.Response, key: str = "id") -> list[Any]:
    """Return the ids of the rows, sorted."""
    return sorted(row[key] for row in got(answer))


def exact(answer: httpx.Response) -> Any:
    """Return the JSON of an answer with every number as it is written."""
    return json.loads(answer.text, parse_int=str, parse_float=str)
