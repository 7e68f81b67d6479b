"""The demo script's answers to wrong use; what it does at length is run by .ci/run."""

import subprocess

import pytest

from tests.docs.documents import CHECKOUT


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it from another directory, as users may."""
    return subprocess.run(
        [CHECKOUT / "scripts" / "demo.sh", *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_help() -> None:
    done = demo("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: scripts/demo.sh [--tenants=N]")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "argument", ["--bogus", "--tenants", "--tenants=", "--tenants=6", "--tenants=x", "--tenants=-9"]
)
def test_wrong_use_is_one_line_and_2(argument: str) -> None:
    done = demo(argument)
    assert done.returncode == 2
    assert done.stderr.startswith("demo.sh: ")
    assert done.stderr.count("\n") == 1
