"""An archive on disk, a file or a folder of ``pg_dump``'s: how large it is, and its digest."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

CHUNK = 2**20


def size_of(archive: Path) -> int:
    """Bytes of the file, or of all files in the folder. Raises ``OSError``."""
    return sum(path.lstat().st_size for path in _files(archive))


def sha256_of(archive: Path) -> str:
    """Digest of a file's content; of a folder that of its listing, with the digest of each file.

    What is no regular file, or lies deeper in a folder, is none of ``pg_dump``'s and has no digest.
    Raises ``OSError``.
    """
    if not archive.is_dir():
        return _sha256(archive)
    listing = hashlib.sha256()
    for path in sorted(_files(archive)):
        listing.update(os.fsencode(path.name) + b"\0" + _sha256(path).encode() + b"\n")
    return listing.hexdigest()


def _files(archive: Path) -> Iterator[Path]:
    return archive.iterdir() if archive.is_dir() else iter([archive])


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(None, f"{path.name} is no file")
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
