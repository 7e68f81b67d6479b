"""One run of the tests: what its workers share, and that nothing of it stays.

The process that was started by hand makes a folder and holds a lock in it for as long as it lives.
Its workers start the server in there when the first of them needs it. At the end, however the
run ends, server, databases and folder are removed; what a killed run left is removed by the
next one, which sees that nobody holds the lock.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import debian
from tests.support.servers import Server, remove_embedded

STEM = f"tm-tests-{os.geteuid()}-"

# Both are short, as the path of a socket has to fit into 107 bytes. The first is in memory, which
# makes copies of databases ten times as fast where the disk is busy.
MEMORY, DISK = Path("/dev/shm"), Path("/tmp")
MEMORY_WANTED = 2 * 2**30


class Run:
    """The folder of a run, with the server in it or the one that `DATABASE_URL` names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = os.environ.get("DATABASE_URL", "")
        self._owner_lock = -1

    @classmethod
    def begin(cls) -> "Run":
        """A new run; what killed ones left is removed first."""
        for folder in [*MEMORY.glob(f"{STEM}*"), *DISK.glob(f"{STEM}*")]:
            if folder.stat().st_uid == os.geteuid():
                _remove_if_abandoned(folder)
        in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_WANTED
        run = cls(Path(tempfile.mkdtemp(prefix=STEM, dir=MEMORY if in_memory else DISK)))
        run.folder.chmod(0o755)
        run._owner_lock = _lock(run.folder)
        return run

    @property
    def prefix(self) -> str:
        """What names of databases and roles of this run begin with."""
        return "tm_" + "".join(filter(str.isalnum, self.folder.name.removeprefix(STEM))).lower()

    def server(self) -> Server:
        """The server of this run, running."""
        if self.url:
            return Server.external(self.url, self.prefix)
        return Server.embedded(self.folder / "server", self.prefix)

    @contextmanager
    def once(self, what: str) -> Iterator[Path | None]:
        """Let one worker do a thing: it is given the marker to make when it is done.

        The others wait meanwhile and are given `None` afterwards.
        """
        marker = self.folder / f"{what}.ready"
        with (self.folder / f"{what}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield None if marker.exists() else marker

    def debian_server(self, bin_folder: Path) -> Server:
        """A throw-away server of Debian's PostgreSQL, running."""
        version = bin_folder.parent.name
        folder = self.folder / f"debian{version}"
        with self.once(folder.name) as marker:
            if marker:
                debian.start(bin_folder, folder)
                marker.touch()
        return Server(str(folder), "5432", debian.SUPERUSER, f"{self.prefix}d{version}")

    def end(self) -> None:
        """Remove everything that belongs to the run."""
        if self.url and any(self.folder.glob("*.lock")):
            self.server().drop_all()
        _remove(self.folder)
        os.close(self._owner_lock)


def _lock(folder: Path) -> int:
    """Make the owner lock; it appears when it is held, so that nobody takes it for free."""
    new = folder / "owner.new"
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    new.rename(folder / "owner")
    return descriptor


def _remove_if_abandoned(folder: Path) -> None:
    try:
        descriptor = os.open(folder / "owner", os.O_RDWR)
    except FileNotFoundError:
        return  # Its owner is about to lock it.
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    for server in (folder / "server", *folder.glob("own[0-9]*")):
        remove_embedded(server)
    for data in folder.glob("debian*/data"):
        debian.stop(data)
    shutil.rmtree(folder, ignore_errors=True)
