"""Where in the claims the role is found."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorest.auth.authenticator import Authenticator
from autorest.auth.role_path import MISSING, parse_role_path
from tests.support.tokens import Settings

ROLES = {"realm": {"roles": ["other", "author", 5, {"a": "b"}]}}
KEYCLOAK = {"resource_access": {"my-app": {"roles": ["author"]}}}


@pytest.mark.parametrize(
    ("path", "claims", "role"),
    [
        ("$.role", {"role": "author"}, "author"),
        ("$.app.a_role", {"app": {"a_role": "author"}}, "author"),
        ("$.app.roles[1]", {"app": {"roles": ["other", "author"]}}, "author"),
        ("$.app.roles[-1]", {"app": {"roles": ["other", "author"]}}, "author"),
        ('$["https://a.b/roles"][0].value', {"https://a.b/roles": [{"value": "author"}]}, "author"),
        ("$['https://a.b/role']", {"https://a.b/role": "author"}, "author"),
        ('$.resource_access["my-app"].roles[0]', KEYCLOAK, "author"),
        ("$..roles[0]", KEYCLOAK, "author"),
        ('$.realm.roles[?(@ == "author")]', ROLES, "author"),
        ('$.realm.roles[?(@ != "other")]', ROLES, "author"),
        ("$.realm.roles[?search(@, '^au')]", ROLES, "author"),
        ("$.realm.roles[?search(@, 'hor')]", ROLES, "author"),
        ("$.realm.roles[?match(@, 'a.*r')]", ROLES, "author"),
        ("$.realm.roles[?match(@, 'uthor')]", ROLES, MISSING),
        ("$.realm.roles[9]", ROLES, MISSING),
        ("$.realm.roles.name", ROLES, MISSING),
        ("$.other", {"role": "author"}, MISSING),
        ("$.role", {"role": None}, None),
        (".app.a_role", {"app": {"a_role": "author"}}, "author"),
        (".$a@b", {"$a@b": "author"}, "author"),
        (".rôle", {"rôle": "author"}, "author"),
        (".app.roles[1]", {"app": {"roles": ["other", "author"]}}, "author"),
        ('."https://a.b/roles"[0].value', {"https://a.b/roles": [{"value": "author"}]}, "author"),
        ('."back\\slash\'s"', {"back\\slash's": "author"}, "author"),
        ("[0]", {"role": "author"}, MISSING),
        (".myDomain[3]", {"myDomain": ["other", "author"]}, MISSING),
        (".role[0]", {"role": "author"}, MISSING),
        (".roles.0", {"roles": ["author"]}, MISSING),
        ('.realm.roles[?(@ == "author")]', ROLES, "author"),
        ('.realm.roles[?(@=="author")]', ROLES, "author"),
        ('.realm.roles[?(@ != "other")]', ROLES, "author"),
        ('.r[?(@ != "other")]', {"r": [1, None, {"a": "b"}, "other", "author"]}, "author"),
        ('.realm.roles[?(@ ^== "aut")]', ROLES, "author"),
        ('.realm.roles[?(@ ==^ "hor")]', ROLES, "author"),
        ('.realm.roles[?(@ *== "th")]', {"realm": {"roles": ["a", "author", "other"]}}, "author"),
        ('.realm.roles[?(@ == "nobody")]', ROLES, MISSING),
        ('.r[?(@ *== "a.b*[c]\\d")]', {"r": ["aXbbc0", "xa.b*[c]\\dx"]}, "xa.b*[c]\\dx"),
        ('.r[?(@ ^== "^$")]', {"r": ["", "a^$", "^$b"]}, "^$b"),
    ],
)
def test_what_a_path_finds(path: str, claims: dict[str, Any], role: object) -> None:
    assert parse_role_path(path).find(claims) == role


@pytest.mark.parametrize(
    "path",
    [
        *["", ".", "$.", "role", "role.other", ".role##", ".my_role;;domain", "$.my_role;;domain", ".#$$%&$%/"],
        *["1234", ".role[?(@ =)]", "@@.role.other", '.role[?(@ == "a")].more', ".role[-1]", ".role[a]", '."open'],
        *["$.a | $.b", "$.a[?unknown(@)]", "$.a[?value(@) == 1]", "$[" * 5000, " $.role", "$.role\n", ".a\n"],
    ],
)
def test_what_is_not_a_path(path: str) -> None:
    with pytest.raises(ValueError, match="JSONPath") as caught:
        parse_role_path(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="JSONPath"):
        Authenticator(Settings(jwt_role_claim_key=path))


def test_the_outdated_syntax_is_told_apart_and_translated() -> None:
    path = parse_role_path('.app."my roles"[?(@ ^== "au")]')
    assert path.replaces == '.app."my roles"[?(@ ^== "au")]'
    assert path.text == '$["app"]["my roles"][?search(@, "^au")]'
    assert parse_role_path(path.text).find({"app": {"my roles": ["other", "author"]}}) == "author"
    assert parse_role_path("$.role").replaces is None


def test_claims_nested_beyond_reason_hold_no_role() -> None:
    claims: dict[str, Any] = {}
    for _ in range(500):
        claims = {"a": claims}
    assert parse_role_path("$..role").find(claims) is MISSING


OPERAND = st.text(st.sampled_from(string.ascii_letters + "\\.?*+|^$()[]{}/- é\n"), max_size=6)


@given(operand=OPERAND, values=st.lists(OPERAND, max_size=5))
def test_the_outdated_comparisons_mean_what_they_meant(operand: str, values: list[str]) -> None:
    meanings = {
        "==": lambda value: value == operand,
        "!=": lambda value: value != operand,
        "^==": lambda value: value.startswith(operand),
        "*==": lambda value: operand in value,
    }
    for operator, meaning in meanings.items():
        found = parse_role_path(f'.r[?(@ {operator} "{operand}")]').find({"r": values})
        assert found == next(filter(meaning, values), MISSING)
