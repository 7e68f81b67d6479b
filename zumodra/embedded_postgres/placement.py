"""Where the server's files live, so that every process finds the same place.

Usually all of it is in the data root, `var/postgres` of the checkout. Two things can force
parts of it elsewhere: a path too long for a socket, and, for root, folders that the
unprivileged account of the server cannot enter.
"""

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zumodra.embedded_postgres import accounts
from zumodra.embedded_postgres.accounts import Account
from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError

PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
# `sockaddr_un.sun_path` holds 104 bytes on macOS and 108 on Linux, its final NUL included.
MAX_SOCKET_PATH = 103
# The same for all users and processes, unlike TMPDIR or XDG_RUNTIME_DIR (cron sets neither).
SOCKET_SHELTER = Path("/tmp")  # noqa: S108  (the folder made in it is private and checked)
FALLBACK_ROOTS = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108  (likewise)
SHELTER_NAME = "zumodra-embedded-postgres"
POINTER_NAME = "location"
DATA_NAME = "data"


@dataclass(frozen=True)
class Placement:
    """Where one server lives and which account owns it."""

    root: Path
    """Private folder of this server: data, log and locks."""
    socket_dir: Path
    """Folder of the server's socket: `root`, unless that path is too long."""
    account: Account
    """Owner of all of it, under which the server runs."""
    shelter: Path | None
    """Root's readable folder for what the account cannot reach; None for a normal user."""
    pointer: Path | None
    """File in the data root that names `root`, when they differ."""

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / DATA_NAME

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.root / "server.log"


def place(data_root: Path, fallback_roots: Sequence[Path] = FALLBACK_ROOTS) -> Placement:
    """Work out where the server of `data_root` lives. Reads only; creates nothing."""
    data_root = data_root.absolute().resolve()
    if os.geteuid() != 0:
        return _placement(data_root, Account.current())
    shelter = _shelter(fallback_roots)
    root = _pointed_to(data_root / POINTER_NAME) or data_root
    account = _owner(root) or accounts.for_new_data(root)
    if root == data_root and not account.reaches(data_root.parent):
        if (data_root / DATA_NAME).exists():
            raise EmbeddedPostgresError(
                f"the data in {data_root} is out of reach of {account.name}, who owns it:"
                f" a folder above it is closed; let {account.name} pass (chmod o+x) and try again"
            )
        root = shelter / _digest(data_root)
        account = _owner(root) or accounts.for_new_data(root)
    pointer = data_root / POINTER_NAME if root != data_root else None
    return _placement(root, account, shelter, pointer)


def prepare(placement: Placement) -> None:
    """Create the folders of `placement`, 0700 and owned by its account; safe to repeat.

    Modes are changed only on folders made here for this server alone. Raises
    `EmbeddedPostgresError` where a folder belongs to somebody else or is a symlink.
    """
    if placement.pointer and placement.shelter:
        prepare_shelter(placement.shelter)
        _make_private(placement.pointer.parent, Account.current())
        if not placement.pointer.exists():
            placement.pointer.write_text(f"{placement.root}\n")
    _make_private(placement.root, placement.account)
    if placement.socket_dir != placement.root:
        _make_private(placement.socket_dir, placement.account)


def prepare_shelter(shelter: Path) -> None:
    """Create root's readable folder; refuse one that somebody else could write to."""
    shelter.mkdir(mode=0o755, exist_ok=True)
    status = shelter.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise EmbeddedPostgresError(
            f"{shelter} is not a folder that only root can write to: remove it and try again"
        )
    shelter.chmod(0o755)


def _placement(
    root: Path, account: Account, shelter: Path | None = None, pointer: Path | None = None
) -> Placement:
    # libpq takes a comma in a host for a list of hosts.
    if len(os.fsencode(root / SOCKET_NAME)) <= MAX_SOCKET_PATH and "," not in str(root):
        socket_dir = root
    else:
        socket_dir = SOCKET_SHELTER / f"zumodra-{account.uid}-{_digest(root)}"
    return Placement(root, socket_dir, account, shelter, pointer)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _shelter(fallback_roots: Sequence[Path]) -> Path:
    for folder in fallback_roots:
        if os.access(folder / SHELTER_NAME, os.W_OK) or os.access(folder, os.W_OK):
            return folder / SHELTER_NAME
    names = " or ".join(str(folder) for folder in fallback_roots)
    raise EmbeddedPostgresError(
        f"root can write to neither {names}: set EMBEDDED_POSTGRES_ROOT or DATABASE_URL"
    )


def _owner(root: Path) -> Account | None:
    """The account that data in `root` already belongs to."""
    try:
        status = root.stat()
    except FileNotFoundError:
        return None
    return Account.of_uid(status.st_uid, status.st_gid) if status.st_uid else None


def _pointed_to(pointer: Path) -> Path | None:
    """What a pointer file says; only root's own word counts."""
    try:
        status = pointer.lstat()
    except FileNotFoundError:
        return None
    trusted = stat.S_ISREG(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022
    if not trusted or pointer.parent.stat().st_uid != 0:
        raise EmbeddedPostgresError(
            f"{pointer} is not a file of root's alone: remove it and try again"
        )
    return Path(pointer.read_text().rstrip("\n"))


def _make_private(folder: Path, account: Account) -> None:
    for parent in reversed(folder.parents):
        if not parent.exists():
            parent.mkdir(exist_ok=True)
            if account.uid != os.geteuid():
                parent.chmod(0o755)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise EmbeddedPostgresError(f"{folder} is not a folder: remove it and try again")
    if status.st_uid == account.uid and not status.st_mode & 0o077:
        return
    owner = Account.of_uid(status.st_uid, status.st_gid).name
    if status.st_uid not in (account.uid, os.geteuid()):
        raise EmbeddedPostgresError(
            f"{folder} belongs to {owner}, not to {account.name}: work as {owner}, or set"
            " EMBEDDED_POSTGRES_ROOT to a folder of your own or DATABASE_URL to a server"
        )
    if any(folder.iterdir()):
        raise EmbeddedPostgresError(
            f"{folder} is not empty and not private to {account.name}: it may not be the"
            f" server's; name another folder, or hand it over (chown {account.name}, chmod 700)"
        )
    os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    folder.chmod(0o700)
