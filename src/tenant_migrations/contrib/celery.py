"""Celery tasks. A worker has them once its app discovers tasks in here::

    app.autodiscover_tasks(["tenant_migrations.contrib"], related_name="celery")

They need no result backend and work beside tenant-schemas-celery: whatever schema that has chosen,
they choose their own and give it back.
"""

from celery import shared_task
from celery.utils.log import get_task_logger
from django.core.management import call_command

from tenant_migrations.database import public_schema, schema_in_use
from tenant_migrations.exceptions import WrongUse

SCHEDULED = frozenset(
    ("backup_database", "health_check", "migration_metrics", "migration_report", "monitor")
)
"""Commands that a schedule may run; others take a person."""

logger = get_task_logger(__name__)


@shared_task(  # type: ignore[untyped-decorator]  # Celery is not typed.
    name="tenant_migrations.command", acks_late=False, ignore_result=True
)
def command(name: str, *arguments: str) -> int:
    """Run one of the commands in ``SCHEDULED`` as if typed; its exit code.

    For beat. It is acknowledged before it runs: a look at the fleet that a dying worker lost is
    made up for by the next one, not repeated. Raises ``WrongUse`` for other commands.
    """
    if name not in SCHEDULED:
        raise WrongUse(f"{name!r} is not run by a schedule; known: {', '.join(sorted(SCHEDULED))}")
    code = 0
    with schema_in_use(public_schema()):
        try:
            call_command(name, *arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    logger.info("%s ended with exit code %s", " ".join([name, *arguments]), code)
    return code
