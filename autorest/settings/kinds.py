"""The kinds of values that settings have: how each is read from text, written back, and described."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from autorest.catalog.model import QualifiedName


class TransactionEnd(StrEnum):
    """How a request's transaction ends, and whether `Prefer: tx=` may say otherwise."""

    COMMIT = "commit"
    COMMIT_ALLOW_OVERRIDE = "commit-allow-override"
    ROLLBACK = "rollback"
    ROLLBACK_ALLOW_OVERRIDE = "rollback-allow-override"

    @property
    def rollback_all(self) -> bool:
        return self in (TransactionEnd.ROLLBACK, TransactionEnd.ROLLBACK_ALLOW_OVERRIDE)

    @property
    def allow_override(self) -> bool:
        return self in (TransactionEnd.COMMIT_ALLOW_OVERRIDE, TransactionEnd.ROLLBACK_ALLOW_OVERRIDE)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value, attached to a setting's type.

    `parse` turns text into the value and raises ValueError when it cannot; `wants` completes the sentence
    "it wants …". `literal` is the unquoted value a configuration file may hold instead of a string.
    `empty` tells that an empty text is a value of its own and not the same as leaving the setting out.
    `bare` tells that `show` makes text that needs no quotes in a configuration file.
    """

    name: str
    wants: str
    parse: Callable[[str], Any]
    show: Callable[[Any], str] = str
    literal: type[bool] | type[Decimal] | None = None
    empty: bool = False
    bare: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, value: Any) -> Any:
        return self.parse(value) if isinstance(value, str) else value


def _integer(text: str) -> int:
    if not re.fullmatch(r"\s*-?[0-9]{1,30}\s*", text):
        raise ValueError(text)
    return int(text)


def _whole(text: str, least: int, most: int | None) -> int:
    number = _integer(text)
    if number < least or (most is not None and number > most):
        raise ValueError(text)
    return number


def whole(least: int, most: int | None = None) -> Kind:
    """A whole number that is not below `least` nor above `most`."""
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"
    return Kind(
        "whole number", f"a whole number {limits}", lambda text: _whole(text, least, most), literal=Decimal, bare=True
    )


def _boolean(text: str) -> bool:
    match "".join(filter(str.isalpha, text)).lower():
        case "true":
            return True
        case "false":
            return False
    return _integer(text) > 0


BOOLEAN = Kind(
    "boolean", "true or false", _boolean, lambda value: "true" if value else "false", literal=bool, bare=True
)


def choice(*names: str) -> Kind:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(text)
        return text

    return Kind("one of " + ", ".join(f"`{name}`" for name in names), "one of " + ", ".join(names), parse)


TEXT = Kind("text", "text", str)

TRANSACTION_END = replace(choice(*TransactionEnd), parse=TransactionEnd)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _show_names(names: tuple[str, ...]) -> str:
    return ",".join(names)


LIST = Kind("list", "names separated by commas", _names, _show_names)


def _networks(text: str) -> tuple[str, ...]:
    names = _names(text)
    for name in names:
        ip_network(name, strict=False)
    return names


NETWORKS = Kind(
    "list", "addresses and networks separated by commas, like 10.0.0.0/8, 192.0.2.1", _networks, _show_names
)
EMPTYABLE_LIST = Kind(
    "list", "names separated by commas", lambda text: _names(text) if text else (), _show_names, empty=True
)


def _schemas(text: str) -> tuple[str, ...]:
    names = _names(text)
    if not all(names) or {"pg_catalog", "information_schema"} & set(names):
        raise ValueError(text)
    return names


SCHEMAS = Kind(
    "list", "schema names separated by commas, without pg_catalog and information_schema", _schemas, _show_names
)


def _qualified(text: str) -> QualifiedName:
    schema, dot, name = text.partition(".")
    return QualifiedName(schema, name) if dot and name else QualifiedName("", schema)


FUNCTION = Kind(
    "function name",
    "the name of a function, like schema.function",
    _qualified,
    lambda name: f"{name.schema}.{name.name}" if name.schema else name.name,
)


def _octal(text: str) -> int:
    if not re.fullmatch("[67][0-7][0-7]", text):
        raise ValueError(text)
    return int(text, 8)


FILE_MODE = Kind("file mode", 'an octal file mode from 600 to 777, like "660"', _octal, lambda mode: f"{mode:o}")

_UNITS = {"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d+)\s*(|b|kb|mb|gb)", text.strip(), re.IGNORECASE | re.ASCII)
    if not found:
        raise ValueError(text)
    return int(found[1]) * _UNITS[found[2].lower()]


def _show_size(size: int) -> str:
    for unit in ("GB", "MB", "kB"):
        if size and size % _UNITS[unit.lower()] == 0:
            return f"{size // _UNITS[unit.lower()]}{unit}"
    return str(size)


SIZE = Kind("size", 'a number of bytes, or a size like "100MB" (units B, kB, MB, GB)', _size, _show_size, Decimal)

_URI = re.compile(r"[a-z][a-z0-9+.-]*:(?:[a-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9a-f]{2})*", re.IGNORECASE | re.ASCII)


def _audience(text: str) -> str:
    if ":" in text and not _URI.fullmatch(text):
        raise ValueError(text)
    return text


AUDIENCE = Kind("text or URI", "a text, or a valid URI (RFC 3986) if it contains a colon", _audience)


def _proxy_uri(text: str) -> str:
    parts = urlsplit(text)
    port = parts.port
    well_formed = (
        _URI.fullmatch(text)
        and parts.scheme in ("http", "https")
        and parts.hostname
        and "@" not in parts.netloc
        and not parts.query
        and not parts.fragment
        and port != 0
    )
    if not well_formed:
        raise ValueError(text)
    return text


PROXY_URI = Kind("URI", "an absolute http or https URI, like https://api.example.com:8443/base", _proxy_uri)

SECRET = Kind(
    "secret",
    "at least 32 characters, a JSON Web Key or a key set",
    lambda text: text.encode("utf-8", "surrogateescape"),
    lambda secret: secret.decode("utf-8", "replace"),
)
