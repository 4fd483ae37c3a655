"""Where settings come from: environment, configuration file, database, and the settings in force."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from autorest.settings.about import Setting
from autorest.settings.config_file import Binding, number_text
from autorest.settings.error import SettingsError
from autorest.settings.kinds import SECRET
from autorest.settings.model import SETTINGS, Settings
from autorest.settings.outside import Given, Outside

PREFIXES = ("AUTOREST_", "PGRST_")
IN_DATABASE = "pgrst."
APP_SETTINGS = "app.settings."
_STANDARD_INPUT = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_UNUSED_KEYS = ("internal-schema-cache-",)


def variables(setting: Setting, key: str) -> Iterator[str]:
    """Yield the names of the environment variables for one spelling of a setting, the one that wins first."""
    for prefix in PREFIXES[:1] if setting.about.ours else PREFIXES:
        yield prefix + key.upper().replace("-", "_")


def read_outside(
    bindings: Mapping[str, Binding], environment: Mapping[str, str], running: Settings | None = None
) -> Outside:
    """Collect what environment and configuration file say, and read the files that their values point to.

    What only a restart changes is taken over from `running`. Raises SettingsError.
    """
    return _Reader(bindings, environment, running._outside if running else None).read()


@dataclass(slots=True)
class _Reader:
    bindings: Mapping[str, Binding]
    environment: Mapping[str, str]
    earlier: Outside | None
    warnings: list[str] = field(default_factory=list)

    def read(self) -> Outside:
        given: dict[str, Given] = {}
        for attribute, setting in SETTINGS.items():
            if self.earlier and not setting.about.reloadable:
                found = self.earlier.given.get(attribute)
            else:
                found = self.find(setting)
            if found is not None:
                given[attribute] = found
        app_settings = self.app_settings()
        self.warn_of_unknown()
        return Outside(given, app_settings, tuple(self.warnings))

    def find(self, setting: Setting) -> Given | None:
        for key in setting.spellings:
            found = self.from_environment(setting, key) or self.from_file(setting, key)
            if found is None or (found.value == "" and not setting.kind.empty):
                continue
            return found
        return None

    def from_environment(self, setting: Setting, key: str) -> Given | None:
        for name in variables(setting, key):
            text, path = self.environment.get(name), self.environment.get(f"{name}_FILE")
            if text and path:
                raise SettingsError(f"{name} and {name}_FILE are both set, keep one of them")
            if path:
                return self.contents(setting, path, f"{name}_FILE")
            if text is not None:
                return self.dereferenced(setting, text, name)
        return None

    def from_file(self, setting: Setting, key: str) -> Given | None:
        binding = self.bindings.get(key)
        if binding is None:
            return None
        origin = str(binding.line)
        match binding.value:
            case str() as text:
                return self.dereferenced(setting, text, origin)
            case bool() as value if setting.kind.literal is bool:
                return Given("true" if value else "false", origin)
            case Decimal() as number if setting.kind.literal is Decimal:
                return Given(number_text(number), origin)
        if setting.kind.literal is None:
            raise SettingsError(
                f'{origin}: the value of {key} needs double quotes, like {key} = "{setting.about.sample}"'
            )
        self.warnings.append(f"{origin}: {key} is not {setting.kind.wants}, its default is used")
        return Given("", origin)

    def dereferenced(self, setting: Setting, text: str, origin: str) -> Given:
        path = text.removeprefix("@")
        if path != text and (setting.about.any_file or Path(path).is_absolute()):
            return self.contents(setting, path, origin)
        return Given(text, origin)

    def contents(self, setting: Setting, path: str, origin: str) -> Given:
        earlier = self.earlier.given.get(setting.attribute) if self.earlier else None
        if earlier and path in _STANDARD_INPUT:
            return earlier
        return Given(file_contents(setting, path, origin), origin)

    def app_settings(self) -> dict[str, str]:
        found: dict[str, tuple[str, str]] = {}
        for key, binding in self.bindings.items():
            name = key.removeprefix(APP_SETTINGS)
            if name != key and "." not in name:
                found[name.lower()] = (key, self.app_setting_text(key, binding))
        for prefix in reversed(PREFIXES):
            for variable, text in self.environment.items():
                name = variable.removeprefix(f"{prefix}APP_SETTINGS_")
                if name != variable:
                    found[name.lower()] = (APP_SETTINGS + name, text)
        return dict(found.values())

    def app_setting_text(self, key: str, binding: Binding) -> str:
        match binding.value:
            case str() as text:
                return text
            case bool() as value:
                shown = f"Bool {value}"
            case Decimal() as number:
                shown = f"Number {float(number)}"
            case _:
                raise SettingsError(f'{binding.line}: the value of {key} needs double quotes, like {key} = "text"')
        self.warnings.append(f'{binding.line}: {key} has no double quotes, so that SQL reads it as "{shown}"')
        return shown

    def warn_of_unknown(self) -> None:
        keys = [key for setting in SETTINGS.values() for key in setting.spellings]
        for key, binding in self.bindings.items():
            if key not in keys and not key.startswith((APP_SETTINGS, *_UNUSED_KEYS)):
                near = difflib.get_close_matches(key, keys, 1)
                self.warnings.append(
                    f"{binding.line}: there is no setting {key}" + (f", is {near[0]} meant?" if near else "")
                )
        names = [name for setting in SETTINGS.values() for key in setting.spellings for name in variables(setting, key)]
        names += [f"{name}_FILE" for name in names]
        for variable in self.environment:
            if variable.startswith(PREFIXES) and variable not in names and "_APP_SETTINGS_" not in variable:
                near = difflib.get_close_matches(variable, names, 1, 0.88)
                if near:
                    self.warnings.append(f"there is no setting for the variable {variable}, is {near[0]} meant?")


def file_contents(setting: Setting, path: str, origin: str) -> str | bytes:
    """Return the value that a file holds: a secret without its last line end, other text without blanks around it."""
    try:
        contents = Path(path).read_bytes()
        if setting.kind is SECRET:
            return contents.removesuffix(b"\n").removesuffix(b"\r") if contents.endswith(b"\n") else contents
        return contents.decode().strip()
    except OSError as error:
        raise SettingsError(
            f"{setting.key} ({origin}): the file {path} cannot be read: {error.strerror or error}"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{setting.key} ({origin}): the file {path} is not UTF-8 text") from None


class GivenSource(PydanticBaseSettingsSource):
    """Values that were given, by attribute of `Settings`."""

    def __init__(self, given: Mapping[str, Given]) -> None:
        super().__init__(Settings)
        self.given = given

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self.given[field_name].value, field_name, False

    def __call__(self) -> dict[str, Any]:
        return {name: given.value for name, given in self.given.items()}


def outside_source(outside: Outside) -> GivenSource:
    """The values of environment and configuration file."""
    return GivenSource({**outside.given, "app_settings": Given(outside.app_settings, "app.settings")})


def database_source(rows: Mapping[str, str | bytes]) -> GivenSource:
    """The settings among `rows` (`db_schemas` → text) that a database may hold; an empty text is the default."""
    given = {}
    for attribute, text in rows.items():
        setting = SETTINGS.get(attribute)
        if setting and setting.about.in_database:
            value = text if text or setting.kind.empty else setting.default
            given[attribute] = Given(value, f"{IN_DATABASE}{attribute} in the database")
    return GivenSource(given)


def running_source(running: Settings) -> GivenSource:
    """The settings in force that only a restart changes."""
    fixed = [attribute for attribute, setting in SETTINGS.items() if not setting.about.reloadable]
    return GivenSource({attribute: Given(getattr(running, attribute), "in force") for attribute in fixed})
