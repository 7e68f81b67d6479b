"""Maintenance by tenant: while it is on, the guard answers that tenant's pages with 503.

A mark is a row in public with an end. Whoever set it ends it; one that nobody ended, because its
process died, no longer counts after its time. Web processes read the marks anew every two seconds
at most, so that a mark holds everywhere that long after it was set.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from tenant_migrations.database import public_schema, schema_in_use, tenant_connection
from tenant_migrations.models import Maintenance

MINUTES = 30
"""How long a mark counts unless said otherwise."""


@contextmanager
def under_maintenance(schema_name: str, reason: str, minutes: int = MINUTES) -> Iterator[None]:
    """Keep a tenant under maintenance for the time of the block, however the block ends.

    A mark that is there already, an operator's for instance, is lengthened where that is needed
    and stays afterwards as it was. Where the process dies, the mark counts for ``minutes`` from
    its beginning. Errors as ``begin``.
    """
    earlier = active(schema_name)
    mark = begin(schema_name, earlier.reason if earlier else reason, minutes)
    try:
        yield
    finally:
        if earlier is None:
            end(schema_name)
        else:
            with _durably():
                _own(schema_name).filter(until=mark.until).update(until=earlier.until)


def begin(schema_name: str, reason: str, minutes: int = MINUTES) -> Maintenance:
    """Put a tenant under maintenance, or lengthen it: it never ends earlier by that.

    One transaction of its own, committed when this returns; safe to repeat. Raises
    ``RuntimeError`` inside another transaction, where nobody else would see the mark.
    """
    now = timezone.now()
    until = now + timedelta(minutes=minutes)
    with _durably():
        _own(schema_name).filter(until__lte=now).delete()
        mark, is_new = Maintenance.objects.get_or_create(
            schema_name=schema_name, defaults={"reason": reason, "since": now, "until": until}
        )
        if not is_new and (mark.until < until or mark.reason != reason):
            mark.reason, mark.until = reason, max(mark.until, until)
            mark.save(update_fields=["reason", "until"])
    return mark


def end(schema_name: str) -> bool:
    """End a tenant's maintenance; False where it had none. Transaction and errors as ``begin``."""
    with _durably():
        removed, _ = _own(schema_name).delete()
    return bool(removed)


def active(schema_name: str) -> Maintenance | None:
    """The mark of a tenant that is under maintenance now."""
    return marks().get(schema_name)


def marks() -> Mapping[str, Maintenance]:
    """The marks that count now, by schema name. One statement on this thread's connection."""
    with schema_in_use(public_schema()):
        found = Maintenance.objects.filter(until__gt=timezone.now())
        return {mark.schema_name: mark for mark in found}


@contextmanager
def _durably() -> Iterator[None]:
    alias = tenant_connection().alias
    with schema_in_use(public_schema()), transaction.atomic(using=alias, durable=True):
        yield


def _own(schema_name: str) -> QuerySet[Maintenance]:
    return Maintenance.objects.filter(schema_name=schema_name)
