"""The files in secrets/: made when they are not there, never printed."""

from __future__ import annotations

import hashlib
import os
import secrets
import string
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from environment import scram
from environment.problem import Problem
from environment.trees import remove_tree

_ALPHABET = string.ascii_letters + string.digits
_PASSWORD_LENGTH = 32
_JWT_SECRET_LENGTH = 64
_JWT_SECRET_LEAST = 32  # RFC 7518, section 3.2: a key of HS256 has at least the size of the hash

SUPERUSER = "postgres_password.txt"
AUTHENTICATOR = "authenticator_password.txt"
VERIFIER = "authenticator_verifier.txt"
USERLIST = "pgbouncer_userlist.txt"
JWT_SECRET = "jwt_secret.txt"
PGADMIN = "pgadmin_password.txt"

#: The fingerprint of the secrets that the running containers were made with.
IN_USE = ".in_use"

_LENGTHS = {
    SUPERUSER: _PASSWORD_LENGTH,
    AUTHENTICATOR: _PASSWORD_LENGTH,
    JWT_SECRET: _JWT_SECRET_LENGTH,
    PGADMIN: _PASSWORD_LENGTH,
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the embedded environment and the stack need to know themselves; the rest stays in the files."""

    directory: Path
    superuser_password: str = field(repr=False)
    authenticator_password: str = field(repr=False)
    authenticator_verifier: str = field(repr=False)

    @property
    def jwt_secret_file(self) -> Path:
        return self.directory / JWT_SECRET


def prepare(directory: Path) -> tuple[Credentials, list[str]]:
    """Write the files that are missing and return the credentials with the names of the written ones.

    What stands in a file stays, but for what an editor on Windows adds to it: a byte order mark, the end of the line.
    The verifier and pgBouncer's user list follow the authenticator's password. The directory gets mode 0700 and
    every file 0600.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(0o700)

    written = []
    for name, length in _LENGTHS.items():
        if not (directory / name).exists():
            _write(directory / name, "".join(secrets.choice(_ALPHABET) for _ in range(length)))
            written.append(name)
        elif (content := _read(directory / name)).encode() != (directory / name).read_bytes().removesuffix(b"\n"):
            _write(directory / name, content)
    if len(_read(directory / JWT_SECRET).encode()) < _JWT_SECRET_LEAST:
        raise Problem(
            f"The key in {directory / JWT_SECRET} is shorter than {_JWT_SECRET_LEAST} bytes.",
            "Write a longer one into it, or remove the file to get a new one, and start again.",
        )

    password = _read(directory / AUTHENTICATOR)
    known = (directory / VERIFIER).read_text(encoding="utf-8").strip() if (directory / VERIFIER).exists() else ""
    verifier = known if scram.verifies(known, password) else scram.verifier(password)
    for name, content in ((VERIFIER, verifier), (USERLIST, f'"authenticator" "{verifier}"\n')):
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            _write(path, content)
            written.append(name)

    for name in (*_LENGTHS, VERIFIER, USERLIST):
        (directory / name).chmod(0o600)
    return Credentials(directory, _read(directory / SUPERUSER), password, verifier), written


def fingerprint(directory: Path) -> str:
    """Return a digest of all secrets together, to tell whether one has changed."""
    contents = ((directory / name).read_bytes() for name in (*_LENGTHS, VERIFIER))
    return hashlib.sha256(b"\0".join(contents)).hexdigest()


def remove(directory: Path) -> list[str]:
    """Remove every secret and return the names of the removed files."""
    (directory / IN_USE).unlink(missing_ok=True)
    removed = sorted(directory.glob("*.txt"))
    for path in removed:
        remove_tree(path)
    return [path.name for path in removed]


def _read(path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except IsADirectoryError:
        raise Problem(
            f"{path} is a directory where a file should be.",
            "Docker makes one when it mounts a file that is not there. Remove it and start again.",
        ) from None
    except UnicodeDecodeError:
        raise Problem(f"{path} is not UTF-8 text.", "Save it as UTF-8, or remove it to get a new one.") from None
    if not content.strip() or "\n" in content or "\0" in content:
        raise Problem(
            f"{path} does not hold one line of text.",
            "Write the secret into it as one line, or remove the file to get a new one, and start again.",
        )
    return content


def _write(path: Path, content: str) -> None:
    """Write a file that is whole or not there, and never readable by others."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
