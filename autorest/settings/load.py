"""Settings from the outside: environment, configuration file, database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from autorest.auth.role_path import parse_role_path
from autorest.settings.checks import check_conninfo
from autorest.settings.config_file import read_config_file
from autorest.settings.error import SettingsError, Unfit
from autorest.settings.model import SETTINGS, Settings
from autorest.settings.outside import Outside
from autorest.settings.sources import (
    GivenSource,
    database_source,
    outside_source,
    read_outside,
    running_source,
)

_LONGEST_VALUE = 80


def load_settings(
    config_file: str | None, environment: Mapping[str, str], *, running: Settings | None = None, connecting: bool = True
) -> Settings:
    """Return the settings of environment and configuration file, the environment winning.

    For a reload give the settings that are in force as `running`: what only a restart changes stays
    as it is there. Connection strings that libpq does not understand are refused unless `connecting` is
    false. Raises SettingsError.
    """
    bindings = read_config_file(config_file, environment) if config_file else {}
    outside = read_outside(bindings, environment, running)
    settings = _settled(outside, [outside_source(outside)], running)
    if connecting:
        _check_connections(settings)
    return settings


def settings_of(outside: Outside) -> Settings:
    """Return the settings that `outside` of others were made of: in another process, which reads nothing again."""
    return _settled(outside, [outside_source(outside)], None)


def with_database_settings(
    settings: Settings, rows: Mapping[str, str | bytes], *, running: Settings | None = None
) -> Settings:
    """Return `settings` with those of the database over them; `rows` maps names like `db_schemas` to texts.

    Names that a database may not set are passed over. `running` is as in `load_settings`. Raises SettingsError.
    """
    settled = _settled(settings._outside, [database_source(rows), outside_source(settings._outside)], running)
    return settled.model_copy(
        update={"role_settings": settings.role_settings, "role_isolation_levels": settings.role_isolation_levels}
    )


def with_role_settings(
    settings: Settings,
    role_settings: Mapping[str, tuple[tuple[str, str], ...]],
    role_isolation_levels: Mapping[str, str],
) -> Settings:
    """Return `settings` with what the database sets for the roles that requests run as."""
    return settings.model_copy(
        update={
            "role_settings": MappingProxyType(dict(role_settings)),
            "role_isolation_levels": MappingProxyType(dict(role_isolation_levels)),
        }
    )


def with_warning(settings: Settings, warning: str) -> Settings:
    """Return `settings` with one more warning."""
    copy = settings.model_copy()
    copy._warnings = (*settings._warnings, warning)
    return copy


def _settled(outside: Outside, sources: list[GivenSource], running: Settings | None) -> Settings:
    if running:
        sources = [running_source(running), *sources]
    try:
        settings = Settings(sources=sources)  # type: ignore[call-arg]
    except ValidationError as error:
        raise _explained(error, sources) from None
    settings._outside = outside
    settings._warnings = outside.warnings
    if outdated := parse_role_path(settings.jwt_role_claim_key).replaces:
        path = parse_role_path(outdated).text
        settings._warnings += (f"jwt-role-claim-key is in the outdated syntax {outdated}, write {path} instead",)
    return settings


def _check_connections(settings: Settings) -> None:
    for attribute in ("db_uri", "db_direct_uri"):
        try:
            check_conninfo(getattr(settings, attribute))
        except Unfit as error:
            origin = settings._outside.given[attribute].origin
            raise SettingsError(f"{SETTINGS[attribute].key} ({origin}) cannot be used: {error}") from None


def _explained(error: ValidationError, sources: list[GivenSource]) -> SettingsError:
    flaw = error.errors(include_url=False)[0]
    attribute, reason = str(flaw["loc"][0]), flaw.get("ctx", {}).get("error")
    given = next((source.given[attribute] for source in sources if attribute in source.given), None)
    setting = SETTINGS.get(attribute)
    where = f"{setting.key if setting else 'app.settings'}" + (f" ({given.origin})" if given and setting else "")
    if isinstance(reason, Unfit) or setting is None:
        return SettingsError(f"{where} cannot be used: {reason}")
    shown = "the value" if setting.about.secret or given is None else _shown(given.value)
    return SettingsError(f"{where} cannot be {shown}: it wants {setting.kind.wants}")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return json.dumps(text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…", ensure_ascii=False)
