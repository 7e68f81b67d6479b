from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import OuterRef, Subquery


def settle(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Name what happened to old invitations, and leave one pending for each address."""
    invitations = apps.get_model("accounts", "Invitation").objects
    invitations.filter(accepted_at__isnull=False).update(status="accepted")
    newest = (
        invitations.filter(email=OuterRef("email"), status="pending")
        .order_by("-created_at", "-pk")
        .values("pk")[:1]
    )
    invitations.filter(status="pending").exclude(pk=Subquery(newest)).update(status="revoked")


def reopen(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("accounts", "Invitation").objects.update(status="pending")


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_invitation_role_status"),
    ]

    operations = [
        migrations.RunPython(settle, reopen),
    ]
