"""JSON, read as exactly as PostgreSQL reads it."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import orjson

from autorest.errors import Refused, refuse
from autorest.request.limits import MAX_JSON_DEPTH

JSON_SPACE: Final = b" \t\n\r"


def load_json(text: bytes) -> Any:
    """Return the value of a JSON text; numbers that no double can hold are texts in it.

    Raises: orjson.JSONDecodeError where it is no JSON; Refused (PGRST102) where it is nested too deeply.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _load_any_number(text, error)


def _load_any_number(text: bytes, error: orjson.JSONDecodeError) -> Any:
    """Parse what orjson refuses for a number no double can hold; refuse what is refused here, too."""
    try:
        if "limit" in error.msg:
            raise RecursionError
        value = json.loads(text.decode(), parse_float=str, parse_int=str, parse_constant=_refuse_constant)
        # Escapes of half a surrogate pair pass json, but are no text.
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        raise too_deep() from None
    except ValueError:
        raise error from None


def too_deep() -> Refused:
    """Return the exception for JSON of more levels than are taken."""
    return refuse("PGRST102", "The body is JSON nested too deeply", f"At most {MAX_JSON_DEPTH} levels are taken.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
