"""Starts, finds and stops a PostgreSQL server of one's own, without root and without Django.

The server is reached through a socket in a private folder only; there are no passwords. It
outlives the process that started it and is found again by any other.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from zumodra.embedded_postgres import binaries, cluster, locks
from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError
from zumodra.embedded_postgres.placement import (
    FALLBACK_ROOTS,
    PORT,
    Placement,
    place,
    prepare,
    prepare_shelter,
)

SETTINGS_KEY = "EMBEDDED_POSTGRES_ROOT"
CHECKOUT = Path(__file__).resolve().parents[2]
NAME = "zumodra"
SERVER_SETTINGS = {
    "max_connections": "100",
    # Dropping or dumping a schema locks each of its tables: room for thousands of schemas.
    "max_locks_per_transaction": "512",
    "shared_buffers": "256MB",
    "log_line_prefix": "%m [%p] ",
}


@dataclass(frozen=True)
class ServerStatus:
    """What is known about the server at one moment."""

    state: str
    """`running`, `starting`, `stopping` or `stopped`."""
    pid: int | None
    """Process id of the postmaster, None when stopped."""
    url: str
    data_directory: Path
    socket_directory: Path
    log: Path
    account: str
    """System account the server runs under."""

    @property
    def running(self) -> bool:
        """Whether it takes connections."""
        return self.state == "running"


class EmbeddedPostgres:
    """The server whose files live in `data_root`, a folder that is created when needed.

    `settings` are further server settings, which win over the defaults (for a throw-away
    server: `{"fsync": "off"}`); they take effect when this object starts the server. `timeout`
    is in seconds and bounds each of: waiting for another start or stop, for the server to
    be ready, and for it to end. As root, a server whose folder its unprivileged account cannot
    enter lives below the first writable one of `fallback_roots`.

    All methods raise `EmbeddedPostgresError` only, and may be called from several processes
    and threads at once: one acts, the others wait and find the work done.
    """

    def __init__(
        self,
        data_root: Path,
        *,
        settings: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        fallback_roots: Sequence[Path] = FALLBACK_ROOTS,
    ) -> None:
        self.data_root = data_root
        self.settings = SERVER_SETTINGS | dict(settings or {})
        self.timeout = timeout
        self._fallback_roots = fallback_roots

    @cached_property
    def placement(self) -> Placement:
        """Where the files are; computing it creates nothing."""
        with _one_line_errors(self.data_root):
            return place(self.data_root, self._fallback_roots)

    @property
    def bin(self) -> Path:
        """Folder with `psql`, `pg_dump`, `pg_restore` and the other programs."""
        return binaries.wheel_bin()

    @property
    def socket_dir(self) -> Path:
        """The folder to give to clients as host."""
        return self.placement.socket_dir

    def url(self, database: str = NAME) -> str:
        """Connection URL in the form of `DATABASE_URL`; it holds no secret."""
        return f"postgres://{NAME}@{quote(str(self.socket_dir), safe='')}:{PORT}/{quote(database)}"

    def status(self) -> ServerStatus:
        """Look at the server without touching anything."""
        with _one_line_errors(self.data_root):
            state, pid = self._observe()
        return ServerStatus(
            state=state,
            pid=pid,
            url=self.url(),
            data_directory=self.placement.data,
            socket_directory=self.socket_dir,
            log=self.placement.log,
            account=self.placement.account.name,
        )

    def ensure_running(self) -> None:
        """Return once the server takes connections, having started it if it did not run.

        The first start creates the data directory and the database `zumodra`, whole or not at
        all: a start that was killed is simply done again. After a crash of the server or the
        machine this start recovers it, whatever stale files were left.
        """
        with _one_line_errors(self.data_root):
            if self._observe()[0] == "running":
                return
            prepare(self.placement)
            with self._exclusively() as lock:
                if self._settled_state() == "running":
                    return
                bin_folder = self._runnable_bin()
                cluster.create(self.placement, bin_folder, NAME, lock, self._fast)
                self._launch(bin_folder)
                if self._settled_state() != "running":
                    reason = cluster.last_complaint(self.placement.log)
                    raise EmbeddedPostgresError(
                        f"the embedded PostgreSQL did not start: {reason};"
                        f" log: {self.placement.log}"
                    )

    start = ensure_running

    def stop(self) -> None:
        """Stop the server (fast mode: sessions are ended, the data are written) and wait.

        Does nothing when it does not run. The server's end is awaited, not just asked for.
        """
        with _one_line_errors(self.data_root):
            if not locks.is_held(self._server_lock):
                return
            with self._exclusively():
                self._stop()

    def remove(self) -> None:
        """Stop the server and delete all that belongs to it, data included. For throw-aways."""
        self.stop()
        with _one_line_errors(self.data_root):
            for folder in {self.placement.root, self.socket_dir, self.data_root}:
                if folder.exists():
                    shutil.rmtree(folder)

    @property
    def _server_lock(self) -> Path:
        return self.placement.root / "server.lock"

    @property
    def _fast(self) -> bool:
        return self.settings.get("fsync") == "off"

    @contextmanager
    def _exclusively(self) -> Iterator[int]:
        path = self.placement.root / "start.lock"
        why = f"another process has been starting or stopping the server for long: see {path}"
        with locks.hold(path, self.placement.account, 2 * self.timeout, why) as descriptor:
            yield descriptor

    def _runnable_bin(self) -> Path:
        found = binaries.wheel_bin()
        shelter = self.placement.shelter
        if shelter is None or binaries.usable_by(found, self.placement.account):
            return found
        prepare_shelter(shelter)
        return binaries.copied_bin(found, shelter)

    def _launch(self, bin_folder: Path) -> None:
        """Start the postmaster as a process of its own that holds the server lock."""
        place = self.placement
        server_lock = locks.open_owned(self._server_lock, os.O_RDWR, place.account)
        try:
            # Nobody holds it, so what a server before left behind is stale, even where its
            # process id now belongs to another program. Only `status` asks without the start
            # lock: it must see these files gone before it can see the lock taken.
            cluster.remove_stale_files(place)
            locks.acquire(server_lock, self.timeout, f"{self._server_lock} stays locked")
            cluster.spawn(place, bin_folder, self.settings, server_lock)
        finally:
            os.close(server_lock)

    def _observe(self) -> tuple[str, int | None]:
        """State and process id of the server as they are now."""
        if not locks.is_held(self._server_lock):
            return "stopped", None
        note = cluster.read_pid_file(self.placement.data)
        if note is None or note.state == "starting":
            return "starting", note.pid if note else None
        if note.state == "stopping" or cluster.listening_pid(self.placement) is None:
            return "stopping", note.pid
        return "running", note.pid

    def _settled_state(self) -> str:
        """Wait while the server starts, recovers or ends; then `running` or `stopped`."""
        deadline = time.monotonic() + self.timeout
        while (observed := self._observe())[0] not in ("running", "stopped"):
            if time.monotonic() > deadline:
                state, pid = observed
                raise EmbeddedPostgresError(
                    f"the embedded PostgreSQL (process {pid}) is still {state} after"
                    f" {self.timeout:g} s: try again later; log: {self.placement.log}"
                )
            time.sleep(locks.POLL_SECONDS)
        return observed[0]

    def _stop(self) -> None:
        if self._settled_state() == "stopped":
            return
        pid = cluster.listening_pid(self.placement)
        if pid == 0:
            raise EmbeddedPostgresError(
                f"the server of {self.data_root} runs in another container: stop it there"
            )
        if pid:
            os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + self.timeout
        while locks.is_held(self._server_lock):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"the embedded PostgreSQL (process {pid}) has not ended after"
                    f" {self.timeout:g} s; log: {self.placement.log}"
                )
            time.sleep(locks.POLL_SECONDS)


def default_server() -> EmbeddedPostgres:
    """The checkout's server: in `EMBEDDED_POSTGRES_ROOT`, else in `var/postgres`."""
    chosen = os.environ.get(SETTINGS_KEY)
    return EmbeddedPostgres(Path(chosen) if chosen else CHECKOUT / "var" / "postgres")


def database_settings(server: EmbeddedPostgres | None = None) -> dict[str, Any]:
    """An entry of Django's `DATABASES` for `server`, by default the checkout's; starts nothing.

    `ORIGINAL_BACKEND = "zumodra.embedded_postgres"` must be set beside it.
    """
    server = server or default_server()
    return {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": NAME,
        "USER": NAME,
        "HOST": str(server.socket_dir),
        "PORT": str(PORT),
        SETTINGS_KEY: str(server.data_root.absolute()),
    }


@contextmanager
def _one_line_errors(data_root: Path) -> Iterator[None]:
    """Turn what the system refuses into an `EmbeddedPostgresError`."""
    try:
        yield
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"no permission for {error.filename or 'this'} ({error.strerror}): the server of"
            f" {data_root} may belong to another user; work as that user or set DATABASE_URL"
        ) from error
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedPostgresError(f"the embedded PostgreSQL of {data_root}: {error}") from error
