"""Which user PostgreSQL runs as: the one who started it, but never root, which PostgreSQL refuses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from environment.commands import Account, run
from environment.problem import Problem

_STAND_INS = ("postgres", "nobody")


def step_down_from_sudo(root: Path) -> str | None:
    """Go on as the user who called sudo, if the checkout is theirs, and return their name.

    What is made in the checkout then belongs to them, and a run without sudo finds it again.
    """
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    uid = root.stat().st_uid
    if uid == 0 or os.environ.get("SUDO_UID") != str(uid):
        return None
    user = pwd.getpwuid(uid)
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
    return user.pw_name


def for_postgres(cluster: Path) -> Account | None:
    """Return the account to run PostgreSQL as; None when it is the one that runs this.

    For root that is the owner of the data that is there, or else `postgres` or `nobody`.
    """
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    for account in _candidates(cluster):
        if account.uid != 0:
            return account
    raise Problem(
        "PostgreSQL refuses to run as root, and this system has no other user that it could run as.",
        "Start this as another user, or make one: useradd --system postgres.",
    )


def reaches(account: Account, directory: Path) -> bool:
    """Tell whether `account` may enter `directory`: every folder above it has to let it pass."""
    return run(["/bin/sh", "-c", 'cd "$1"', "sh", directory], timeout=10, account=account, cwd=Path("/")).code == 0


def _candidates(cluster: Path) -> Iterator[Account]:
    if sys.platform == "win32":
        return
    import pwd

    if cluster.exists():
        uid = cluster.stat().st_uid
        try:
            owner = pwd.getpwuid(uid)
        except KeyError:
            raise Problem(
                f"{cluster} belongs to the user number {uid}, which this system does not know.",
                "Give it (chown -R) to a user of this system who is not root, and start again.",
            ) from None
        yield Account(owner.pw_name, owner.pw_uid, owner.pw_gid)
    for name in _STAND_INS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        yield Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
