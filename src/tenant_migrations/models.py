"""The durable record: reference schemas and their steps, rollouts and what they did.

All tables live in the public schema. Nothing here is written by a command that only reads, except
the reference schemas' own steps and the samples of the fleet's history.
"""

from django.db import models
from django.utils import timezone

from tenant_migrations.vocabulary import OutcomeState, RolloutState, TenantStatus


def _choices(words: type[OutcomeState | RolloutState | TenantStatus]) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class ReferenceStep(models.Model):
    """One migration that a reference schema passed, with what it changed in the structure."""

    kind = models.CharField(max_length=63, help_text="tenant, public, or a tenant type")
    position = models.PositiveIntegerField()
    app = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    source_digest = models.CharField(
        max_length=64, help_text="SHA-256 of the migration's file: an edited one is built anew"
    )
    changes = models.JSONField(help_text="list of [key, definition before, definition after]")
    applied_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("kind", "position")
        constraints = (
            models.UniqueConstraint(fields=("kind", "position"), name="tm_step_position"),
            models.UniqueConstraint(fields=("kind", "app", "name"), name="tm_step_migration"),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.app}.{self.name}"


class ReferenceScript(models.Model):
    """What makes a new tenant of a kind: the SQL of a reference schema, its rows included."""

    kind = models.CharField(max_length=63, unique=True, help_text="tenant, or a tenant type")
    key = models.CharField(
        max_length=64, help_text="digest of all that it was made from; another: made anew"
    )
    statements = models.TextField(
        blank=True, help_text="names are bare: run with one schema in the search path"
    )
    fingerprint = models.CharField(
        max_length=32, blank=True, help_text="of every schema that it makes"
    )
    obstacle = models.TextField(blank=True, help_text="why this reference can't be copied")
    made_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.kind}: {self.obstacle or len(self.statements)}"


class RolloutQuerySet(models.QuerySet["Rollout"]):
    """Rollouts to be listed."""

    def brief(self) -> "RolloutQuerySet":
        """Without the names of all their schemas, which grow with the fleet."""
        return self.defer("plan", "waves")


class Rollout(models.Model):
    """One run that changed, or set out to change, the fleet."""

    trigger = models.CharField(max_length=50, help_text="what started it, such as cli or monitor")
    state = models.CharField(
        max_length=20, choices=_choices(RolloutState), default=RolloutState.RUNNING
    )
    code_revision = models.CharField(max_length=80)
    options = models.JSONField(default=dict, help_text="the selection and limits it ran with")
    plan = models.JSONField(default=list, help_text="per variant: tenants and their migrations")
    waves = models.JSONField(
        default=list,
        db_default=[],
        help_text="those that began: wave, schemas, began_at",
    )
    before = models.JSONField(default=dict, help_text="tenants by status, before")
    after = models.JSONField(default=dict, help_text="tenants by status, after")
    host = models.CharField(max_length=255)
    process = models.PositiveIntegerField(help_text="process id on that host")
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RolloutQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("state",), name="tm_rollout_state"),)

    def __str__(self) -> str:
        return f"rollout {self.pk} ({self.state})"


