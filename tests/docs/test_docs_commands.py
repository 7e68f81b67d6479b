"""What the documents say one can type is typed here, on a real fleet, in the order of the page."""

import shlex
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from tests.docs.documents import DOCUMENTS, console_lines, name_of
from tests.support.fleets import Fleet

ELSEWHERE = {
    "./scripts/setup.sh": "scripts/test.sh itself calls it",
    "./scripts/test.sh": "these tests",
    "./scripts/demo.sh": ".ci/run",
    ". .venv/bin/activate": "a shell's own",
    "./scripts/bench.sh ": "by hand: it takes minutes, and its figures are no test",
    "python -m pip install ": "tests/third_project",
    "./deploy/docker/entrypoint.sh ": "tests/operations/test_entrypoint.py",
    "BACKUP=$(": "tests/docs/test_backup_and_rollback.py",
    "python manage.py rollback_migrations ": "tests/docs/test_backup_and_rollback.py",
    "python manage.py embedded_postgres ": "tests/platform/test_embedded_postgres_command.py",
}
"""Beginnings of lines that are run elsewhere, and where."""

RUN_HERE = "python manage.py "


def lines_to_run(document: Path) -> list[str]:
    """The lines that are run here."""
    return [line for line in console_lines(document) if not line.startswith(tuple(ELSEWHERE))]


QUICK_START = next(document for document in DOCUMENTS if document.name == "QUICK_START.md")
FOLLOWED = ("docs/runbooks/tenant-migration-troubleshooting.md",)
"""Pages whose lines `tests/operations/test_runbook.py` types, where there is something to mend."""
PAGES = [
    document
    for document in DOCUMENTS
    if lines_to_run(document) and document != QUICK_START and name_of(document) not in FOLLOWED
]


def run_lines(document: Path, fleet: Fleet, folder: Path) -> list[int]:
    """Run the lines of a page in this process, as if typed; the exit code of each."""
    codes = []
    backups = {"BACKUP_DIR": str(folder / "backups")}
    with override_settings(TENANT_MIGRATIONS=settings.TENANT_MIGRATIONS | backups):
        for line in lines_to_run(document):
            assert line.startswith(RUN_HERE), f"{line!r} is neither run here nor named in ELSEWHERE"
            answer = fleet.command(*shlex.split(line.removeprefix(RUN_HERE)))
            assert answer.exit_code in (0, 1), f"{line}: {answer.stderr}"
            assert "Traceback" not in answer.stderr, line
            codes.append(answer.exit_code)
    return codes


@pytest.mark.parametrize("document", PAGES, ids=name_of)
def test_every_line_works(document: Path, fleet: Fleet, tmp_path: Path) -> None:
    fleet.add_tenant("acme")
    run_lines(document, fleet, tmp_path)


def test_the_quick_start_breaks_and_heals(fleet: Fleet, tmp_path: Path) -> None:
    codes = run_lines(QUICK_START, fleet, tmp_path)
    # Well until one tenant is taken back, then not, until the last but one line heals it.
    assert codes[-5:] == [0, 1, 1, 0, 0]
    assert not any(codes[:-5])


def test_lines_run_elsewhere_are_in_the_documents() -> None:
    lines = [line for document in DOCUMENTS for line in console_lines(document)]
    for beginning in ELSEWHERE:
        assert any(line.startswith(beginning) for line in lines), beginning
