"""The five commands that show what the API does."""

from __future__ import annotations

import sys


def tour(url: str, options: str = "") -> str:
    """Return curl's commands for the API at `url`; `options` stand before the address, with a blank after them."""
    as_json = '-H "Content-Type: application/json"'
    return f"""\
  {_CURL} {options}{url}/todos
  {_CURL} {options}-X POST {url}/todos {as_json} -d {_body('{"title": "My first todo", "completed": false}')}
  {_CURL} {options}{url}/
  {_CURL} {options}-X PATCH "{url}/todos?id=eq.YOUR_UUID" {as_json} -d {_body('{"completed": true}')}
  {_CURL} {options}-X DELETE "{url}/todos?id=eq.YOUR_UUID\""""


if sys.platform == "win32":
    _CURL = "curl.exe"  # in PowerShell, curl alone is something else

    def _body(json: str) -> str:
        return '"' + json.replace('"', '\\"') + '"'
else:
    _CURL = "curl"

    def _body(json: str) -> str:
        return f"'{json}'"
