"""Advisory file locks (`flock`), which the kernel frees when their last holder ends.

A lock belongs to the open file, and a child that inherits the descriptor holds it too: so the
server itself holds one for as long as any of its processes lives. Whether it runs is then a
question to the kernel, and process ids, which are reused, do not come into it.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zumodra.embedded_postgres.accounts import Account
from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError

POLL_SECONDS = 0.02


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock exclusively. Reads only; no file, no holder."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


@contextmanager
def hold(path: Path, owner: Account, timeout: float, why: str) -> Iterator[int]:
    """Hold the lock exclusively; yields its descriptor.

    Waits up to `timeout` seconds, then raises `EmbeddedPostgresError` with `why`. Leaving
    frees it for children that were forked meanwhile as well.
    """
    descriptor = open_owned(path, os.O_RDWR, owner)
    try:
        acquire(descriptor, timeout, why)
        try:
            yield descriptor
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def acquire(descriptor: int, timeout: float, why: str) -> None:
    """Lock an open file exclusively, waiting up to `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not _try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(why)
        time.sleep(POLL_SECONDS)


def open_owned(path: Path, flags: int, owner: Account) -> int:
    """Open a private file, created for `owner` where it is absent; never through a symlink."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.fstat(descriptor).st_uid != owner.uid:
        os.fchown(descriptor, owner.uid, owner.gid)
    return descriptor


def _try_lock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