class TenantOutcome(models.Model):
    """What one rollout did to one schema."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="outcomes")
    schema_name = models.CharField(max_length=63)
    state = models.CharField(
        max_length=20, choices=_choices(OutcomeState), default=OutcomeState.NOT_ATTEMPTED
    )
    status_before = models.CharField(max_length=20, choices=_choices(TenantStatus))
    status_after = models.CharField(max_length=20, choices=_choices(TenantStatus), blank=True)
    ledger_before = models.CharField(
        max_length=64, blank=True, help_text="digest of the ledger before the run"
    )
    applied = models.JSONField(default=list, help_text="migrations that this run recorded")
    repaired = models.JSONField(default=list, help_text="objects that this run created or rebuilt")
    attempts = models.PositiveSmallIntegerField(default=0)
    migration = models.CharField(max_length=511, blank=True, help_text="where it failed")
    sqlstate = models.CharField(max_length=5, blank=True)
    message = models.TextField(blank=True)
    hint = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    duration_seconds = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ("rollout", "schema_name")
        constraints = (
            models.UniqueConstraint(fields=("rollout", "schema_name"), name="tm_outcome_once"),
        )

    def __str__(self) -> str:
        return f"{self.schema_name}: {self.state}"


class StepJournal(models.Model):
    """How far a migration with ``atomic = False`` got in one schema, while it is not recorded."""

    schema_name = models.CharField(max_length=63)
    app = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    operations_done = models.PositiveIntegerField(default=0)
    unproven = models.BooleanField(
        default=False, help_text="an operation began whose end nothing in the database can show"
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("schema_name", "app", "name"), name="tm_journal_once"),
        )

    def __str__(self) -> str:
        return f"{self.schema_name}: {self.app}.{self.name} at operation {self.operations_done}"


class Quarantine(models.Model):
    """A tenant that is left alone until somebody released it."""

    schema_name = models.CharField(max_length=63, unique=True)
    reason = models.TextField()
    since = models.DateTimeField(auto_now_add=True)
    rollout = models.ForeignKey(
        Rollout, on_delete=models.SET_NULL, null=True, related_name="quarantined"
    )

    def __str__(self) -> str:
        return f"{self.schema_name}: {self.reason}"


class Maintenance(models.Model):
    """A tenant whose pages answer 503 while somebody works on it; see ``maintenance.py``."""

    schema_name = models.CharField(max_length=63, unique=True)
    reason = models.TextField()
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(help_text="when it no longer counts, if nobody ended it")

    class Meta:
        ordering = ("schema_name",)

    def __str__(self) -> str:
        return f"{self.schema_name}: {self.reason}"


class Backup(models.Model):
    """One backup that was published, as long as it is known; see ``backup/``."""

    name = models.CharField(max_length=255, unique=True, help_text="of its file or folder")
    folder = models.TextField(help_text="where it is, on that host")
    host = models.CharField(max_length=255)
    kind = models.CharField(max_length=20, help_text="database, tenants or per-tenant")
    schemas = models.JSONField(default=list, help_text="what was asked for; empty: everything")
    tenants = models.PositiveIntegerField(help_text="how many tenants it holds")
    size_bytes = models.BigIntegerField()
    data_bytes = models.BigIntegerField(help_text="what the tables took on the server's disk")
    duration_seconds = models.FloatField()
    server_version = models.PositiveIntegerField()
    code_revision = models.CharField(max_length=80)
    manifest_digest = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_index=True, help_text="the moment that it shows")
    verified_at = models.DateTimeField(null=True, blank=True)
    verify_error = models.TextField(blank=True, help_text="why the last verification failed")
    restore_seconds = models.FloatField(
        null=True, blank=True, help_text="how long its last restore into a scratch database took"
    )
    rehearsed_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True, help_text="by retention")
    rollout = models.ForeignKey(
        Rollout, on_delete=models.SET_NULL, null=True, related_name="backups"
    )

    class Meta:
        ordering = ("-made_at",)

    def __str__(self) -> str:
        return self.name


class Rollback(models.Model):
    """One rollback: its journal while it runs, its record afterwards."""

    scope = models.CharField(max_length=20, help_text="database, tenant, app, migrations or run")
    schema_name = models.CharField(max_length=63, blank=True)
    app = models.CharField(max_length=255, blank=True)
    run = models.BigIntegerField(null=True, blank=True, help_text="the rollout that was undone")
    backup = models.TextField(blank=True, help_text="path of the backup that was restored")
    state = models.CharField(max_length=20, help_text="running, done, failed or undone")
    aside = models.CharField(
        max_length=63, blank=True, help_text="what was replaced, under another name, until dropped"
    )
    safety_backup = models.TextField(blank=True, help_text="of what was there before")
    detail = models.JSONField(default=dict, help_text="what it replaced, took back or lost")
    error = models.TextField(blank=True)
    host = models.CharField(max_length=255)
    process = models.PositiveIntegerField()
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"rollback {self.pk} ({self.state})"


class Sample(models.Model):
    """What one check of the fleet found: a point of its history."""

    taken_at = models.DateTimeField(auto_now_add=True, db_index=True)
    trigger = models.CharField(max_length=50, help_text="what asked, such as cli or monitor")
    succeeded = models.BooleanField(help_text="false: the check itself failed; see error")
    error = models.TextField(blank=True)
    whole_fleet = models.BooleanField(
        help_text="false: only some tenants or apps, or no structure, were asked for"
    )
    code_revision = models.CharField(max_length=80, blank=True)
    total_tenants = models.PositiveIntegerField(null=True, blank=True)
    by_status = models.JSONField(default=dict, help_text="tenants by status")
    public_status = models.CharField(
        max_length=20, choices=_choices(TenantStatus), blank=True, help_text="of the shared schema"
    )
    not_ok = models.JSONField(
        default=list, help_text="the first tenants that were not ok: name, status, pending"
    )
    findings = models.JSONField(default=dict, help_text="tenants, or the fleet, by finding id")
    pending_total = models.PositiveIntegerField(null=True, blank=True)
    pending_max = models.PositiveIntegerField(null=True, blank=True)
    pending_by_app = models.JSONField(default=dict)
    duration_seconds = models.FloatField()
    rollout = models.ForeignKey(
        Rollout,
        on_delete=models.SET_NULL,
        null=True,
        related_name="samples",
        help_text="the heal that it was taken after",
    )

    class Meta:
        ordering = ("-taken_at",)

    def __str__(self) -> str:
        return f"{self.taken_at:%Y-%m-%d %H:%M} {self.by_status or self.error}"


class TenantState(models.Model):
    """What the newest check found of one schema; written only where it found something else."""

    schema_name = models.CharField(max_length=63, unique=True)
    kind = models.CharField(max_length=255, help_text="tenant, public, or a tenant type")
    domain = models.CharField(max_length=253, blank=True)
    status = models.CharField(max_length=20, choices=_choices(TenantStatus), db_index=True)
    since = models.DateTimeField(help_text="from when on it was found in this status")
    variant = models.CharField(max_length=64, blank=True)
    pending = models.PositiveIntegerField(default=0, help_text="migrations that wait")
    apps = models.JSONField(default=dict, help_text="per app: pending migrations, other findings")
    findings = models.JSONField(default=list, help_text="id, severity, object, message, hint")
    error = models.TextField(blank=True, help_text="why it could not be checked")
    digest = models.CharField(max_length=64, help_text="of all that was found")
    checked_at = models.DateTimeField(help_text="when this was written")

    class Meta:
        ordering = ("schema_name",)

    def __str__(self) -> str:
        return f"{self.schema_name}: {self.status}"


class Incident(models.Model):
    """Requests of one tenant that failed because one object of its schema was not there."""

    schema_name = models.CharField(max_length=63)
    object = models.CharField(max_length=255, help_text="the table or column that was missed")
    sqlstate = models.CharField(max_length=5)
    status = models.CharField(max_length=20, choices=_choices(TenantStatus))
    path = models.CharField(max_length=500, help_text="of the newest request, without its query")
    count = models.PositiveBigIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)
    healer_told_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-last_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("schema_name", "object"),
                condition=models.Q(resolved_at=None),
                name="tm_incident_open_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.schema_name}: {self.object}"


class FleetAction(models.Model):
    """The audit trail: what somebody did, or had done, by the fleet pages."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    username = models.CharField(max_length=254, help_text="as whom they were signed in")
    user_key = models.CharField(max_length=64, blank=True, help_text="primary key of that account")
    action = models.CharField(max_length=30)
    schema_name = models.CharField(max_length=63, blank=True, help_text="empty: the whole fleet")
    parameters = models.JSONField(default=dict)
    process = models.PositiveIntegerField(null=True, help_text="id of the process that does it")
    exit_code = models.SmallIntegerField(null=True, help_text="of that process, once it ended")
    message = models.TextField(blank=True, help_text="what it said at its end")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-at", "-id")
        permissions = (
            ("view_fleet", "Can see the fleet pages"),
            ("verify_fleet", "Can have the fleet verified"),
            ("heal_fleet", "Can have tenants healed"),
            ("release_quarantine", "Can release tenants from quarantine"),
            ("set_maintenance", "Can put tenants under maintenance and look in meanwhile"),
            ("rollback_fleet", "Can have tenants restored from a backup"),
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.username}: {self.action} {self.schema_name}"


class Alert(models.Model):
    """One problem that people were told of, until it is over."""

    key = models.CharField(max_length=255, unique=True, help_text="the same problem, the same key")
    severity = models.CharField(max_length=10)
    title = models.TextField()
    body = models.TextField(blank=True)
    first_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(auto_now=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    times_sent = models.PositiveIntegerField(default=0)
    tenants = models.PositiveIntegerField(
        default=0, help_text="how many it was about when it was last sent"
    )
    undelivered = models.JSONField(
        default=list, help_text="channels that the last message did not reach"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    delivery_error = models.TextField(blank=True, help_text="why the last delivery failed")

    class Meta:
        ordering = ("-first_at",)

    def __str__(self) -> str:
        return f"{self.severity}: {self.title}"
