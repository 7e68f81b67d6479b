"""`create_demo_operator`: somebody who may see the fleet pages of the demo."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils.crypto import get_random_string
from django_tenants.utils import schema_context

from zumodra.custom_account_u.models import User
from zumodra.demo import breaking
from zumodra.tenants.links import site_url
from zumodra.tenants.management.base import PlatformCommand
from zumodra.tenants.schema import PUBLIC

EMAIL = "operator@demo.localhost"
LENGTH = 20


class Command(PlatformCommand):
    help = (
        "Make an operator for the fleet pages of the demo, with a random password that is shown "
        "this once; where there is one, give a new password. Refused where DATABASE_URL names a "
        "database with tenants that are no demo."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done and do nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        breaking.refuse_real_tenants()
        address = site_url(settings.BASE_DOMAIN, "/migrations/")
        if options["dry_run"]:
            self.stdout.write(f"{address}  {EMAIL}")
            return
        password = get_random_string(LENGTH)
        with schema_context(PUBLIC):
            user = User.objects.filter(email=EMAIL).first() or User(email=EMAIL)
            user.is_active = user.is_staff = user.is_superuser = True
            user.set_password(password)
            user.save()
        self.stdout.write(f"{address}  {EMAIL}  {password}")
