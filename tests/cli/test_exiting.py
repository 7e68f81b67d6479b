"""A process exits without a last search for garbage, and is no other until then."""

import subprocess
import sys

import pytest

from tests.support.fleets import CHECKOUT, Fleet

SAYS = """
import atexit, gc, sys
from django.core.management import execute_from_command_line
atexit.register(lambda: print(gc.get_freeze_count() > 0))
execute_from_command_line(sys.argv)
print(gc.get_freeze_count() > 0, gc.isenabled())
"""


@pytest.mark.parametrize("command", [["verify_tenant_migrations"], ["migrate_schemas", "-v0"]])
def test_what_is_loaded_is_left_alone_at_the_end(fleet: Fleet, command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SAYS, *command],
        cwd=CHECKOUT,
        env=fleet.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-2:] == ["False True", "True"]
