"""What a figure depends on, without the name of the machine."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.server import CHECKOUT, Server

SERVER_SETTINGS = ("shared_buffers", "fsync", "synchronous_commit", "max_parallel_workers")
PACKAGES = ("Django", "django-tenants", "psycopg")


def gather(server: Server, peers: Path) -> dict[str, Any]:
    """Facts about the machine, the versions and the server."""
    with server.connect() as connection:
        return {
            "date": datetime.now(UTC).date().isoformat(),
            "commit": _commit(),
            "cores": os.cpu_count(),
            "processor": _processor(),
            "niceness": os.nice(0),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "postgresql": _setting(connection, "server_version"),
            "packages": {name: version(name) for name in PACKAGES} | _peer_versions(peers),
            "server_settings": {name: _setting(connection, name) for name in SERVER_SETTINGS},
        }


def _setting(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row
    return str(row[0])


def _commit() -> str:
    """The commit that was measured, with a mark where files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def _peer_versions(peers: Path) -> dict[str, str]:
    infos = sorted(path.stem for path in peers.glob("*.dist-info"))
    return {name.replace("_", "-"): number for name, number in (i.split("-") for i in infos)}
