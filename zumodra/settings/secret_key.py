"""A signing key that nobody has to choose."""

import contextlib
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def load_secret_key(path: Path) -> str:
    """The key kept in `path`; made, readable by its owner only, where there is none yet.

    Safe when several processes start at once: one file is linked into place whole, and everybody
    reads that one. Raises ``ImproperlyConfigured`` where it can be neither read nor made.
    """
    try:
        if not path.exists():
            _create(path)
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"No SECRET_KEY is set and none can be kept in {path} ({error.strerror}); "
            "set SECRET_KEY in the environment."
        ) from None
    if len(key) < 50:
        raise ImproperlyConfigured(f"{path} holds no usable key; delete it or set SECRET_KEY.")
    return key


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(64))
        # Where another process was first, its key is the one to use.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
