"""What is known about a setting besides its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autorest.settings.kinds import Kind


@dataclass(frozen=True, slots=True)
class About:
    """What there is to know about a setting besides its type and default.

    `meaning` is one sentence. `sample` is the text of a typical value. `reloadable` tells whether a reload
    changes it, `in_database` whether `pgrst.<name>` in the database may set it. `spellings` are the
    keys it can be given by, the one that wins first. `ours` marks what PostgREST does not have: such a
    setting has no `PGRST_` variable. The value of a `secret` is never part of a message. `any_file` tells
    that a value of `@path` names a file even if the path is a relative one.
    """

    meaning: str
    sample: str = ""
    reloadable: bool = False
    in_database: bool = False
    spellings: tuple[str, ...] = ()
    ours: bool = False
    secret: bool = False
    any_file: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """The description of one attribute of `Settings`."""

    attribute: str
    kind: Kind
    about: About
    default: Any

    @property
    def key(self) -> str:
        """The name in a configuration file, like `db-max-rows`."""
        return self.attribute.replace("_", "-")

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every key the setting can be given by, the one that wins first."""
        return self.about.spellings or (self.key,)
