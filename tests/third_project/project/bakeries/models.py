from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Bakery(TenantMixin):
    street = models.CharField(max_length=100)


class Address(DomainMixin):
    pass
