"""Reading a backup back: every block of it is decompressed, and what it holds is counted."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenant_migrations.backup.clients import ClientFailed, Clients
from tenant_migrations.backup.damage import Damaged
from tenant_migrations.backup.script import BrokenScript, Rows, names_of, read_script

SETVAL = re.compile(rb"SELECT pg_catalog\.setval\('((?:[^']|'')*)', (-?\d+), true\);")


@dataclass(frozen=True)
class Content:
    """What an archive holds, by schema."""

    rows: Mapping[str, Mapping[str, int]]
    """Rows of each table."""
    last_values: Mapping[str, Mapping[str, int]]
    """Last value of each sequence that was used."""


def read_back(clients: Clients, archive: Path) -> Content:
    """Read all data of an archive. Raises ``Damaged`` where that can't be done."""
    rows: defaultdict[str, dict[str, int]] = defaultdict(dict)
    last_values: defaultdict[str, dict[str, int]] = defaultdict(dict)
    try:
        with clients.script(archive, "--section=data") as script:
            for part in read_script(script.stream):
                if isinstance(part, Rows):
                    count = sum(chunk.count(b"\n") for chunk in part.chunks)
                    rows[part.schema][part.table] = rows[part.schema].get(part.table, 0) + count
                    continue
                for name, value in SETVAL.findall(part.text):
                    schema, sequence = names_of(name.replace(b"''", b"'"))
                    last_values[schema][sequence] = int(value)
    except (ClientFailed, BrokenScript) as error:
        raise Damaged(f"{archive} can't be read back: {error}") from error
    return Content(rows, last_values)
