"""PostgreSQL's own files and programs: creating a data directory, running a postmaster."""

import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError
from zumodra.embedded_postgres.locks import open_owned
from zumodra.embedded_postgres.placement import PORT, SOCKET_NAME, Placement

LOG_KEPT_BYTES = 10_000_000
PID_FILE = "postmaster.pid"
# Line numbers of `postmaster.pid`, from PostgreSQL's `pidfile.h`, counted from 0.
PID_LINE, STATE_LINE = 0, 7


@dataclass(frozen=True)
class PidFile:
    """What a postmaster tells about itself in its data directory."""

    pid: int
    state: str
    """`starting`, `ready`, `standby` or `stopping`."""


def read_pid_file(data: Path) -> PidFile | None:
    """The content of `postmaster.pid`; None while it is absent or half written."""
    try:
        lines = (data / PID_FILE).read_text(errors="replace").splitlines()
        return PidFile(int(lines[PID_LINE]), lines[STATE_LINE].strip())
    except (FileNotFoundError, IndexError, ValueError):
        return None


def remove_stale_files(place: Placement) -> None:
    """Remove what a killed server left; only for callers who know that none runs."""
    for stale in (
        place.data / PID_FILE,
        place.socket_dir / SOCKET_NAME,
        place.socket_dir / f"{SOCKET_NAME}.lock",
    ):
        stale.unlink(missing_ok=True)


def create(place: Placement, bin_folder: Path, name: str, lock: int, fast: bool) -> None:
    """Create the data directory with the superuser and the database `name`, if it is absent.

    It is made under another name and renamed when complete. `lock` is inherited by the
    programs, so that it stays held until they end even if this process is killed.
    """
    if place.data.exists():
        _check_version(place, bin_folder)
        return
    partial = place.root / "data.partial"
    if partial.exists():
        shutil.rmtree(partial)
    sync = ["--no-sync"] if fast else []
    # PostgreSQL's built-in C.UTF-8 sorts alike on every machine and needs no system locale.
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
    libc_locale = ["--lc-collate=C", "--lc-ctype=C", "--lc-messages=C"]
    access = [f"--username={name}", "--auth-local=trust", "--auth-host=reject"]
    options: list[str | Path] = [*access, *locale, *libc_locale, *sync]
    _run([bin_folder / "initdb", "-D", partial, *options], place, lock, "")
    single: list[str | Path] = [
        "--single",
        "-D",
        partial,
        "-c",
        "log_min_messages=error",
        "template1",
    ]
    _run([bin_folder / "postgres", *single], place, lock, f'CREATE DATABASE "{name}"\n')
    partial.rename(place.data)


def spawn(place: Placement, bin_folder: Path, settings: Mapping[str, str], lock: int) -> None:
    """Start a postmaster that outlives this process and holds `lock`; does not wait for it."""
    socket_dir = str(place.socket_dir).replace('"', '""')
    fixed = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{socket_dir}"',
        "unix_socket_permissions": "0700",
    }
    options = [f"--{name}={value}" for name, value in (dict(settings) | fixed).items()]
    log = _open_log(place)
    try:
        # The shell ends at once: the server is then nobody's child and leaves no zombie here.
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", bin_folder / "postgres", "-D", place.data, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(),
            pass_fds=(lock,),
            start_new_session=True,
            check=True,
            **place.account.process_options(),
        )
    finally:
        os.close(log)


def listening_pid(place: Placement) -> int | None:
    """Process id of the postmaster behind the socket, None where nobody listens.

    0 says that it runs in another container, out of sight of this one.
    """
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(place.socket_dir / SOCKET_NAME))
        except (FileNotFoundError, ConnectionError):
            return None
        if not hasattr(socket, "SO_PEERCRED"):  # macOS
            note = read_pid_file(place.data)
            return note.pid if note else None
        peer = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", peer)[0])


def last_complaint(log: Path) -> str:
    """The last line of the log that tells of an error, for a message of one line."""
    lines = log.read_text(errors="replace").splitlines()[-50:] if log.exists() else []
    complaints = [line for line in lines if "FATAL" in line or "PANIC" in line or "ERROR" in line]
    return (complaints or lines or ["it wrote nothing"])[-1].strip()


def _check_version(place: Placement, bin_folder: Path) -> None:
    made_by = (place.data / "PG_VERSION").read_text().strip()
    catalog = bin_folder.parent / "share" / "postgres.bki"
    with catalog.open() as lines:
        programs = lines.readline().split()[-1]
    if made_by != programs:
        raise EmbeddedPostgresError(
            f"{place.data} was made by PostgreSQL {made_by}, but the installed programs are"
            f" version {programs}: dump it with the old version, move it away and restore"
        )


def _open_log(place: Placement) -> int:
    if place.log.exists() and place.log.stat().st_size > LOG_KEPT_BYTES:
        place.log.replace(place.log.with_suffix(".log.1"))
    return open_owned(place.log, os.O_WRONLY | os.O_APPEND, place.account)


def _run(command: list[str | Path], place: Placement, lock: int, text: str) -> None:
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        env=_environment(),
        pass_fds=(lock,),
        start_new_session=True,
        check=False,
        **place.account.process_options(),
    )
    output = (done.stderr.strip() or done.stdout.strip()).splitlines()
    # `postgres --single` goes on after an error and exits with 0.
    if done.returncode or any("ERROR" in line or "FATAL" in line for line in output):
        reasons = [line for line in output if "error" in line.lower() or "FATAL" in line]
        reason = (reasons or output or [f"exit code {done.returncode}"])[0]
        raise EmbeddedPostgresError(f"the data directory could not be created: {reason}")


def _environment() -> dict[str, str]:
    """The caller's `PG…` and locale variables must not reach the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
