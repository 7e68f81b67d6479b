"""Commands on a terminal, with a person who types."""

import os
import pty
import select
import subprocess
import sys

from tests.support.fleets import CHECKOUT, Fleet


def on_terminal(fleet: Fleet, *argv: str, typed: str = "", **env: str) -> tuple[int, str]:
    """`manage.py` on a terminal of 200 columns: its exit code and what the screen got."""
    ours, theirs = pty.openpty()
    environment = {"TERM": "xterm", "COLUMNS": "200"} | env
    process = subprocess.Popen(
        [sys.executable, "manage.py", *argv],
        cwd=CHECKOUT,
        env=fleet.environment(**environment),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    screen = b""
    while select.select([ours], [], [], 120)[0]:
        try:
            screen += os.read(ours, 65536)
        except OSError:  # The terminal is closed once the process is through.
            break
    os.close(ours)
    return process.wait(timeout=60), screen.decode()
