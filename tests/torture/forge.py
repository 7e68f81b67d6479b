"""Runs management commands of a project, each in a process of its own, without delay.

The argument names the project's settings, those of the torture project for instance.

Django is loaded once, then every command is a fork of this process: what takes most of the time of
a command, its start, is spent once. Speaks one JSON document a line: ``{"start": {...}}`` answers
with the process id, ``{"wait": PID}`` with the exit code (negative: the signal that ended it).
"""

import json
import os
import signal
import sys
from typing import Any

BOUND_SECONDS = 300
"""No command of a test takes that long: one that does is ended by SIGALRM."""


def main() -> None:
    """Answer until standard input ends."""
    os.environ["DJANGO_SETTINGS_MODULE"] = sys.argv[1]
    import django

    django.setup()
    _load_what_commands_need()
    for line in sys.stdin:
        ((verb, what),) = json.loads(line).items()
        answer = _start(what) if verb == "start" else _wait(what)
        print(json.dumps(answer), flush=True)


def _load_what_commands_need() -> None:
    from django.core.management import get_commands, load_command_class
    from django.db.migrations.loader import MigrationLoader

    for name in ("verify_tenant_migrations", "migrate_schemas"):
        load_command_class(get_commands()[name], name)
    MigrationLoader(None)


def _start(what: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        _become(what)
        code = _run(what["argv"])
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _become(what: dict[str, Any]) -> None:
    """Take on the command's files, environment, database and version of the code."""
    signal.alarm(BOUND_SECONDS)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for descriptor, path in ((1, what["stdout"]), (2, what["stderr"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    os.environ.update(what["environment"])
    sys.path[:0] = what["path"]
    from django.conf import settings
    from django.db import connections

    from tests.torture import kill_at

    connections["default"].settings_dict.update(what["database"])
    settings.MIGRATION_MODULES = what["migrations"]
    settings.TENANT_MIGRATIONS = what["options"]
    kill_at.arm()


def _run(argv: list[str]) -> int:
    from django.core.management import execute_from_command_line

    sys.argv = ["manage.py", *argv]
    try:
        execute_from_command_line(sys.argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _wait(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
