"""The set-up scripts' answers to wrong use, and what the locks must and must not hold."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from zumodra.embedded_postgres.launcher import CHECKOUT

LOCKS = ["requirements.lock", "requirements-dev.lock"]


def run(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script from another directory, as users may."""
    return subprocess.run(
        [CHECKOUT / "scripts" / script, *arguments],
        cwd="/",
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", ["setup.sh", "test.sh", "lock.sh"])
def test_help(script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: scripts/{script}")
    assert done.stderr == ""


@pytest.mark.parametrize("script", ["setup.sh", "lock.sh"])
def test_unknown_option_is_one_line_and_2(script: str) -> None:
    done = run(script, "--bogus")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "'--bogus'" in done.stderr


def test_old_or_missing_python_is_one_line_and_3() -> None:
    done = run("setup.sh", PYTHON="/bin/false")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "no Python 3.11 or newer" in done.stderr


def pins(lock: str) -> dict[str, str]:
    """Requirement (name and version) to its lines in the lock."""
    text = (CHECKOUT / lock).read_text()
    return {block.split()[0]: block for block in re.split(r"\n(?=[a-z0-9])", text)[1:]}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_hashes_and_names_no_place(lock: str) -> None:
    assert pins(lock)
    for requirement, block in pins(lock).items():
        assert "==" in requirement
        assert "--hash=sha256:" in block
    assert not re.search(r"://|file:|--index|--extra|--find", Path(CHECKOUT / lock).read_text())


def test_development_lock_holds_the_runtime_lock() -> None:
    assert pins("requirements.lock").keys() <= pins("requirements-dev.lock").keys()
