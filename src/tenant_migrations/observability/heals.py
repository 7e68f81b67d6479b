"""A heal that leaves its sample in the history, whoever asked for it."""

from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.report import FleetReport
from tenant_migrations.observability import history
from tenant_migrations.rollout.running import Order, Report, Summary, heal


def heal_on_record(order: Order, code: Code, progress: Report) -> tuple[FleetReport, Summary]:
    """Heal, and leave a sample of how it went. Guarantees and errors as ``running.heal``."""
    with history.recorded(trigger=order.trigger, question=order.question):
        report, summary = heal(order, code, progress)
    history.record(report, trigger=order.trigger, question=order.question, rollout=summary.rollout)
    return report, summary
