"""The configuration file's format."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorest.settings import SettingsError
from autorest.settings.config_file import Literal, read_config_file


def read(directory: Path, text: str, environment: dict[str, str] | None = None) -> dict[str, Literal]:
    path = directory / "gateway.conf"
    path.write_bytes(text.encode())
    return {key: binding.value for key, binding in read_config_file(str(path), environment or {}).items()}


@pytest.mark.parametrize(
    ("text", "bindings"),
    [
        ("", {}),
        ("# nothing but a comment", {}),
        ('a = "text"', {"a": "text"}),
        ('a="text"#comment\n\n  b =\n 1', {"a": "text", "b": Decimal(1)}),
        ("a = 1.5e3\nb = true\nc = off", {"a": Decimal(1500), "b": True, "c": False}),
        ('a = "\\"quoted\\" \\\\ \\n\\t\\r \\u00e4 \\ud83d\\ude00"', {"a": '"quoted" \\ \n\t\r ä 😀'}),
        ('a = "two\nlines"', {"a": "two\nlines"}),
        ('a = "one"\r\nb = "two"\r\n', {"a": "one", "b": "two"}),
        ('a = "first"\na = "second"', {"a": "second"}),
        ('app.settings.x_1 = "1"', {"app.settings.x_1": "1"}),
        ('app { settings { x = "1"\n y = "2" }\n z = 3 }', {"app.settings.x": "1", "app.settings.y": "2", "app.z": 3}),
        ('a = [1, "two", [true]]\nb = []', {"a": (Decimal(1), "two", (True,)), "b": ()}),
        ('#; a = "commented\nout"\nb = 1', {"b": Decimal(1)}),
        ("#; g { a = 1\n b = 2 }\nc = 3", {"c": Decimal(3)}),
        ('\ufeffclé = "é"', {"clé": "é"}),
        ("imported = 1", {"imported": Decimal(1)}),
    ],
)
def test_what_is_written_is_read(tmp_path: Path, text: str, bindings: dict[str, Literal]) -> None:
    assert read(tmp_path, text) == bindings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('x = "$(HOME)/y"', "/home/ada/y"),
        ('x = "$$(HOME)"', "$(HOME)"),
        ('base = "/srv"\nx = "$(base)$(base)"', "/srv/srv"),
        ('port = 3000\nx = "$(port)"', "3000"),
        ('rate = 0.25\nx = "$(rate)"', "0.25"),
        ('HOME = "/other"\nx = "$(HOME)"', "/other"),
        ('x = "a$$b$$$$c"', "a$b$$c"),
        ('x = "$(EMPTY)"', ""),
    ],
)
def test_a_dollar_stands_for_variables_and_for_itself(tmp_path: Path, text: str, value: str) -> None:
    assert read(tmp_path, text, {"HOME": "/home/ada", "EMPTY": ""})["x"] == value


def test_a_variable_in_a_group_is_looked_up_from_the_inside_out(tmp_path: Path) -> None:
    text = 'x = "outer"\ng { y = "$(x)"\n x = "inner"\n h { z = "$(x)" } }'
    assert read(tmp_path, text) == {"x": "outer", "g.y": "outer", "g.x": "inner", "g.h.z": "inner"}


def test_an_import_is_relative_to_its_file_and_stands_in_its_group(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "one.conf").write_text('import "two.conf"\na = "one"')
    (tmp_path / "parts" / "two.conf").write_text('b = "two"')
    assert read(tmp_path, 'a = "zero"\ng { import "parts/one.conf" }') == {"a": "zero", "g.b": "two", "g.a": "one"}


def test_a_file_that_imports_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.conf").write_text('import "gateway.conf"')
    with pytest.raises(SettingsError, match=r"other\.conf:1: .* imported by itself"):
        read(tmp_path, 'import "other.conf"')


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("yaml:\n  is: no", "gateway.conf:1: expected = after yaml"),
        ("a = 1\n= 2", "gateway.conf:2: expected a line like key = value"),
        ("a = unquoted", 'gateway.conf:1: expected a value for a: "text" in double quotes'),
        ("a = 'single'", "double quotes"),
        ('a = 1\nb = "open\nc = 2', "gateway.conf:2: expected a closing double quote"),
        ('a = "\\x"', "after the backslash"),
        ('a = "\\ud800"', "surrogates"),
        ('a = "\\ude00\\ud83d"', "surrogates"),
        ("a = [1 2]", "expected a comma"),
        ("g { a = 1", "expected a closing brace for g"),
        ("a = 1 b = 2", "expected a line like key = value"),
        ("}", "expected a line like key = value"),
        ("import nothing", "expected the imported file in quotes"),
        ('import "missing.conf"', "missing.conf imported by .*gateway.conf cannot be read"),
        ('\na = "$HOME"', r"gateway.conf:2: a \$ stands alone in the value of a"),
        ('a = "$(NOWHERE)"', r"\$\(NOWHERE\) in the value of a is neither an earlier key nor an environment variable"),
        ('a = true\nb = "$(a)"', r"gateway.conf:2: \$\(a\) in the value of b is neither a string nor a number"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint) as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_a_mistake_does_not_show_the_value(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        read(tmp_path, 'jwt-secret = "hush$hush"')
    assert "hush" not in str(raised.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.conf cannot be read: No such file"):
        read_config_file(str(tmp_path / "absent.conf"), {})
    with pytest.raises(SettingsError, match="cannot be read"):
        read_config_file(str(tmp_path), {})
    (tmp_path / "latin.conf").write_bytes(b'a = "\xe4"')
    with pytest.raises(SettingsError, match="not UTF-8 \\(byte 5\\)"):
        read_config_file(str(tmp_path / "latin.conf"), {})


@given(st.text(alphabet=st.sampled_from('ab ={}[]",\\u0d8$()#;\n\r1.e-on')))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    directory = tmp_path_factory.getbasetemp()
    try:
        found = read(directory, text)
    except SettingsError as error:
        assert "gateway.conf" in str(error)
    else:
        assert all(key[0].isalpha() for key in found)
