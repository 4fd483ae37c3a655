"""The `Prefer` header (RFC 7240)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from autorest.request.model import Preferences
from autorest.request.scanner import integer

_VALUES: Final = {
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "return": ("representation", "minimal", "headers-only"),
    "count": ("exact", "planned", "estimated"),
    "tx": ("commit", "rollback"),
    "missing": ("default", "null"),
    "handling": ("strict", "lenient"),
}
#: Preferences that take any value.
_FREE: Final = ("timezone", "max-affected")
_BLANKS: Final = " \t\n\v\f\r\u00a0"
_NONE: Final = Preferences()


def parse_preferences(values: Iterable[str], *, allow_transaction_override: bool) -> Preferences:
    """Read the values of all `Prefer` headers; where a preference is given twice, the first counts.

    `tx` is understood always, but heeded only with `allow_transaction_override`.
    """
    given: dict[str, str] = {}
    invalid: list[str] = []
    for value in filter(None, values):
        for preference in value.split(","):
            stripped = preference.strip(_BLANKS)
            name, _, choice = stripped.partition("=")
            if (name in _FREE and "=" in stripped) or choice in _VALUES.get(name, ()):
                given.setdefault(name, choice)
            else:
                invalid.append(stripped)
    if not given and not invalid:
        return _NONE
    max_affected = given.get("max-affected")
    return Preferences(
        resolution=given.get("resolution"),
        representation=given.get("return"),
        count=given.get("count"),
        transaction=given.get("tx") if allow_transaction_override else None,
        missing=given.get("missing"),
        handling=given.get("handling"),
        timezone=given.get("timezone"),
        max_affected=None if max_affected is None else integer(max_affected),
        invalid=tuple(invalid),
    )
