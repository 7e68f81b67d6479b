"""Files that commands write: replaced whole or left as they were."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from tenant_migrations.exceptions import TenantMigrationsError, WrongUse


class NotWritten(TenantMigrationsError):
    """The file could not be replaced and is as it was."""


def replaceable(option: str, text: str) -> Path:
    """The file that an option names. Raises ``WrongUse`` where none can be put there."""
    path = Path(text)
    if not text or path.is_dir():
        raise WrongUse(f"{option}={text} is a folder: name a file in it")
    if path.is_symlink():
        raise WrongUse(f"{option}={text} is a symbolic link: name the file itself")
    if path.exists() and not path.is_file():
        raise WrongUse(f"{option}={text} is no regular file: name another")
    if not path.parent.is_dir():
        raise WrongUse(f"{option}={text}: there is no folder {path.parent}: create it first")
    return path


def replace_file(path: Path, content: str, mode: int = 0o666, *, exactly: bool = False) -> None:
    """Put ``content`` where ``path`` is; ``mode`` is cut down by the umask unless ``exactly``.

    Readers see the old file or the new one, never a part. Raises ``NotWritten``, with nothing left
    behind.
    """
    draft = path.with_name(f".{path.name[:80]}.{secrets.token_hex(8)}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(draft, flags, mode), "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            if exactly:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise NotWritten(f"{path} was not written and is as it was: {reason}") from error
    finally:
        with suppress(OSError):
            draft.unlink()
