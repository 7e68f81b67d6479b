"""PostgreSQL's own programs: found, fit for the server, and run without a secret in sight."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from tenant_migrations import conf
from tenant_migrations.database import tenant_connection
from tenant_migrations.exceptions import TenantMigrationsError
from tenant_migrations.redaction import redacted

DEBIAN = Path("/usr/lib/postgresql")
VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")

SAFE_MINORS = {18: 6, 17: 12, 16: 16, 15: 20, 14: 25}
"""From which minor version on ``pg_restore`` has the security fixes known in November 2026."""

LIBPQ = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "servicefile": "PGSERVICEFILE",
    "options": "PGOPTIONS",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "krbsrvname": "PGKRBSRVNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
"""Connection parameters of psycopg and the environment variables that libpq reads them from."""


class NoClient(TenantMigrationsError):
    """No pg_dump and pg_restore that is fit for the server."""


class ClientFailed(TenantMigrationsError):
    """One of PostgreSQL's programs ended with an error."""


@dataclass(frozen=True)
class Clients:
    """``pg_dump`` and ``pg_restore`` of one version."""

    folder: Path
    version: tuple[int, int]

    @property
    def warning(self) -> str:
        """What is to be said of a version with known holes; empty where there is nothing."""
        major, minor = self.version
        least = SAFE_MINORS.get(major, 0)
        if minor >= least:
            return ""
        return (
            f"pg_restore {major}.{minor} lacks security fixes for restoring backups that others "
            f"made (CVE-2025-8714 and later ones): install {major}.{least} or newer"
        )

    def start(
        self, program: str, arguments: Sequence[str], database: str = "", **options: Any
    ) -> "subprocess.Popen[bytes]":
        """A program, running, with the project's database connection in its environment."""
        return subprocess.Popen(
            [self.folder / program, "--no-password", *arguments]
            if program == "pg_dump"
            else [self.folder / program, *arguments],
            env=environment(database),
            stdin=subprocess.DEVNULL,
            **options,
        )

    def run(self, program: str, arguments: Sequence[str], database: str = "") -> None:
        """A program, to its end. Raises ``ClientFailed``; where we are interrupted it ends too."""
        process = self.start(
            program, arguments, database, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        with ending(process):
            _, complaint = process.communicate()
        check(program, process, complaint)

    @contextmanager
    def script(self, archive: Path, *arguments: str) -> Iterator["RestoreScript"]:
        """What ``pg_restore`` makes of an archive; it is at work when the block begins.

        Raises ``ClientFailed`` at the end of the block where it could not read all of it.
        """
        with tempfile.TemporaryFile() as complaints:
            process = self.start(
                "pg_restore",
                [*arguments, "--file=-", str(archive)],
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
            with ending(process):
                script = RestoreScript(process, complaints)
                yield script
                script.finish()


@dataclass(frozen=True)
class RestoreScript:
    """A script that ``pg_restore`` is writing."""

    process: "subprocess.Popen[bytes]"
    complaints: IO[bytes]

    @property
    def stream(self) -> IO[bytes]:
        """The script itself."""
        return cast(IO[bytes], self.process.stdout)

    def finish(self) -> None:
        """After its last byte was read. Raises ``ClientFailed`` where that is not all of it."""
        self.process.wait()
        self.complaints.seek(0)
        check("pg_restore", self.process, self.complaints.read())


class ending:
    """See that a child ends with the block, however the block ends."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
        streams: list[IO[bytes] | None] = [self._process.stdout, self._process.stderr]
        for stream in streams:
            if stream is not None:
                stream.close()
        self._process.wait()


def check(program: str, process: "subprocess.Popen[bytes]", complaint: bytes) -> None:
    """Raise ``ClientFailed`` with the first error that a program wrote, unless it ended well."""
    if process.returncode == 0:
        return
    if process.returncode < 0:
        raise ClientFailed(f"{program} was killed by signal {-process.returncode}")
    lines = complaint.decode(errors="replace").splitlines()
    errors = [line for line in lines if "error:" in line] or lines or ["no reason given"]
    reason = errors[0].partition("error:")[2].strip() or errors[0]
    raise ClientFailed(f"{program}: {redacted(reason)}")


def environment(database: str = "") -> dict[str, str]:
    """The environment of a child that connects as Django does, to ``database`` if one is named.

    A password goes this way because arguments are seen by every user of the machine.
    """
    parameters: Mapping[str, Any] = tenant_connection().get_connection_params()
    given = {LIBPQ[key]: str(value) for key, value in parameters.items() if key in LIBPQ and value}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    name = database or str(parameters.get("dbname") or "")
    return kept | given | {"PGDATABASE": name, "LC_ALL": "C", "PGAPPNAME": "tenant_migrations"}


def find(server_version: int) -> Clients:
    """Programs that are not older than the server (its version as libpq gives it, 180006).

    The nearest version is taken, from ``POSTGRES_BIN`` alone where that is set, else from PATH and
    from where Debian keeps them. Raises ``NoClient``.
    """
    major = server_version // 10_000
    chosen = conf.get().POSTGRES_BIN
    places = [Path(chosen)] if chosen else [*_on_path(), *sorted(DEBIAN.glob("*/bin"))]
    found = [clients for place in places if (clients := _look(place))]
    fit = [clients for clients in found if clients.version[0] >= major]
    if fit:
        return min(fit, key=lambda one: (one.version[0], -one.version[1]))
    if found:
        versions = ", ".join(f"{a}.{b}" for a, b in sorted({one.version for one in found}))
        raise NoClient(
            f"pg_dump {versions} is older than the server ({major}): install "
            f"postgresql-client-{major}, or name its folder in POSTGRES_BIN"
        )
    where = chosen or f"PATH and {DEBIAN}/*/bin"
    raise NoClient(
        f"no pg_dump and pg_restore in {where}: install postgresql-client-{major}, "
        "or name their folder in POSTGRES_BIN"
    )


def _on_path() -> list[Path]:
    found = shutil.which("pg_dump")
    return [Path(found).parent] if found else []


def _look(folder: Path) -> Clients | None:
    versions = []
    for program in ("pg_dump", "pg_restore"):
        try:
            done = subprocess.run(
                [folder / program, "--version"], capture_output=True, text=True, check=False
            )
        except OSError:
            return None
        match = VERSION.search(done.stdout)
        if match is None:
            return None
        versions.append((int(match[1]), int(match[2] or 0)))
    return Clients(folder, min(versions))
