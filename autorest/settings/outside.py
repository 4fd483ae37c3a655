"""What environment and configuration file say, before it is validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Given(NamedTuple):
    """A value as it was given, and where: the name of a variable, or file and line."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Outside:
    """The values given, by attribute of `Settings`; the app.settings; what to warn about."""

    given: Mapping[str, Given] = field(default_factory=dict)
    app_settings: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
