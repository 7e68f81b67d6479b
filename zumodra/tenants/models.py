import uuid

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django_tenants.models import DomainMixin, TenantMixin


class Tenant(TenantMixin):
    """A company on the platform. Its data lives in the schema ``schema_name``.

    Saving a row never creates a schema and deleting one never drops it: django-tenants would drop
    a schema that was there before when creation fails. ``zumodra.tenants.provisioning`` does both.
    """

    auto_create_schema = False
    auto_drop_schema = False

    class Plan(models.TextChoices):
        FREE = "free", "Free"
        STARTER = "starter", "Starter"
        PROFESSIONAL = "professional", "Professional"
        ENTERPRISE = "enterprise", "Enterprise"

    class Status(models.TextChoices):
        PROVISIONING = "provisioning", "Being set up"
        TRIAL = "trial", "On trial"
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        CLOSED = "closed", "Closed"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=150)
    slug = models.SlugField(max_length=63, unique=True)
    plan = models.CharField(max_length=20, choices=Plan, default=Plan.FREE)
    status = models.CharField(max_length=20, choices=Status, default=Status.PROVISIONING)
    trial_ends = models.DateField(null=True, blank=True)
    paid_until = models.DateField(null=True, blank=True)
    owner_email = models.EmailField(max_length=254)
    contact_name = models.CharField(max_length=150, blank=True)
    contact_phone = models.CharField(max_length=32, blank=True)
    country = models.CharField(
        max_length=2, blank=True, validators=[RegexValidator(r"^[A-Z]{2}$", "Two capital letters.")]
    )
    is_demo = models.BooleanField(default=False, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["provisioning", "trial", "active", "suspended", "closed"]
                ),
                name="tenants_tenant_status_known",
            ),
        ]
        indexes = [models.Index(fields=["status", "trial_ends"], name="tenants_status_trial_idx")]

    def __str__(self) -> str:
        return self.name


class Domain(DomainMixin):
    """A host name under which a tenant is served."""

    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["domain"]
