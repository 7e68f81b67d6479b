"""Databases that tests get copies of, made once in a run."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context

from tenant_migrations.database import quote
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.survey import no_progress
from tenant_migrations.provisioning.reference import bring_forward
from tests.support.runs import Run
from tests.support.servers import Database, Server

TENANTS = ("alpha", "beta", "gamma", "delta")
"""Schema names of the healthy tenants in `template_fleet`; all are equal."""


PLACEHOLDER = "{schema}"


@contextmanager
def django_on(database: Database) -> Iterator[None]:
    """Point this process's Django at a database, and back afterwards."""
    settings = connection.settings_dict
    before = dict(settings)
    _switch({**before, **database.settings, "EMBEDDED_POSTGRES_ROOT": None})
    try:
        yield
    finally:
        _switch(before)


def _switch(settings: dict[str, object]) -> None:
    connection.close()
    connection.settings_dict.clear()
    connection.settings_dict.update(settings)
    connection.set_schema_to_public()


def template_public(run: Run, server: Server) -> Database:
    """Public at the code, references built, no tenants."""

    def build(database: Database) -> None:
        with django_on(database.create()):
            call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
            _, unavailable = bring_forward(Code(), no_progress)
            assert not unavailable

    return _made_once(run, server, "template_public", build)


def template_fleet(run: Run, server: Server) -> Database:
    """The same with four healthy tenants: the first made by Django, the others its copies."""
    public = template_public(run, server)

    def build(database: Database) -> None:
        first, *others = TENANTS
        with django_on(database.create(public)):
            add_tenant_row(database, first, domain=f"{first}.localhost")
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE SCHEMA {first}")
            call_command("migrate_schemas", schema_name=first, executor="standard", verbosity=0)
            with schema_context(first):
                _some_money()
        script = database.pg_dump("--inserts", "--rows-per-insert=100", "--schema", first)
        _clean_schema(run, server).write_text(_as_written(script, first))
        for name in others:
            add_tenant_row(database, name, domain=f"{name}.localhost")
            copy_clean_schema(run, database, name)

    return _made_once(run, server, "template_fleet", build)


def template_demo(run: Run, server: Server) -> Database:
    """Public with the demo company, made by its command."""
    public = template_public(run, server)

    def build(database: Database) -> None:
        with django_on(database.create(public)):
            call_command("bootstrap_demo_tenant", stdout=io.StringIO())

    return _made_once(run, server, "template_demo", build)


def add_tenant_row(
    database: Database, schema_name: str, domain: str | None, *, primary: bool = True
) -> None:
    """A row of the tenant model, whatever its name holds, and its domain if it shall have one."""
    with database.connect() as raw, raw.transaction():
        row = raw.execute(
            "INSERT INTO public.tenants_tenant (schema_name, uuid, name, slug, plan, status,"
            " owner_email, contact_name, contact_phone, country, is_demo, created)"
            " VALUES (%s, gen_random_uuid(), %s, left('c-' || md5(%s), 63), 'starter', 'active',"
            " 'owner@example.com', '', '', '', false, now()) RETURNING id",
            (schema_name, f"Company {schema_name}", schema_name),
        ).fetchone()
        if domain:
            raw.execute(
                "INSERT INTO public.tenants_domain (domain, is_primary, tenant_id, created)"
                " VALUES (%s, %s, %s, now())",
                (domain, primary, row[0] if row else None),
            )


def copy_clean_schema(run: Run, database: Database, name: str) -> None:
    """Create the schema `name` as a copy of the healthy tenant that the template began with."""
    script = _clean_schema(run, database.server).read_text()
    with database.connect() as raw:
        raw.execute(script.replace(PLACEHOLDER, "copied").encode(), prepare=False)
        raw.execute(f"ALTER SCHEMA copied RENAME TO {quote(name)}")


def _clean_schema(run: Run, server: Server) -> Path:
    """The file that holds a healthy tenant as SQL."""
    return run.folder / f"{server.prefix}_{TENANTS[0]}.sql"


def _as_written(script: str, schema: str) -> str:
    """The script for any schema, read by PostgreSQL as Django's statements were.

    `pg_dump` writes `IN` as `= ANY`, which PostgreSQL would parse otherwise, and a setting that
    there is since version 17 only.
    """
    script = script.replace("SET transaction_timeout = 0;\n", "")
    script = re.sub(rf"(?<![\w.@]){schema}(?=[.;])", PLACEHOLDER, script)
    return re.sub(
        r"\(\((\w+)\)::text = ANY \(\(ARRAY\[(.*?)\]\)::text\[\]\)\)",
        lambda found: f"({found[1]} IN ({found[2].replace('::character varying', '')}))",
        script,
    )


def _made_once(run: Run, server: Server, name: str, build: Callable[[Database], None]) -> Database:
    database = server.database(name)
    with run.once(database.name) as marker:
        if marker:
            database.drop()
            build(database)
            marker.touch()
    return database


def _some_money() -> None:
    """A subscription, two invoices with lines, a payment and a refund in the current schema."""
    from zumodra.finance import models as finance

    day = date(2030, 1, 1)
    plan = finance.Plan.objects.order_by("pk").first()
    subscription = finance.Subscription.objects.create(
        plan=plan, started_on=day, period_start=day, period_end=day
    )
    invoices = [
        finance.Invoice.objects.create(
            number=f"2030-{number:03d}",
            subscription=subscription,
            bill_to="Example Ltd",
            issued_on=day,
            due_on=day,
            tax_rate=Decimal(20),
        )
        for number in (1, 2)
    ]
    for invoice in invoices:
        finance.InvoiceLine.objects.create(
            invoice=invoice, description="One month", unit_price=Decimal("49.00")
        )
    payment = finance.Payment.objects.create(
        invoice=invoices[0], amount=Decimal("58.80"), status="succeeded", paid_at=timezone.now()
    )
    finance.Refund.objects.create(payment=payment, amount=Decimal("8.80"))
