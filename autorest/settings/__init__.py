"""Configuration: every setting, where its value comes from, and how it is written down."""

from autorest.settings.database import read_database_settings
from autorest.settings.dump import dump, example
from autorest.settings.error import SettingsError
from autorest.settings.load import load_settings, with_database_settings, with_role_settings
from autorest.settings.model import SETTINGS, Settings

__all__ = [
    "SETTINGS",
    "Settings",
    "SettingsError",
    "dump",
    "example",
    "load_settings",
    "read_database_settings",
    "with_database_settings",
    "with_role_settings",
]
