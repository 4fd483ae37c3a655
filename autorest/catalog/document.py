"""The catalog as JSON, for people who want to see what the gateway knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import orjson

from autorest.catalog.model import Catalog


def document(catalog: Catalog) -> bytes:
    """Return the catalog as a JSON object; a map whose keys are not texts is an array of [key, value]."""
    return orjson.dumps(_plain(catalog))


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.name.lower()
        case Mapping() if all(isinstance(key, str) for key in value):
            return {key: _plain(member) for key, member in value.items()}
        case Mapping():
            return [[_plain(key), _plain(member)] for key, member in value.items()]
        case tuple() if hasattr(value, "_asdict"):
            return {key: _plain(member) for key, member in value._asdict().items()}
        case Sequence() if not isinstance(value, str):
            return [_plain(member) for member in value]
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value
