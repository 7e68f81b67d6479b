"""Errors of the app. Findings are data; only what stops a command is an exception.

::

    TenantMigrationsError             exit code 3 unless said otherwise
    ├── WrongUse                      2   unknown tenant or app, bad value; nothing was written
    ├── Refused                       1   asked for something that is not safe now
    ├── Busy                          75  another run holds the lock
    ├── DatabaseUnavailable           3   no connection, no permission, a timeout
    ├── GraphError                    3   the code's migrations contradict each other
    ├── ReferenceUnavailable          3   the reference schema can't be built or moved forward
    └── LockLost                      3   the fleet lock went away while a rollout ran
"""

from tenant_migrations.vocabulary import ExitCode


class TenantMigrationsError(Exception):
    """Root of all errors. The text is one line: what, why, and the next thing to type."""

    exit_code = ExitCode.COULD_NOT_ASK


class WrongUse(TenantMigrationsError):
    exit_code = ExitCode.WRONG_USE


class Refused(TenantMigrationsError):
    exit_code = ExitCode.FINDINGS


class Busy(TenantMigrationsError):
    exit_code = ExitCode.BUSY


class DatabaseUnavailable(TenantMigrationsError):
    pass


class GraphError(TenantMigrationsError):
    pass


class ReferenceUnavailable(TenantMigrationsError):
    """Carries, beside the reason, what to type or change."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


class LockLost(TenantMigrationsError):
    pass
