"""The transcripts of `docs/backup-and-rollback.md` are what the commands answer, in order."""

import re
import shlex
from pathlib import Path

from django.conf import settings
from django.test import override_settings

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
    (r"(?<=free in )\S+(?=,)|(?<= of )/[^\n]+/bin", "FOLDER"),
    (r"by the (?:share that BACKUP took|size of the tables, as if uncompressed)", "BY"),
)
"""What is not the same from run to run."""


def same(text: str) -> list[str]:
    """Lines without what differs."""
    for pattern, word in DIFFERS:
        text = re.sub(pattern, word, text)
    return text.splitlines()


LINE = re.compile(r"(BACKUP=\$\()?python manage\.py ([^()]+)\)?")


def test_the_transcripts_are_true(fleet: Fleet, tmp_path: Path) -> None:
    """Line by line in this process, as if typed; the shell's variable is kept here."""
    fleet.add_tenant("acme")
    # Its migrations are a run of their own; the page begins with the first.
    fleet.sql("TRUNCATE tenant_migrations_rollout RESTART IDENTITY CASCADE")
    folder = {"BACKUP_DIR": str(tmp_path / "backups")}
    backup = ""
    with override_settings(TENANT_MIGRATIONS=settings.TENANT_MIGRATIONS | folder):
        for block in blocks(PAGE, "console"):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                line, _, expected = part.partition("\n")
                typed = LINE.fullmatch(line)
                assert typed, line
                answer = fleet.command(*shlex.split(typed[2].replace("$BACKUP", backup)))
                assert answer.exit_code == 0, f"{line}: {answer.stderr}"
                shown = answer.stdout.replace(fleet.database.name + " ", "zumodra ")
                if typed[1]:
                    backup, shown = shown.strip(), ""
                assert same(shown.strip("\n")) == same(expected.strip("\n")), line
