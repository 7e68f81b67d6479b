from django.db import models
from django_tenants.models import DomainMixin

from tenant_migrations.contrib.tenants import ReferenceTenantMixin


class Customer(ReferenceTenantMixin):
    type = models.CharField(max_length=40)
    auto_create_schema = False


class Host(DomainMixin):
    pass
