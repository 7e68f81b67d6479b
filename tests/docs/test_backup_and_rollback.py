"""The transcripts of `docs/backup-and-rollback.md` are what the commands answer, in order."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.docs.documents import CHECKOUT, blocks
from tests.support.fleets import Fleet

PAGE = CHECKOUT / "docs" / "backup-and-rollback.md"

DIFFERS = (
    (r"/\S+\.dump|\S+-\d{8}T\d{6}Z-\w+-[0-9a-f]{6}", "BACKUP"),
    (r"\S+_tm_before_\d{14}", "KEPT"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME"),
    (r"sha256:[0-9a-f]+", "REVISION"),
    (r"[\d,.]+ (?:bytes|[kMGT]B)", "SIZE"),
    (r"[\d,.]+ (rows|s\b)", r"N \1"),
    (r"(?<=free in )\S+(?=,)|(?<= of )/\S+/bin", "FOLDER"),
    (r"by the (?:share that BACKUP took|size of the tables, as if uncompressed)", "BY"),
)
"""What is not the same from run to run."""


def same(text: str) -> list[str]:
    """Lines without what differs."""
    for pattern, word in DIFFERS:
        text = re.sub(pattern, word, text)
    return text.splitlines()


def test_the_transcripts_are_true(fleet: Fleet, tmp_path: Path) -> None:
    fleet.add_tenant("acme")
    # Its migrations are a run of their own; the page begins with the first.
    fleet.sql("TRUNCATE tenant_migrations_rollout RESTART IDENTITY CASCADE")
    shell = f'python() {{ {shlex.quote(sys.executable)} "$@"; }}; set -e\n'
    environment = fleet.environment(BACKUP_DIR=str(tmp_path / "backups"))
    backup = ""
    for block in blocks(PAGE, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, expected = part.partition("\n")
            done = subprocess.run(
                ["bash", "-c", f"{shell}{line}\nprintf '\\n%s' \"$BACKUP\""],
                cwd=CHECKOUT,
                env=os.environ | environment | {"BACKUP": backup},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{line}: {done.stderr}"
            answer, _, backup = done.stdout.rpartition("\n")
            answer = answer.replace(fleet.database.name + " ", "zumodra ")
            assert same(answer.strip("\n")) == same(expected.strip("\n")), line
