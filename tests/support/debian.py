"""Throw-away servers of the PostgreSQL that Debian packages."""

import os
import subprocess
from pathlib import Path

from tests.support.servers import FAST
from zumodra.embedded_postgres.accounts import Account, for_new_data
from zumodra.embedded_postgres.launcher import SERVER_SETTINGS

SUPERUSER = "zumodra"


def bin_folder(version: int) -> Path:
    """Where the package `postgresql-VERSION` puts its programs."""
    return Path(f"/usr/lib/postgresql/{version}/bin")


def start(programs: Path, folder: Path) -> None:
    """Make a server whose files and socket are in `folder`, and start it."""
    folder.mkdir()
    account = for_new_data(folder)
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir(mode=0o700)
    _hand_over(folder, account)
    _hand_over(data, account)
    (folder / "bin").symlink_to(programs)
    initdb = [programs / "initdb", "-D", data, "-U", SUPERUSER, "-E", "UTF8", "--no-locale"]
    _run([*initdb, "--auth=trust", "--no-sync"], account)
    settings = {**SERVER_SETTINGS, **FAST, "unix_socket_directories": folder}
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    control = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    _run([*control, "-o", f"{options} -c listen_addresses=''", "start"], account)


def stop(data: Path) -> None:
    """Stop the server of a data folder, if it runs."""
    status = data.stat()
    control = [data.parent / "bin" / "pg_ctl", "-D", data, "-m", "immediate", "stop"]
    account = Account.of_uid(status.st_uid, status.st_gid)
    subprocess.run(control, capture_output=True, check=False, **account.process_options())


def _hand_over(folder: Path, account: Account) -> None:
    os.chown(folder, account.uid, account.gid)


def _run(command: list[str | Path], account: Account) -> None:
    finished = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **account.process_options(),
    )
    assert finished.returncode == 0, finished.stderr
