"""What is wrong with the configuration, in one line."""

from __future__ import annotations


class SettingsError(Exception):
    """A configuration that cannot be used.

    The message is one line that names the setting, where its value came from, the value (unless it is
    a secret) and what would be right.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class Unfit(ValueError):
    """A value of the right kind that still cannot be used; the message completes "… cannot be used: "."""
