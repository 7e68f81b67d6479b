"""A rollout's own backup: of the tenants that it is about to change, made just before."""

from tenant_migrations.backup.folder import Folder
from tenant_migrations.backup.making import Made, Progress, make
from tenant_migrations.backup.orders import Order
from tenant_migrations.database import public_schema, schema_in_use
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.tenants import PUBLIC_KIND
from tenant_migrations.models import Backup
from tenant_migrations.rollout.planning import Plan


def back_up_for(plan: Plan, folder: Folder, code: Code, progress: Progress) -> Made | None:
    """A backup of the tenants of a plan, of everything where public is among them; ``None`` where
    there is nothing to do. Errors as ``make``: then nothing is to be changed."""
    if not plan.tasks:
        return None
    if any(task.kind == PUBLIC_KIND for task in plan.tasks):
        return make(Order(folder), code, progress)
    return make(Order(folder, [task.schema_name for task in plan.tasks]), code, progress)


def belongs_to(made: Made, rollout: int) -> None:
    """Write down which rollout a backup was made for."""
    with schema_in_use(public_schema()):
        Backup.objects.filter(pk=made.record.pk).update(rollout=rollout)
