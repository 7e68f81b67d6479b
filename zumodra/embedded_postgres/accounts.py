"""The system account that the server runs under, and what that account can reach."""

import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError

# PostgreSQL refuses to run as root; these are tried in turn for its server.
UNPRIVILEGED_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A system account: the owner of the data folder and of the server process."""

    name: str
    uid: int
    gid: int

    @classmethod
    def current(cls) -> "Account":
        """The account of this process."""
        return cls.of_uid(os.geteuid(), os.getegid())

    @classmethod
    def of_uid(cls, uid: int, gid: int) -> "Account":
        """The account with this uid, `gid` standing in where the system does not list it."""
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return cls(f"uid {uid}", uid, gid)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def process_options(self) -> dict[str, Any]:
        """Arguments for `subprocess.run` that make the child run as this account."""
        options: dict[str, Any] = {"umask": 0o077, "cwd": "/"}
        if os.geteuid() != self.uid:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": [self.gid]}
        return options

    def can(self, status: os.stat_result, bits: int) -> bool:
        """Whether the mode grants this account `bits` (the usual r=4, w=2, x=1)."""
        if status.st_uid == self.uid:
            granted = status.st_mode >> 6
        elif status.st_gid == self.gid:
            granted = status.st_mode >> 3
        else:
            granted = status.st_mode
        return granted & bits == bits

    def reaches(self, folder: Path) -> bool:
        """Whether every existing folder from `/` down to `folder` can be traversed."""
        return all(self.can(status, 1) for status in _existing(folder))

    def reads(self, path: Path) -> bool:
        """Whether this account can reach `path` and read it; for a folder, list it."""
        if not self.reaches(path.parent):
            return False
        status = path.stat()
        return self.can(status, 5 if stat.S_ISDIR(status.st_mode) else 4)


def for_new_data(folder: Path) -> Account:
    """The account to run a new server under whose data goes into `folder`.

    A normal user runs it as itself. For root it is the owner of the nearest existing parent
    when that is a normal user, so that both can use the checkout, else the first existing one
    of `UNPRIVILEGED_ACCOUNTS`.
    """
    if os.geteuid() != 0:
        return Account.current()
    owner = next(_existing(folder.parent)).st_uid
    for known in (owner, *UNPRIVILEGED_ACCOUNTS):
        try:
            entry = pwd.getpwuid(known) if isinstance(known, int) else pwd.getpwnam(known)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root and there is no account 'postgres' or 'nobody' to run"
        " it as: create one ('useradd --system postgres') or set DATABASE_URL"
    )


def _existing(folder: Path) -> Iterator[os.stat_result]:
    """Status of `folder` and its parents, innermost first, skipping what does not exist."""
    for path in (folder, *folder.parents):
        try:
            yield path.stat()
        except FileNotFoundError:
            continue
