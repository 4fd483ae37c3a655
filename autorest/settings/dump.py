"""Settings written down: those in force, and an example to start from."""

from __future__ import annotations

import base64
import re
import textwrap
from typing import Any

from autorest.auth import keys
from autorest.auth.role_path import parse_role_path
from autorest.settings.about import Setting
from autorest.settings.model import SETTINGS, Settings

#: In place of a secret.
NOT_SHOWN = "(not shown)"

_UNQUOTED_STEP = re.compile(r'("[^"]*")|\.([\w$@]+)')
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "$": "$$", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def dump(settings: Settings, *, secrets: bool = True) -> str:
    """Return the settings as a configuration file, one line each in alphabetical order.

    Every setting of PostgREST is there; one that is only ours is there when it was given. The connection strings are
    without the password that db-password fills in, and db-password is never there. Without `secrets`, what may hold
    one says so in its place.
    """
    bindings = {setting.key: _value(settings, setting) for setting in SETTINGS.values() if _belongs(settings, setting)}
    bindings |= {name: _quoted(text) for name, text in settings.app_settings.items()}
    if not secrets:
        kept_back = {setting.key for setting in SETTINGS.values() if setting.about.secret} | {*settings.app_settings}
        bindings |= {name: _quoted(NOT_SHOWN) for name in bindings.keys() & kept_back if bindings[name] != '""'}
    return "".join(sorted(f"{key} = {value}\n" for key, value in bindings.items()))


def example() -> str:
    """Return a configuration file that shows every setting, all of them commented out."""
    blocks = []
    for setting in SETTINGS.values():
        default = written(setting, setting.default)
        meaning = setting.about.meaning + ("" if default == '""' else f" The default is {default}.")
        sample = setting.about.sample
        lines = textwrap.wrap(meaning, 100, initial_indent="## ", subsequent_indent="## ")
        blocks.append("\n".join([*lines, f"# {setting.key} = {sample if setting.kind.bare else _quoted(sample)}"]))
    blocks.append(
        '## Any setting of your own, which SQL reads with current_setting.\n# app.settings.support = "desk@example.com"'
    )
    return _PREAMBLE + "\n\n".join(blocks) + "\n"


_PREAMBLE = """\
## Settings of autorest. Those that PostgREST has mean the same here.
## Each can be given as an environment variable too: db-max-rows is AUTOREST_DB_MAX_ROWS or PGRST_DB_MAX_ROWS.
## $(NAME) in a text stands for an environment variable, $$ for a dollar sign.

"""


def _belongs(settings: Settings, setting: Setting) -> bool:
    if not setting.about.ours:
        return True
    return setting.attribute in settings._outside.given and setting.attribute != "db_password"


def _value(settings: Settings, setting: Setting) -> str:
    value = getattr(settings, setting.attribute)
    match setting.attribute:
        case "db_uri" | "db_direct_uri" if setting.attribute in settings._outside.given:
            return _quoted(settings._outside.given[setting.attribute].value)
        case "jwt_secret" if value is not None and settings.jwt_secret_is_base64:
            return _quoted(base64.b64encode(keys.secret_bytes(value, True)).decode())
        case "jwt_role_claim_key" if parse_role_path(value).replaces:
            return _quoted(_UNQUOTED_STEP.sub(lambda step: step[1] or f'."{step[2]}"', value))
    return written(setting, value)


def written(setting: Setting, value: Any) -> str:
    """Return a value of `setting` as it stands in a configuration file; none is an empty text."""
    if value is None:
        return '""'
    text = setting.kind.show(value)
    return text if setting.kind.bare else _quoted(text)


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'
