import hashlib
import hmac
import secrets
import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class WebhookEndpoint(models.Model):
    """Where a tenant wants to be told of events."""

    tenant = models.ForeignKey(
        settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="webhook_endpoints"
    )
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    url = models.URLField(max_length=500)
    events = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)
    key_version = models.PositiveSmallIntegerField(default=1)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "url"], name="webhook_one_per_tenant_and_url")
        ]

    def __str__(self) -> str:
        return self.url

    def sign(self, body: bytes) -> str:
        """The signature of `body`. Its key is derived, not stored; a new version rotates it."""
        scope = f"webhook:{self.uuid}:{self.key_version}"
        key = hmac.digest(settings.SECRET_KEY.encode(), scope.encode(), "sha256")
        return hmac.new(key, body, "sha256").hexdigest()


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries"
    )
    event = models.CharField(max_length=80)
    payload = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    response_code = models.PositiveSmallIntegerField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        ordering = ["-created"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(status="queued"),
                name="webhook_due_idx",
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint}"


class ApiCredential(models.Model):
    """A key for the API. Only its hash is stored; the key is shown once, when it is made."""

    tenant = models.ForeignKey(
        settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="api_credentials"
    )
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    key_hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list, blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["tenant", "name"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def renew_key(self) -> str:
        """Set a new key, not saved yet, and return it: the only time that it is known."""
        self.prefix = secrets.token_hex(6)
        key = f"{self.prefix}.{secrets.token_urlsafe(32)}"
        self.key_hash = hashlib.sha256(key.encode()).hexdigest()
        return key

    def accepts(self, key: str) -> bool:
        """Whether `key` is this credential's, and it is neither revoked nor expired."""
        if self.revoked_at or (self.expires_at and self.expires_at <= timezone.now()):
            return False
        return hmac.compare_digest(self.key_hash, hashlib.sha256(key.encode()).hexdigest())
