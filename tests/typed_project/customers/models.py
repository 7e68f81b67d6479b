from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Customer(TenantMixin):
    type = models.CharField(max_length=40)
    auto_create_schema = False


class Host(DomainMixin):
    pass
