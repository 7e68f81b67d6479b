"""`setup_beta_tenant`: a tenant for a company that tries the product."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.http.request import validate_host

from zumodra.tenants import beta, provisioning
from zumodra.tenants.management.base import PlatformCommand
from zumodra.tenants.models import Tenant


class Command(PlatformCommand):
    help = "Make a tenant for a company and print the link by which its owner sets a password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("company", help="the company's name")
        parser.add_argument("email", help="its owner's address; no mail is sent")
        parser.add_argument("--domain", metavar="D", help="default: the name below BASE_DOMAIN")
        parser.add_argument(
            "--plan",
            metavar="P",
            help=f"{', '.join(Tenant.Plan.values)} (default: {beta.DEFAULT_PLAN.value})",
        )
        parser.add_argument(
            "--trial-days",
            type=int,
            metavar="N",
            help=f"1 to {beta.LONGEST_TRIAL_DAYS} (default: {beta.DEFAULT_TRIAL_DAYS})",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done and do nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        asked = ("company", "email", "domain", "plan", "trial_days")
        request = beta.BetaRequest.parse(*(options[name] for name in asked))
        if options["dry_run"]:
            self._describe(request)
            return
        for sentence in provisioning.make_ready():
            self.stderr.write(sentence)
        tenant = beta.find_existing(request)
        there = tenant is not None
        tenant = tenant or beta.make(beta.plan_tenant(request))
        self._report(beta.answer(tenant), there)

    def _describe(self, request: beta.BetaRequest) -> None:
        behind = provisioning.migrations_wanting_in_public()
        if behind:
            self.stdout.write(f"Would apply {behind} migrations to the public schema.")
        usable = provisioning.public_is_usable()
        tenant = beta.find_existing(request) if usable else None
        if tenant is not None:
            self.stdout.write(f"{tenant.schema_name} exists already; nothing to do.")
            return
        new = beta.plan_tenant(request, check=usable)
        self.stdout.write(
            f"Would make {new.schema_name} at {new.domain}: plan {new.plan}, trial until "
            f"{new.trial_ends}, owner {new.owner_email}."
        )

    def _report(self, made: beta.BetaTenant, there: bool) -> None:
        self.stdout.write(f"{made.name} {'exists already' if there else 'is set up'}.")
        self.stdout.write(f"schema: {made.schema_name}")
        self.stdout.write(f"sign in: {made.sign_in_url}")
        self.stdout.write(f"plan: {made.plan}, trial until {made.trial_ends}")
        if made.set_password_url:
            self.stdout.write(f"set a password, once: {made.set_password_url}")
        else:
            self.stdout.write("The owner has set a password.")
        if not validate_host(made.domain, settings.ALLOWED_HOSTS):
            self.stderr.write(
                f"note: add {made.domain} to ALLOWED_HOSTS, or it answers 404 to everybody."
            )
