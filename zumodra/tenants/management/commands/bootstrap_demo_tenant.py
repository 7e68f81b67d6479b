"""`bootstrap_demo_tenant`: a demo company with data in every app, or a fleet of them."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from tenant_migrations import conf
from tenant_migrations.cli.options import number
from zumodra.tenants import demo, naming, provisioning
from zumodra.tenants.links import site_url
from zumodra.tenants.management.base import PlatformCommand
from zumodra.tenants.management.progress import Progress
from zumodra.tenants.provisioning import NewTenant


class Command(PlatformCommand):
    help = "Make the demo company, or a fleet of demo companies. Makes only those that are missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--domain", metavar="D", help="where the demo is served (default: demo.BASE_DOMAIN)"
        )
        parser.add_argument(
            "--tenants", type=int, default=1, metavar="N", help="how many to have (default: 1)"
        )
        parser.add_argument(
            "--jobs",
            type=number,
            metavar="N",
            help="how many are made at a time (default: JOBS in the settings)",
        )
        parser.add_argument(
            "--reset", action="store_true", help="drop every demo company first, asking nothing"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done and do nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        domain = naming.clean_domain(options["domain"] or f"demo.{settings.BASE_DOMAIN}")
        wanted = demo.demo_tenants(options["tenants"], domain)
        if options["dry_run"]:
            self._describe(wanted, reset=options["reset"])
            return
        for sentence in provisioning.make_ready():
            self.stderr.write(sentence)
        dropped = demo.existing() if options["reset"] else []
        kept = {tenant.schema_name for tenant in dropped}
        made = demo.missing([new for new in wanted if new.schema_name not in kept])
        demo.remove_all(dropped, Progress("dropped", len(dropped)))
        made = demo.missing(wanted) if dropped else made
        demo.make_all(made, Progress("made", len(made)), options["jobs"] or conf.get().JOBS)
        self._report(wanted, len(made))

    def _describe(self, wanted: list[NewTenant], reset: bool) -> None:
        behind = provisioning.migrations_wanting_in_public()
        if behind:
            self.stdout.write(f"Would apply {behind} migrations to the public schema.")
        if behind and not provisioning.public_is_usable():
            dropped, made = [], wanted
        else:
            dropped = demo.existing() if reset else []
            gone = {tenant.schema_name for tenant in dropped}
            made = demo.missing([new for new in wanted if new.schema_name not in gone])
            made += [new for new in wanted if new.schema_name in gone]
        for tenant in dropped:
            self.stdout.write(f"Would drop {tenant.schema_name}.")
        for new in made:
            self.stdout.write(f"Would make {new.schema_name} at {new.domain}.")
        if not made:
            self.stdout.write("Nothing to do.")

    def _report(self, wanted: list[NewTenant], made: int) -> None:
        first = wanted[0]
        self.stdout.write(f"{len(wanted)} demo tenants: {made} made, {len(wanted) - made} there.")
        self.stdout.write(f"{first.schema_name}: {site_url(first.domain)}, {first.owner_email}")
        link = demo.owner_link(first)
        if link:
            self.stdout.write(f"Set the owner's password, once: {link}")
