"""Which checks are made, in the order in which they are shown."""

from django.core.exceptions import ImproperlyConfigured

from tenant_migrations import conf
from tenant_migrations.health import fleet, library, server, services
from tenant_migrations.health.asking import Check

ALWAYS = (
    Check("database", services.database),
    Check("cache", services.cache),
    Check("migrations", fleet.migrations),
)

FULL = (
    Check("tenant_migrations", fleet.tenant_migrations),
    Check("reference", fleet.reference),
    Check("orphans", fleet.orphans),
    Check("quarantine", fleet.quarantine),
    Check("monitoring", fleet.monitoring),
    Check("connections", server.connections),
    Check("locks", server.locks),
    Check("storage", services.storage),
    Check("email", services.email),
    Check("disk", services.disk),
    Check("memory", services.memory),
)

WHERE_CONFIGURED = ("backups", "redis", "celery")


def chosen_checks(*, full: bool) -> list[Check]:
    """The checks of a short or a full examination, as the settings have it.

    Raises ``ImproperlyConfigured`` for a name or path in the settings that is none.
    """
    options = conf.get()
    added = library.added_checks()
    known = {*WHERE_CONFIGURED, *(check.name for check in (*ALWAYS, *FULL, *added))}
    for name in options.HEALTH_CHECKS_REMOVE:
        if name not in known:
            raise ImproperlyConfigured(
                f"{conf.SETTING}['HEALTH_CHECKS_REMOVE'] names {name!r}, which is no check; "
                f"known: {', '.join(sorted(known))}."
            )
    wanted = [*ALWAYS]
    if full:
        backups = [Check("backups", fleet.backups)] if options.HEALTH_BACKUP_HOURS else []
        wanted += [*FULL, *backups, *services.queue_checks(), *added]
    names = [check.name for check in wanted]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ImproperlyConfigured(
            f"{conf.SETTING}['HEALTH_CHECKS_ADD'] adds {', '.join(sorted(twice))} a second time: "
            "give the class another name."
        )
    return [check for check in wanted if check.name not in options.HEALTH_CHECKS_REMOVE]
