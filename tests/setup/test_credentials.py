"""The files in secrets/."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from environment import credentials
from environment.problem import Problem
from environment.scram import verifies

FILES = {
    "authenticator_password.txt",
    "authenticator_verifier.txt",
    "jwt_secret.txt",
    "pgadmin_password.txt",
    "pgbouncer_userlist.txt",
    "postgres_password.txt",
}


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_all_are_made_and_readable_by_nobody_else(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    _, written = credentials.prepare(secrets)
    assert set(written) == FILES
    made = contents(secrets)
    assert made.keys() == FILES
    assert len(made["jwt_secret.txt"]) == 64
    assert len(set(made.values())) == len(FILES)
    if sys.platform != "win32":
        assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o600}


def test_the_verifier_is_the_passwords_and_pgbouncer_has_it_too(tmp_path: Path) -> None:
    known, _ = credentials.prepare(tmp_path / "secrets")
    made = contents(tmp_path / "secrets")
    assert verifies(made["authenticator_verifier.txt"], made["authenticator_password.txt"])
    assert made["pgbouncer_userlist.txt"] == f'"authenticator" "{made["authenticator_verifier.txt"]}"\n'
    assert made["authenticator_password.txt"] not in made["pgbouncer_userlist.txt"]
    assert known.authenticator_verifier == made["authenticator_verifier.txt"]


def test_a_second_time_nothing_changes(tmp_path: Path) -> None:
    credentials.prepare(tmp_path / "secrets")
    before = contents(tmp_path / "secrets")
    assert credentials.prepare(tmp_path / "secrets")[1] == []
    assert contents(tmp_path / "secrets") == before


def test_the_verifier_follows_a_password_that_somebody_wrote(tmp_path: Path) -> None:
    credentials.prepare(tmp_path / "secrets")
    (tmp_path / "secrets" / "authenticator_password.txt").write_text("mine, with a newline\n")
    known, written = credentials.prepare(tmp_path / "secrets")
    assert set(written) == {"authenticator_verifier.txt", "pgbouncer_userlist.txt"}
    assert known.authenticator_password == "mine, with a newline"
    assert verifies(known.authenticator_verifier, "mine, with a newline")


def test_open_modes_are_closed_again(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no modes")
    secrets = tmp_path / "secrets"
    credentials.prepare(secrets)
    secrets.chmod(0o755)
    (secrets / "jwt_secret.txt").chmod(0o644)
    credentials.prepare(secrets)
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert stat.S_IMODE((secrets / "jwt_secret.txt").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("jwt_secret.txt", b"too short", "shorter than 32 bytes"),
        ("jwt_secret.txt", b"", "one line"),
        ("postgres_password.txt", b"\n", "one line"),
        ("postgres_password.txt", b"  \n", "one line"),
        ("postgres_password.txt", b"two\nlines", "one line"),
        ("authenticator_password.txt", b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_secret_that_is_none_is_refused(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    credentials.prepare(tmp_path / "secrets")
    (tmp_path / "secrets" / name).write_bytes(content)
    with pytest.raises(Problem, match=complaint) as refused:
        credentials.prepare(tmp_path / "secrets")
    assert name in refused.value.what
    assert refused.value.advice


@pytest.mark.parametrize("name", ["postgres_password.txt", "pgadmin_password.txt", "authenticator_password.txt"])
def test_what_an_editor_on_windows_adds_to_a_secret_is_taken_out(tmp_path: Path, name: str) -> None:
    secrets = tmp_path / "secrets"
    credentials.prepare(secrets)
    (secrets / name).write_bytes(b"\xef\xbb\xbfpass word \r\n")
    credentials.prepare(secrets)
    assert (secrets / name).read_bytes() == b"pass word "
    (secrets / name).write_bytes(b"pass word\n")
    credentials.prepare(secrets)
    assert (secrets / name).read_bytes() == b"pass word\n"


def test_the_directory_that_docker_makes_for_a_missing_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "secrets" / "jwt_secret.txt").mkdir(parents=True)
    with pytest.raises(Problem, match="is a directory"):
        credentials.prepare(tmp_path / "secrets")
    assert "jwt_secret.txt" in credentials.remove(tmp_path / "secrets")


def test_no_secret_is_shown_with_the_object_that_holds_it(tmp_path: Path) -> None:
    known, _ = credentials.prepare(tmp_path / "secrets")
    shown = repr(known)
    assert not any(content.strip() in shown for content in contents(tmp_path / "secrets").values())


def test_the_fingerprint_changes_with_every_secret(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    credentials.prepare(secrets)
    seen = {credentials.fingerprint(secrets)}
    for name in ("postgres_password.txt", "authenticator_password.txt", "jwt_secret.txt", "pgadmin_password.txt"):
        (secrets / name).write_text("another one, which is long enough to be a key")
        credentials.prepare(secrets)
        seen.add(credentials.fingerprint(secrets))
    assert len(seen) == 5


def test_removing_leaves_what_is_no_secret(tmp_path: Path) -> None:
    credentials.prepare(tmp_path / "secrets")
    (tmp_path / "secrets" / "README.md").touch()
    assert set(credentials.remove(tmp_path / "secrets")) == FILES
    assert contents(tmp_path / "secrets").keys() == {"README.md"}
    assert credentials.remove(tmp_path / "nowhere") == []
