from django.db import models
from django_tenants.models import DomainMixin

from tenant_migrations.contrib.tenants import ReferenceTenantMixin


class Tenant(ReferenceTenantMixin):
    name = models.CharField(max_length=100, blank=True)
    auto_create_schema = False

    def __str__(self) -> str:
        return self.schema_name


class Domain(DomainMixin):
    pass
