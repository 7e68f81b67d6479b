"""What makes a backup unfit to be restored."""

from tenant_migrations.exceptions import Refused


class Damaged(Refused):
    """A file is missing, shortened or altered. Nothing of it is restored, whatever was asked."""


class Foreign(Refused):
    """It was made elsewhere, and nobody said that it is to be trusted."""
