"""Configuration: every setting, where its value comes from, and how it is written down."""

from autorest.settings.error import SettingsError
from autorest.settings.load import load_settings, with_database_settings, with_role_settings
from autorest.settings.model import SETTINGS, Settings

__all__ = [
    "SETTINGS",
    "Settings",
    "SettingsError",
    "load_settings",
    "with_database_settings",
    "with_role_settings",
]
