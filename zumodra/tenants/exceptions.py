"""Errors of the platform's own commands, beside those of ``tenant_migrations``."""

from tenant_migrations.exceptions import TenantMigrationsError
from tenant_migrations.vocabulary import ExitCode


class ProvisioningFailed(TenantMigrationsError):
    """A tenant could not be made; what there was of it has been removed."""

    exit_code = ExitCode.FINDINGS
