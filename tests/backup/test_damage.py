"""Damaged and unfit backups are refused, all of them, before anything live is touched."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenant_migrations.backup.damage import Damaged
from tenant_migrations.backup.opening import open_backup
from tests.backup.conftest import BackedUp, backup, manifest_of, path_of
from tests.support.answers import Answer

CASES = 200


def check(path: Path) -> None:
    """As every command does first."""
    open_backup(str(path)).check()


@pytest.fixture
def copied(backed_up: BackedUp, tmp_path: Path) -> Path:
    """A copy of the backup of `alpha` that may be damaged."""
    for path in (backed_up.alpha, manifest_of(backed_up.alpha)):
        shutil.copy(path, tmp_path)
    return tmp_path / backed_up.alpha.name


def flipped(content: bytes, generator: random.Random) -> bytes:
    """One bit is not as it was."""
    position = generator.randrange(len(content))
    damaged = bytearray(content)
    damaged[position] ^= 1 << generator.randrange(8)
    return bytes(damaged)


def damages(content: bytes) -> Iterator[bytes]:
    """So many truncations and so many bit flips, the same in every run."""
    generator = random.Random(1)
    for _ in range(CASES):
        yield content[: generator.randrange(len(content))]
    for _ in range(CASES):
        yield flipped(content, generator)


@pytest.mark.parametrize("what", ["archive", "manifest"])
def test_every_truncation_and_every_bit_flip_is_refused(copied: Path, what: str) -> None:
    check(copied)
    path = copied if what == "archive" else manifest_of(copied)
    for damaged in damages(path.read_bytes()):
        path.write_bytes(damaged)
        with pytest.raises(Damaged):
            check(copied)


@pytest.fixture
def folder_copied(backed_up: BackedUp, tmp_path: Path) -> Path:
    """A backup of `alpha` with a file for each table; its manifest."""
    made = backup(backed_up.fleet, tmp_path / "made", "--tenant=alpha", "--format=directory")
    return path_of(made)


def test_every_damage_to_a_folder_is_refused(folder_copied: Path) -> None:
    check(folder_copied)
    archive = folder_copied.parent / "archive"
    files = sorted(archive.iterdir())
    generator = random.Random(1)
    for number in range(2 * CASES):
        path = generator.choice(files)
        content = path.read_bytes()
        cut = content[: generator.randrange(len(content))]
        path.write_bytes(cut if number % 2 else flipped(content, generator))
        with pytest.raises(Damaged):
            check(folder_copied)
        path.write_bytes(content)
    data = [path for path in files if path.name.endswith(".dat.gz")]
    check(folder_copied)
    one, other = data[0], data[1]
    away = archive.parent / "away"
    one.rename(away)
    with pytest.raises(Damaged):
        check(folder_copied)
    one.symlink_to(away)
    with pytest.raises(Damaged):
        check(folder_copied)
    one.unlink()
    other.rename(one)
    away.rename(other)
    with pytest.raises(Damaged, match="SHA-256"):
        check(folder_copied)
    one.rename(away)
    other.rename(one)
    away.rename(other)
    check(folder_copied)
    (archive / "9999.dat.gz").touch()
    with pytest.raises(Damaged, match="SHA-256"):
        check(folder_copied)


def roll_back(backed_up: BackedUp, *argv: str) -> Answer:
    """`rollback_migrations --force` of `alpha`."""
    return backed_up.fleet.command("rollback_migrations", *argv, "--tenant=alpha", "--force")


@pytest.mark.parametrize("options", [(), ("--trust-foreign",)])
def test_force_helps_no_damaged_backup(
    backed_up: BackedUp, copied: Path, options: tuple[str, ...]
) -> None:
    before = backed_up.fleet.dump_all()
    content = copied.read_bytes()
    for damage in ("cut", "no manifest", "other manifest"):
        copied.write_bytes(content[:-1] if damage == "cut" else content)
        if damage == "no manifest":
            manifest_of(copied).unlink()
        if damage == "other manifest":
            shutil.copy(manifest_of(backed_up.whole), manifest_of(copied))
        answer = roll_back(backed_up, str(copied), *options)
        assert answer.exit_code == 1, damage
        assert str(copied.parent) in answer.error_line
    assert backed_up.fleet.dump_all() == before


def test_what_is_no_backup_is_refused(backed_up: BackedUp, tmp_path: Path) -> None:
    link, empty = tmp_path / "link.dump", tmp_path / "empty.dump"
    link.symlink_to(backed_up.alpha)
    empty.touch()
    before = backed_up.fleet.dump_all()
    for path, code in (
        ("", 2),
        ("/nowhere/x.dump", 2),
        (str(tmp_path), 2),
        (str(link), 2),
        (str(empty), 1),
        ("/dev/null", 2),
        (str(manifest_of(backed_up.alpha)), 1),
    ):
        answer = roll_back(backed_up, path)
        assert answer.exit_code == code, path
        assert answer.error_line.startswith("error: ")
    assert backed_up.fleet.dump_all() == before


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--tenant=alpha"], 2),  # nobody is there to agree
        (["--tenant=beta", "--force"], 2),  # not in this backup
        (["--tenant=nobody", "--force"], 2),
        (["--tenant=public", "--force"], 2),
        (["--tenant=", "--force"], 2),
        (["--tenant=ALPHA", "--force"], 2),
        (["--tenant=$(id)", "--force"], 2),
        (["--tenant=\x1b[31m", "--force"], 2),
        (["--tenant"], 2),
        (["--app=nothing", "--tenant=alpha", "--force"], 2),
        (["--app=tenants", "--tenant=alpha", "--force"], 2),
        (["--app=", "--force"], 2),
        (["--migrations-only", "--tenant=alpha"], 2),
        (["--from-backup"], 2),
        (["--migrate-forward", "--app=finance", "--migrations-only", "--force"], 2),
        (["--migrate-forward", "--rehearse"], 2),
        (["--run=1"], 2),
        (["--run=0"], 2),
        (["--bogus"], 2),
        (["--force"], 1),  # it does not hold the whole database
    ],
)
def test_wrong_use_changes_nothing(backed_up: BackedUp, argv: list[str], code: int) -> None:
    before = backed_up.fleet.dump_all()
    answer = backed_up.fleet.command("rollback_migrations", str(backed_up.alpha), *argv)
    assert answer.exit_code == code, answer.stdout + answer.stderr
    assert answer.error_line.isprintable()
    assert backed_up.fleet.dump_all() == before


def test_neither_a_backup_nor_a_run_is_wrong_use(backed_up: BackedUp) -> None:
    for argv in ([], ["--tenant=alpha"], ["--app=finance"], ["--run=99", "--force"]):
        assert backed_up.fleet.command("rollback_migrations", *argv).exit_code == 2


def test_json_is_one_document_whatever_happens(backed_up: BackedUp) -> None:
    answer = backed_up.fleet.command("rollback_migrations", "/nowhere", "--json")
    assert (answer.exit_code, answer.json["status"]) == (2, "error")
    answer = backed_up.fleet.command(
        "rollback_migrations", str(backed_up.whole), "--tenant=alpha", "--dry-run", "--json"
    )
    assert answer.exit_code == 0
    assert answer.json["status"] == "planned"
    assert answer.json["live_rows"] == answer.json["backup_rows"]
