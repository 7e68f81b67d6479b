from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Tenant(TenantMixin):
    name = models.CharField(max_length=100, blank=True)
    auto_create_schema = False

    def __str__(self) -> str:
        return self.schema_name


class Domain(DomainMixin):
    pass
