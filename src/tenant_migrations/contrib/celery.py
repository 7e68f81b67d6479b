"""Celery tasks. A worker has them once its app discovers tasks in here::

    app.autodiscover_tasks(["tenant_migrations.contrib"], related_name="celery")

They need no result backend and work beside tenant-schemas-celery: whatever schema that has chosen,
they choose their own and give it back.
"""

from celery import shared_task
from celery.utils.log import get_task_logger
from django.core.management import call_command
from kombu.exceptions import KombuError
from kombu.exceptions import OperationalError as BrokerError

from tenant_migrations.database import public_schema, schema_in_use
from tenant_migrations.exceptions import WrongUse
from tenant_migrations.rollout.crew import Ended
from tenant_migrations.rollout.handing_out import HandingOut
from tenant_migrations.rollout.remote import Message, serve
from tenant_migrations.rollout.running import Run

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


@shared_task(  # type: ignore[untyped-decorator]  # Celery is not typed.
    name="tenant_migrations.tenant",
    acks_late=True,
    reject_on_worker_lost=True,
    ignore_result=True,
)
def tenant(message: Message, schema_name: str) -> str:
    """Take a tenant of a rollout in hand; see ``rollout.remote.serve``.

    It is acknowledged when it is through: what a dying worker had is delivered again, and found
    done, handed out, or in other hands.
    """
    return serve(message, schema_name)


def hands(run: Run, ended: Ended) -> HandingOut:
    """For ``Order.hands``: waves go to Celery's workers."""
    return HandingOut(run, ended, _send)


def _send(message: Message, schema_name: str) -> None:
    """Raises ``ConnectionError`` where the broker does not take it, at once."""
    try:
        tenant.apply_async((message, schema_name), retry=False)
    except (BrokerError, KombuError) as error:
        raise ConnectionError(str(error)) from error
