"""Start pgAdmin in its image: hand the secrets to its user, and keep its login's password that of the secret.

Runs as root until the secrets, which only root may read, are copied to memory; then as the image's own user.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

PGADMIN_UID = 5050
ROOT_GROUP = 0
SECRETS = Path("/run/secrets")
CREDENTIALS = Path("/run/credentials")
DATA = Path("/var/lib/pgadmin")
SETUP = "/pgadmin4/setup.py"
#: Runs pgAdmin's set-up script with the words it is given and a password from standard input: the words of a program
#: are for everybody on the machine to see, the host included.
WITH_PASSWORD = """
import runpy, sys
sys.argv = [*sys.argv[1:], "--password", sys.stdin.read()]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def hand_over(name: str) -> str:
    """Copy a secret for pgAdmin's user alone and return it."""
    try:
        content = (SECRETS / name).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        sys.exit(f"The secret {name} cannot be read ({error.strerror}): run setup.py, then recreate this container.")
    copy = CREDENTIALS / name
    copy.unlink(missing_ok=True)
    with open(copy, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o400)) as file:
        file.write(content)
    os.chown(copy, PGADMIN_UID, ROOT_GROUP)
    return content


def become_pgadmin() -> None:
    os.setgroups([])
    os.setgid(ROOT_GROUP)
    os.setuid(PGADMIN_UID)
    os.environ["HOME"] = str(DATA)


def follow_password(password: str) -> None:
    """Change the password of an account that was made with another one."""
    mark = DATA / "password.scrypt"
    digest = hashlib.scrypt(password.encode(), salt=b"autorest pgadmin", n=2**14, r=8, p=1).hex()
    if (DATA / "pgadmin4.db").exists() and not (mark.exists() and mark.read_text() == digest):
        subprocess.run(
            [
                *(sys.executable, "-c", WITH_PASSWORD),
                *(SETUP, "update-user", os.environ["PGADMIN_DEFAULT_EMAIL"], "--admin", "--active"),
            ],
            input=password,
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    mark.write_text(digest)


def main() -> None:
    password = hand_over("pgadmin_password")
    hand_over("postgres_password")
    os.chown(DATA, PGADMIN_UID, ROOT_GROUP)
    become_pgadmin()
    follow_password(password)
    os.chdir("/pgadmin4")
    os.execv("/entrypoint.sh", ["/entrypoint.sh"])


if __name__ == "__main__":
    main()
